"""What can be asked of the tables, and changed in them: a repository for each, blocking and awaited."""

from chatapp_db.repositories.agents import AgentRepository, AsyncAgentRepository
from chatapp_db.repositories.audit import (
    AsyncAuditRepository,
    AsyncPlatformAuditRepository,
    AuditRepository,
    PlatformAuditRepository,
)
from chatapp_db.repositories.canned_responses import AsyncCannedResponseRepository, CannedResponseRepository
from chatapp_db.repositories.companies import (
    AsyncCompanyRepository,
    AsyncPlatformCompanyRepository,
    CompanyRepository,
    PlatformCompanyRepository,
)
from chatapp_db.repositories.conversation_analytics import (
    AsyncConversationAnalyticsRepository,
    ConversationAnalyticsRepository,
)
from chatapp_db.repositories.conversations import (
    AsyncConversationRepository,
    ConversationRepository,
    InboxCounts,
    InboxItem,
    InboxSort,
    InboxView,
    Side,
)
from chatapp_db.repositories.customers import AsyncCustomerRepository, CustomerRepository
from chatapp_db.repositories.daily_analytics import (
    AsyncDailyAnalyticsRepository,
    AsyncPlatformDailyAnalyticsRepository,
    DailyAnalyticsRepository,
    PlatformDailyAnalyticsRepository,
)
from chatapp_db.repositories.integrations import AsyncIntegrationRepository, IntegrationRepository
from chatapp_db.repositories.invitations import (
    AsyncInvitationRepository,
    AsyncPlatformInvitationRepository,
    InvitationRepository,
    PlatformInvitationRepository,
)
from chatapp_db.repositories.knowledge import (
    AsyncKnowledgeRepository,
    Chunk,
    KnowledgeRepository,
    SourceChunks,
)
from chatapp_db.repositories.knowledge_chunks import AsyncKnowledgeChunkRepository, KnowledgeChunkRepository
from chatapp_db.repositories.messages import AsyncMessageRepository, MessageRepository, NewMessage
from chatapp_db.repositories.packages import (
    AsyncPackageRepository,
    AsyncPlatformPackageRepository,
    PackageRepository,
    PlatformPackageRepository,
)
from chatapp_db.repositories.paging import Page
from chatapp_db.repositories.plans import (
    AsyncPlanRepository,
    AsyncPlatformPlanRepository,
    PlanRepository,
    PlatformPlanRepository,
)
from chatapp_db.repositories.users import (
    AsyncPlatformUserRepository,
    AsyncUserRepository,
    PlatformUserRepository,
    UserRepository,
)
from chatapp_db.repositories.webhooks import AsyncWebhookRepository, WebhookRepository
from chatapp_db.repositories.widget import AsyncWidgetRepository, WidgetRepository

__all__ = [
    "AgentRepository",
    "AsyncAgentRepository",
    "AsyncAuditRepository",
    "AsyncCannedResponseRepository",
    "AsyncCompanyRepository",
    "AsyncConversationAnalyticsRepository",
    "AsyncConversationRepository",
    "AsyncCustomerRepository",
    "AsyncDailyAnalyticsRepository",
    "AsyncIntegrationRepository",
    "AsyncInvitationRepository",
    "AsyncKnowledgeChunkRepository",
    "AsyncKnowledgeRepository",
    "AsyncMessageRepository",
    "AsyncPackageRepository",
    "AsyncPlanRepository",
    "AsyncPlatformAuditRepository",
    "AsyncPlatformCompanyRepository",
    "AsyncPlatformDailyAnalyticsRepository",
    "AsyncPlatformInvitationRepository",
    "AsyncPlatformPackageRepository",
    "AsyncPlatformPlanRepository",
    "AsyncPlatformUserRepository",
    "AsyncUserRepository",
    "AsyncWebhookRepository",
    "AsyncWidgetRepository",
    "AuditRepository",
    "CannedResponseRepository",
    "Chunk",
    "CompanyRepository",
    "ConversationAnalyticsRepository",
    "ConversationRepository",
    "CustomerRepository",
    "DailyAnalyticsRepository",
    "InboxCounts",
    "InboxItem",
    "InboxSort",
    "InboxView",
    "IntegrationRepository",
    "InvitationRepository",
    "KnowledgeChunkRepository",
    "KnowledgeRepository",
    "MessageRepository",
    "NewMessage",
    "PackageRepository",
    "Page",
    "PlanRepository",
    "PlatformAuditRepository",
    "PlatformCompanyRepository",
    "PlatformDailyAnalyticsRepository",
    "PlatformInvitationRepository",
    "PlatformPackageRepository",
    "PlatformPlanRepository",
    "PlatformUserRepository",
    "Side",
    "SourceChunks",
    "UserRepository",
    "WebhookRepository",
    "WidgetRepository",
]
