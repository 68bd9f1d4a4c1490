"""Companies: the tenants, and the plans they subscribe to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chatapp_db.schema.base import Base, Identified, Timestamped, company_children, global_table
from chatapp_db.schema.columns import (
    Currency,
    Domain,
    Flag,
    Moment,
    Money,
    Name,
    Note,
    Reference,
    Slug,
    TimeZone,
    Url,
    document,
    labelled,
    on_insert_only,
)
from chatapp_db.schema.enums import BillingCycle, PlanType, SubscriptionStatus
from chatapp_db.schema.payloads import CompanySettings, PlanFeatures, PlanLimits

if TYPE_CHECKING:
    from chatapp_db.schema.agents import Agent, WidgetSettings
    from chatapp_db.schema.analytics import ConversationAnalytics, DailyAnalytics
    from chatapp_db.schema.conversations import CannedResponse, Conversation, Customer, Message
    from chatapp_db.schema.integrations import Integration, Webhook, WebhookDelivery
    from chatapp_db.schema.knowledge import KnowledgeChunk, KnowledgeSource
    from chatapp_db.schema.usage import UsageCounter, UsageReservation
    from chatapp_db.schema.users import AuditLog, TeamInvitation, User


class SubscriptionPlan(Identified, Timestamped, Base):
    """A plan that companies subscribe to."""

    __tablename__ = "chatapp_subscription_plans"
    __table_args__ = global_table(
        UniqueConstraint("slug"),
        CheckConstraint("price_monthly >= 0 AND price_yearly >= 0", name="price"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        company_key=None,
        comment="Plans that companies subscribe to",
    )

    name: Mapped[Name]
    slug: Mapped[Slug] = mapped_column(info=on_insert_only())
    description: Mapped[Note | None]
    type: Mapped[PlanType] = labelled(PlanType)
    price_monthly: Mapped[Money] = mapped_column(server_default=text("0"))
    price_yearly: Mapped[Money] = mapped_column(server_default=text("0"))
    currency: Mapped[Currency] = mapped_column(server_default="USD", comment="ISO 4217, of both prices")
    features: Mapped[PlanFeatures] = document()
    limits: Mapped[PlanLimits] = document(comment="null is unlimited")
    is_active: Mapped[Flag] = mapped_column(
        server_default=true(), comment="Whether new companies may choose it"
    )

    companies: Mapped[list[Company]] = relationship(
        lazy="raise", passive_deletes="all", back_populates="subscription_plan"
    )


class Company(Identified, Timestamped, Base):
    """A customer of the product: the tenant to whom all other rows belong."""

    __tablename__ = "chatapp_companies"
    __table_args__ = global_table(
        UniqueConstraint("slug"),
        CheckConstraint("slug ~ '^[a-z0-9](-?[a-z0-9])*$'", name="slug"),
        Index(None, "subscription_plan_id"),
        company_key="id",
        comment="The tenants",
    )

    name: Mapped[Name]
    slug: Mapped[Slug] = mapped_column(info=on_insert_only())
    domain: Mapped[Domain | None]
    logo_url: Mapped[Url | None]
    settings: Mapped[CompanySettings] = document()
    subscription_plan_id: Mapped[Reference] = mapped_column(
        ForeignKey("chatapp_subscription_plans.id"), info=on_insert_only()
    )
    subscription_status: Mapped[SubscriptionStatus] = labelled(
        SubscriptionStatus, default=SubscriptionStatus.TRIALING, info=on_insert_only()
    )
    billing_cycle: Mapped[BillingCycle | None] = labelled(
        BillingCycle, comment="Null on a free plan", info=on_insert_only()
    )
    timezone: Mapped[TimeZone] = mapped_column(
        server_default="UTC", comment="IANA name; says when a day of the analytics begins"
    )
    trial_ends_at: Mapped[Moment | None] = mapped_column(info=on_insert_only())

    subscription_plan: Mapped[SubscriptionPlan] = relationship(lazy="raise", back_populates="companies")
    users: Mapped[list[User]] = company_children()
    team_invitations: Mapped[list[TeamInvitation]] = company_children()
    audit_logs: Mapped[list[AuditLog]] = company_children()
    agents: Mapped[list[Agent]] = company_children()
    widget_settings: Mapped[WidgetSettings | None] = company_children()
    knowledge_sources: Mapped[list[KnowledgeSource]] = company_children()
    knowledge_chunks: Mapped[list[KnowledgeChunk]] = company_children()
    customers: Mapped[list[Customer]] = company_children()
    conversations: Mapped[list[Conversation]] = company_children()
    messages: Mapped[list[Message]] = company_children()
    canned_responses: Mapped[list[CannedResponse]] = company_children()
    conversation_analytics: Mapped[list[ConversationAnalytics]] = company_children()
    daily_analytics: Mapped[list[DailyAnalytics]] = company_children()
    integrations: Mapped[list[Integration]] = company_children()
    webhooks: Mapped[list[Webhook]] = company_children()
    webhook_deliveries: Mapped[list[WebhookDelivery]] = company_children()
    usage_counters: Mapped[list[UsageCounter]] = company_children()
    usage_reservations: Mapped[list[UsageReservation]] = company_children()
