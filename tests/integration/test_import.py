"""What another product has kept is brought into a company, once and in its order; in both worlds."""

import asyncio
import datetime as dt
import threading
import time
import tracemalloc
from contextlib import suppress
from functools import partial
from itertools import chain
from uuid import uuid4

import psycopg
import pytest

from chatapp_db.database import Database
from chatapp_db.errors import (
    InvalidValue,
    NotPermitted,
    ScopeInUse,
    StatementTimeout,
    TransactionRolledBack,
    Unavailable,
)
from chatapp_db.execution.operation import finish
from chatapp_db.repositories import Imported
from chatapp_db.schema import ConversationStatus, MessageRole
from tests.rows import new_company, new_conversation, new_user
from tests.wire import round_trips

USER, ASSISTANT, SYSTEM = MessageRole
THEN = dt.datetime(2024, 2, 29, 12, tzinfo=dt.UTC)


class Move:
    """A company with a conversation, and the other product's messages of it."""

    def __init__(self, db, company_id, id):
        self.db, self.company_id, self.id = db, company_id, id
        self.messages = db.company(company_id).messages
        self.conversations = db.company(company_id).conversations

    def message(self, minute, content="Hi", role=USER, **more):
        message = {
            "conversation_id": self.id,
            "external_id": f"m{minute}",
            "role": role,
            "content": content,
            "created_at": THEN + dt.timedelta(minutes=minute),
        }
        return {**message, **more}

    async def bring(self, messages):
        async with self.db.platform("a move") as platform:
            return await platform.messages.import_many(self.company_id, messages)

    async def standing(self):
        return await self.conversations.get(self.id)

    async def count(self):
        return await self.messages.count()


@pytest.fixture
def moving(db, runner):
    async def made():
        company_id = await new_company(db)
        return Move(db, company_id, await new_conversation(db, company_id))

    return runner.run(made())


async def test_a_history_is_brought_as_it_was(moving):
    ada = await new_user(moving.db, moving.company_id)
    given = [
        moving.message(0, "Where?", attachments=[{"url": "https://example.com/a.png"}]),
        moving.message(1, "Here", ASSISTANT, sender_user_id=ada, metadata={"model": "m"}, tokens_used=7),
        moving.message(2, "a note", ASSISTANT, is_private=True),
        moving.message(3, "joined", SYSTEM, type="image"),
    ]
    assert await moving.bring(given) == Imported(received=4, added=4)
    rows = (await moving.messages.history(moving.id)).items[::-1]
    for message, row in zip(given, rows, strict=True):
        assert {name: getattr(row, name) for name in message} == message
    assert (rows[0].metadata, rows[1].attachments, rows[0].company_id) == ({}, [], moving.company_id)


async def test_messages_of_one_moment_keep_their_order(moving):
    given = [moving.message(0, str(place), external_id=str(place)) for place in range(500)]
    await moving.bring(given)
    rows = (await moving.messages.history(moving.id, limit=200)).items
    assert [row.content for row in rows] == [str(place) for place in range(499, 299, -1)]


async def test_a_conversation_is_where_its_messages_leave_it(moving):
    before = await moving.standing()
    await moving.bring(
        [
            moving.message(5, "x" * 300),
            moving.message(0),
            moving.message(1, "Hello", ASSISTANT),
            moving.message(4, "Still there?"),
            moving.message(9, "a note", ASSISTANT, is_private=True),
            moving.message(3, "a word of the system", SYSTEM),
        ]
    )
    moved = await moving.standing()
    at = [THEN + dt.timedelta(minutes=minute) for minute in range(6)]
    assert (moved.last_message_at, moved.last_message_preview) == (at[5], "x" * 200)
    assert (moved.first_response_at, moved.waiting_since) == (at[1], at[4])
    assert (moved.version, moved.status) == (before.version + 1, ConversationStatus.ACTIVE)
    await moving.bring([moving.message(6, "Yes", ASSISTANT)])
    assert (await moving.standing()).waiting_since is None


async def test_what_was_written_in_the_same_second_keeps_its_order(moving):
    question, answer = (
        [moving.message(minute, "q", external_id=f"q{minute}") for minute in (0, 1)],
        [moving.message(minute, "a", ASSISTANT, external_id=f"a{minute}") for minute in (0, 1)],
    )
    await moving.bring([question[0], answer[0]])
    moved = await moving.standing()
    assert (moved.waiting_since, moved.last_message_preview) == (None, "a")
    await moving.bring([answer[1], question[1]])
    moved = await moving.standing()
    assert (moved.waiting_since, moved.last_message_preview) == (question[1]["created_at"], "q")


async def test_an_import_waits_for_who_writes_to_its_conversation(moving, login_url):
    """Else it would put back, from the messages that it saw, what the other has moved on."""
    with Database(login_url("service")) as other:
        scope = other.tenant(moving.company_id)
        tenant = scope.__enter__()
        tenant.messages.append(moving.id, role=USER, content="now")
        threading.Timer(0.5, scope.__exit__, [None, None, None]).start()
        await moving.bring([moving.message(0, "then")])
    assert (await moving.standing()).last_message_preview == "now"


async def test_what_was_said_here_since_stays_the_last_word(moving):
    row = await moving.messages.append(moving.id, role=USER, content="now")
    await moving.bring([moving.message(0, "then"), moving.message(1, "Hello", ASSISTANT)])
    moved = await moving.standing()
    assert (moved.last_message_preview, moved.last_message_at) == ("now", row.created_at)
    assert (moved.waiting_since, moved.first_response_at) == (row.created_at, THEN + dt.timedelta(minutes=1))


async def test_a_closed_conversation_opens_for_what_came_after_it(moving):
    await moving.conversations.resolve(moving.id)
    await moving.bring([moving.message(0)])
    moved = await moving.standing()
    assert (moved.status, moved.waiting_since) == (ConversationStatus.RESOLVED, None)
    later = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=1)
    await moving.bring([moving.message(1, created_at=later)])
    moved = await moving.standing()
    assert (moved.status, moved.resolved_at) == (ConversationStatus.ACTIVE, None)
    assert moved.waiting_since == THEN


async def test_to_bring_it_again_adds_what_is_missing(moving):
    given = [moving.message(minute) for minute in range(3)]
    await moving.bring([*given[:2], given[0]])
    before = await moving.standing()
    assert await moving.bring(given[:2]) == Imported(received=2, added=0)
    assert await moving.standing() == before
    assert await moving.bring(given) == Imported(received=3, added=1)
    assert await moving.count() == 3


async def test_nothing_and_notes_move_nothing(moving):
    before = await moving.standing()
    assert await moving.bring([]) == Imported(received=0, added=0)
    await moving.bring(iter([moving.message(0, is_private=True)]))
    assert await moving.standing() == before


async def test_one_transaction_brings_several_times(moving):
    async with moving.db.platform("a move") as platform:
        for minute in range(9):
            await platform.messages.import_many(moving.company_id, [moving.message(minute)])
        with pytest.raises(InvalidValue):
            async with platform.savepoint():
                await platform.messages.import_many(moving.company_id, [moving.message(9), {}])
        await platform.messages.import_many(moving.company_id, [moving.message(10)])
    assert await moving.count() == 10


async def test_messages_may_be_awaited(moving, world):
    async def arriving():
        for minute in range(3):
            await asyncio.sleep(0)
            yield moving.message(minute)

    if world.blocking:
        with pytest.raises(InvalidValue, match="messages"):
            await moving.bring(arriving())
    else:
        assert await moving.bring(arriving()) == Imported(received=3, added=3)


# What is refused.


async def test_a_row_of_another_company_is_refused_by_its_place(moving):
    other = await new_company(moving.db)
    strangers = {
        "conversation_id": [await new_conversation(moving.db, other), uuid4()],
        "sender_user_id": [await new_user(moving.db, other), uuid4()],
    }
    for field, ids in strangers.items():
        for id in ids:
            with pytest.raises(InvalidValue, match=rf"^messages\.1\.{field}: not one of the company's"):
                await moving.bring([moving.message(0), moving.message(1, **{field: id}), moving.message(2)])
    with pytest.raises(InvalidValue):
        async with moving.db.platform("a move") as platform:
            await platform.messages.import_many(other, [moving.message(0)])
    assert await moving.count() == await moving.db.company(other).messages.count() == 0


BAD = [
    ("content", "a\x00b"),
    ("content", "\ud800"),
    ("content", "x" * 100_001),
    ("content", None),
    ("role", "robot"),
    ("type", "hologram"),
    ("created_at", dt.datetime(2024, 1, 1)),  # noqa: DTZ001  # naive on purpose
    ("created_at", "2024-01-01"),
    ("external_id", None),
    ("external_id", ""),
    ("conversation_id", "x"),
    ("tokens_used", 2**31),
    ("tokens_used", True),
    ("metadata", {"x": float("nan")}),
    ("attachments", {}),
    ("id", uuid4()),
    ("colour", 1),
]


@pytest.mark.parametrize(("field", "value"), BAD)
async def test_a_bad_message_is_named_and_nothing_is_written(moving, field, value):
    bad = moving.message(1, **{field: value})
    with pytest.raises(InvalidValue) as refused:
        await moving.bring(one for one in [moving.message(0), bad, moving.message(2)])
    assert refused.value.field == f"messages.1.{field}"
    assert await moving.count() == 0


@pytest.mark.parametrize("messages", [None, 7, "ab", b"ab", {"a": 1}, {}])
async def test_what_gives_no_messages_is_refused(moving, messages):
    with pytest.raises(InvalidValue, match="messages"):
        await moving.bring(messages)
    for given in ([None], [7], ["ab"]):
        with pytest.raises(InvalidValue, match=r"messages\.0\."):
            await moving.bring(given)
    with pytest.raises(InvalidValue, match="company_id"):
        async with moving.db.platform("a move") as platform:
            await platform.messages.import_many("x", [])


async def test_hostile_texts_come_back_as_they_were(moving):
    texts = ["\\.", "\\N", "\t\n\r", "'; DROP TABLE chatapp_messages; --", "%s {} $1", "\U0001f600", ""]
    await moving.bring(moving.message(place, text, metadata={"t": text}) for place, text in enumerate(texts))
    rows = (await moving.messages.history(moving.id)).items[::-1]
    assert [(row.content, row.metadata) for row in rows] == [(text, {"t": text}) for text in texts]


async def test_a_role_without_temporary_tables_is_told_what_to_grant(moving, database_url):
    with psycopg.connect(database_url, autocommit=True) as superuser:
        name = superuser.info.dbname
        superuser.execute(f'REVOKE TEMPORARY ON DATABASE "{name}" FROM PUBLIC')
        with pytest.raises(NotPermitted) as refused:
            await moving.bring([moving.message(0)])
        assert "TO chatapp_platform" in str(refused.value)
        superuser.execute(str(refused.value).partition("runs: ")[2])
    assert (await moving.bring([moving.message(0)])).added == 1


# However it fails, the connection is clean.


@pytest.fixture
def narrow(world, login_url, moving):
    """The same company, over one connection."""
    db = world.open(login_url("service"), pool_size=1, max_overflow=0, pool_timeout=5)
    return Move(db, moving.company_id, moving.id)


def many(moving, then=None, count=20_000):
    for place in range(count):
        yield moving.message(0, "x" * 200, external_id=str(place))
    if then is not None:
        then()


async def whole(moving):
    """Nothing was written, and the connection serves the next."""
    assert moving.db.unwrap().engine.pool.checkedout() == 0
    assert await moving.count() == 0
    assert (await moving.bring([moving.message(0)])).added == 1


def fail(error):
    def raised():
        raise error

    return raised


@pytest.mark.parametrize("count", [0, 20_000])
async def test_what_the_messages_raise_is_raised(narrow, count):
    error = RuntimeError("a word of the customer")
    with pytest.raises(RuntimeError) as raised:
        await narrow.bring(many(narrow, fail(error), count))
    assert raised.value is error
    await whole(narrow)


async def test_what_the_messages_raise_is_not_told_to_the_server(narrow, tmp_path):
    with round_trips(narrow.db, tmp_path / "wire"), pytest.raises(RuntimeError):
        await narrow.bring(many(narrow, fail(RuntimeError("a word of the customer")), 1))
    sent = (tmp_path / "wire").read_bytes()
    assert b"the rows ended early" in sent
    assert b"customer" not in sent


async def test_a_failure_that_is_swallowed_is_told_at_the_end(narrow):
    with pytest.raises(TransactionRolledBack):
        async with narrow.db.platform("a move") as platform:
            with suppress(InvalidValue):
                await platform.messages.import_many(narrow.company_id, [narrow.message(0), {}])
    await whole(narrow)


async def test_messages_cannot_come_from_the_scope_they_go_into(narrow):
    async with narrow.db.platform("a move") as platform:

        def asking():
            yield narrow.message(0)
            finish(platform.unwrap().carrier.savepoint())

        with pytest.raises(ScopeInUse):
            async with platform.savepoint():
                await platform.messages.import_many(narrow.company_id, asking())
    await whole(narrow)


async def test_a_copy_that_runs_too_long(world, login_url, moving):
    db = world.open(login_url("service"), pool_size=1, max_overflow=0, statement_timeout=0.2)
    slow = Move(db, moving.company_id, moving.id)
    with pytest.raises(StatementTimeout):
        await slow.bring(many(slow, partial(time.sleep, 0.5)))
    await whole(slow)


@pytest.mark.parametrize("count", [1, 20_000])
async def test_a_connection_that_is_lost_half_way(narrow, database_url, count):
    def kill():
        with psycopg.connect(database_url, autocommit=True) as superuser:
            superuser.execute(KILL)
        time.sleep(0.1)

    with pytest.raises(Unavailable):
        await narrow.bring(chain(many(narrow, kill, count), many(narrow, count=count)))
    with suppress(Unavailable):
        await narrow.count()
    await whole(narrow)


KILL = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
 WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name = 'chatapp_db'"""


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01, 0.03, 0.1, 0.3])
async def test_a_cancelled_task(narrow, world, delay, times):
    if world.blocking:
        pytest.skip("nothing to cancel: a blocking call ends where it began")

    async def forever():
        while True:
            for message in many(narrow, count=500):
                yield message
            await asyncio.sleep(0)

    await narrow.count()
    task = asyncio.ensure_future(narrow.bring(forever()))
    for _ in range(times):
        await asyncio.sleep(delay)
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await whole(narrow)


async def test_a_limit_of_time_inside_the_scope(narrow, world):
    if world.blocking:
        pytest.skip("nothing to cancel: a blocking call ends where it began")

    async def silent():
        yield narrow.message(0)
        await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        async with narrow.db.platform("a move") as platform, asyncio.timeout(0.2):
            await platform.messages.import_many(narrow.company_id, silent())
    await whole(narrow)


async def test_ctrl_c(narrow, world):
    if not world.blocking:
        pytest.skip("a signal cancels the task: see above")
    with pytest.raises(KeyboardInterrupt):
        await narrow.bring(many(narrow, fail(KeyboardInterrupt())))
    await whole(narrow)


async def test_two_imports_of_the_same_are_one(moving, world, login_url):
    given = [moving.message(minute) for minute in range(200)]
    found = await world.together(*(partial(moving_plainly, moving, given[::order]) for order in (1, -1)))
    assert sum(one.added for one in found) == await moving.count() == 200


def moving_plainly(moving, given):
    """Bring as the world does, without the wrapping of the tests."""
    db = moving.db.unwrap()
    if isinstance(db, Database):
        with db.platform("a move") as platform:
            return platform.messages.import_many(moving.company_id, given)
    return moving.bring(given)


@pytest.mark.slow
async def test_a_million_messages_take_no_more_memory_than_a_few(narrow):
    peaks = []
    for count in (20_000, 1_000_000):
        tracemalloc.start()
        found = await narrow.bring(many(narrow, count=count))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert found.received == count
    assert peaks[1] < peaks[0] + 1_000_000
