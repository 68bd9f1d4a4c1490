"""The time-outs and the search path that a migration works with; its connection gets its own back."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from math import ceil

from sqlalchemy import Connection, func, select, text

from chatapp_db.errors import InvalidValue

__all__ = ["Patience", "within_session", "within_transaction"]

_LONGEST = 2**31 - 1  # milliseconds, what a PostgreSQL time-out holds

# What a login may have for requests ends no migration. The second came with PostgreSQL 17.
_UNLIMITED = {"idle_in_transaction_session_timeout": "0", "transaction_timeout": "0"}

_WATCHING = "client_connection_check_interval"

# Ends a killed process's statement within seconds. A platform that cannot watch a socket refuses it.
_WATCH_THE_CLIENT = f"""
DO $$ BEGIN
    PERFORM pg_catalog.set_config('{_WATCHING}', '2s', {{local}});
EXCEPTION WHEN OTHERS THEN NULL;
END $$
"""

_FOUND = text("""
SELECT name, pg_catalog.current_setting(name) AS value FROM pg_catalog.pg_settings WHERE name = ANY (:names)
""")


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

    def settings(self) -> dict[str, str]:
        """Say it in the server's words."""
        limits = {"lock_timeout": str(self.lock_timeout), "statement_timeout": str(self.statement_timeout)}
        return {**limits, **_UNLIMITED}


@contextmanager
def within_transaction(connection: Connection, schema: str, patience: Patience) -> Generator[None]:
    """Work in this schema for a block; the transaction may be somebody else's and go on."""
    wanted = {**patience.settings(), "search_path": f'"{schema}", pg_temp'}
    with _changed(connection, wanted, local=True):
        yield


@contextmanager
def within_session(connection: Connection, patience: Patience) -> Generator[None]:
    """Work outside of any transaction for a block, with a session that is ours."""
    with _changed(connection, patience.settings(), local=False):
        yield


@contextmanager
def _changed(connection: Connection, wanted: dict[str, str], *, local: bool) -> Generator[None]:
    found = connection.execute(_FOUND, {"names": [*wanted, _WATCHING]})
    before: dict[str, str] = {row.name: row.value for row in found}
    _set(connection, {name: wanted[name] for name in wanted.keys() & before}, local)
    connection.exec_driver_sql(_WATCH_THE_CLIENT.format(local=str(local).lower()))
    yield
    _set(connection, before, local)


def _set(connection: Connection, values: Mapping[str, str], local: bool) -> None:
    changes = (func.pg_catalog.set_config(name, value, local) for name, value in values.items())
    connection.execute(select(*changes))


def _milliseconds(field: str, time: float | timedelta) -> int:
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    if not 0 < seconds * 1000 <= _LONGEST:
        raise InvalidValue(field, "more than zero and less than 24 days are wanted")
    return ceil(seconds * 1000)
