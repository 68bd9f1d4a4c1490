"""The tables: every model, vocabulary and payload, and the metadata that knows them all."""

from sqlalchemy.orm import mapperlib

from chatapp_db import exports

_HOMES = {
    "agents": (
        "Agent",
        "AgentPackage",
        "WidgetSettings",
    ),
    "analytics": (
        "ConversationAnalytics",
        "DailyAnalytics",
    ),
    "companies": (
        "Company",
        "SubscriptionPlan",
    ),
    "complete": (
        "Base",
        "metadata",
    ),
    "conversations": (
        "CannedResponse",
        "Conversation",
        "Customer",
        "Message",
    ),
    "embeddings": (
        "EmbeddingSet",
        "VectorOutbox",
    ),
    "enums": (
        "AgentStatus",
        "AgentType",
        "BillingCycle",
        "ChannelType",
        "ConversationStatus",
        "EmbeddingSetStatus",
        "IntegrationStatus",
        "IntegrationType",
        "InvitationStatus",
        "KnowledgeSourceStatus",
        "KnowledgeSourceType",
        "MessageRole",
        "MessageType",
        "PlanType",
        "ResolutionType",
        "SubscriptionStatus",
        "UserRole",
        "UserStatus",
        "VectorChange",
        "VectorDistance",
    ),
    "integrations": (
        "Integration",
        "Webhook",
        "WebhookDelivery",
    ),
    "knowledge": (
        "KnowledgeChunk",
        "KnowledgeSource",
    ),
    "usage": (
        "UsageCounter",
        "UsageReservation",
    ),
    "users": (
        "AuditLog",
        "TeamInvitation",
        "User",
    ),
}
# Held by SQLAlchemy while it loads the other models, and needed to map one: taken before an import's own
# lock, or two threads could wait for each other.
_MAPPING = mapperlib._CONFIGURE_MUTEX  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it has no public name

__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES, _MAPPING)  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them
