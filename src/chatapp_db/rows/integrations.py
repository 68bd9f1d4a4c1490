"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import IntegrationStatus, IntegrationType
from chatapp_db.schema.payloads import EventPayload, SecretEnvelope
from chatapp_db.schema.types import Bool, Json, Label, Text, Texts, closed


@dataclass(slots=True)
class IntegrationRow:
    """A row of `chatapp_integrations`."""

    id: UUID
    company_id: UUID
    type: IntegrationType | str
    name: str
    config: SecretEnvelope
    status: IntegrationStatus | str
    last_sync_at: dt.datetime | None
    last_error: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class IntegrationChanges(TypedDict, total=False):
    """What an update of `chatapp_integrations` may name."""

    name: Annotated[str, Text(200, min_length=1)]
    status: Annotated[IntegrationStatus | str, Label(IntegrationStatus)]


@closed
class IntegrationValues(TypedDict, total=False):
    """What a new row of `chatapp_integrations` is made of."""

    id: UUID
    type: Required[Annotated[IntegrationType | str, Label(IntegrationType)]]
    name: Required[Annotated[str, Text(200, min_length=1)]]
    status: Annotated[IntegrationStatus | str, Label(IntegrationStatus)]


@dataclass(slots=True)
class WebhookRow:
    """A row of `chatapp_webhooks`."""

    id: UUID
    company_id: UUID
    url: str
    events: list[str]
    secret: str | None
    is_active: bool
    last_triggered_at: dt.datetime | None
    failure_count: int
    disabled_at: dt.datetime | None
    disabled_reason: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class WebhookChanges(TypedDict, total=False):
    """What an update of `chatapp_webhooks` may name."""

    url: Annotated[str, Text(2048, min_length=1)]
    events: Annotated[list[str], Texts(100, max_items=100, min_items=1)]
    is_active: Bool


@closed
class WebhookValues(TypedDict, total=False):
    """What a new row of `chatapp_webhooks` is made of."""

    id: UUID
    url: Required[Annotated[str, Text(2048, min_length=1)]]
    events: Annotated[list[str], Texts(100, max_items=100, min_items=1)]
    is_active: Bool


@dataclass(slots=True)
class WebhookDeliveryRow:
    """A row of `chatapp_webhook_deliveries`."""

    id: UUID
    company_id: UUID
    webhook_id: UUID
    event_id: UUID
    event: str
    payload: EventPayload
    attempts: int
    status_code: int | None
    error: str | None
    next_attempt_at: dt.datetime | None
    lease_token: UUID | None
    delivered_at: dt.datetime | None
    dead_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class WebhookDeliveryChanges(TypedDict, total=False):
    """What an update of `chatapp_webhook_deliveries` may name."""

    event: Annotated[str, Text(100, min_length=1)]
    payload: Annotated[EventPayload, Json()]


@closed
class WebhookDeliveryValues(TypedDict, total=False):
    """What a new row of `chatapp_webhook_deliveries` is made of."""

    id: UUID
    webhook_id: Required[UUID]
    event_id: Required[UUID]
    event: Required[Annotated[str, Text(100, min_length=1)]]
    payload: Annotated[EventPayload, Json()]
