"""Through PgBouncer in transaction mode, with no setting by the user, a company is as alone as without.

There the next statement of a connection may run in another server process: what a call leaves behind in
one, a setting or a prepared statement, would meet another company's call.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import make_url

from chatapp_db.errors import Conflict, InvalidValue, TransactionRolledBack
from chatapp_db.execution.operation import finish
from chatapp_db.execution.statement import Statement, scalar
from tests.isolation.calling import REPOSITORIES, Caller, probes
from tests.isolation.population import KEYS, fingerprint, populate

CALLS = 1_000
CLIENTS = 12
SERVERS = 4
AT_ONCE = 24
SEEDS = [1, 2]

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
DIVIDE = Statement(
    sa.select((sa.literal_column("1") / sa.bindparam("by", type_=sa.Integer())).label("n")), scalar
)
SLEEP = Statement(
    sa.select(sa.func.pg_sleep(sa.bindparam("s", type_=sa.Float())).cast(sa.Text).label("s")), scalar
)


async def run(scope: Any, statement: Statement[Any], **parameters: Any) -> list[Any]:
    return await scope.unwrap().carrier.fetch(statement, parameters)


@pytest.mark.slow
async def test_their_rows_are_as_good_as_none(world, pgbouncer_url, database_url):
    populations = populate(database_url)
    caller = Caller(world.open(pgbouncer_url, keys=KEYS), populations)
    before = fingerprint(database_url, populations.theirs.id)
    every = [probe for repository in REPOSITORIES for probe in probes(repository)]
    for probe in every:
        if probe.is_of_companies:
            await caller.finds_nothing_of_theirs(probe)
    for probe in every:
        await caller.done(probe.method, await caller.arguments(probe, caller.theirs))
    assert fingerprint(database_url, populations.theirs.id) == before


class Storm:
    """Calls of several companies at once; each looks whether it is alone.

    A customer bears the name of their company. What is named ``undone`` must never be kept.
    """

    def __init__(self, db: Any, database_url: str, seed: int) -> None:
        self.db = db
        self.random = random.Random(seed)
        self.companies = [uuid4() for _ in range(5)]
        self.ended: Counter[str] = Counter()
        with psycopg.connect(database_url, autocommit=True) as connection:
            plan = connection.execute(
                "INSERT INTO chatapp_subscription_plans (name, slug, type)"
                " VALUES ('F', 'f', 'free') RETURNING id"
            ).fetchone()
            for company in self.companies:
                connection.execute(
                    "INSERT INTO chatapp_companies (id, name, slug, subscription_plan_id)"
                    " VALUES (%s, 'C', %s, %s)",
                    [company, f"c{company.hex}", plan[0]],
                )
                connection.execute(
                    "INSERT INTO chatapp_customers (company_id, name, external_id) VALUES (%s, %s, 'taken')",
                    [company, str(company)],
                )

    def calls(self) -> Iterator[Callable[[], Any]]:
        """Draw the calls; the same seed draws the same."""
        kinds = [self.look, self.add, self.identify, self.fail, self.clash, self.dwell]
        kinds += [self.work, self.work_and_fail, self.swallow, self.save]
        for _ in range(CALLS):
            kind, company = self.random.choice(kinds), self.random.choice(self.companies)
            yield lambda kind=kind, company=company: self.noted(kind, company)

    async def noted(self, kind: Callable[[UUID], Any], company: UUID) -> None:
        try:
            await kind(company)
        except asyncio.CancelledError:
            self.ended["cancelled"] += 1
            raise
        self.ended[kind.__name__] += 1

    async def alone(self, scope: Any, company: UUID) -> None:
        assert await run(scope, WHOAMI) == [f"chatapp_app {company}"]
        rows = (await scope.customers.page(limit=25)).items
        assert {row.company_id for row in rows} == {company}
        assert {row.name for row in rows} <= {str(company), "undone"}

    async def look(self, company: UUID) -> None:
        await self.alone(self.db.company(company), company)

    async def add(self, company: UUID) -> None:
        row = await self.db.company(company).customers.add(name=str(company))
        assert row.company_id == company

    async def identify(self, company: UUID) -> None:
        row = await self.db.company(company).customers.identify(external_id="taken")
        assert (row.company_id, row.name) == (company, str(company))

    async def fail(self, company: UUID) -> None:
        with pytest.raises(InvalidValue, match="22012"):
            await run(self.db.company(company), DIVIDE, by=0)

    async def clash(self, company: UUID) -> None:
        with pytest.raises(Conflict):
            await self.db.company(company).customers.add(name="undone", external_id="taken")

    async def dwell(self, company: UUID) -> None:
        await run(self.db.company(company), SLEEP, s=0.003)

    async def work(self, company: UUID) -> None:
        async with self.db.tenant(company) as tenant:
            await self.alone(tenant, company)
            await run(tenant, SLEEP, s=0.002)
            await tenant.customers.add(name=str(company))
            await self.alone(tenant, company)

    async def work_and_fail(self, company: UUID) -> None:
        with pytest.raises(InvalidValue):
            async with self.db.tenant(company) as tenant:
                await tenant.customers.add(name="undone")
                await run(tenant, DIVIDE, by=0)

    async def swallow(self, company: UUID) -> None:
        with pytest.raises(TransactionRolledBack):
            async with self.db.tenant(company) as tenant:
                await tenant.customers.add(name="undone")
                with suppress(InvalidValue):
                    await run(tenant, DIVIDE, by=0)

    async def save(self, company: UUID) -> None:
        async with self.db.tenant(company) as tenant:
            with pytest.raises(Conflict):
                async with tenant.savepoint():
                    await tenant.customers.add(name="undone", external_id="taken")
            await self.alone(tenant, company)


def in_threads(storm: Storm) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for done in [pool.submit(lambda call=call: finish(call())) for call in storm.calls()]:
            done.result()


async def in_tasks(storm: Storm) -> None:
    """Run the calls, and cancel every third somewhere on its way."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(call: Callable[[], Any], delay: float | None) -> None:
        async with places:
            task = asyncio.ensure_future(call())
            if delay is not None:
                await asyncio.sleep(delay)
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    draw = storm.random.random
    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for call in storm.calls():
            group.create_task(one(call, draw() ** 3 * 0.1 if draw() < 1 / 3 else None))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
async def test_a_storm_of_calls_stays_within_its_companies(world, pgbouncer_url, database_url, seed):
    """The client's pool is larger than PgBouncer's, so calls of different companies share its servers."""
    db = world.open(pgbouncer_url, pool_size=CLIENTS, max_overflow=0)
    storm = Storm(db, database_url, seed)
    if world.blocking:
        in_threads(storm)
    else:
        await in_tasks(storm)
        assert storm.ended["cancelled"] > CALLS / 20
    assert storm.ended.total() == CALLS
    await whole(db, storm)
    assert nothing_is_left_open(pgbouncer_url, database_url)
    await db.close()
    assert left_in_servers(pgbouncer_url) == {(None, True)}
    assert kept(database_url) <= {(str(company), company) for company in storm.companies}


async def whole(db: Any, storm: Storm) -> None:
    """Every connection of the pool serves every company, by itself and in a transaction."""
    engine = db.unwrap().engine
    assert engine.pool.checkedout() == 0
    for company in storm.companies:
        async with db.tenant(company) as tenant:
            await storm.alone(tenant, company)
        for _ in range(CLIENTS):
            await storm.look(company)
    assert engine.pool.checkedout() == 0


def nothing_is_left_open(pgbouncer_url: str, database_url: str) -> bool:
    """Ask PgBouncer for waiting clients, and the server for open transactions.

    PgBouncer's own idea of a busy server is not asked: 1.18 now and then leaves one with an idle client
    after a pipeline, until that client's next call; psycopg alone brings it to that, too.
    """
    admin = make_url(pgbouncer_url).set(database="pgbouncer").render_as_string(hide_password=False)
    with psycopg.connect(admin, autocommit=True) as connection:
        cursor = connection.execute("SHOW POOLS")
        names = [column.name for column in cursor.description]
        waiting = [dict(zip(names, row, strict=True))["cl_waiting"] for row in cursor]
    with psycopg.connect(database_url) as connection:
        (open_ones,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()"
        ).fetchone()
    return open_ones == 0 and not any(waiting)


def left_in_servers(pgbouncer_url: str) -> set[tuple[str | None, bool]]:
    """Ask all of PgBouncer's servers at once which company is set, and whether the role is the login."""
    query = "SELECT nullif(current_setting('chatapp.company_id', true), ''), current_user = session_user"
    with ExitStack() as stack:
        held = [stack.enter_context(psycopg.connect(pgbouncer_url)) for _ in range(SERVERS)]
        return {row for connection in held for row in connection.execute(query)}


def kept(database_url: str) -> set[tuple[str, UUID]]:
    with psycopg.connect(database_url) as connection:
        return set(connection.execute("SELECT DISTINCT name, company_id FROM chatapp_customers").fetchall())
