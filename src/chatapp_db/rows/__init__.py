"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

from chatapp_db import exports

_HOMES = {
    "agents": (
        "AgentChanges",
        "AgentPackageChanges",
        "AgentPackageRow",
        "AgentPackageValues",
        "AgentRow",
        "AgentValues",
        "WidgetSettingsChanges",
        "WidgetSettingsRow",
        "WidgetSettingsValues",
    ),
    "analytics": (
        "ConversationAnalyticsChanges",
        "ConversationAnalyticsRow",
        "ConversationAnalyticsValues",
        "DailyAnalyticsChanges",
        "DailyAnalyticsRow",
        "DailyAnalyticsValues",
    ),
    "companies": (
        "CompanyChanges",
        "CompanyRow",
        "CompanyValues",
        "SubscriptionPlanChanges",
        "SubscriptionPlanRow",
        "SubscriptionPlanValues",
    ),
    "conversations": (
        "CannedResponseChanges",
        "CannedResponseRow",
        "CannedResponseValues",
        "ConversationChanges",
        "ConversationRow",
        "ConversationValues",
        "CustomerChanges",
        "CustomerRow",
        "CustomerValues",
        "MessageChanges",
        "MessageRow",
        "MessageValues",
    ),
    "embeddings": (
        "EmbeddingSetRow",
        "VectorOutboxRow",
    ),
    "integrations": (
        "IntegrationChanges",
        "IntegrationRow",
        "IntegrationValues",
        "WebhookChanges",
        "WebhookRow",
        "WebhookValues",
    ),
    "knowledge": (
        "KnowledgeChunkChanges",
        "KnowledgeChunkRow",
        "KnowledgeChunkValues",
        "KnowledgeSourceChanges",
        "KnowledgeSourceRow",
        "KnowledgeSourceValues",
    ),
    "users": (
        "AuditLogRow",
        "AuditLogValues",
        "TeamInvitationChanges",
        "TeamInvitationRow",
        "TeamInvitationValues",
        "UserChanges",
        "UserRow",
        "UserValues",
    ),
}
__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them
