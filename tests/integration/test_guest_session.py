"""Repositories inside a service's own session: in its transaction, leaving no trace but their rows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session

from chatapp_db.errors import Conflict, InvalidValue, NotFound, ScopeInUse
from chatapp_db.execution.guest import tenant_scope
from chatapp_db.repositories.conversations.customers import AsyncCustomerRepository, CustomerRepository
from chatapp_db.schema import Customer
from tests.integration.test_failures import Companies
from tests.rows import SOMEBODY
from tests.worlds import settled

STATE = sa.text(
    "SELECT current_user::text, session_user::text, current_setting('role'), current_setting('search_path'),"
    " coalesce(current_setting('chatapp.company_id', true), ''), current_setting('statement_timeout')"
)


@pytest.fixture
def companies(database_url):
    return Companies(database_url)


@pytest.fixture
def session(world, login_url, runner):
    session = world.session(login_url("service"))
    yield session
    runner.run(settled(session.unwrap().close()))


@pytest.fixture
def customers(world, session, companies):
    return world.bound(CustomerRepository, AsyncCustomerRepository, session, companies.left)


async def state(session):
    return (await session.execute(STATE)).one()


async def test_a_call_is_part_of_the_host_s_transaction(session, customers, companies, database_url):
    customer = await customers.add(name="Ada")
    assert (await customers.get(customer.id)).name == "Ada"
    await session.rollback()
    with pytest.raises(NotFound):
        await customers.get(customer.id)
    kept = await customers.add(name="Ada")
    await session.commit()
    assert (await customers.get(kept.id)).name == "Ada"


async def test_a_call_sees_what_the_host_added_and_did_not_flush(session, customers, companies):
    async with tenant_scope_of(session, companies.left):
        session.unwrap().add(Customer(company_id=companies.left, name="Unflushed"))
        names = {row.name for row in (await customers.page()).items}
    assert names == {"Unflushed", str(companies.left)}


async def test_the_host_s_settings_are_as_they_were(session, customers):
    await session.execute(sa.text("SET LOCAL search_path = pg_catalog, public"))
    await session.execute(sa.text("SET LOCAL statement_timeout = '7s'"))
    await session.execute(sa.text("SET LOCAL ROLE chatapp_platform"))
    before = await state(session)
    for _ in range(7):
        await customers.count()
        assert await state(session) == before
    await session.commit()
    assert (await state(session))[2] == "none"


async def test_a_call_inside_a_scope_leaves_the_host_s_settings_to_the_scope(session, customers, companies):
    await session.execute(sa.text("SET LOCAL ROLE chatapp_platform"))
    before = await state(session)
    async with tenant_scope_of(session, companies.left):
        within = await state(session)
        await customers.count()
        assert await state(session) == within
    assert await state(session) == before


async def test_the_host_s_next_transaction_starts_clean(session, customers):
    before = await state(session)
    await session.commit()
    await customers.count()
    await session.commit()
    assert await state(session) == before


async def test_a_failure_aborts_the_host_s_transaction_and_its_rollback_mends_all(session, customers):
    before = await state(session)
    await customers.add(name="Ada", external_id="a")
    with pytest.raises(Conflict):
        await customers.add(name="Eve", external_id="a")
    await session.rollback()
    assert await state(session) == before
    assert await customers.count() == 1


async def test_a_failure_below_the_host_s_savepoint_is_undone_with_it(session, customers):
    await customers.add(name="Ada", external_id="a")
    before = await state(session)
    nested = await session.begin_nested()
    with pytest.raises(Conflict):
        await customers.add(name="Eve", external_id="a")
    await settled(nested.rollback())
    assert await state(session) == before
    assert await customers.count() == 2


async def test_the_first_call_of_a_transaction_belongs_to_it(session, customers, companies):
    for number in (1, 2):
        await customers.update(companies.left, name=f"Renamed {number}")
        await session.rollback()
    assert (await customers.get(companies.left)).name == str(companies.left)
    await session.commit()
    await customers.update(companies.left, name="Renamed")
    await session.commit()
    assert (await customers.get(companies.left)).name == "Renamed"


async def test_a_transaction_begins_in_the_host_s_modes(session, customers):
    modes = {"isolation_level": "SERIALIZABLE", "postgresql_readonly": True, "postgresql_deferrable": True}
    for _ in range(2):
        await session.connection(execution_options=modes)
        await customers.count()
        names = ("transaction_isolation", "transaction_read_only", "transaction_deferrable")
        found = [await session.scalar(sa.text(f"SHOW {name}")) for name in names]
        assert found == ["serializable", "on", "on"]
        await session.rollback()


async def test_another_company_s_rows_are_not_there(world, session, companies):
    other = world.bound(CustomerRepository, AsyncCustomerRepository, session, companies.right)
    assert await other.find(companies.left) is None
    assert [row.id for row in (await other.page()).items] == [companies.right]


def tenant_scope_of(session, company_id, **settings):
    """Enter in whichever way the session's world does."""
    scope = tenant_scope(session.unwrap(), company_id, **settings)
    return scope if isinstance(session.unwrap(), AsyncSession) else Entered(scope)


class Entered:
    def __init__(self, scope):
        self.scope = scope

    async def __aenter__(self):
        return self.scope.__enter__()

    async def __aexit__(self, *raised):
        return self.scope.__exit__(*raised)


async def test_the_host_s_own_queries_see_one_company(session, companies):
    before = await state(session)
    async with tenant_scope_of(session, companies.left):
        assert (await session.scalars(sa.select(Customer.id))).all() == [companies.left]
        await session.execute(sa.update(Customer).values(name="Changed"))
    assert await state(session) == before
    async with tenant_scope_of(session, companies.right):
        assert (await session.scalars(sa.select(Customer.name))).all() == [str(companies.right)]


async def test_an_error_inside_a_tenant_scope_leaves_it(session, companies):
    with pytest.raises(LookupError):
        async with tenant_scope_of(session, companies.left):
            raise LookupError
    await session.rollback()
    async with tenant_scope_of(session, companies.right):
        assert (await session.scalars(sa.select(Customer.id))).all() == [companies.right]


async def test_scopes_do_not_nest(world, session, companies, customers):
    async with tenant_scope_of(session, companies.left):
        assert await customers.count() == 1
        other = world.bound(CustomerRepository, AsyncCustomerRepository, session, companies.right)
        with pytest.raises(ScopeInUse):
            await other.count()
        with pytest.raises(ScopeInUse):
            async with tenant_scope_of(session, companies.right):
                pass
        assert (await session.scalars(sa.select(Customer.id))).all() == [companies.left]


async def test_a_host_in_autocommit_is_served_too(session, customers):
    await session.connection(execution_options={"isolation_level": "AUTOCOMMIT"})
    before = await state(session)
    assert await customers.count() == 1
    assert await state(session) == before


async def test_another_driver_is_refused(companies):
    engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    with Session(engine) as session, pytest.raises(InvalidValue, match="psycopg 3"):
        CustomerRepository(session, companies.left).count()


async def test_a_session_of_the_other_world_is_refused(world, login_url, companies):
    wrong = world.pick(
        AsyncSession(create_async_engine("postgresql+psycopg://x/y")), Session(sa.create_engine("sqlite://"))
    )
    kind = world.pick(CustomerRepository, AsyncCustomerRepository)
    with pytest.raises(InvalidValue, match="session"):
        kind(wrong, companies.left)
    await wrong.close() if isinstance(wrong, AsyncSession) else wrong.close()


@pytest.mark.parametrize("company_id", [None, "", 7, [], Customer.id, "x" * 36, str(SOMEBODY)[:-1]])
async def test_a_company_that_is_none_is_refused_before_anything(session, world, company_id):
    with pytest.raises(InvalidValue, match="company_id"):
        world.bound(CustomerRepository, AsyncCustomerRepository, session, company_id)
