"""A unit of work is tried again where the database says that it may be, and nowhere else."""

import inspect
import logging
import threading

import psycopg
import pytest

from chatapp_db import Database, MessageRole, PlanType, retry
from chatapp_db.errors import Conflict, InvalidValue, Unavailable
from tests.rows import new_company, new_conversation

AT_ONCE = {"longest_wait": 0.0}


@pytest.fixture
def lose_connections(database_url):
    def lose():
        with psycopg.connect(database_url, autocommit=True) as connection:
            ended = connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        assert ended

    return lose


async def test_work_whose_connection_was_lost_is_done_whole_and_once(db, lose_connections, caplog):
    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    runs = []

    @retry(**AT_ONCE)
    async def hand_over(words):
        runs.append(words)
        async with db.tenant(company_id) as tenant:
            await tenant.messages.append(conversation_id, role=MessageRole.ASSISTANT, content=words)
            if len(runs) < 3:
                lose_connections()
            return await tenant.conversations.escalate(conversation_id)

    with caplog.at_level(logging.WARNING, "chatapp_db"):
        conversation = await hand_over("One moment, please.")

    assert conversation.last_message_preview == "One moment, please."
    assert len(runs) == 3
    assert await db.company(company_id).messages.count() == 1
    told = [record.message for record in caplog.records if record.name == "chatapp_db.retrying"]
    assert [message.split(" is tried")[0] for message in told] == [hand_over.__qualname__] * 2
    assert "One moment" not in caplog.text


def test_of_two_that_lock_each_other_out_both_are_done(database_url):
    with Database(database_url) as db:
        with db.platform("a test needs a company") as platform:
            plan = platform.plans.add(name="Test", slug="test", type=PlanType.STARTER)
            company_id = platform.companies.create(name="Acme", slug="acme", plan=plan.slug).id
        customers = [db.company(company_id).customers.identify(external_id=one).id for one in "ab"]
        runs, both_hold_one = [], threading.Barrier(2)

        @retry(**AT_ONCE)
        def rename(first, second):
            runs.append(first)
            with db.tenant(company_id) as tenant:
                tenant.customers.update(first, name="renamed")
                if len(runs) <= 2:
                    both_hold_one.wait(timeout=10)
                tenant.customers.update(second, name="renamed")

        threads = [threading.Thread(target=rename, args=order) for order in (customers, customers[::-1])]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(runs) == 3
        assert {db.company(company_id).customers.get(id).name for id in customers} == {"renamed"}


@pytest.mark.parametrize(
    ("error", "settings", "runs"),
    [
        (Unavailable("gone"), {"attempts": 4}, 4),
        (Unavailable("gone"), {"attempts": 1}, 1),
        (Unavailable("gone"), {"attempts": 4, "within": 0.0}, 1),
        (Conflict("taken"), {"attempts": 4}, 1),
        (ConnectionError("of somebody else"), {"attempts": 4}, 1),
        (KeyboardInterrupt(), {"attempts": 4}, 1),
    ],
)
def test_the_last_error_comes_as_it_was(error, settings, runs):
    calls = []

    @retry(**AT_ONCE, **settings)
    def work():
        calls.append(1)
        raise error

    with pytest.raises(type(error)) as raised:
        work()
    assert raised.value is error
    assert len(calls) == runs


def test_what_is_decorated_stays_what_it_was():
    @retry()
    async def awaited(one: int) -> int:
        """Add one."""
        return one + 1

    assert inspect.iscoroutinefunction(awaited)
    assert (awaited.__name__, awaited.__doc__) == ("awaited", "Add one.")


@pytest.mark.parametrize(
    "settings",
    [{"attempts": 0}, {"attempts": True}, {"longest_wait": -1.0}, {"within": float("nan")}, {"within": "1"}],
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InvalidValue) as refused:
        retry(**settings)
    assert [refused.value.field] == list(settings)
