"""The one place where a driver's error becomes one of this package's.

Kinds are told apart by SQLSTATE and constraint name, never by message text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import psycopg
from sqlalchemy import exc as sqlalchemy_errors

from chatapp_db.errors import (
    ChatAppDbError,
    Conflict,
    InternalError,
    InvalidReference,
    InvalidValue,
    NotPermitted,
    SchemaOutOfDate,
    SerializationFailure,
    StatementTimeout,
    TransactionRolledBack,
    Unavailable,
)

__all__ = ["translate"]

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


def _forgotten(_: psycopg.Error) -> ChatAppDbError:
    return Unavailable("the server no longer knows a prepared statement: somebody deallocated it")


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
    "26000": _forgotten,
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
