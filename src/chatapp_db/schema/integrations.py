"""Integrations: a company's connections to other services, and the webhooks it is told by."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column

from chatapp_db.schema.base import (
    Base,
    Tenant,
    Timestamped,
    children,
    inside_company,
    parent,
    tenant_table,
)
from chatapp_db.schema.columns import (
    Code,
    Count,
    Envelope,
    Events,
    Flag,
    Moment,
    Name,
    Note,
    Reference,
    Url,
    document,
    labelled,
    on_insert_only,
    verbs_only,
)
from chatapp_db.schema.enums import IntegrationStatus, IntegrationType
from chatapp_db.schema.payloads import EventPayload, SecretEnvelope

# The members of an envelope as JSON writes them: 96 bits of nonce, and at least the 128 of the tag.
_VERSION = "[1-9][0-9]*"
_KEY_ID = '"[A-Za-z0-9._:/-]+"'
_NONCE = '"[A-Za-z0-9+/_-]{16}"'
_CIPHERTEXT = '"[A-Za-z0-9+/_-]{22,}=*"'

# jsonb writes the members in this order, with these blanks: one expression sees them all.
SEALED_DOCUMENT = f'^[{{]"v": {_VERSION}, "ct": {_CIPHERTEXT}, "kid": {_KEY_ID}, "nonce": {_NONCE}[}}]$'
# The compact form in the order of the envelope, which is how encryption writes it.
SEALED_TEXT = f'^[{{]"v":{_VERSION},"kid":{_KEY_ID},"nonce":{_NONCE},"ct":{_CIPHERTEXT}[}}]$'


class Integration(Tenant, Timestamped, Base):
    """A company's connection to another service."""

    __tablename__ = "chatapp_integrations"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "type", "name"),
        CheckConstraint(f"config = '{{}}' OR config::text ~ '{SEALED_DOCUMENT}'", name="config"),
        comment="Connections to other services",
    )

    type: Mapped[IntegrationType] = labelled(IntegrationType, info=on_insert_only())
    name: Mapped[Name]
    config: Mapped[SecretEnvelope] = document(
        comment="Sealed (AES-256-GCM), never plain text; empty: nothing to keep secret",
        info={**verbs_only(), "secret": True},
    )
    status: Mapped[IntegrationStatus] = labelled(IntegrationStatus, default=IntegrationStatus.INACTIVE)
    last_sync_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    last_error: Mapped[Note | None] = mapped_column(info=verbs_only())


class Webhook(Tenant, Timestamped, Base):
    """An address that is told what happens in a company."""

    __tablename__ = "chatapp_webhooks"
    __table_args__ = tenant_table(
        CheckConstraint("cardinality(events) > 0", name="events"),
        CheckConstraint(f"secret ~ '{SEALED_TEXT}'", name="secret"),
        comment="Addresses that are told what happens",
    )

    url: Mapped[Url]
    events: Mapped[Events] = mapped_column(server_default="{conversation.created}")
    secret: Mapped[Envelope | None] = mapped_column(
        comment="Sealed (AES-256-GCM), never plain text; null: calls are not signed", info=verbs_only()
    )
    is_active: Mapped[Flag] = mapped_column(server_default=true())
    last_triggered_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    failure_count: Mapped[Count] = mapped_column(
        server_default=text("0"), comment="Since it last worked", info=verbs_only()
    )
    disabled_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    disabled_reason: Mapped[Note | None] = mapped_column(info=verbs_only())

    deliveries: Mapped[list[WebhookDelivery]] = children(
        "WebhookDelivery.webhook_id", "Webhook", back_populates="webhook"
    )


class WebhookDelivery(Tenant, Timestamped, Base):
    """An event that one address is told of, until it was, or until nobody tries any more."""

    __tablename__ = "chatapp_webhook_deliveries"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "event_id", "webhook_id"),
        inside_company("webhook_id", "chatapp_webhooks", ondelete="CASCADE"),
        Index("ix_chatapp_webhook_deliveries_webhook", "company_id", "webhook_id", "id"),
        Index(
            "ix_chatapp_webhook_deliveries_due",
            "company_id",
            "next_attempt_at",
            "id",
            postgresql_where=text("next_attempt_at IS NOT NULL"),
        ),
        # For the one who asks for all companies: a company's own statement does not say the second, so
        # it is never read from everybody's.
        Index(
            "ix_chatapp_webhook_deliveries_due_anywhere",
            "next_attempt_at",
            "id",
            postgresql_where=text("next_attempt_at IS NOT NULL AND delivered_at IS NULL"),
        ),
        Index(
            "ix_chatapp_webhook_deliveries_dead",
            "company_id",
            "id",
            postgresql_where=text("dead_at IS NOT NULL"),
        ),
        Index(
            "ix_chatapp_webhook_deliveries_settled",
            "company_id",
            text("COALESCE(delivered_at, dead_at)"),
            postgresql_where=text("next_attempt_at IS NULL"),
        ),
        CheckConstraint("num_nonnulls(next_attempt_at, delivered_at, dead_at) = 1", name="state"),
        comment="Events on their way to webhooks, and what became of them",
    )

    webhook_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    event_id: Mapped[Reference] = mapped_column(
        comment="The same for all who are told, and for every attempt", info=on_insert_only()
    )
    event: Mapped[Code]
    payload: Mapped[EventPayload] = document()
    attempts: Mapped[Count] = mapped_column(
        server_default=text("0"), comment="How often it was claimed", info=verbs_only()
    )
    status_code: Mapped[Count | None] = mapped_column(
        comment="What the last attempt was answered", info=verbs_only()
    )
    error: Mapped[Note | None] = mapped_column(comment="Why the last attempt failed", info=verbs_only())
    next_attempt_at: Mapped[Moment | None] = mapped_column(
        comment="When it is due; while it is claimed, when the lease ends; null: settled",
        info=verbs_only(),
    )
    lease_token: Mapped[Reference | None] = mapped_column(comment="Of who has claimed it", info=verbs_only())
    delivered_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    dead_at: Mapped[Moment | None] = mapped_column(comment="When it was given up", info=verbs_only())

    webhook: Mapped[Webhook] = parent("WebhookDelivery.webhook_id", "Webhook", back_populates="deliveries")
