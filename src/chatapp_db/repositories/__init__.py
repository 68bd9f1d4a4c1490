"""What can be asked of the tables, and changed in them: a repository for each, blocking and awaited."""

from chatapp_db import exports

_HOMES = {
    "agents": (
        "AgentRepository",
        "AsyncAgentRepository",
    ),
    "audit": (
        "AsyncAuditRepository",
        "AsyncPlatformAuditRepository",
        "AuditRepository",
        "PlatformAuditRepository",
    ),
    "backlog": ("Backlog",),
    "canned_responses": (
        "AsyncCannedResponseRepository",
        "CannedResponseRepository",
    ),
    "companies": (
        "AsyncCompanyRepository",
        "AsyncPlatformCompanyRepository",
        "CompanyRepository",
        "PlatformCompanyRepository",
    ),
    "conversation_analytics": (
        "AsyncConversationAnalyticsRepository",
        "ConversationAnalyticsRepository",
    ),
    "conversations": (
        "AsyncConversationRepository",
        "ConversationRepository",
        "InboxCounts",
        "InboxItem",
        "InboxSort",
        "InboxView",
        "Side",
    ),
    "customers": (
        "AsyncCustomerRepository",
        "CustomerRepository",
    ),
    "daily_analytics": (
        "AsyncDailyAnalyticsRepository",
        "AsyncPlatformDailyAnalyticsRepository",
        "DailyAnalyticsRepository",
        "PlatformDailyAnalyticsRepository",
    ),
    "dispatching": (
        "ClaimedDelivery",
        "DeliveryState",
    ),
    "embedded_chunks": (
        "AsyncPlatformChunkRepository",
        "PlatformChunkRepository",
    ),
    "embedding_sets": (
        "AsyncEmbeddingSetRepository",
        "AsyncPlatformEmbeddingSetRepository",
        "EmbeddingSetRepository",
        "PlatformEmbeddingSetRepository",
    ),
    "incoming": (
        "ImportedMessage",
        "NewMessage",
    ),
    "integrations": (
        "AsyncIntegrationRepository",
        "IntegrationRepository",
    ),
    "invitations": (
        "AsyncInvitationRepository",
        "AsyncPlatformInvitationRepository",
        "InvitationRepository",
        "PlatformInvitationRepository",
        "company_of_invitation",
    ),
    "knowledge": (
        "AsyncKnowledgeRepository",
        "Chunk",
        "KnowledgeRepository",
        "SourceChunks",
    ),
    "knowledge_chunks": (
        "AsyncKnowledgeChunkRepository",
        "KnowledgeChunkRepository",
    ),
    "messages": (
        "AsyncMessageRepository",
        "MessageRepository",
    ),
    "packages": (
        "AsyncPackageRepository",
        "AsyncPlatformPackageRepository",
        "PackageRepository",
        "PlatformPackageRepository",
    ),
    "paging": ("Page",),
    "platform_messages": (
        "AsyncPlatformMessageRepository",
        "Imported",
        "PlatformMessageRepository",
    ),
    "plans": (
        "AsyncPlanRepository",
        "AsyncPlatformPlanRepository",
        "PlanRepository",
        "PlatformPlanRepository",
    ),
    "rotation": (
        "KeyRotation",
        "rotate_keys",
    ),
    "sealing": ("key_ring",),
    "usage": (
        "AsyncPlatformUsageRepository",
        "AsyncUsageRepository",
        "PlatformUsageRepository",
        "UsageRepository",
    ),
    "users": (
        "AsyncPlatformUserRepository",
        "AsyncUserRepository",
        "PlatformUserRepository",
        "UserRepository",
    ),
    "webhook_deliveries": (
        "AsyncPlatformWebhookDeliveryRepository",
        "AsyncWebhookDeliveryRepository",
        "PlatformWebhookDeliveryRepository",
        "WebhookDeliveryRepository",
    ),
    "vector_outbox": (
        "AsyncPlatformVectorOutboxRepository",
        "PlatformVectorOutboxRepository",
    ),
    "webhooks": (
        "AsyncWebhookRepository",
        "WebhookRepository",
    ),
    "widget": (
        "AsyncWidgetRepository",
        "WidgetRepository",
        "company_of",
    ),
}
__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them
