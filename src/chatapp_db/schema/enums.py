"""The closed vocabularies of the tables, each a PostgreSQL enum type.

Labels stand in the order the database compares them by; a new one is only ever
appended. A label that a newer release added is read as a plain string.
"""

from enum import StrEnum


class UserRole(StrEnum):
    """What a person may do; a master admin belongs to no company."""

    MASTER_ADMIN = "master_admin"
    COMPANY_ADMIN = "company_admin"
    SUPPORT_AGENT = "support_agent"


class UserStatus(StrEnum):
    """Whether a person may sign in."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"
    SUSPENDED = "suspended"


class AgentStatus(StrEnum):
    """Where an AI agent is in its life."""

    DRAFT = "draft"
    ACTIVE = "active"
    PAUSED = "paused"
    ARCHIVED = "archived"


class AgentType(StrEnum):
    """What an AI agent is for."""

    SUPPORT = "support"
    SALES = "sales"
    GENERAL = "general"
    CUSTOM = "custom"


class ConversationStatus(StrEnum):
    """Who has to act next in a conversation."""

    ACTIVE = "active"
    WAITING = "waiting"
    RESOLVED = "resolved"
    ARCHIVED = "archived"


class MessageRole(StrEnum):
    """On whose side a message was written."""

    USER = "user"
    ASSISTANT = "assistant"
    SYSTEM = "system"


class MessageType(StrEnum):
    """What a message carries."""

    TEXT = "text"
    IMAGE = "image"
    FILE = "file"
    SYSTEM_EVENT = "system_event"


class ChannelType(StrEnum):
    """Where a conversation takes place."""

    WIDGET = "widget"
    WHATSAPP = "whatsapp"
    TELEGRAM = "telegram"
    SLACK = "slack"
    TEAMS = "teams"
    EMAIL = "email"


class PlanType(StrEnum):
    """The tier of a subscription plan."""

    FREE = "free"
    STARTER = "starter"
    PROFESSIONAL = "professional"
    ENTERPRISE = "enterprise"


class BillingCycle(StrEnum):
    """How often a company pays."""

    MONTHLY = "monthly"
    YEARLY = "yearly"


class SubscriptionStatus(StrEnum):
    """Whether a company's subscription is in force."""

    TRIALING = "trialing"
    ACTIVE = "active"
    PAST_DUE = "past_due"
    PAUSED = "paused"
    CANCELED = "canceled"
    EXPIRED = "expired"


class KnowledgeSourceType(StrEnum):
    """Where the text of a knowledge source comes from."""

    FILE = "file"
    URL = "url"
    TEXT = "text"


class KnowledgeSourceStatus(StrEnum):
    """Whether a knowledge source can be searched."""

    PROCESSING = "processing"
    READY = "ready"
    ERROR = "error"


class InvitationStatus(StrEnum):
    """What became of an invitation."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    EXPIRED = "expired"
    REVOKED = "revoked"


class ResolutionType(StrEnum):
    """How a conversation ended."""

    AI = "ai"
    HUMAN = "human"
    ABANDONED = "abandoned"


class IntegrationType(StrEnum):
    """The service a company has connected."""

    SLACK = "slack"
    ZAPIER = "zapier"
    SALESFORCE = "salesforce"
    HUBSPOT = "hubspot"
    ZENDESK = "zendesk"
    INTERCOM = "intercom"
    SHOPIFY = "shopify"
    STRIPE = "stripe"
    CUSTOM = "custom"


class IntegrationStatus(StrEnum):
    """Whether a connection works."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    ERROR = "error"


class EmbeddingSetStatus(StrEnum):
    """Where a set of embeddings is in its life; all but a dropped one are written."""

    BUILDING = "building"
    ACTIVE = "active"
    RETIRING = "retiring"
    DROPPED = "dropped"


class VectorDistance(StrEnum):
    """How vectors are compared."""

    COSINE = "cosine"
    DOT = "dot"


class VectorChange(StrEnum):
    """What a vector store has to be told."""

    UPSERT = "upsert"
    DELETE = "delete"
    PURGE_SOURCE = "purge_source"
    PURGE_COMPANY = "purge_company"
