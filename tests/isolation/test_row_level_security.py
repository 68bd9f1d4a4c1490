"""Row-level security by itself keeps a company from another's rows: these statements name no company."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa

from chatapp_db.errors import NotPermitted
from chatapp_db.execution.carriers import SingleCalls
from chatapp_db.execution.statement import Statement, scalar
from tests.isolation.population import OWNED
from tests.rows import SOMEBODY

EXPECTED_TABLES = 20

REFUSED = r"row-level security|permission denied"
THEM = sa.bindparam("them", type_=sa.Uuid())
pytestmark = pytest.mark.parametrize("table", OWNED.values(), ids=list(OWNED))


@pytest.fixture
def database_url(untouched_url):
    """Nothing that a test of this module writes is kept."""
    return untouched_url


def key_of(table: sa.Table) -> Any:
    return table.c[table.info["company_key"]]


def across(construct: Any) -> Statement[Any]:
    return Statement(construct, scalar, across_companies=True)


async def run(scope: Any, construct: Any, **parameters: Any) -> list[Any]:
    return await scope.unwrap().carrier.fetch(across(construct), parameters)


async def in_vain(scope: Any, construct: Any, **parameters: Any) -> bool:
    """Tell whether a change changed nothing.

    It is refused where the role has no grant, and finds no row where it has one.
    """
    try:
        return await run(scope, construct, **parameters) == []
    except NotPermitted as error:
        return "permission denied" in str(error)


@pytest.fixture(params=["call", "transaction"])
def entered(request, db):
    """Call as a company, each call by itself or in a transaction that is undone."""

    async def enter(company_id: UUID, *calls: Any) -> list[Any]:
        if request.param == "call":
            return [await call(db.company(company_id)) for call in calls]
        results = []
        for call in calls:
            with pytest.raises(_Undo):
                async with db.tenant(company_id) as tenant:
                    results.append(await call(tenant))
                    raise _Undo
        return results

    return enter


class _Undo(Exception):
    """Ends a transaction that is to leave nothing."""


def test_all_tables_with_a_company_are_covered(table):
    assert len(OWNED) == EXPECTED_TABLES


async def test_only_our_rows_are_seen(entered, populations, table):
    theirs = sa.select(sa.func.count().label("n")).select_from(table).where(key_of(table) == THEM)
    everything = sa.select(key_of(table).label("company")).distinct()
    for caller, other in (
        (populations.ours, populations.theirs),
        (populations.theirs, populations.ours),
    ):
        seen = await entered(
            caller.id,
            lambda scope: run(scope, everything),
            lambda scope, other=other: run(scope, theirs, them=other.id),
        )
        assert seen == [[caller.id], [0]]


async def test_their_rows_cannot_be_changed(entered, populations, table, database_url):
    ours, theirs = populations.ours, populations.theirs
    # A company may change but some columns of its own row.
    same = table.c.get("name", table.c.id)
    change = sa.update(table).where(key_of(table) == THEM).values({same: same}).returning(table.c.id)
    delete = sa.delete(table).where(key_of(table) == THEM).returning(table.c.id)
    for construct in (change, delete):
        (nothing,) = await entered(ours.id, lambda scope, it=construct: in_vain(scope, it, them=theirs.id))
        assert nothing
    (found,) = await entered(ours.id, lambda scope: in_vain(scope, change, them=ours.id))
    assert found == (table.name == "chatapp_audit_logs")


async def test_no_row_can_be_written_for_them(entered, populations, table):
    """Nothing of the new row is read back: the policy that hides it must not be what refuses it."""
    insert = sa.insert(table).values({key_of(table): THEM})
    hand_over = sa.update(table).values({key_of(table): THEM})
    for construct in (insert, hand_over):
        write = construct.returning(sa.literal_column("1").label("n"))
        with pytest.raises(NotPermitted, match=REFUSED):
            await entered(
                populations.ours.id, lambda scope, it=write: run(scope, it, them=populations.theirs.id)
            )


@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET {}"])
def test_a_change_of_every_row_is_one_of_ours(database_url, populations, table, change):
    """No condition, no triggers, nothing read: the command's own policy is alone."""
    column = "name = 'same'" if key_of(table).name == "id" else "id = gen_random_uuid()"
    with psycopg.connect(database_url) as connection:
        connection.execute("SET LOCAL session_replication_role = replica")
        connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [str(populations.ours.id)])
        connection.execute("SET LOCAL ROLE chatapp_app")
        try:
            changed = connection.execute(change.format(table.name, column)).rowcount
        except psycopg.errors.InsufficientPrivilege:
            assert table.info["scope"] == "global"
        else:
            assert changed == len(populations.ours.rows[table.name])
        connection.rollback()


async def test_without_a_company_nothing_is_seen(db, world, table):
    carrier = SingleCalls(db.unwrap()._entrance, None)
    assert await carrier.fetch(across(sa.select(table.c.id)), {}) == []


@pytest.mark.parametrize("company", [None, "", str(SOMEBODY)])
def test_the_role_by_itself_sees_nothing(login_url, table, company):
    with psycopg.connect(login_url("app")) as connection:
        connection.execute("SET ROLE chatapp_app")
        if company is not None:
            connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [company])
        assert connection.execute(f"SELECT id FROM {table.name}").fetchall() == []


def test_another_row_is_there_for_the_superuser(database_url, populations, table):
    """The positive control of this module: it is the policies that hide the rows."""
    query = f"SELECT DISTINCT {key_of(table).name} FROM {table.name}"
    with psycopg.connect(database_url) as connection:
        found = {row[0] for row in connection.execute(query)}
    assert {populations.ours.id, populations.theirs.id} <= found
