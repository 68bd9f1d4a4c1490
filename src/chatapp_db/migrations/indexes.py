"""Builds the indexes of a filled table, CONCURRENTLY, ahead of the revision that declares them.

Nobody who writes to the table is held up. The build needs no transaction around it, so its lock is
that of a second connection, idle in a transaction meanwhile: behind a pooler a lock of the session
would stay behind. It is polled, from outside of any transaction, because the build waits for every
transaction that is older than itself, and so for whoever waits for the build.
"""

from __future__ import annotations

import logging
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from time import monotonic
from typing import Any

from sqlalchemy import Connection, func, select, text

from chatapp_db.errors import MigrationLockTimeout
from chatapp_db.migrations.lock import take_build_lock
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.settings import Patience, within_session, within_transaction
from chatapp_db.migrations.source import Source

__all__ = ["Index", "build", "is_missing"]

log = logging.getLogger("chatapp_db.migrations")

_PAUSE = 0.2  # seconds between two looks

_STATE = text("""
SELECT x.indisvalid AND x.indisready AND x.indislive AS is_valid,
       pg_catalog.pg_relation_size(CAST(:table AS regclass)) = 0 AS is_empty
  FROM (SELECT pg_catalog.to_regclass(:index) AS oid) AS i
  LEFT JOIN pg_catalog.pg_index AS x ON x.indexrelid = i.oid
""")

# What CREATE INDEX CONCURRENTLY holds to its end, even if the process that began it is gone.
_IS_WORKED_ON = text("""
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_database AS d ON d.oid = l.database
     WHERE d.datname = pg_catalog.current_database() AND l.relation = CAST(:table AS regclass)
       AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted)
""")


@dataclass(frozen=True, slots=True)
class Index:
    """An index that a revision declares: its name, its table, and how it is made."""

    name: str
    table: str
    definition: str

    def dropping(self, schema: str) -> str:
        """Write what takes a leftover away."""
        return f'DROP INDEX CONCURRENTLY IF EXISTS "{schema}".{self.name}'

    def creating(self, schema: str) -> str:
        """Write what builds it beside whoever writes to the table."""
        place = f'{self.name} ON "{schema}".{self.table}'
        return f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {place} {self.definition}"


def is_missing(connection: Connection, schema: str, index: Index) -> bool:
    """Tell whether it is to be built ahead: not where it is there and whole, nor for an empty table."""
    state = _state(connection, schema, index)
    return not (state.is_empty if state.is_valid is None else state.is_valid)


def build(source: Source, names: Names, missing: tuple[Index, ...], patience: Patience) -> None:
    """Build what is missing, or wait for whoever does; on two connections, outside of any transaction.

    A leftover that is INVALID is dropped and built anew. Raises MigrationLockTimeout, and
    InvalidValue for a connection that is in a transaction.
    """
    with source.outside() as (builder, guard):
        deadline = monotonic() + patience.lock_timeout / 1000
        while not take_build_lock(guard, names.schema):
            guard.rollback()
            _pause(builder, deadline)
        with within_transaction(guard, names.schema, patience), _settings(builder, patience):
            for index in missing:
                _mend(builder, names.schema, index, deadline)


def _mend(builder: Connection, schema: str, index: Index, deadline: float) -> None:
    """Drop what is INVALID, once nobody works on it any more, and build."""
    place = {"table": f'"{schema}".{index.table}'}
    while (is_valid := _state(builder, schema, index).is_valid) is False:
        if not builder.execute(_IS_WORKED_ON, place).scalar():
            log.warning("schema %s: dropping index %s, half built", schema, index.name)
            builder.exec_driver_sql(index.dropping(schema))
        else:
            _pause(builder, deadline)
    if is_valid is None:
        log.info("schema %s: building index %s", schema, index.name)
        builder.exec_driver_sql(index.creating(schema))


def _state(connection: Connection, schema: str, index: Index) -> Any:
    names = {"index": f'"{schema}".{index.name}', "table": f'"{schema}".{index.table}'}
    return connection.execute(_STATE, names).one()


def _pause(connection: Connection, deadline: float) -> None:
    """Wait on the server: a thread's sleep would stop an event loop."""
    if monotonic() > deadline:
        raise MigrationLockTimeout(
            "an index that another process is building was not ready in time; try again"
        )
    connection.execute(select(func.pg_catalog.pg_sleep(_PAUSE)))


def _settings(builder: Connection, patience: Patience) -> AbstractContextManager[None]:
    """Set time-outs for the session, which behind a pooler is not ours: there the login's own count."""
    driver: Any = builder.connection.driver_connection
    if driver.info.backend_pid != builder.exec_driver_sql("SELECT pg_catalog.pg_backend_pid()").scalar():
        return nullcontext()
    return within_session(builder, patience)
