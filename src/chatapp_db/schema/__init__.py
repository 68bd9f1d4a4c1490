"""The tables: every model, vocabulary and payload, and the metadata that knows them all."""

from chatapp_db.schema.agents import Agent, AgentPackage, WidgetSettings
from chatapp_db.schema.analytics import ConversationAnalytics, DailyAnalytics
from chatapp_db.schema.base import Base
from chatapp_db.schema.companies import Company, SubscriptionPlan
from chatapp_db.schema.conversations import CannedResponse, Conversation, Customer, Message
from chatapp_db.schema.enums import (
    AgentStatus,
    AgentType,
    BillingCycle,
    ChannelType,
    ConversationStatus,
    IntegrationStatus,
    IntegrationType,
    InvitationStatus,
    KnowledgeSourceStatus,
    KnowledgeSourceType,
    MessageRole,
    MessageType,
    PlanType,
    ResolutionType,
    SubscriptionStatus,
    UserRole,
    UserStatus,
)
from chatapp_db.schema.integrations import Integration, Webhook
from chatapp_db.schema.knowledge import KnowledgeChunk, KnowledgeSource
from chatapp_db.schema.users import AuditLog, TeamInvitation, User

metadata = Base.metadata

__all__ = [
    "Agent",
    "AgentPackage",
    "AgentStatus",
    "AgentType",
    "AuditLog",
    "Base",
    "BillingCycle",
    "CannedResponse",
    "ChannelType",
    "Company",
    "Conversation",
    "ConversationAnalytics",
    "ConversationStatus",
    "Customer",
    "DailyAnalytics",
    "Integration",
    "IntegrationStatus",
    "IntegrationType",
    "InvitationStatus",
    "KnowledgeChunk",
    "KnowledgeSource",
    "KnowledgeSourceStatus",
    "KnowledgeSourceType",
    "Message",
    "MessageRole",
    "MessageType",
    "PlanType",
    "ResolutionType",
    "SubscriptionPlan",
    "SubscriptionStatus",
    "TeamInvitation",
    "User",
    "UserRole",
    "UserStatus",
    "Webhook",
    "WidgetSettings",
    "metadata",
]
