"""Integrations: a company's connections to other services; read only."""

from __future__ import annotations

from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import IntegrationRow
from chatapp_db.schema import Integration

__all__ = ["AsyncIntegrationRepository", "IntegrationOperations", "IntegrationRepository"]


class IntegrationOperations(TenantOperations[IntegrationRow]):
    """A company's connections to other services; what a row holds of their secrets is sealed."""

    entity = Entity(Integration, IntegrationRow, "integration")


class IntegrationRepository(IntegrationOperations, BlockingRepository):
    """A company's connections to other services, blocking."""


class AsyncIntegrationRepository(IntegrationOperations, AsyncioRepository):
    """A company's connections to other services, awaited."""
