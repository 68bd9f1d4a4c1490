"""What a connection prepares, what it forgets, and how much it sends at once."""

from __future__ import annotations

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from chatapp_db.errors import InternalError, InvalidValue, Unavailable
from chatapp_db.execution.exchange import _MOST_PREPARED
from chatapp_db.execution.statement import Statement, constant, scalar
from tests.integration.test_failures import Companies, run
from tests.worlds import settled

# SQLAlchemy and psycopg prepare some of their own when they are told to do it at once.
OURS = sa.column("name", sa.Text).like(constant("chatapp_%", sa.Text()))
PREPARED = Statement(
    sa.select(sa.column("statement", sa.Text)).select_from(sa.table("pg_prepared_statements")).where(OURS),
    scalar,
)
TEXT = sa.bindparam("text", type_=sa.Text())
LENGTH = Statement(sa.select(sa.func.length(TEXT).label("n"), TEXT.label("text")), lambda *row: row)
NUMBER = sa.bindparam("number", type_=sa.Integer())
DIVIDE = Statement(sa.select((constant(1, sa.Integer()) / NUMBER).label("n")), scalar)


def numbered(number: int) -> Statement[int]:
    return Statement(sa.select((NUMBER + constant(number, sa.Integer())).label("n")), scalar)


@pytest.fixture
def companies(database_url):
    return Companies(database_url)


@pytest.fixture
def open_one(world, login_url):
    """Open a database on one connection."""
    return lambda **settings: world.open(login_url("service"), pool_size=1, max_overflow=0, **settings)


async def prepared(scope, statement=None) -> int:
    """Count what the connection's server process has parsed: of one statement, or of all."""
    texts = await run(scope, PREPARED)
    return len(texts) if statement is None else texts.count(statement.text)


@pytest.mark.parametrize(("settings", "runs"), [({}, 6), ({"prepare_threshold": 0}, 1)])
async def test_a_statement_is_prepared_when_it_has_run_often_enough(open_one, companies, settings, runs):
    scope = open_one(**settings).company(companies.left)
    for count in range(1, 9):
        assert await run(scope, DIVIDE, number=1) == [1]
        assert await prepared(scope, DIVIDE) == (count >= runs)


async def test_nothing_is_prepared_where_that_is_not_wanted(open_one, companies):
    scope = open_one(prepare_threshold=None).company(companies.left)
    for _ in range(9):
        await run(scope, DIVIDE, number=1)
    assert await prepared(scope) == 0


async def test_a_statement_is_prepared_once_however_its_executions_end(open_one, companies):
    scope = open_one().company(companies.left)
    for number in [1, 0] * 10:
        if number:
            assert await run(scope, DIVIDE, number=number) == [1]
        else:
            with pytest.raises(InvalidValue, match="22012"):
                await run(scope, DIVIDE, number=number)
    assert await prepared(scope, DIVIDE) == 1


async def test_a_value_and_its_absence_are_two_statements_to_the_server_and_one_to_us(open_one, companies):
    scope = open_one(prepare_threshold=0).company(companies.left)
    for text in ("a", None, "b", None):
        length = None if text is None else 1
        assert await run(scope, LENGTH, text=text) == [(length, text)]


async def test_a_connection_prepares_so_many_statements_and_no_more(open_one, companies):
    scope = open_one(prepare_threshold=0).company(companies.left)
    for number in range(_MOST_PREPARED + 20):
        assert await run(scope, numbered(number), number=1) == [number + 1]
    assert await prepared(scope) == _MOST_PREPARED


async def test_what_somebody_deallocated_is_prepared_again(world, login_url, companies):
    make = world.pick(sa.create_engine, create_async_engine)
    url = sa.make_url(login_url("service")).set(drivername="postgresql+psycopg")
    engine = make(url, pool_size=1, max_overflow=0)
    scope = world.open(engine).company(companies.left)
    for _ in range(9):
        await run(scope, DIVIDE, number=1)
    connection = await settled(engine.connect())
    await settled(connection.exec_driver_sql("DEALLOCATE ALL"))
    await settled(connection.close())
    with pytest.raises(Unavailable, match="prepared statement"):
        await run(scope, DIVIDE, number=1)
    for _ in range(9):
        assert await run(scope, DIVIDE, number=1) == [1]
    await settled(engine.dispose())


async def test_databases_that_share_a_connection_prepare_beside_each_other(world, login_url, companies):
    make = world.pick(sa.create_engine, create_async_engine)
    url = sa.make_url(login_url("service")).set(drivername="postgresql+psycopg")
    engine = make(url, pool_size=1, max_overflow=0)
    scopes = [world.open(engine).company(companies.left) for _ in range(2)]
    for _ in range(9):
        for scope in scopes:
            assert await run(scope, DIVIDE, number=1) == [1]
    await settled(engine.dispose())


async def test_a_plan_that_no_longer_fits_its_table_is_made_anew(open_one, companies, database_url):
    customers = open_one(prepare_threshold=0).company(companies.left).customers
    name = (await customers.get(companies.left)).name
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("ALTER TABLE chatapp_customers ALTER phone TYPE varchar(60)")
    with pytest.raises(InternalError, match="0A000"):
        await customers.get(companies.left)
    assert (await customers.get(companies.left)).name == name


@pytest.mark.parametrize("megabytes", [1, 40])
async def test_what_is_larger_than_any_buffer_goes_and_comes(open_one, companies, megabytes):
    scope = open_one().company(companies.left)
    text = "x" * (megabytes << 20)
    ((length, back),) = await run(scope, LENGTH, text=text)
    assert length == len(text)
    assert back == text


async def test_a_statement_the_server_cannot_parse_leaves_nothing_behind(open_one, companies):
    scope = open_one(prepare_threshold=0).company(companies.left)
    missing = Statement(sa.select(sa.column("n", sa.Integer)).select_from(sa.table("missing")), scalar)
    for _ in range(3):
        with pytest.raises(Exception, match="missing"):
            await run(scope, missing)
    assert await run(scope, DIVIDE, number=1) == [1]
