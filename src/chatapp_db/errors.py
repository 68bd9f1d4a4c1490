"""Every error this package raises, and the one place where a driver's error becomes one of them.

::

    ChatAppDbError
    ├── NotFound                     absent, or another company's: deliberately the same
    ├── Conflict                     a unique key, or a row that is still referred to
    │   └── VersionConflict          somebody else changed the row first
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
    ├── SchemaOutOfDate, SchemaAhead, MigrationLockTimeout, RolesMissing
    ├── MissingExtra                 an optional part is not installed
    ├── EmbeddedServerError
    ├── VectorStoreError
    │   ├── VectorStoreUnavailable   retryable
    │   ├── CollectionMismatch, TenantIsolationError, NotSupported, ExtensionUnavailable
    └── InternalError                a fault of this package or of the server

Kinds are told apart by SQLSTATE and constraint name, never by message text. A driver's DETAIL
can quote another company's value, so it stays on the cause and out of the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ClassVar

import psycopg
from sqlalchemy import exc as sqlalchemy_errors

__all__ = [
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
    "translate",
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


class VectorStoreError(ChatAppDbError):
    """The vector store refused a call."""


class VectorStoreUnavailable(VectorStoreError):
    """The vector store could not be reached in time; nothing is known of the outcome."""

    retryable = True


class CollectionMismatch(VectorStoreError):
    """The collection exists with other settings; the message lists the differences."""


class TenantIsolationError(VectorStoreError):
    """The store returned a point of another company; it was not passed on."""


class NotSupported(VectorStoreError):
    """This engine cannot do what was asked."""


class ExtensionUnavailable(VectorStoreError):
    """A PostgreSQL extension is missing; the message holds the SQL for a DBA."""


class InternalError(ChatAppDbError):
    """A fault of this package or of the server: please report it."""


_SHARD = re.compile(r"_\d{4,}$")


def translate(error: BaseException) -> ChatAppDbError:
    """Turn an error of the driver or of SQLAlchemy's pool into one of this package.

    The caller raises the result ``from`` the error it passed.
    """
    if isinstance(error, ChatAppDbError):
        return error
    if isinstance(error, sqlalchemy_errors.DBAPIError) and error.orig is not None:
        error = error.orig
    if isinstance(error, sqlalchemy_errors.TimeoutError):
        return Unavailable("no connection of the pool became free in time")
    if not isinstance(error, psycopg.Error):
        return InternalError(f"{type(error).__name__} while running a statement")
    if error.sqlstate is None:
        return _without_sqlstate(error)
    return _from_sqlstate(error, error.sqlstate)


def _without_sqlstate(error: psycopg.Error) -> ChatAppDbError:
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return Unavailable("the connection to the database was lost or could not be made")
    if isinstance(error, psycopg.DataError | psycopg.ProgrammingError):
        return InvalidValue("parameter", "a value cannot be sent to its column")
    return InternalError(f"{type(error).__name__} while running a statement")


def _from_sqlstate(error: psycopg.Error, sqlstate: str) -> ChatAppDbError:
    """Look the whole code up, then its class."""
    make = _BY_SQLSTATE.get(sqlstate) or _BY_SQLSTATE.get(sqlstate[:2])
    return make(error) if make else InternalError(f"the server refused a statement ({sqlstate})")


def _constraint(error: psycopg.Error) -> str:
    """Name the constraint; a distributed server leaves it out and appends a shard number in the message."""
    if error.diag.constraint_name:
        return error.diag.constraint_name
    quoted = re.findall(r'"([^"]+)"', error.diag.message_primary or "")
    return _SHARD.sub("", quoted[-1]) if quoted else ""


def _conflict(error: psycopg.Error) -> Conflict:
    return Conflict(_constraint(error))


def _invalid(error: psycopg.Error) -> InvalidValue:
    field = _constraint(error) or error.diag.column_name or "value"
    return InvalidValue(field, f"refused by the database ({error.sqlstate})")


def _serialization(error: psycopg.Error) -> SerializationFailure:
    return SerializationFailure(f"the server rolled the transaction back ({error.sqlstate})")


def _unavailable(error: psycopg.Error) -> Unavailable:
    return Unavailable(f"the database is not available ({error.sqlstate})")


def _missing(_: psycopg.Error) -> SchemaOutOfDate:
    return SchemaOutOfDate("a table, column or type is missing: run `chatapp-db migrate`")


_BY_SQLSTATE: dict[str, Callable[[psycopg.Error], ChatAppDbError]] = {
    "08": _unavailable,
    "22": _invalid,
    "23": _invalid,
    "23001": _conflict,
    "23503": lambda error: InvalidReference(_constraint(error)),
    "23505": _conflict,
    "23P01": _conflict,
    "25P02": lambda _: TransactionRolledBack(),
    "3F000": _missing,
    "40001": _serialization,
    "40P01": _serialization,
    "42501": lambda error: NotPermitted(error.diag.message_primary or "permission denied"),
    "42703": _missing,
    "42704": _missing,
    "42P01": _missing,
    "53": _unavailable,
    "55P03": _serialization,
    "57": _unavailable,
    "57014": lambda _: StatementTimeout("the statement ran longer than statement_timeout and was cancelled"),
    "58": _unavailable,
}
