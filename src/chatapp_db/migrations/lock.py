"""One migration at a time for each schema, by a lock that ends with its transaction.

A lock of the session would not survive a pooler in transaction mode, and a killed process would
leave it behind.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from chatapp_db.errors import InvalidValue, MigrationLockTimeout
from chatapp_db.migrations.names import build_lock_key, lock_key
from chatapp_db.migrations.source import sqlstate

__all__ = ["Patience", "local_settings", "take_build_lock", "take_lock", "watch_the_client"]

log = logging.getLogger("chatapp_db.migrations")

_LONGEST = 2**31 - 1  # milliseconds, what a PostgreSQL time-out holds

_SETTINGS = ("lock_timeout", "statement_timeout", "client_connection_check_interval", "search_path")

# Ends a killed process's statement within seconds. A platform that cannot watch a socket refuses it.
_WATCH_THE_CLIENT = """
DO $$ BEGIN
    PERFORM pg_catalog.set_config('client_connection_check_interval', '2s', {local});
EXCEPTION WHEN OTHERS THEN NULL;
END $$
"""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a migration waits for any lock, and how long any statement of it may run."""

    lock_timeout: int
    statement_timeout: int

    @classmethod
    def of(cls, lock_timeout: float | timedelta, statement_timeout: float | timedelta | None) -> Patience:
        """Take seconds or timedeltas; the wait for a lock has to have an end, statements need none."""
        return cls(
            _milliseconds("lock_timeout", lock_timeout),
            0 if statement_timeout is None else _milliseconds("statement_timeout", statement_timeout),
        )


@contextmanager
def local_settings(connection: Connection, schema: str, patience: Patience) -> Generator[None, None, None]:
    """Set time-outs and search path for a block; the transaction may be somebody else's and go on."""
    read = (func.pg_catalog.current_setting(name).label(name) for name in _SETTINGS)
    before = dict(connection.execute(select(*read)).mappings().one())
    _set(
        connection,
        {
            "lock_timeout": str(patience.lock_timeout),
            "statement_timeout": str(patience.statement_timeout),
            "search_path": f'"{schema}", pg_temp',
        },
    )
    watch_the_client(connection, local=True)
    yield
    _set(connection, before)


def watch_the_client(connection: Connection, *, local: bool) -> None:
    """End a statement soon after its client is gone, in this transaction or in the whole session."""
    connection.exec_driver_sql(_WATCH_THE_CLIENT.format(local=str(local).lower()))


def take_lock(connection: Connection, schema: str) -> None:
    """Wait until no other process migrates this schema.

    Raises MigrationLockTimeout when that takes too long; it never goes on without the lock.
    """
    key = lock_key(schema)
    if connection.execute(select(func.pg_catalog.pg_try_advisory_xact_lock(key))).scalar():
        return
    log.info("another process is migrating schema %s: waiting for it", schema)
    try:
        connection.execute(select(func.pg_catalog.pg_advisory_xact_lock(key)))
    except DBAPIError as error:
        if sqlstate(error) not in {"55P03", "57014"}:  # lock_timeout, statement_timeout
            raise
        raise MigrationLockTimeout(
            f"another migration of schema {schema} did not end in time; nothing was changed, try again"
        ) from error


def take_build_lock(connection: Connection, schema: str) -> bool:
    """Try the lock of who builds an index, which is never waited for, and tell whether it was free."""
    key = build_lock_key(schema)
    return bool(connection.execute(select(func.pg_catalog.pg_try_advisory_xact_lock(key))).scalar())


def _set(connection: Connection, values: dict[str, str]) -> None:
    changes = (func.pg_catalog.set_config(name, value, True) for name, value in values.items())
    connection.execute(select(*changes))


def _milliseconds(field: str, time: float | timedelta) -> int:
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    if not 0 < seconds * 1000 <= _LONGEST:
        raise InvalidValue(field, "more than zero and less than 24 days are wanted")
    return ceil(seconds * 1000)
