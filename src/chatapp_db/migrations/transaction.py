"""The one transaction that changes a schema: below its lock, with time-outs and a search path of its own."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from chatapp_db.errors import InvalidValue, MigrationLockTimeout, UnknownRevision
from chatapp_db.execution.failures import translate
from chatapp_db.migrations.lock import take_build_lock, take_lock
from chatapp_db.migrations.names import Names, checked_name
from chatapp_db.migrations.settings import Patience, within_transaction
from chatapp_db.migrations.source import Source, sqlstate

__all__ = ["Request", "check_names", "our_errors"]

_LOCK_NOT_AVAILABLE = "55P03"
_IN_THE_WAY = {"42P07", "42710", "42723"}  # duplicate_table, duplicate_object, duplicate_function

# On the server: a thread's sleep would stop an event loop.
_PAUSE = "SELECT pg_catalog.pg_sleep(0.2)"


class _IndexIsBeingBuilt(Exception):  # no error, but a reason to come back later
    """Takes the transaction back, so that the build need not wait for it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a caller asked for, checked before anything is sent."""

    schema: str | None
    app_role: str | None
    platform_role: str | None
    patience: Patience

    @classmethod
    def of(
        cls,
        schema: str | None,
        app_role: str | None,
        platform_role: str | None,
        lock_timeout: float | timedelta,
        statement_timeout: float | timedelta | None = None,
    ) -> Request:
        """Check names and times; raises InvalidValue."""
        check_names(schema=schema, app_role=app_role, platform_role=platform_role)
        return cls(schema, app_role, platform_role, Patience.of(lock_timeout, statement_timeout))

    @contextmanager
    def open(self, source: Source) -> Generator[tuple[Connection, Names], None, None]:
        """Open the transaction, without the lock: enough for who only looks."""
        with source.transaction() as connection:
            names = Names(self.schema or _first_schema(connection), self.app_role, self.platform_role)
            with within_transaction(connection, names.schema, self.patience):
                yield connection, names

    @contextmanager
    def locked(self, source: Source) -> Generator[tuple[Connection, Names], None, None]:
        """Open the transaction and wait for the lock, before anything else is read or done.

        Whoever builds an index is waited for without a transaction: the build would wait for it.
        """
        deadline = monotonic() + self.patience.lock_timeout / 1000
        while True:
            try:
                with self.open(source) as (connection, names):
                    take_lock(connection, names.schema)
                    if not take_build_lock(connection, names.schema):
                        raise _IndexIsBeingBuilt
                    yield connection, names
                    return
            except _IndexIsBeingBuilt:
                if monotonic() > deadline:
                    raise MigrationLockTimeout(
                        "another process is building an index; nothing was changed, try again"
                    ) from None
            with source.reading() as execute:
                execute(_PAUSE)


def check_names(**names: str | None) -> None:
    """Refuse what cannot stand in DDL; raises InvalidValue."""
    for field, name in names.items():
        if name is not None:
            checked_name(field, name)


@contextmanager
def our_errors() -> Generator[None, None, None]:
    """Raise errors of this package alone, from the driver's."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        if sqlstate(error) == _LOCK_NOT_AVAILABLE:
            raise MigrationLockTimeout(
                "a lock was not to be had in time; nothing was changed, try again"
            ) from error
        if sqlstate(error) in _IN_THE_WAY:
            raise UnknownRevision(
                "the schema already holds a part of what a revision makes; nothing was changed; "
                "to see what is there and what is missing, run: chatapp-db check"
            ) from error
        raise translate(error) from error


def _first_schema(connection: Connection) -> str:
    schema = connection.execute(text("SELECT pg_catalog.current_schema()")).scalar()
    if schema is None:
        raise InvalidValue("schema", "no schema of the search path exists; name one")
    return checked_name("schema", schema)
