"""Webhooks: the addresses that are told what happens in a company; read only."""

from __future__ import annotations

from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import WebhookRow
from chatapp_db.schema import Webhook

__all__ = ["AsyncWebhookRepository", "WebhookOperations", "WebhookRepository"]


class WebhookOperations(TenantOperations[WebhookRow]):
    """The addresses that are told what happens in a company; what a row holds of a secret is sealed."""

    entity = Entity(Webhook, WebhookRow, "webhook")


class WebhookRepository(WebhookOperations, BlockingRepository):
    """The addresses that are told what happens in a company, blocking."""


class AsyncWebhookRepository(WebhookOperations, AsyncioRepository):
    """The addresses that are told what happens in a company, awaited."""
