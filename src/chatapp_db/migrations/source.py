"""The ways to a database that a caller may hand over: a URL, an engine, or a connection.

Each can do two things: read one row as cheaply as possible, and run one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import psycopg
from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from chatapp_db.address import SecretLike, engine_url
from chatapp_db.errors import InvalidValue

__all__ = ["AsyncTarget", "AtUrl", "Borrowed", "Execute", "Pooled", "Source", "Target", "opened", "sqlstate"]


Execute = Callable[[str], Sequence[Any]]

# A migration has to see, once it holds the lock, what the one before it committed.
_ISOLATION = "READ COMMITTED"


class Source(Protocol):
    """A database, and how this caller lets us reach it."""

    def reading(self) -> AbstractContextManager[Execute]:
        """Open the cheapest way to run one SELECT."""
        ...

    def transaction(self) -> AbstractContextManager[Connection]:
        """Open one transaction; leaving it well commits, unless it is the caller's own."""
        ...

    def is_held(self) -> bool:
        """Tell whether the caller's transaction is around all we do."""
        ...

    def outside(self) -> AbstractContextManager[tuple[Connection, Connection]]:
        """Open two connections: one that works outside of any transaction, one in a transaction beside it."""
        ...


@dataclass(frozen=True, slots=True)
class AtUrl:
    """A URL: no pool, nothing stays open."""

    url: URL

    @contextmanager
    def reading(self) -> Generator[Execute, None, None]:
        """Read on the bare driver: an engine's first connection asks the server four things of its own."""
        arguments, settings = self.url.get_dialect()().create_connect_args(self.url)
        with psycopg.connect(*arguments, **settings, autocommit=True) as connection:
            yield lambda statement: connection.execute(statement.encode()).fetchall()

    @contextmanager
    def transaction(self) -> Generator[Connection, None, None]:
        """Run on an engine of our own that prepares nothing: a pooler may sit in between."""
        with self._engine() as engine, engine.connect() as connection, Pooled(connection).transaction():
            yield connection

    def is_held(self) -> bool:
        """Every transaction is ours."""
        return False

    @contextmanager
    def outside(self) -> Generator[tuple[Connection, Connection], None, None]:
        """Connect twice."""
        with self._engine() as engine, engine.connect() as connection, Pooled(connection).outside() as both:
            yield both

    @contextmanager
    def _engine(self) -> Generator[Engine, None, None]:
        engine = create_engine(
            self.url, poolclass=NullPool, hide_parameters=True, connect_args={"prepare_threshold": None}
        )
        try:
            yield engine
        finally:
            engine.dispose()


@dataclass(frozen=True, slots=True)
class Pooled:
    """A connection that we took from an engine, whose isolation is therefore ours to choose."""

    connection: Connection

    @contextmanager
    def reading(self) -> Generator[Execute, None, None]:
        """Read without BEGIN and ROLLBACK, each of which is a round trip."""
        self.connection.execution_options(isolation_level="AUTOCOMMIT")
        with self.connection.begin():
            yield lambda statement: self.connection.exec_driver_sql(statement).fetchall()

    @contextmanager
    def transaction(self) -> Generator[Connection, None, None]:
        """Commit when left well."""
        self.connection.execution_options(isolation_level=_ISOLATION)
        with self.connection.begin():
            yield self.connection

    def is_held(self) -> bool:
        """Every transaction is ours."""
        return False

    @contextmanager
    def outside(self) -> Generator[tuple[Connection, Connection], None, None]:
        """Connect once more, beside the pool, which may have no second connection to give."""
        self.connection.execution_options(isolation_level="AUTOCOMMIT")
        with self.connection.begin(), _beside(self.connection) as guard:
            yield self.connection, guard


@dataclass(frozen=True, slots=True)
class Borrowed:
    """The caller's connection: a transaction that it is in stays open, and its owner commits."""

    connection: Connection

    @contextmanager
    def reading(self) -> Generator[Execute, None, None]:
        """Read inside a savepoint where needed: a missing table must not fail the caller's transaction."""
        with self._block():
            yield lambda statement: self.connection.exec_driver_sql(statement).fetchall()

    @contextmanager
    def transaction(self) -> Generator[Connection, None, None]:
        """Run in the caller's transaction, below a savepoint, so that a failure takes all of it back."""
        with self._block():
            isolation = _isolation(self.connection)
            if isolation != _ISOLATION:
                raise InvalidValue("connection", f"a migration needs {_ISOLATION}, not {isolation}")
            yield self.connection

    def is_held(self) -> bool:
        """Look before the first of our own statements."""
        return self.connection.in_transaction()

    @contextmanager
    def outside(self) -> Generator[tuple[Connection, Connection], None, None]:
        """Work on the caller's own connection, which is in no transaction, and leave it as it was."""
        try:
            with Pooled(self.connection).outside() as both:
                yield both
        finally:
            self.connection.execution_options(isolation_level=_ISOLATION)

    def _block(self) -> AbstractContextManager[Any]:
        if self.connection.in_transaction():
            return self.connection.begin_nested()
        return self.connection.begin()


Target: TypeAlias = str | URL | SecretLike | Engine | Connection | Pooled
AsyncTarget: TypeAlias = str | URL | SecretLike | AsyncEngine | AsyncConnection


@contextmanager
def opened(target: Target) -> Generator[Source, None, None]:
    """Turn what the caller handed over into a source.

    Raises InvalidValue for another driver than psycopg 3, and for an asyncio engine.
    """
    if isinstance(target, AsyncEngine | AsyncConnection):
        raise InvalidValue("database", "an asyncio engine is awaited: use amigrate(), averify(), astatus()")
    if isinstance(target, Pooled):
        _refuse_other_drivers(target.connection)
        yield target
    elif isinstance(target, Connection):
        _refuse_other_drivers(target)
        yield Borrowed(target)
    elif isinstance(target, Engine):
        _refuse_other_drivers(target)
        with target.connect() as connection:
            yield Pooled(connection)
    else:
        yield AtUrl(engine_url(target))


def sqlstate(error: BaseException) -> str | None:
    """Return the SQLSTATE of a driver's error, also where SQLAlchemy wrapped it."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        error = error.orig
    return error.sqlstate if isinstance(error, psycopg.Error) else None


def _isolation(connection: Connection) -> str:
    """Ask the driver first: the server knows nothing of autocommit."""
    driver = connection.connection.dbapi_connection
    if driver is not None and connection.dialect.detect_autocommit_setting(driver):
        return "AUTOCOMMIT"
    return connection.get_isolation_level()


@contextmanager
def _beside(connection: Connection) -> Generator[Connection, None, None]:
    """Open another connection as this one's engine makes them; it must keep no snapshot while idle."""
    engine, pool = connection.engine, connection.engine.pool.recreate()
    if engine.dialect.is_async:
        beside = create_async_engine(engine.url, pool=pool, isolation_level=_ISOLATION).sync_engine
    else:
        beside = create_engine(engine.url, pool=pool, isolation_level=_ISOLATION)
    try:
        with beside.connect() as other:
            yield other
    finally:
        beside.dispose()


def _refuse_other_drivers(target: Engine | Connection) -> None:
    if target.dialect.driver not in {"psycopg", "psycopg_async"}:
        raise InvalidValue("database", f"the driver has to be psycopg 3, not {target.dialect.driver}")
