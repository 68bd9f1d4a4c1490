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
        VectorStoreError,
        VectorStoreUnavailable,
        VersionConflict,
    )
    from chatapp_db.execution.guest import tenant_scope
    from chatapp_db.execution.scope import Access
    from chatapp_db.migrations import (
        MigrationReport,
        Status,
        amigrate,
        astatus,
        averify,
        include_object,
        migrate,
        status,
        verify,
    )
    from chatapp_db.repositories.paging import Page
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

__all__ = [
    "Access",
    "AgentStatus",
    "AgentType",
    "AsyncDatabase",
    "BillingCycle",
    "ChannelType",
    "ChatAppDbError",
    "CollectionMismatch",
    "Conflict",
    "ConversationStatus",
    "Database",
    "EmbeddedServerError",
    "ExtensionUnavailable",
    "IntegrationStatus",
    "IntegrationType",
    "InternalError",
    "InvalidCursor",
    "InvalidReference",
    "InvalidValue",
    "InvitationStatus",
    "KnowledgeSourceStatus",
    "KnowledgeSourceType",
    "MessageRole",
    "MessageType",
    "MigrationLockTimeout",
    "MigrationReport",
    "MissingExtra",
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
    "SerializationFailure",
    "StatementTimeout",
    "Status",
    "SubscriptionStatus",
    "TenantIsolationError",
    "TransactionRolledBack",
    "Unavailable",
    "UserRole",
    "UserStatus",
    "VectorStoreError",
    "VectorStoreUnavailable",
    "VersionConflict",
    "amigrate",
    "astatus",
    "averify",
    "include_object",
    "migrate",
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
        "VectorStoreError",
        "VectorStoreUnavailable",
        "VersionConflict",
    ),
    "execution.guest": ("tenant_scope",),
    "execution.scope": ("Access",),
    "migrations": (
        "MigrationReport",
        "Status",
        "amigrate",
        "astatus",
        "averify",
        "include_object",
        "migrate",
        "status",
        "verify",
    ),
    "repositories.paging": ("Page",),
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
