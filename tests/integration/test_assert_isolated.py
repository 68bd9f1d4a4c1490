"""assert_isolated finds each kind of leak, and lets through what keeps companies apart."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest

from chatapp_db import AsyncDatabase, Conflict, Database, MessageRole
from chatapp_db.schema import Conversation, User
from chatapp_db.testing import Leak, Twin, aassert_isolated, assert_isolated


@pytest.fixture
def careless(chatapp_superuser_url: str) -> Any:
    """Ask the database as nobody should: with a login that nothing binds."""

    def ask(statement: str, **arguments: Any) -> Any:
        with psycopg.connect(chatapp_superuser_url) as connection:
            return connection.execute(statement, arguments).fetchall()

    return ask


def test_what_keeps_companies_apart_passes(chatapp_database: Database, chatapp_twins):
    company = chatapp_database.company
    assert_isolated(lambda us: company(us.id).conversations.inbox(), chatapp_twins)
    assert_isolated(lambda us: company(us.id).agents.add(name="Ada"), chatapp_twins)
    assert_isolated(lambda us, whose: company(us.id).users.get(whose.one(User).id), chatapp_twins)
    assert_isolated(
        lambda us, whose: company(us.id).messages.append(
            whose.one(Conversation).id, role=MessageRole.USER, content="Hello"
        ),
        chatapp_twins,
    )


def test_what_is_random_is_no_leak(chatapp_database: Database, chatapp_twins):
    assert_isolated(
        lambda us: chatapp_database.company(us.id).invitations.create(email="new@example.com"), chatapp_twins
    )


def test_a_row_of_another_company_is_a_leak(careless, chatapp_twins):
    with pytest.raises(Leak, match=r"result\[0\]\[0\] shows another company's chatapp_agents\.id"):
        assert_isolated(lambda us: careless("SELECT id FROM chatapp_agents ORDER BY id"), chatapp_twins)


def test_the_beginning_of_a_text_is_a_leak(careless, chatapp_twins):
    glimpse = "SELECT left(content, 20) FROM chatapp_messages WHERE company_id <> %(us)s"
    with pytest.raises(Leak, match="shows another company's text"):
        assert_isolated(lambda us: careless(glimpse, us=us.id), chatapp_twins)


def test_a_count_over_companies_is_a_leak(careless, chatapp_twins):
    with pytest.raises(Leak, match="'4' where another company is and '2' where it is not"):
        assert_isolated(lambda us: careless("SELECT count(*) FROM chatapp_agents"), chatapp_twins)


def test_a_change_of_another_company_is_a_leak(careless, chatapp_twins):
    with pytest.raises(Leak, match=r"changed another company's rows in chatapp_agents, chatapp_audit_logs$"):
        assert_isolated(
            lambda us: careless("UPDATE chatapp_agents SET name = 'x' RETURNING 1"), chatapp_twins
        )


def test_telling_that_a_row_exists_is_a_leak(careless, chatapp_twins):
    def tell(_: Twin, whose: Twin) -> None:
        found = careless("SELECT FROM chatapp_users WHERE id = %(id)s", id=whose.one(User).id)
        raise Conflict("exists") if found else LookupError

    def give(us: Twin, whose: Twin) -> Any:
        return careless("SELECT FROM chatapp_users WHERE id = %(id)s", id=whose.one(User).id)

    with pytest.raises(AssertionError, match="proves nothing"):
        assert_isolated(tell, chatapp_twins)
    with pytest.raises(Leak, match="it tells that the row exists"):
        assert_isolated(give, chatapp_twins)


def test_what_is_remembered_of_one_company_for_another_is_a_leak(chatapp_database: Database, chatapp_twins):
    remembered: list[Any] = []

    def inbox(us: Twin) -> Any:
        if not remembered:
            remembered.append(chatapp_database.company(us.id).conversations.inbox())
        return remembered[0]

    with pytest.raises(Leak, match="shows another company's chatapp_"):
        assert_isolated(inbox, chatapp_twins)


def test_the_database_is_as_it_was(chatapp_database: Database, chatapp_twins, careless):
    before = careless("SELECT count(*) FROM chatapp_agents")
    assert_isolated(lambda us: chatapp_database.company(us.id).agents.add(name="Ada"), chatapp_twins)
    assert careless("SELECT count(*) FROM chatapp_agents") == before


def test_a_table_of_the_services_own_is_watched_too(chatapp_superuser_url: str, careless, chatapp_twins):
    with psycopg.connect(chatapp_superuser_url) as connection:
        connection.execute("CREATE TABLE desk_notes (company_id uuid, note text)")
        for twin in (chatapp_twins.theirs, chatapp_twins.ours):
            connection.execute("INSERT INTO desk_notes VALUES (%s, 'mine')", [twin.id])
    with pytest.raises(Leak, match=r"changed another company's rows in desk_notes"):
        assert_isolated(lambda us: careless("UPDATE desk_notes SET note = 'x' RETURNING 1"), chatapp_twins)


async def test_an_awaited_function_is_checked(runner: asyncio.Runner, chatapp_async_database, chatapp_twins):
    db: AsyncDatabase = chatapp_async_database
    await aassert_isolated(lambda us: db.company(us.id).conversations.inbox(), chatapp_twins)
    with pytest.raises(TypeError, match="aassert_isolated"):
        assert_isolated(lambda us: db.company(us.id).conversations.inbox(), chatapp_twins)
    await db.close()
