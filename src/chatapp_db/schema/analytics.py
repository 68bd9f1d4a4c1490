"""Analytics: how each conversation went, and how each day did."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false, text
from sqlalchemy.orm import Mapped, mapped_column

from chatapp_db.schema.base import Base, Tenant, Timestamped, inside_company, parent, tenant_table
from chatapp_db.schema.columns import (
    BigCount,
    Count,
    Day,
    Flag,
    Rating,
    Reference,
    Score,
    labelled,
    on_insert_only,
)
from chatapp_db.schema.enums import ResolutionType

if TYPE_CHECKING:
    from chatapp_db.schema.agents import Agent
    from chatapp_db.schema.conversations import Conversation


class ConversationAnalytics(Tenant, Timestamped, Base):
    """How a conversation went."""

    __tablename__ = "chatapp_conversation_analytics"
    __table_args__ = tenant_table(
        inside_company("conversation_id", "chatapp_conversations", ondelete="CASCADE"),
        UniqueConstraint("company_id", "conversation_id"),
        inside_company("agent_id", "chatapp_agents"),
        Index(None, "company_id", "agent_id"),
        CheckConstraint("satisfaction_score BETWEEN 1 AND 5", name="score"),
        CheckConstraint("ai_messages_count + human_messages_count <= messages_count", name="counts"),
        comment="How each conversation went, one row for each",
    )

    conversation_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    agent_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    resolution_type: Mapped[ResolutionType | None] = labelled(ResolutionType)
    messages_count: Mapped[Count] = mapped_column(server_default=text("0"))
    ai_messages_count: Mapped[Count] = mapped_column(server_default=text("0"))
    human_messages_count: Mapped[Count] = mapped_column(
        server_default=text("0"), comment="Written by people of the company, not by the customer"
    )
    response_time_avg: Mapped[Count | None] = mapped_column(comment="Seconds")
    duration_seconds: Mapped[Count | None]
    satisfaction_score: Mapped[Rating | None] = mapped_column(comment="1 to 5")
    escalated: Mapped[Flag] = mapped_column(server_default=false())

    conversation: Mapped[Conversation] = parent(
        "ConversationAnalytics.conversation_id", "Conversation", back_populates="analytics"
    )
    agent: Mapped[Agent] = parent(
        "ConversationAnalytics.agent_id", "Agent", back_populates="conversation_analytics"
    )


class DailyAnalytics(Tenant, Timestamped, Base):
    """How a day did; the sums and counts behind the averages let days add up to months."""

    __tablename__ = "chatapp_daily_analytics"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "date"),
        comment="How each day did, in the company's time zone",
    )

    date: Mapped[Day] = mapped_column(comment="In the company's time zone", info=on_insert_only())
    conversations_total: Mapped[Count] = mapped_column(server_default=text("0"))
    conversations_resolved: Mapped[Count] = mapped_column(server_default=text("0"))
    conversations_escalated: Mapped[Count] = mapped_column(server_default=text("0"))
    messages_total: Mapped[Count] = mapped_column(server_default=text("0"))
    avg_response_time: Mapped[Count | None] = mapped_column(comment="Seconds")
    avg_satisfaction: Mapped[Score | None] = mapped_column(comment="1 to 5")
    response_time_sum: Mapped[BigCount] = mapped_column(server_default=text("0"), comment="Seconds")
    response_time_count: Mapped[Count] = mapped_column(server_default=text("0"))
    satisfaction_sum: Mapped[Count] = mapped_column(server_default=text("0"))
    satisfaction_count: Mapped[Count] = mapped_column(server_default=text("0"))
    tokens_used: Mapped[BigCount] = mapped_column(server_default=text("0"))
