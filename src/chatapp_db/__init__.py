"""The data layer of a multi-tenant AI support product.

::

    from chatapp_db import Database, MessageRole, migrate

    migrate(url)
    db = Database(url)
    with db.tenant(company_id) as tenant:
        tenant.messages.append(conversation_id, role=MessageRole.USER, content="Hello")

Every name is loaded when it is first asked for, so that importing the package costs little.
"""

from chatapp_db import exports

__version__ = "0.1.0"

_HOMES = {
    "database": (
        "AsyncDatabase",
        "Database",
    ),
    "encryption": ("KeyRing", "Secret"),
    "errors": (
        "BrokenSeal",
        "ChatAppDbError",
        "CollectionMismatch",
        "Conflict",
        "EmbeddedServerError",
        "EncryptionError",
        "ExtensionUnavailable",
        "InternalError",
        "InvalidCursor",
        "InvalidEnvelope",
        "InvalidReference",
        "InvalidSignature",
        "InvalidValue",
        "KeyUnavailable",
        "LimitReached",
        "MigrationLockTimeout",
        "MissingExtra",
        "NoEncryptionKey",
        "NotFound",
        "NotPermitted",
        "NotSupported",
        "RolesMissing",
        "RowLevelSecurityRequired",
        "SchemaAhead",
        "SchemaOutOfDate",
        "ScopeEnded",
        "ScopeInUse",
        "SerializationFailure",
        "StatementTimeout",
        "StoreInUse",
        "TenantIsolationError",
        "TransactionRolledBack",
        "Unavailable",
        "UnknownKey",
        "UnknownRevision",
        "VectorStoreError",
        "VectorStoreUnavailable",
        "VersionConflict",
    ),
    "execution.guest": ("tenant_scope",),
    "execution.scope": ("Access",),
    "knowledge": (
        "AsyncEmbedder",
        "AsyncKnowledgeIndex",
        "Embedder",
        "KnowledgeIndex",
        "ScoredChunk",
        "SearchResult",
    ),
    "migrations": (
        "Difference",
        "MigrationReport",
        "Status",
        "aadopt",
        "acheck",
        "adopt",
        "adowngrade",
        "amigrate",
        "astatus",
        "averify",
        "check",
        "downgrade",
        "grants",
        "include_object",
        "migrate",
        "plan",
        "status",
        "verify",
    ),
    "privacy": (
        "AsyncExport",
        "AsyncPrivacy",
        "Erasure",
        "Export",
        "Privacy",
        "Retention",
        "RetentionPolicy",
    ),
    "repositories.acting": ("Actor",),
    "repositories.delivering": ("back_off",),
    "repositories.agent_reports": ("AgentReport",),
    "repositories.dispatching": ("ClaimedDelivery", "DeliveryState"),
    "repositories.inbox": ("InboxCounts", "InboxItem", "InboxSort", "InboxView"),
    "repositories.invitations": ("company_of_invitation",),
    "repositories.messages": ("NewMessage",),
    "repositories.paging": ("Page",),
    "repositories.reading": ("Side",),
    "repositories.rotation": ("KeyRotation", "UnopenedSecret"),
    "repositories.series": ("AnalyticsMetric", "AnalyticsPeriod", "AnalyticsSummary", "SeriesPoint"),
    "repositories.subscriptions": ("CompanyUsage",),
    "repositories.widget": ("company_of",),
    "retrying": ("retry",),
    "schema.enums": (
        "AgentStatus",
        "AgentType",
        "BillingCycle",
        "ChannelType",
        "ConversationStatus",
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
    ),
    "seeding": ("aseed", "seed"),
}
__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES)  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them
