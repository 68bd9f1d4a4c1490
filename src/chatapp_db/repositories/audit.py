"""The audit trail: who did what; rows are added and read, never changed."""

from __future__ import annotations

from typing_extensions import Unpack

from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
    TenantOperations,
)
from chatapp_db.rows import AuditLogRow, AuditLogValues
from chatapp_db.schema import AuditLog

__all__ = [
    "AsyncAuditRepository",
    "AsyncPlatformAuditRepository",
    "AuditOperations",
    "AuditRepository",
    "PlatformAuditOperations",
    "PlatformAuditRepository",
]


class AuditOperations(TenantOperations[AuditLogRow]):
    """What was done in a company."""

    entity = Entity(AuditLog, AuditLogRow, "audit log", newest_by=("created_at", "id"))

    @operation
    async def record(self, **values: Unpack[AuditLogValues]) -> AuditLogRow:
        """Add a line to the trail; it stays.

        Raises InvalidReference for a user of another company, InvalidValue.
        """
        return await self._add(AuditLogValues, values)


class AuditRepository(AuditOperations, BlockingRepository):
    """What was done in a company, blocking."""


class AsyncAuditRepository(AuditOperations, AsyncioRepository):
    """What was done in a company, awaited."""


class PlatformAuditOperations(Operations[AuditLogRow]):
    """What was done anywhere, and by the platform itself."""

    entity = Entity(AuditLog, AuditLogRow, "audit log", across_companies=True)

    @operation
    async def record(self, **values: Unpack[AuditLogValues]) -> AuditLogRow:
        """Add a line that concerns no company; it stays.

        Raises InvalidValue.
        """
        return await self._add(AuditLogValues, values)


class PlatformAuditRepository(PlatformAuditOperations, BlockingPlatformRepository):
    """What was done anywhere, blocking."""


class AsyncPlatformAuditRepository(PlatformAuditOperations, AsyncioPlatformRepository):
    """What was done anywhere, awaited."""
