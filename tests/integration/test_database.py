"""What a Database takes, and what its scopes send."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import (
    InvalidValue,
    NotFound,
    RolesMissing,
    RowLevelSecurityRequired,
    SchemaOutOfDate,
    Unavailable,
)
from chatapp_db.execution.scope import PURGE
from chatapp_db.execution.statement import Statement, scalar
from chatapp_db.migrations import migrate
from tests.integration.test_failures import WHOAMI, Companies, run
from tests.rows import new_agent, new_company
from tests.scale_out.heard import heard
from tests.scale_out.stand_in import stand_in_for_citus
from tests.worlds import settled


@pytest.fixture
def companies(database_url):
    return Companies(database_url)


def forms(url: str):
    parsed = make_url(url)
    with_driver = parsed.set(drivername="postgresql+psycopg")
    yield url
    yield with_driver.render_as_string(hide_password=False)
    yield with_driver
    yield SecretStr(url)


@pytest.mark.parametrize("form", range(4))
async def test_a_database_is_named_in_any_form(world, login_url, companies, form):
    db = world.open(list(forms(login_url("service")))[form])
    assert await db.company(str(companies.left)).customers.count() == 1


@pytest.mark.slow
async def test_a_database_in_a_folder_stops_with_it(world, tmp_path):
    kind = world.pick(Database, AsyncDatabase)
    for round in (1, 2):
        db = await settled(kind.embedded(tmp_path / "data", pool_size=1))
        migrate(db.engine.url)
        assert await settled(db.company(uuid4()).customers.count()) == 0
        assert len(list(tmp_path.rglob("postmaster.pid"))) == 1, round
        await settled(db.close())
        assert list(tmp_path.rglob("postmaster.pid")) == []


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql+asyncpg://a/b", "nonsense", "", None, 7])
def test_what_names_no_database_of_ours_is_refused(url):
    for kind in (Database, AsyncDatabase):
        with pytest.raises(InvalidValue, match="url"):
            kind(url)


async def test_a_password_is_nowhere_to_be_read(world):
    db = world.open("postgresql://u:s3cr3t@127.0.0.1:1/d", connect_timeout=2)
    assert "s3cr3t" not in repr(db.unwrap())
    with pytest.raises(Unavailable) as refused:
        await db.company(uuid4()).customers.count()
    error = refused.value
    while error is not None:
        assert "s3cr3t" not in f"{error!r} {error}"
        error = error.__cause__ or error.__context__


async def test_a_service_s_own_engine_keeps_its_ways(world, login_url, companies):
    make = world.pick(create_engine, create_async_engine)
    engine = make(
        login_url("service").replace("postgresql:", "postgresql+psycopg:"), pool_size=1, max_overflow=0
    )
    db = world.open(engine)
    for _ in range(7):
        assert await run(db.company(companies.left), WHOAMI) == [f"chatapp_app {companies.left}"]
    async with db.tenant(companies.left) as tenant:
        await tenant.customers.add(name="Ada")
    await db.close()
    if world.blocking:
        with engine.begin() as connection:
            assert host_transaction(connection.connection.driver_connection)
            assert connection.scalar(sa.text("SELECT current_user = session_user"))
    else:
        async with engine.begin() as connection:
            raw = await connection.get_raw_connection()
            assert host_transaction(raw.driver_connection)
            assert await connection.scalar(sa.text("SELECT current_user = session_user"))
    await settled(engine.dispose())


def host_transaction(driver) -> bool:
    return driver.autocommit is False


async def test_pool_settings_beside_an_engine_are_refused(world, login_url):
    make = world.pick(create_engine, create_async_engine)
    engine = make(login_url("service").replace("postgresql:", "postgresql+psycopg:"))
    with pytest.raises(InvalidValue, match="pool_size"):
        world.open(engine, pool_size=3)
    await settled(engine.dispose())


async def test_settings_reach_the_server(world, login_url, companies):
    db = world.open(login_url("service"), application_name="inbox", statement_timeout=3.5)
    seen = sa.select(
        sa.func.concat(
            sa.func.current_setting(sa.literal_column("'application_name'")),
            sa.literal_column("' '"),
            sa.func.current_setting(sa.literal_column("'statement_timeout'")),
            sa.literal_column("' '"),
            sa.func.current_setting(sa.literal_column("'search_path'")),
        ).label("seen")
    )
    statement = Statement(seen, scalar)
    assert await run(db.company(companies.left), statement) == ['inbox 3500ms "public", pg_temp']
    async with db.tenant(companies.left) as tenant:
        assert await run(tenant, statement) == ["inbox 3500ms public, pg_temp"]


async def test_set_local_is_the_same_in_one_trip(world, login_url, companies):
    db = world.open(login_url("service"))
    entrance = db.unwrap()._entrance
    db.unwrap()._entrance = replace(entrance, access=replace(entrance.access, set_local=True))
    for _ in range(7):
        assert await run(db.company(companies.left), WHOAMI) == [f"chatapp_app {companies.left}"]
        assert [row.id for row in (await db.company(companies.right).customers.page()).items] == [
            companies.right
        ]


async def test_beside_citus_a_connection_sends_set_local_by_itself(world, login_url, database_url, companies):
    stand_in_for_citus(database_url)
    db = world.open(login_url("service"))
    with heard() as messages:
        assert await run(db.company(companies.left), WHOAMI) == [f"chatapp_app {companies.left}"]
    texts = [text for text, _ in messages]
    assert texts[0] == "BEGIN"
    assert texts[-1] == "COMMIT"
    assert f"SET LOCAL chatapp.company_id = '{companies.left}'" in texts


async def test_beside_citus_a_statement_keeps_its_settings(world, login_url, database_url, companies):
    stand_in_for_citus(database_url)
    seen = sa.func.current_setting(sa.literal_column("'chatapp.audit_purge'")).label("seen")
    statement = Statement(sa.select(seen), scalar, settings={PURGE: "on"})
    assert await run(world.open(login_url("service")).company(companies.left), statement) == ["on"]


# Who is bound by row-level security.


async def test_a_superuser_s_calls_are_bound_because_the_role_is_taken(world, database_url, companies):
    db = world.open(database_url)
    assert await run(db.company(companies.left), WHOAMI) == [f"chatapp_app {companies.left}"]


async def test_a_login_without_the_role_is_refused_with_the_grant_to_make(world, login_url, companies):
    db = world.open(login_url("stranger"))
    with pytest.raises(RowLevelSecurityRequired, match="GRANT chatapp_app TO"):
        await db.company(companies.left).customers.count()
    with pytest.raises(RowLevelSecurityRequired):
        async with db.tenant(companies.left):
            pass


async def test_a_login_without_the_role_may_be_warned_of_instead(world, server, database_url, companies):
    url = server.login_url("stranger", database_url)
    db = world.open(url, rls="warn")
    with pytest.warns(RuntimeWarning, match="GRANT chatapp_app TO"), pytest.raises(Exception, match="denied"):
        await db.company(companies.left).customers.count()


async def test_off_takes_the_wall_away_and_the_predicate_stands(world, database_url, companies):
    db = world.open(database_url, rls="off")
    assert await run(db.company(companies.left), WHOAMI) == [f"postgres {companies.left}"]
    assert [row.id for row in (await db.company(companies.left).customers.page()).items] == [companies.left]


async def test_only_a_login_with_the_platform_s_role_crosses_companies(world, login_url, companies):
    db = world.open(login_url("app"))
    assert await db.company(companies.left).customers.count() == 1
    with pytest.raises(RowLevelSecurityRequired, match="chatapp_platform"):
        async with db.platform("curiosity"):
            pass


async def test_the_platform_s_entry_is_in_the_trail_even_if_its_work_is_undone(db, companies):
    staff = uuid4()
    with pytest.raises(LookupError):
        async with db.platform("billing run", staff_id=staff):
            raise LookupError
    async with db.platform("audit") as platform:
        trail = (await platform.audit.list(None, action="platform.enter")).items
    assert [(line.action, line.new_values["reason"], line.staff_id) for line in trail] == [
        ("platform.enter", "audit", None),
        ("platform.enter", "billing run", staff),
    ]


@pytest.mark.parametrize("reason", ["", "r" * 1001, None])
async def test_the_platform_is_not_entered_without_a_reason(db, reason):
    for enter in (db.platform, db.platform_calls):
        with pytest.raises(InvalidValue, match="reason"):
            await settled(enter(reason))
    async with db.platform("audit") as platform:
        trail = (await platform.audit.list(None, action="platform.enter")).items
    assert reason not in {line.new_values["reason"] for line in trail}


async def test_missing_roles_and_a_missing_schema_are_told_apart(world, empty_database_url):
    db = world.open(empty_database_url, app_role="nobody_made_this_role")
    with pytest.raises(RolesMissing, match="chatapp-db migrate"):
        await db.company(uuid4()).customers.count()
    db = world.open(empty_database_url, rls="off")
    with pytest.raises(SchemaOutOfDate, match="chatapp-db migrate"):
        await db.company(uuid4()).customers.count()


async def test_another_schema_and_other_roles(world, server, empty_database_url):
    names = {"schema": "support", "app_role": "other_app", "platform_role": "other_platform"}
    migrate(empty_database_url, **names)
    db = world.open(empty_database_url, **names)
    async with db.platform("a first plan") as platform:
        await platform.plans.add(name="Free", slug="free", type="free")
        company = await platform.companies.create(name="Acme", slug="acme", plan="free")
    assert await run(db.company(company.id), WHOAMI) == [f"other_app {company.id}"]
    assert (await db.company(company.id).company.get()).name == "Acme"
    await db.close()
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA support CASCADE; DROP OWNED BY other_app, other_platform")
    server.execute("DROP ROLE other_app")
    server.execute("DROP ROLE other_platform")


async def test_a_page_finds_its_widget_by_the_key_alone(db):
    company = await new_company(db)
    agent = await new_agent(db, company)
    widget = await db.company(company).widget.upsert(agent_id=agent, allowed_origins=["https://acme.example"])
    found = await db.widget(widget.public_key, origin="https://acme.example")
    assert (found.company_id, found.agent_id) == (company, agent)
    with pytest.raises(NotFound):
        await db.widget(widget.public_key, origin="https://evil.example")
    await db.company(company).widget.rotate_key()
    with pytest.raises(NotFound):
        await db.widget(widget.public_key, origin="https://acme.example")
    with pytest.raises(InvalidValue):
        await db.widget("no key", origin="https://acme.example")


# Round trips, as libpq's trace of the wire shows them.


@pytest.fixture
def trips(world, login_url, tmp_path):
    """A database on one connection, and a count of the round trips since the last look."""
    db = world.open(login_url("service"), pool_size=1, max_overflow=0)
    trace = (tmp_path / "wire").open("w+b")
    seen = 0

    @sa.event.listens_for(getattr(db.unwrap().engine, "sync_engine", db.unwrap().engine), "checkout")
    def follow(connection, record, proxy):
        proxy.driver_connection.pgconn.trace(trace.fileno())

    def count() -> int:
        nonlocal seen
        os.fsync(trace.fileno())
        total = len(re.findall(rb"\tReadyForQuery", (tmp_path / "wire").read_bytes()))
        new, seen = total - seen, total
        return new

    yield db, count
    trace.close()


async def test_a_single_call_is_one_round_trip(trips, companies):
    db, count = trips
    scope = db.company(companies.left)
    await scope.customers.count()
    count()
    for _ in range(8):
        await scope.customers.get(companies.left)
        assert count() == 1
    await scope.customers.identify(external_id="a", name="Ada")
    assert count() == 1


async def test_a_scope_of_n_calls_is_n_and_two_round_trips(trips, companies):
    db, count = trips
    await db.company(companies.left).customers.count()
    count()
    async with db.tenant(companies.left) as tenant:
        for _ in range(5):
            await tenant.customers.get(companies.left)
    assert count() == 7
