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

from __future__ import annotations

from typing import ClassVar

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


class ChatAppDbError(Exception):
    """The root: catch it to catch everything of this package."""

    retryable: ClassVar[bool] = False


class NotFound(ChatAppDbError):
    """The company has no such row; whether another company has one is not said."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"{what} not found")


class Conflict(ChatAppDbError):
    """A unique key is taken, or the row is still referred to."""

    def __init__(self, constraint: str, message: str | None = None) -> None:
        self.constraint = constraint
        super().__init__(message or f"the change conflicts with {constraint}")


class VersionConflict(Conflict):
    """The row was changed since it was read: read it again and decide anew."""

    def __init__(self, what: str, expected: int) -> None:
        self.expected = expected
        super().__init__("version", f"{what} is no longer at version {expected}")


class LimitReached(Conflict):
    """The plan includes no more, or the subscription is over; ``remaining`` is what it still includes."""

    def __init__(self, limit: str, remaining: int = 0, message: str | None = None) -> None:
        self.limit = limit
        self.remaining = remaining
        super().__init__(limit, message or f"the plan's limit {limit} is reached: {remaining} remaining")


class InvalidReference(ChatAppDbError):
    """The row refers to something that this company does not have."""

    def __init__(self, constraint: str) -> None:
        self.constraint = constraint
        super().__init__(f"a referenced row does not exist ({constraint})")


class InvalidValue(ChatAppDbError):
    """An argument is not what its column or parameter takes; nothing was sent."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class InvalidCursor(InvalidValue):
    """A page cursor is damaged, or belongs to another company, filter or order."""

    def __init__(self) -> None:
        super().__init__("cursor", "not a cursor of this list")


class NotPermitted(ChatAppDbError):
    """The role in force may not do this; a policy or a missing grant refused it."""


class RowLevelSecurityRequired(ChatAppDbError):
    """The login may not take the scopes' role and row-level security would not bind it."""


class Unavailable(ChatAppDbError):
    """The database cannot be reached, or gave the connection up; the outcome of a write is unknown."""

    retryable = True


class StatementTimeout(Unavailable):
    """The statement ran longer than allowed and was cancelled."""


class SerializationFailure(Unavailable):
    """Two transactions got in each other's way and this one was rolled back."""


class ScopeInUse(ChatAppDbError):
    """A scope is one transaction on one connection: one call at a time; open a scope per task."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class ScopeEnded(ChatAppDbError):
    """The scope is not open: use it inside its ``with`` block."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class TransactionRolledBack(ChatAppDbError):
    """A statement of the scope had failed before, so nothing of the scope was saved."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class SchemaOutOfDate(ChatAppDbError):
    """The database is behind this package; the message is the command to run."""


class SchemaAhead(ChatAppDbError):
    """The database carries revisions that this package does not know."""


class UnknownRevision(ChatAppDbError):
    """Nobody can tell what the schema is: its revision is not ours, or our tables carry none."""


class MigrationLockTimeout(ChatAppDbError):
    """Another migration held the lock for longer than this one may wait; nothing was changed."""

    retryable = True


class RolesMissing(ChatAppDbError):
    """The roles are not there or not granted, and this login may not mend it; the message holds the SQL."""


class MissingExtra(ChatAppDbError):
    """An optional part is not installed; the message is the pip command."""

    def __init__(self, extra: str, feature: str) -> None:
        self.extra = extra
        super().__init__(f'{feature} needs an optional part: pip install "chatapp-db[{extra}]"')


class EmbeddedServerError(ChatAppDbError):
    """The embedded PostgreSQL could not be started or stopped."""


class EncryptionError(ChatAppDbError):
    """A secret cannot be sealed or opened; no error of these shows any of it, nor of a key."""


class NoEncryptionKey(EncryptionError):
    """No key is configured, and a secret is never stored as plain text: give the Database its ``keys``."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class UnknownKey(EncryptionError):
    """The secret was sealed with a key that the ring does not have: an old key left it too early."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        super().__init__(f"the key ring has no key {kid!r}")


class KeyUnavailable(EncryptionError):
    """The callback that gives the keys failed, or gave what is no key."""

    retryable = True

    def __init__(self, kid: str, reason: str) -> None:
        self.kid = kid
        super().__init__(f"the key {kid!r} could not be had: {reason}")


class InvalidEnvelope(EncryptionError):
    """What is stored is no sealed value, or one of a later release."""


class BrokenSeal(EncryptionError):
    """The secret was altered since it was sealed, or belongs to another row, column or company."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class InvalidSignature(ChatAppDbError):
    """A webhook call is not signed by whom it says, was altered, or is an old one."""


class VectorStoreError(ChatAppDbError):
    """The vector store refused a call."""


class VectorStoreUnavailable(VectorStoreError):
    """The vector store did not answer in time; with ``retry_after``, in seconds, nothing was done."""

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class StoreInUse(VectorStoreUnavailable):
    """The folder of an edge:// store is opened by one process, by one store, at a time."""


class CollectionMismatch(VectorStoreError):
    """The collection exists with other settings; the message lists the differences."""


class TenantIsolationError(VectorStoreError):
    """The store returned a point of another company; it was not passed on."""


class NotSupported(VectorStoreError):
    """This engine cannot do what was asked; nothing was sent."""

    def __init__(self, capability: str, engine: str) -> None:
        self.capability = capability
        super().__init__(f"the engine {engine} cannot do this: {capability}")


class ExtensionUnavailable(VectorStoreError):
    """A PostgreSQL extension is missing; the message holds the SQL for a DBA."""


class InternalError(ChatAppDbError):
    """A fault of this package or of the server: please report it."""
