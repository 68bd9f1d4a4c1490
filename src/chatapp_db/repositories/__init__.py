"""What can be asked of the tables, and changed in them: a repository for each, blocking and awaited."""

from chatapp_db import exports

_HOMES = {
    "agents.agents": (
        "AgentRepository",
        "AsyncAgentRepository",
    ),
    "agents.packages": (
        "AsyncPackageRepository",
        "AsyncPlatformPackageRepository",
        "PackageRepository",
        "PlatformPackageRepository",
    ),
    "agents.widget": (
        "AsyncWidgetRepository",
        "WidgetRepository",
        "company_of",
    ),
    "analytics.conversation_analytics": (
        "AsyncConversationAnalyticsRepository",
        "ConversationAnalyticsRepository",
    ),
    "analytics.daily_analytics": (
        "AsyncDailyAnalyticsRepository",
        "AsyncPlatformDailyAnalyticsRepository",
        "DailyAnalyticsRepository",
        "PlatformDailyAnalyticsRepository",
    ),
    "companies.companies": (
        "AsyncCompanyRepository",
        "AsyncPlatformCompanyRepository",
        "CompanyRepository",
        "PlatformCompanyRepository",
    ),
    "companies.plans": (
        "AsyncPlanRepository",
        "AsyncPlatformPlanRepository",
        "PlanRepository",
        "PlatformPlanRepository",
    ),
    "conversations.canned_responses": (
        "AsyncCannedResponseRepository",
        "CannedResponseRepository",
    ),
    "conversations.conversations": (
        "AsyncConversationRepository",
        "ConversationRepository",
        "InboxCounts",
        "InboxItem",
        "InboxSort",
        "InboxView",
        "Side",
    ),
    "conversations.customers": (
        "AsyncCustomerRepository",
        "CustomerRepository",
    ),
    "embeddings.backlog": ("Backlog",),
    "embeddings.embedded_chunks": (
        "AsyncPlatformChunkRepository",
        "PlatformChunkRepository",
    ),
    "embeddings.embedding_sets": (
        "AsyncEmbeddingSetRepository",
        "AsyncPlatformEmbeddingSetRepository",
        "EmbeddingSetRepository",
        "PlatformEmbeddingSetRepository",
    ),
    "embeddings.vector_outbox": (
        "AsyncPlatformVectorOutboxRepository",
        "PlatformVectorOutboxRepository",
    ),
    "integrations.dispatching": (
        "ClaimedDelivery",
        "DeliveryState",
    ),
    "integrations.integrations": (
        "AsyncIntegrationRepository",
        "IntegrationRepository",
    ),
    "integrations.webhook_deliveries": (
        "AsyncPlatformWebhookDeliveryRepository",
        "AsyncWebhookDeliveryRepository",
        "PlatformWebhookDeliveryRepository",
        "WebhookDeliveryRepository",
    ),
    "integrations.webhooks": (
        "AsyncWebhookRepository",
        "WebhookRepository",
    ),
    "knowledge.knowledge": (
        "AsyncKnowledgeRepository",
        "Chunk",
        "KnowledgeRepository",
        "SourceChunks",
    ),
    "knowledge.knowledge_chunks": (
        "AsyncKnowledgeChunkRepository",
        "KnowledgeChunkRepository",
    ),
    "messages.incoming": (
        "ImportedMessage",
        "NewMessage",
    ),
    "messages.messages": (
        "AsyncMessageRepository",
        "MessageRepository",
    ),
    "messages.platform_messages": (
        "AsyncPlatformMessageRepository",
        "Imported",
        "PlatformMessageRepository",
    ),
    "paging": ("Page",),
    "rotation": (
        "KeyRotation",
        "rotate_keys",
    ),
    "sealing": ("key_ring",),
    "usage.usage": (
        "AsyncPlatformUsageRepository",
        "AsyncUsageRepository",
        "PlatformUsageRepository",
        "UsageRepository",
    ),
    "users.audit": (
        "AsyncAuditRepository",
        "AsyncPlatformAuditRepository",
        "AuditRepository",
        "PlatformAuditRepository",
    ),
    "users.invitations": (
        "AsyncInvitationRepository",
        "AsyncPlatformInvitationRepository",
        "InvitationRepository",
        "PlatformInvitationRepository",
        "company_of_invitation",
    ),
    "users.users": (
        "AsyncPlatformUserRepository",
        "AsyncUserRepository",
        "PlatformUserRepository",
        "UserRepository",
    ),
}
__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them
