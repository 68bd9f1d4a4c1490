"""The data layer of a multi-tenant AI support product.

::

    from chatapp_db import Database, MessageRole, migrate

    migrate(url)
    db = Database(url)
    with db.tenant(company_id) as tenant:
        tenant.messages.append(conversation_id, role=MessageRole.USER, content="Hello")

Every name is loaded when it is first asked for, so that importing the package costs little.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from chatapp_db.database import AsyncDatabase, Database
    from chatapp_db.errors import (
        ChatAppDbError,
        CollectionMismatch,
        Conflict,
        EmbeddedServerError,
        ExtensionUnavailable,
        InternalError,
        InvalidCursor,
        InvalidReference,
        InvalidValue,
        MigrationLockTimeout,
        MissingExtra,
        NotFound,
        NotPermitted,
        NotSupported,
        RolesMissing,
        RowLevelSecurityRequired,
        SchemaAhead,
        SchemaOutOfDate,
        ScopeEnded,
        ScopeInUse,
        SerializationFailure,
        StatementTimeout,
        TenantIsolationError,
        TransactionRolledBack,
        Unavailable,
        UnknownRevision,
        VectorStoreError,
        VectorStoreUnavailable,
        VersionConflict,
    )
    from chatapp_db.execution.guest import tenant_scope
    from chatapp_db.execution.scope import Access
    from chatapp_db.knowledge import AsyncKnowledgeIndex, KnowledgeIndex, ScoredChunk
    from chatapp_db.migrations import (
        Difference,
        MigrationReport,
        Status,
        aadopt,
        acheck,
        adopt,
        adowngrade,
        amigrate,
        astatus,
        averify,
        check,
        downgrade,
        grants,
        include_object,
        migrate,
        plan,
        status,
        verify,
    )
    from chatapp_db.repositories.inbox import InboxCounts, InboxItem, InboxSort, InboxView
    from chatapp_db.repositories.messages import NewMessage
    from chatapp_db.repositories.paging import Page
    from chatapp_db.repositories.reading import Side
    from chatapp_db.repositories.subscriptions import CompanyUsage
    from chatapp_db.repositories.widget import company_of
    from chatapp_db.retrying import retry
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
    from chatapp_db.seed import aseed, seed

__all__ = [
    "Access",
    "AgentStatus",
    "AgentType",
    "AsyncDatabase",
    "AsyncKnowledgeIndex",
    "BillingCycle",
    "ChannelType",
    "ChatAppDbError",
    "CollectionMismatch",
    "CompanyUsage",
    "Conflict",
    "ConversationStatus",
    "Database",
    "Difference",
    "EmbeddedServerError",
    "ExtensionUnavailable",
    "InboxCounts",
    "InboxItem",
    "InboxSort",
    "InboxView",
    "IntegrationStatus",
    "IntegrationType",
    "InternalError",
    "InvalidCursor",
    "InvalidReference",
    "InvalidValue",
    "InvitationStatus",
    "KnowledgeIndex",
    "KnowledgeSourceStatus",
    "KnowledgeSourceType",
    "MessageRole",
    "MessageType",
    "MigrationLockTimeout",
    "MigrationReport",
    "MissingExtra",
    "NewMessage",
    "NotFound",
    "NotPermitted",
    "NotSupported",
    "Page",
    "PlanType",
    "ResolutionType",
    "RolesMissing",
    "RowLevelSecurityRequired",
    "SchemaAhead",
    "SchemaOutOfDate",
    "ScopeEnded",
    "ScopeInUse",
    "ScoredChunk",
    "SerializationFailure",
    "Side",
    "StatementTimeout",
    "Status",
    "SubscriptionStatus",
    "TenantIsolationError",
    "TransactionRolledBack",
    "Unavailable",
    "UnknownRevision",
    "UserRole",
    "UserStatus",
    "VectorStoreError",
    "VectorStoreUnavailable",
    "VersionConflict",
    "aadopt",
    "acheck",
    "adopt",
    "adowngrade",
    "amigrate",
    "aseed",
    "astatus",
    "averify",
    "check",
    "company_of",
    "downgrade",
    "grants",
    "include_object",
    "migrate",
    "plan",
    "retry",
    "seed",
    "status",
    "tenant_scope",
    "verify",
]

__version__ = "0.1.0"

_HOMES = {
    "database": (
        "AsyncDatabase",
        "Database",
    ),
    "errors": (
        "ChatAppDbError",
        "CollectionMismatch",
        "Conflict",
        "EmbeddedServerError",
        "ExtensionUnavailable",
        "InternalError",
        "InvalidCursor",
        "InvalidReference",
        "InvalidValue",
        "MigrationLockTimeout",
        "MissingExtra",
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
        "TenantIsolationError",
        "TransactionRolledBack",
        "Unavailable",
        "UnknownRevision",
        "VectorStoreError",
        "VectorStoreUnavailable",
        "VersionConflict",
    ),
    "execution.guest": ("tenant_scope",),
    "execution.scope": ("Access",),
    "knowledge": ("AsyncKnowledgeIndex", "KnowledgeIndex", "ScoredChunk"),
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
    "repositories.inbox": ("InboxCounts", "InboxItem", "InboxSort", "InboxView"),
    "repositories.messages": ("NewMessage",),
    "repositories.paging": ("Page",),
    "repositories.reading": ("Side",),
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
    "seed": ("aseed", "seed"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
