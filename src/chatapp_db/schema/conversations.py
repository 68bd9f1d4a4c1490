"""Conversations: customers, what they wrote, and the canned responses people answer with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, false, func, text, true
from sqlalchemy.orm import Mapped, mapped_column

from chatapp_db.schema.base import (
    Base,
    Tenant,
    Timestamped,
    children,
    email_is_normal,
    inside_company,
    parent,
    tenant_table,
)
from chatapp_db.schema.columns import (
    PREVIEW_LENGTH,
    Code,
    Count,
    Email,
    Flag,
    Key,
    LongText,
    Moment,
    Name,
    Phone,
    Preview,
    Reference,
    ShortText,
    Tags,
    Url,
    document,
    labelled,
    on_insert_only,
    verbs_only,
)
from chatapp_db.schema.enums import ChannelType, ConversationStatus, MessageRole, MessageType
from chatapp_db.schema.payloads import Attachment, ConversationMetadata, CustomerMetadata, MessageMetadata
from chatapp_db.schema.searching import words_index

if TYPE_CHECKING:
    from chatapp_db.schema.agents import Agent
    from chatapp_db.schema.analytics import ConversationAnalytics
    from chatapp_db.schema.users import User


class Customer(Tenant, Timestamped, Base):
    """Somebody who writes to a company."""

    __tablename__ = "chatapp_customers"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "external_id"),
        UniqueConstraint("company_id", "email"),
        Index("ix_chatapp_customers_last_seen_at", "company_id", "last_seen_at", "id"),
        email_is_normal(),
        comment="People who write to a company",
    )

    external_id: Mapped[Key | None] = mapped_column(comment="What the company's own systems call them")
    email: Mapped[Email | None] = mapped_column(comment="NFC, trimmed, lower case")
    name: Mapped[Name | None]
    phone: Mapped[Phone | None]
    avatar_url: Mapped[Url | None]
    metadata_: Mapped[CustomerMetadata] = document("metadata")
    tags: Mapped[Tags] = mapped_column(server_default="{}")
    first_seen_at: Mapped[Moment] = mapped_column(server_default=func.now(), info=on_insert_only())
    last_seen_at: Mapped[Moment] = mapped_column(server_default=func.now(), info=on_insert_only())

    conversations: Mapped[list[Conversation]] = children(
        "Conversation.customer_id", "Customer", back_populates="customer"
    )


def _inbox(status: ConversationStatus) -> Index:
    """Index one status of the inbox.

    Below row-level security an enum comparison cannot be an index condition, as it is not
    leakproof; the predicate of a partial index can.
    """
    return Index(
        f"ix_chatapp_conversations_inbox_{status}",
        "company_id",
        text("last_message_at DESC"),
        text("id DESC"),
        postgresql_where=text(f"status = '{status}'"),
    )


class Conversation(Tenant, Timestamped, Base):
    """An exchange between a customer and an agent, or the person who took over."""

    __tablename__ = "chatapp_conversations"
    __table_args__ = tenant_table(
        inside_company("agent_id", "chatapp_agents"),
        Index(None, "company_id", "agent_id"),
        inside_company("customer_id", "chatapp_customers"),
        Index(None, "company_id", "customer_id"),
        inside_company("assigned_user_id", "chatapp_users"),
        Index(None, "company_id", "assigned_user_id"),
        Index(None, "company_id", "status"),
        Index(None, "company_id", "started_at"),
        *map(_inbox, ConversationStatus),
        Index(
            "ix_chatapp_conversations_inbox_mine",
            "company_id",
            "assigned_user_id",
            text("last_message_at DESC"),
            text("id DESC"),
            postgresql_where=text("assigned_user_id IS NOT NULL"),
        ),
        Index(
            "ix_chatapp_conversations_queue",
            "company_id",
            text("priority DESC"),
            "waiting_since",
            "id",
            postgresql_where=text("status = 'waiting' AND assigned_user_id IS NULL"),
        ),
        Index(
            "uq_chatapp_conversations_channel",
            "company_id",
            "channel_conversation_id",
            "channel",
            unique=True,
            postgresql_where=text("channel_conversation_id IS NOT NULL"),
        ),
        CheckConstraint("priority BETWEEN 0 AND 3", name="priority"),
        CheckConstraint(
            "CASE status WHEN 'resolved' THEN resolved_at IS NOT NULL"
            " WHEN 'archived' THEN true ELSE resolved_at IS NULL END",
            name="resolved",
        ),
        CheckConstraint(f"length(last_message_preview) <= {PREVIEW_LENGTH}", name="preview"),
        comment="Exchanges between a customer and an agent",
    )

    agent_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    customer_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    assigned_user_id: Mapped[Reference | None] = mapped_column(
        comment="The person who took over", info=verbs_only()
    )
    channel: Mapped[ChannelType] = labelled(ChannelType, default=ChannelType.WIDGET, info=on_insert_only())
    channel_conversation_id: Mapped[Key | None] = mapped_column(
        comment="What the channel calls the conversation", info=on_insert_only()
    )
    status: Mapped[ConversationStatus] = labelled(
        ConversationStatus, default=ConversationStatus.ACTIVE, info=verbs_only()
    )
    priority: Mapped[Count] = mapped_column(
        server_default=text("1"), comment="0 low, 1 normal, 2 high, 3 urgent", info={"maximum": 3}
    )
    tags: Mapped[Tags] = mapped_column(server_default="{}")
    metadata_: Mapped[ConversationMetadata] = document("metadata")
    started_at: Mapped[Moment] = mapped_column(server_default=func.now(), info=on_insert_only())
    resolved_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    last_message_at: Mapped[Moment] = mapped_column(server_default=func.now(), info=verbs_only())
    last_message_preview: Mapped[Preview | None] = mapped_column(info=verbs_only())
    waiting_since: Mapped[Moment | None] = mapped_column(
        comment="Since when the customer has been waiting for a reply", info=verbs_only()
    )
    first_response_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    escalated_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    customer_last_read_at: Mapped[Moment | None] = mapped_column(info=verbs_only())
    agent_last_read_at: Mapped[Moment | None] = mapped_column(
        comment="When the company's side last read it", info=verbs_only()
    )
    version: Mapped[Count] = mapped_column(
        server_default=text("1"),
        comment="Grows with every change, for optimistic concurrency",
        info=verbs_only(),
    )

    agent: Mapped[Agent] = parent("Conversation.agent_id", "Agent", back_populates="conversations")
    customer: Mapped[Customer] = parent(
        "Conversation.customer_id", "Customer", back_populates="conversations"
    )
    assigned_user: Mapped[User | None] = parent(
        "Conversation.assigned_user_id", "User", back_populates="assigned_conversations"
    )
    messages: Mapped[list[Message]] = children(
        "Message.conversation_id", "Conversation", back_populates="conversation"
    )
    analytics: Mapped[ConversationAnalytics | None] = children(
        "ConversationAnalytics.conversation_id", "Conversation", back_populates="conversation"
    )


class Message(Tenant, Timestamped, Base):
    """One turn of a conversation."""

    __tablename__ = "chatapp_messages"
    __table_args__ = tenant_table(
        inside_company("conversation_id", "chatapp_conversations", ondelete="CASCADE"),
        Index("ix_chatapp_messages_page", "company_id", "conversation_id", "created_at", "id"),
        Index(
            "uq_chatapp_messages_external",
            "company_id",
            "conversation_id",
            "external_id",
            unique=True,
            postgresql_where=text("external_id IS NOT NULL"),
        ),
        inside_company("sender_user_id", "chatapp_users"),
        Index(None, "company_id", "sender_user_id", postgresql_where=text("sender_user_id IS NOT NULL")),
        words_index("chatapp_messages"),
        CheckConstraint("tokens_used >= 0", name="tokens"),
        comment="The turns of the conversations",
    )

    conversation_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    role: Mapped[MessageRole] = labelled(MessageRole, info=on_insert_only())
    type: Mapped[MessageType] = labelled(MessageType, default=MessageType.TEXT, info=on_insert_only())
    content: Mapped[LongText] = mapped_column(info=on_insert_only())
    sender_user_id: Mapped[Reference | None] = mapped_column(
        comment="The person who wrote an assistant's message; null: the AI agent did", info=on_insert_only()
    )
    is_private: Mapped[Flag] = mapped_column(
        server_default=false(), comment="A note the customer never sees", info=on_insert_only()
    )
    external_id: Mapped[Key | None] = mapped_column(
        comment="What the channel calls the message: delivered twice, it is one row", info=on_insert_only()
    )
    attachments: Mapped[list[Attachment]] = document(default="[]")
    metadata_: Mapped[MessageMetadata] = document("metadata")
    tokens_used: Mapped[Count] = mapped_column(server_default=text("0"))
    # now() would tie within a transaction, and the order of its messages would be lost.
    created_at: Mapped[Moment] = mapped_column(server_default=func.clock_timestamp(), sort_order=1)

    conversation: Mapped[Conversation] = parent(
        "Message.conversation_id", "Conversation", back_populates="messages"
    )
    sender: Mapped[User | None] = parent("Message.sender_user_id", "User", back_populates="sent_messages")


class CannedResponse(Tenant, Timestamped, Base):
    """A ready-made answer, of one person or of the whole team."""

    __tablename__ = "chatapp_canned_responses"
    __table_args__ = tenant_table(
        inside_company("user_id", "chatapp_users"),
        Index(None, "company_id", "user_id"),
        Index(
            "uq_chatapp_canned_responses_team",
            "company_id",
            text("lower(shortcut)"),
            unique=True,
            postgresql_where=text("is_team"),
        ),
        Index(
            "uq_chatapp_canned_responses_own",
            "company_id",
            "user_id",
            text("lower(shortcut)"),
            unique=True,
            postgresql_where=text("NOT is_team"),
        ),
        CheckConstraint("is_team OR user_id IS NOT NULL", name="owner"),
        comment="Ready-made answers of a person or of the team",
    )

    user_id: Mapped[Reference | None] = mapped_column(
        comment="Whose it is, unless the team's", info=on_insert_only()
    )
    shortcut: Mapped[Code] = mapped_column(comment="What is typed to get it; upper and lower case are one")
    title: Mapped[ShortText] = mapped_column(server_default="")
    content: Mapped[LongText]
    category: Mapped[Code | None]
    tags: Mapped[Tags] = mapped_column(server_default="{}")
    is_team: Mapped[Flag] = mapped_column(server_default=true())
    usage_count: Mapped[Count] = mapped_column(server_default=text("0"), info=verbs_only())

    user: Mapped[User | None] = parent("CannedResponse.user_id", "User", back_populates="canned_responses")
