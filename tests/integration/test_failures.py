"""However a call ends, the next call of another company is right and the pool is whole."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from contextlib import suppress
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

from chatapp_db.database import Database
from chatapp_db.embedded import EmbeddedServer
from chatapp_db.errors import (
    ChatAppDbError,
    Conflict,
    InternalError,
    InvalidValue,
    NotPermitted,
    ScopeEnded,
    ScopeInUse,
    StatementTimeout,
    TransactionRolledBack,
    Unavailable,
)
from chatapp_db.execution.statement import Statement, scalar
from chatapp_db.migrations import migrate
from chatapp_db.testing.server import CARELESS, server_folder
from tests.worlds import settled, unwrapped

POOL = 5
SLEEP = Statement(
    sa.select(sa.func.pg_sleep(sa.bindparam("s", type_=sa.Float())).cast(sa.Text).label("s")), scalar
)
DIVIDE = Statement(
    sa.select((sa.literal_column("1") / sa.bindparam("by", type_=sa.Integer())).label("n")), scalar
)
ECHO = Statement(sa.select(sa.bindparam("word", type_=sa.LargeBinary()).label("word")), scalar)
WHOAMI = Statement(
    sa.select(
        (
            sa.func.current_user().cast(sa.Text)
            + sa.literal_column("' '")
            + sa.func.current_setting(sa.literal_column("'chatapp.company_id'"), sa.literal_column("true"))
        ).label("who")
    ),
    scalar,
)


class Companies:
    """Two companies with a customer each; ``left`` calls, ``right`` must never notice."""

    def __init__(self, url: str) -> None:
        self.left, self.right = uuid4(), uuid4()
        with psycopg.connect(url, autocommit=True) as connection:
            plan = connection.execute(
                "INSERT INTO chatapp_subscription_plans (name, slug, type)"
                " VALUES ('Free', 'free', 'free') RETURNING id"
            ).fetchone()[0]
            for company in (self.left, self.right):
                connection.execute(
                    "INSERT INTO chatapp_companies (id, name, slug, subscription_plan_id)"
                    " VALUES (%s, %s, %s, %s)",
                    [company, "Company", f"c{company.hex}", plan],
                )
                connection.execute(
                    "INSERT INTO chatapp_customers (company_id, id, name) VALUES (%s, %s, %s)",
                    [company, company, str(company)],
                )


@pytest.fixture
def companies(database_url):
    return Companies(database_url)


@pytest.fixture
def pooled(world, login_url):
    return world.open(login_url("service"), pool_size=POOL, max_overflow=0, pool_timeout=5)


async def run(scope, statement, **parameters):
    """Run a statement on a scope's carrier, whose coroutine is the same in both worlds."""
    return await unwrapped(scope).carrier.fetch(statement, parameters)


async def whole(db, company: UUID, calls: int = POOL) -> None:
    """As many calls at once as the pool holds, each as its company and seeing nothing else."""
    plain = unwrapped(db)
    assert plain.engine.pool.checkedout() == 0

    async def call():
        for _ in range(3):
            assert await run(plain.company(company), WHOAMI) == [f"chatapp_app {company}"]
            page = await settled(plain.company(company).customers.page())
            assert [row.id for row in page.items] == [company]

    if isinstance(plain, Database):
        await asyncio.gather(*(asyncio.to_thread(asyncio.run, call()) for _ in range(calls)))
    else:
        await asyncio.gather(*(call() for _ in range(calls)))
    async with db.tenant(company) as tenant:
        assert await tenant.customers.count() == 1
    assert plain.engine.pool.checkedout() == 0


@pytest.mark.parametrize("calls_before", range(8))
async def test_a_failing_statement(pooled, companies, calls_before):
    scope = pooled.company(companies.left)
    for _ in range(calls_before):
        await run(scope, DIVIDE, by=1)
    with pytest.raises(InvalidValue, match="22012"):
        await run(scope, DIVIDE, by=0)
    await whole(pooled, companies.right)
    assert await run(scope, DIVIDE, by=1) == [1]


async def test_a_failing_statement_in_a_transaction_undoes_all_of_it(pooled, companies):
    with pytest.raises(InvalidValue):
        async with pooled.tenant(companies.left) as tenant:
            await tenant.customers.add(name="Nobody")
            await run(tenant, DIVIDE, by=0)
    await whole(pooled, companies.right)
    assert await pooled.company(companies.left).customers.count() == 1


async def test_a_swallowed_failure_is_told_at_the_end(pooled, companies):
    with pytest.raises(TransactionRolledBack):
        async with pooled.tenant(companies.left) as tenant:
            await tenant.customers.add(name="Nobody")
            with suppress(InvalidValue):
                await run(tenant, DIVIDE, by=0)
    await whole(pooled, companies.right)
    assert await pooled.company(companies.left).customers.count() == 1


async def test_a_savepoint_undoes_only_its_part(pooled, companies):
    async with pooled.tenant(companies.left) as tenant:
        await tenant.customers.add(name="Kept", external_id="k")
        with pytest.raises(Conflict):
            async with tenant.savepoint():
                await tenant.customers.add(name="Undone", external_id="u")
                await tenant.customers.add(name="Taken", external_id="k")
        await tenant.customers.add(name="Also kept")
        assert await run(tenant, WHOAMI) == [f"chatapp_app {companies.left}"]
    names = {row.name for row in (await pooled.company(companies.left).customers.page()).items}
    assert names == {"Kept", "Also kept", str(companies.left)}
    await whole(pooled, companies.right)


@pytest.mark.parametrize("failing_call", [5, 6, 7])
async def test_a_failing_prologue(world, server, login_url, companies, failing_call):
    login = psycopg.conninfo.conninfo_to_dict(login_url("service"))["user"]
    db = world.open(login_url("service"), pool_size=1, max_overflow=0)
    scope = db.company(companies.left)
    for _ in range(failing_call - 1):
        await run(scope, DIVIDE, by=1)
    server.execute("REVOKE chatapp_app FROM {}", login)
    try:
        with pytest.raises(NotPermitted):
            await run(scope, DIVIDE, by=1)
    finally:
        server.execute("GRANT chatapp_app TO {}", login)
    await whole(db, companies.right, calls=1)
    for _ in range(7):
        assert await run(scope, DIVIDE, by=1) == [1]


async def test_a_failing_prologue_of_a_transaction(world, server, login_url, companies):
    login = psycopg.conninfo.conninfo_to_dict(login_url("service"))["user"]
    db = world.open(login_url("service"), pool_size=1, max_overflow=0)
    await run(db.company(companies.left), DIVIDE, by=1)
    server.execute("REVOKE chatapp_app FROM {}", login)
    try:
        with pytest.raises(NotPermitted):
            async with db.tenant(companies.left):
                pytest.fail("the scope was entered")
    finally:
        server.execute("GRANT chatapp_app TO {}", login)
    await whole(db, companies.right, calls=1)


async def test_a_value_that_cannot_be_adapted(pooled, companies):
    for _ in range(8):
        with pytest.raises(InvalidValue):
            await run(pooled.company(companies.left), ECHO, word=object())
    await whole(pooled, companies.right)
    async with pooled.tenant(companies.left) as tenant:
        with pytest.raises(InvalidValue):
            await run(tenant, ECHO, word=object())
        assert await tenant.customers.count() == 1


async def test_a_statement_that_runs_too_long(world, login_url, companies):
    db = world.open(login_url("service"), pool_size=POOL, max_overflow=0, statement_timeout=0.1)
    with pytest.raises(StatementTimeout):
        await run(db.company(companies.left), SLEEP, s=5.0)
    with pytest.raises(StatementTimeout):
        async with db.tenant(companies.left) as tenant:
            await run(tenant, SLEEP, s=5.0)
    await whole(db, companies.right)


@pytest.mark.parametrize("delay", [0, 0.0001, 0.0005, 0.001, 0.003, 0.01, 0.05])
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("how", ["call", "transaction"])
async def test_a_cancelled_task(asyncio_pooled, companies, delay, times, how):
    async def work():
        if how == "call":
            await run(asyncio_pooled.company(companies.left), SLEEP, s=0.03)
        else:
            async with asyncio_pooled.tenant(companies.left) as tenant:
                await run(tenant, SLEEP, s=0.03)
                await tenant.customers.add(name="Perhaps")

    await asyncio_pooled.company(companies.left).customers.count()
    task = asyncio.ensure_future(work())
    for _ in range(times):
        await asyncio.sleep(delay)
        task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    await whole(asyncio_pooled, companies.right)


async def test_a_task_cancelled_while_it_queues_for_the_pool(asyncio_pooled, companies):
    holders = [asyncio_pooled.tenant(companies.left) for _ in range(POOL)]
    for holder in holders:
        await holder.__aenter__()
    queued = [asyncio.ensure_future(run(asyncio_pooled.company(companies.left), WHOAMI)) for _ in range(3)]
    await asyncio.sleep(0.05)
    for task in queued:
        task.cancel()
    await asyncio.gather(*queued, return_exceptions=True)
    for holder in holders:
        await holder.__aexit__(None, None, None)
    await whole(asyncio_pooled, companies.right)


async def test_a_pool_that_stays_full_is_unavailable(world, login_url, companies):
    db = world.open(login_url("service"), pool_size=1, max_overflow=0, pool_timeout=0.1)
    async with db.tenant(companies.left):
        with pytest.raises(Unavailable, match="pool"):
            await db.company(companies.left).customers.count()
    await whole(db, companies.right, calls=1)


async def filled(db, company: UUID) -> None:
    """Have the pool make all its connections."""
    scopes = [db.tenant(company) for _ in range(POOL)]
    for scope in scopes:
        await scope.__aenter__()
    for scope in scopes:
        await scope.__aexit__(None, None, None)


def kill_all(database_url: str) -> int:
    with psycopg.connect(database_url, autocommit=True) as connection:
        killed = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND application_name = 'chatapp_db'"
        ).fetchone()
    time.sleep(0.1)
    return killed[0]


async def test_killed_backends_cost_one_failed_call(pooled, companies, database_url):
    await filled(pooled, companies.left)
    assert kill_all(database_url) == POOL
    failures = 0
    for _ in range(3 * POOL):
        try:
            await run(pooled.company(companies.left), WHOAMI)
        except Unavailable:
            failures += 1
    assert failures == 1
    await whole(pooled, companies.right)


async def test_killed_backends_in_use_fail_once_each(pooled, companies, database_url):
    await filled(pooled, companies.left)
    scopes = [pooled.tenant(companies.left) for _ in range(POOL)]
    tenants = [await scope.__aenter__() for scope in scopes]
    kill_all(database_url)
    for scope, tenant in zip(scopes, tenants, strict=True):
        with pytest.raises(Unavailable) as lost:
            await run(tenant, WHOAMI)
        await scope.__aexit__(Unavailable, lost.value, None)
    await whole(pooled, companies.right)


@pytest.mark.slow
async def test_a_restarted_server(world):
    with server_folder() as folder:
        server = EmbeddedServer.start(folder, settings=CARELESS)
        try:
            migrate(server.url)
            companies = Companies(server.url)
            db = world.open(server.url, pool_size=POOL, max_overflow=0)
            await filled(db, companies.left)
            server.stop()
            with pytest.raises(Unavailable):
                await db.company(companies.left).customers.count()
            server = EmbeddedServer.start(folder, settings=CARELESS)
            with suppress(Unavailable):
                await db.company(companies.left).customers.count()
            await whole(db, companies.right)
            await db.close()
        finally:
            server.stop()


@pytest.mark.filterwarnings("ignore:The garbage collector:sqlalchemy.exc.SAWarning")
@pytest.mark.filterwarnings("ignore:.* was deleted while still open:ResourceWarning")
@pytest.mark.parametrize("touch", ["entered", "used", "failed"])
async def test_a_scope_dropped_without_exit(pooled, companies, touch):
    """Blocking, the connection is rolled back; on asyncio nobody may wait for that, so it is closed."""
    scope = pooled.unwrap().tenant(companies.left)
    enter = getattr(scope, "__aenter__", None)
    tenant = await enter() if enter else scope.__enter__()
    if touch == "used":
        await tenant.carrier.fetch(SLEEP, {"s": 0.0})
    if touch == "failed":
        with pytest.raises(InvalidValue):
            await tenant.carrier.fetch(DIVIDE, {"by": 0})
    del scope, tenant, enter
    for _ in range(3):
        gc.collect()
        await asyncio.sleep(0)
    await whole(pooled, companies.right)


@pytest.mark.skipif(
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN, reason="whoever started this lets it ignore Ctrl-C"
)
@pytest.mark.parametrize("how", ["call", "transaction"])
async def test_ctrl_c(world, pooled, companies, how):
    await filled(pooled, companies.left)
    before = signal.getsignal(signal.SIGINT)
    if world.blocking:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    timer = threading.Timer(0.1, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    try:
        with pytest.raises((KeyboardInterrupt, asyncio.CancelledError)):
            if how == "call":
                await run(pooled.company(companies.left), SLEEP, s=5.0)
            else:
                async with pooled.tenant(companies.left) as tenant:
                    await run(tenant, SLEEP, s=5.0)
    finally:
        timer.join()
        signal.signal(signal.SIGINT, before)
    task = asyncio.current_task()
    while task.cancelling():
        task.uncancel()
    await whole(pooled, companies.right)


async def test_one_scope_is_for_one_call_at_a_time(pooled, companies, world):
    async with pooled.tenant(companies.left) as tenant:
        results = await asyncio.gather(
            *(in_world(world, tenant, SLEEP, s=0.1) for _ in range(3)), return_exceptions=True
        )
        assert sum(isinstance(result, ScopeInUse) for result in results) == 2
        assert await tenant.customers.count() == 1
    await whole(pooled, companies.right)


async def in_world(world, scope, statement, **parameters):
    if not world.blocking:
        return await run(scope, statement, **parameters)
    return await asyncio.to_thread(asyncio.run, run(scope, statement, **parameters))


async def test_a_scope_that_ended_is_of_no_use(pooled, companies):
    async with pooled.tenant(companies.left) as tenant:
        pass
    with pytest.raises(ScopeEnded):
        await tenant.customers.count()
    await whole(pooled, companies.right)


async def test_an_error_of_the_caller_goes_through_and_undoes(pooled, companies):
    with pytest.raises(LookupError):
        async with pooled.tenant(companies.left) as tenant:
            await tenant.customers.add(name="Nobody")
            raise LookupError
    await whole(pooled, companies.right)
    assert await pooled.company(companies.left).customers.count() == 1


async def test_a_server_that_is_not_there_is_unavailable(world):
    db = world.open("postgresql://nobody@127.0.0.1:1/none", connect_timeout=2)
    with pytest.raises(Unavailable) as refused:
        await db.company(uuid4()).customers.count()
    assert refused.value.retryable
    assert isinstance(refused.value, ChatAppDbError)
    assert not isinstance(refused.value, InternalError)
    with pytest.raises(Unavailable):
        async with db.tenant(uuid4()):
            pass


@pytest.fixture
def asyncio_pooled(pooled, world):
    if world.blocking:
        pytest.skip("nothing to cancel: a blocking call ends where it began")
    return pooled
