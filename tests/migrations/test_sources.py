"""Whatever names a database will do: a URL in any form, an engine, a connection, and their asyncio twins."""

from __future__ import annotations

import asyncio
import logging
import traceback

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from chatapp_db.address import engine_url
from chatapp_db.errors import ChatAppDbError, InvalidValue, MigrationLockTimeout, Unavailable
from chatapp_db.migrations import amigrate, astatus, averify, migrate, status
from tests.migrations.line import LINE, NEXT
from tests.migrations.strangers import WAITING_FOR_A_LOCK, migrating

SETTINGS = ("lock_timeout", "statement_timeout", "client_connection_check_interval", "search_path")


class Secret:
    """What pydantic's SecretStr is to us."""

    def __init__(self, value):
        self._value = value

    def get_secret_value(self):
        return self._value


@pytest.fixture
def engine(place):
    engine = create_engine(engine_url(place.url))
    yield engine
    engine.dispose()


@pytest.fixture
def async_engine(place, runner):
    engine = create_async_engine(engine_url(place.url))
    yield engine
    runner.run(engine.dispose())


def settings_of(connection):
    return [connection.execute(text(f"SHOW {name}")).scalar() for name in SETTINGS]


@pytest.mark.parametrize(
    "form",
    [
        str,
        Secret,
        engine_url,
        lambda url: url.replace("postgresql://", "postgres://"),
        lambda url: url.replace("postgresql://", "postgresql+psycopg://"),
    ],
)
def test_every_form_of_url_is_taken(place, form):
    assert place.migrate(form(place.url)).applied == LINE
    assert status(form(place.url)).state == "current"


def test_an_engine_is_used_and_left_as_it_was(place, engine):
    assert place.migrate(engine).applied == LINE
    assert place.migrate(engine).applied == ()

    assert engine.pool.checkedout() == 0
    with engine.connect() as connection:
        assert connection.get_isolation_level() == "READ COMMITTED"
        assert not connection.connection.dbapi_connection.autocommit


@pytest.mark.parametrize("isolation", ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"])
def test_an_engine_of_any_isolation_migrates_in_one_transaction(place, next_revision, isolation):
    engine = create_engine(engine_url(place.url), isolation_level=isolation, pool_size=1, max_overflow=0)
    try:
        next_revision("op.execute('SELECT 1 / 0')")
        with pytest.raises(ChatAppDbError):
            place.migrate(engine)
        assert status(engine).state == "unmanaged"
        next_revision("assert op.get_bind().get_isolation_level() == 'READ COMMITTED'")
        assert place.migrate(engine).applied == (*LINE, NEXT)
        with engine.connect() as connection:
            is_autocommit = connection.connection.dbapi_connection.autocommit
            assert ("AUTOCOMMIT" if is_autocommit else connection.get_isolation_level()) == isolation
    finally:
        engine.dispose()


def test_a_connection_that_is_in_no_transaction_is_committed(place, engine):
    with engine.connect() as connection:
        assert place.migrate(connection).applied == LINE
        assert not connection.in_transaction()

    assert status(place.url).state == "current"


def test_a_connection_in_a_transaction_is_left_open_for_its_owner(place, engine):
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE mine (id int)"))
        connection.execute(text("SET LOCAL lock_timeout = '7s'"))
        before = settings_of(connection)

        assert place.migrate(connection).applied == LINE

        assert connection.in_transaction()
        assert settings_of(connection) == before
        assert place.migrate(connection).applied == ()
        assert status(place.url).state == "unmanaged"
        connection.rollback()
    assert status(place.url).state == "unmanaged"
    assert place.value("SELECT to_regclass('mine')") is None


def test_a_failure_leaves_the_caller_s_transaction_usable(place, engine):
    with migrating(place.url), engine.connect() as connection:
        connection.execute(text("CREATE TABLE mine (id int)"))
        before = settings_of(connection)

        with pytest.raises(MigrationLockTimeout):
            place.migrate(connection, lock_timeout=0.2)

        assert settings_of(connection) == before
        connection.commit()
    assert place.value("SELECT to_regclass('mine')::text") == "mine"


@pytest.mark.parametrize("isolation", ["AUTOCOMMIT", "REPEATABLE READ", "SERIALIZABLE"])
def test_a_connection_that_could_not_see_the_others_work_is_refused(place, engine, isolation):
    with (
        engine.connect().execution_options(isolation_level=isolation) as connection,
        pytest.raises(InvalidValue, match=f"READ COMMITTED, not {isolation}"),
    ):
        place.migrate(connection)
    assert status(place.url).state == "unmanaged"


async def test_an_asyncio_engine_is_awaited(place, async_engine):
    assert (await astatus(async_engine)).state == "unmanaged"
    assert (await amigrate(async_engine, **place.names)).applied == LINE
    assert (await amigrate(async_engine, **place.names)).applied == ()
    assert (await averify(async_engine)).state == "current"


async def test_an_asyncio_connection_in_a_transaction_is_left_open(place, async_engine):
    async with async_engine.connect() as connection:
        await connection.execute(text("CREATE TABLE mine (id int)"))
        assert (await amigrate(connection, **place.names)).applied == LINE
        assert connection.in_transaction()
        await connection.rollback()
    assert status(place.url).state == "unmanaged"


async def test_a_url_is_awaited_too(place):
    assert (await amigrate(place.url, **place.names)).applied == LINE


async def test_a_cancelled_task_gives_the_lock_up(place, async_engine):
    with migrating(place.url):
        task = asyncio.create_task(amigrate(async_engine, **place.names))
        while not place.value(f"SELECT count(*) FROM pg_locks WHERE {WAITING_FOR_A_LOCK}"):
            await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert place.value(f"SELECT count(*) FROM pg_locks WHERE {WAITING_FOR_A_LOCK}") == 0


def test_an_asyncio_engine_is_refused_by_the_blocking_call(async_engine):
    with pytest.raises(InvalidValue, match="amigrate"):
        migrate(async_engine)


@pytest.mark.parametrize(
    "database", ["sqlite://", "mysql://root@localhost/db", "postgresql+asyncpg://h/db", "x"]
)
def test_another_database_is_refused(database):
    with pytest.raises(InvalidValue):
        migrate(database)
    if database == "sqlite://":
        with pytest.raises(InvalidValue, match="psycopg 3"):
            migrate(create_engine(database))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://me:hunter2@127.0.0.1:1/db",
        "postgresql://me:hunter2@127.0.0.1:1/db?nonsense=1",
        "postgresql://me:hunter2%zz@127.0.0.1:1/db",
        "postgresql+psycopg://me@127.0.0.1:1/db?password=hunter2",
        "postgresql+psycopg://me:hunter2@127.0.0.1:port/db",
        "postgresql+asyncpg://me:hunter2@127.0.0.1:1/db",
        "hunter2",
        Secret("postgresql://me:hunter2@127.0.0.1:1/db"),
        Secret("hunter2"),
    ],
)
def test_a_password_never_shows(url, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(ChatAppDbError) as refused:
        migrate(url)

    shown = "".join(traceback.format_exception(refused.value)) + caplog.text
    chain = refused.value
    while chain is not None:
        shown += f"{chain!r} {chain}"
        chain = chain.__cause__ or chain.__context__
    assert "hunter2" not in shown


def test_a_database_that_cannot_be_reached_is_retryable():
    with pytest.raises(Unavailable) as refused:
        migrate("postgresql://me@127.0.0.1:1/db")
    assert refused.value.retryable
