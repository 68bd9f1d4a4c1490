"""Agents: a company's AI agents, the packages they start from, and the widget they speak through."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, Index, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column, relationship

from chatapp_db.schema.base import (
    Base,
    Identified,
    Tenant,
    Timestamped,
    children,
    global_table,
    inside_company,
    parent,
    tenant_table,
)
from chatapp_db.schema.columns import (
    Code,
    Flag,
    Key,
    LongText,
    Name,
    Note,
    Origins,
    Reference,
    Slug,
    Url,
    document,
    labelled,
    on_insert_only,
    verbs_only,
)
from chatapp_db.schema.enums import AgentStatus, AgentType
from chatapp_db.schema.payloads import (
    EscalationConfig,
    ModelConfig,
    SuggestedTool,
    ToolsConfig,
    WidgetAppearance,
    WidgetBehavior,
    WidgetChatWindow,
    WidgetConfig,
    WidgetLauncher,
)

if TYPE_CHECKING:
    from chatapp_db.schema.analytics import ConversationAnalytics
    from chatapp_db.schema.conversations import Conversation
    from chatapp_db.schema.knowledge import KnowledgeSource
    from chatapp_db.schema.users import User


class AgentPackage(Identified, Timestamped, Base):
    """A ready-made agent that a company may start from."""

    __tablename__ = "chatapp_agent_packages"
    __table_args__ = global_table(
        UniqueConstraint("slug"),
        company_key=None,
        comment="Ready-made agents that companies start from",
    )

    name: Mapped[Name]
    slug: Mapped[Slug] = mapped_column(comment="What the seed knows a package by", info=on_insert_only())
    description: Mapped[Note | None]
    category: Mapped[Code | None]
    icon: Mapped[Code | None]
    base_prompt: Mapped[LongText] = mapped_column(server_default="")
    suggested_tools: Mapped[list[SuggestedTool]] = document(default="[]")
    is_active: Mapped[Flag] = mapped_column(
        server_default=true(), comment="Whether new agents may start from it"
    )

    agents: Mapped[list[Agent]] = relationship(lazy="raise", passive_deletes="all", back_populates="package")


class Agent(Tenant, Timestamped, Base):
    """An AI agent of a company."""

    __tablename__ = "chatapp_agents"
    __table_args__ = tenant_table(
        Index(None, "package_id"),
        inside_company("created_by", "chatapp_users"),
        Index(None, "company_id", "created_by"),
        comment="AI agents",
    )

    name: Mapped[Name]
    description: Mapped[Note | None]
    avatar_url: Mapped[Url | None]
    type: Mapped[AgentType] = labelled(AgentType, default=AgentType.SUPPORT)
    status: Mapped[AgentStatus] = labelled(
        AgentStatus,
        default=AgentStatus.DRAFT,
        comment="draft, then active or paused, then archived for good",
        info=on_insert_only(),
    )
    system_prompt: Mapped[LongText] = mapped_column(server_default="")
    welcome_message: Mapped[Note | None]
    model_config: Mapped[ModelConfig] = document()
    tools_config: Mapped[ToolsConfig] = document()
    escalation_config: Mapped[EscalationConfig] = document()
    widget_config: Mapped[WidgetConfig] = document()
    package_id: Mapped[Reference | None] = mapped_column(
        ForeignKey("chatapp_agent_packages.id"), comment="The package it started from", info=on_insert_only()
    )
    created_by: Mapped[Reference | None] = mapped_column(
        comment="Null when platform staff made it", info=on_insert_only()
    )

    package: Mapped[AgentPackage | None] = relationship(lazy="raise", back_populates="agents")
    creator: Mapped[User | None] = parent("Agent.created_by", "User", back_populates="created_agents")
    knowledge_sources: Mapped[list[KnowledgeSource]] = children(
        "KnowledgeSource.agent_id", "Agent", back_populates="agent"
    )
    conversations: Mapped[list[Conversation]] = children(
        "Conversation.agent_id", "Agent", back_populates="agent"
    )
    conversation_analytics: Mapped[list[ConversationAnalytics]] = children(
        "ConversationAnalytics.agent_id", "Agent", back_populates="agent"
    )
    widget_settings: Mapped[list[WidgetSettings]] = children(
        "WidgetSettings.agent_id", "Agent", back_populates="agent"
    )


class WidgetSettings(Tenant, Timestamped, Base):
    """The chat widget of a company's web site."""

    __tablename__ = "chatapp_widget_settings"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id"),
        inside_company("agent_id", "chatapp_agents"),
        Index(None, "company_id", "agent_id"),
        comment="The chat widget, one for a company",
    )

    agent_id: Mapped[Reference]
    public_key: Mapped[Key] = mapped_column(
        comment="Carries the company, which a widget does not know", info=verbs_only()
    )
    allowed_origins: Mapped[Origins] = mapped_column(
        server_default="{}", comment="Where the widget may run; empty is everywhere"
    )
    appearance: Mapped[WidgetAppearance] = document()
    behavior: Mapped[WidgetBehavior] = document()
    launcher: Mapped[WidgetLauncher] = document()
    chat_window: Mapped[WidgetChatWindow] = document()
    embed_code: Mapped[LongText | None]

    agent: Mapped[Agent] = parent("WidgetSettings.agent_id", "Agent", back_populates="widget_settings")
