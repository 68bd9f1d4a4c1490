"""Every error this package raises.

::

    ChatAppDbError
    ├── NotFound                     absent, or another company's: deliberately the same
    ├── Conflict                     a unique key, or a row that is still referred to
    │   ├── VersionConflict          somebody else changed the row first
    │   └── LimitReached             the plan includes no more
    ├── InvalidReference             a reference to a row that this company does not have
    ├── InvalidValue                 refused before any SQL, or by a CHECK
    │   └── InvalidCursor
    ├── NotPermitted                 the role in force may not do this
    ├── RowLevelSecurityRequired     the login would not be bound by row-level security
    ├── Unavailable                  retryable: try the whole unit of work again
    │   ├── StatementTimeout
    │   └── SerializationFailure
    ├── ScopeInUse                   two tasks or threads share one scope
    ├── ScopeEnded                   a scope is used before it begins or after it ended
    ├── TransactionRolledBack        the scope ended well, its transaction had failed
    ├── SchemaOutOfDate, SchemaAhead, UnknownRevision, MigrationLockTimeout, RolesMissing
    ├── MissingExtra                 an optional part is not installed
    ├── EmbeddedServerError
    ├── EncryptionError              a secret cannot be sealed or opened; nothing of it is told
    │   ├── NoEncryptionKey          none is configured, and plain text is never stored
    │   ├── UnknownKey               sealed with a key that the ring does not have
    │   ├── KeyUnavailable           retryable: the callback that gives the keys failed
    │   ├── InvalidEnvelope          what is stored is no sealed value
    │   └── BrokenSeal               altered, or moved to another row, column or company
    ├── InvalidSignature             a webhook call is not from whom it says, or is an old one
    ├── VectorStoreError
    │   ├── VectorStoreUnavailable   retryable; says when, where the server said
    │   │   └── StoreInUse           another process, or another store, has the folder open
    │   ├── CollectionMismatch, TenantIsolationError, NotSupported, ExtensionUnavailable
    └── InternalError                a fault of this package or of the server

Where the database refused, the driver's error is the cause (``execution.failures`` decides which of
these it is). Its DETAIL can quote another company's value, so it is never part of a message.
"""

from chatapp_db.errors.calls import (
    Conflict,
    InvalidCursor,
    InvalidReference,
    InvalidValue,
    LimitReached,
    NotFound,
    NotPermitted,
    RowLevelSecurityRequired,
    ScopeEnded,
    ScopeInUse,
    SerializationFailure,
    StatementTimeout,
    TransactionRolledBack,
    Unavailable,
    VersionConflict,
)
from chatapp_db.errors.root import (
    ChatAppDbError,
    InternalError,
    MissingExtra,
)
from chatapp_db.errors.secrets import (
    BrokenSeal,
    EncryptionError,
    InvalidEnvelope,
    InvalidSignature,
    KeyUnavailable,
    NoEncryptionKey,
    UnknownKey,
)
from chatapp_db.errors.servers import (
    EmbeddedServerError,
    MigrationLockTimeout,
    RolesMissing,
    SchemaAhead,
    SchemaOutOfDate,
    UnknownRevision,
)
from chatapp_db.errors.vectors import (
    CollectionMismatch,
    ExtensionUnavailable,
    NotSupported,
    StoreInUse,
    TenantIsolationError,
    VectorStoreError,
    VectorStoreUnavailable,
)

__all__ = [
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
]
