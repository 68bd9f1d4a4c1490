"""What people do with conversations: the inbox, the queue, tags and reading, blocking and asyncio."""

import datetime as dt
import threading
from functools import partial
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from chatapp_db.errors import (
    Conflict,
    InvalidCursor,
    InvalidReference,
    InvalidValue,
    NotFound,
    VersionConflict,
)
from chatapp_db.repositories import InboxCounts, InboxSort, InboxView, Side
from chatapp_db.repositories.conversations import tagging
from chatapp_db.schema import ChannelType, ConversationStatus, MessageRole
from tests.rows import new_agent, new_company, new_conversation, new_customer, new_user

NOW = dt.datetime.now(dt.UTC)


class Desk:
    """A company with an agent and a customer, and conversations as a test needs them."""

    def __init__(self, db, company_id, agent_id, customer_id, database_url):
        self.db, self.id, self.agent_id, self.customer_id = db, company_id, agent_id, customer_id
        self.conversations = db.company(company_id).conversations
        self.messages = db.company(company_id).messages
        self._url = database_url

    async def open(self, **set_by_hand):
        """Open a conversation and set columns that no caller may."""
        id = await new_conversation(self.db, self.id, agent_id=self.agent_id, customer_id=self.customer_id)
        for name, value in set_by_hand.items():
            query = sql.SQL("UPDATE chatapp_conversations SET {} = %s WHERE id = %s")
            with psycopg.connect(self._url) as superuser:
                superuser.execute(query.format(sql.Identifier(name)), [value, id])
        return id

    async def listed(self, **asked):
        return [item.id for item in (await self.conversations.inbox(**asked)).items]


@pytest.fixture
def desk(db, runner, database_url):
    async def made():
        company_id = await new_company(db)
        agent_id, customer_id = await new_agent(db, company_id), await new_customer(db, company_id)
        return Desk(db, company_id, agent_id, customer_id, database_url)

    return runner.run(made())


def ago(minutes):
    return NOW - dt.timedelta(minutes=minutes)


# The inbox.


async def test_each_view_shows_its_own(desk):
    ada, ben = await new_user(desk.db, desk.id), await new_user(desk.db, desk.id)
    of_ada = await desk.open(assigned_user_id=ada, first_response_at=NOW)
    of_ben = await desk.open(assigned_user_id=ben)
    answered = await desk.open(first_response_at=NOW)
    waits = await desk.open(first_response_at=NOW, waiting_since=NOW, status="waiting")
    await desk.conversations.archive(await desk.open())
    assert await desk.listed() == [waits, answered, of_ben, of_ada]
    assert await desk.listed(view=InboxView.MINE, user_id=ada) == await desk.listed(user_id=ada) == [of_ada]
    assert await desk.listed(view="unassigned") == [waits, answered]
    assert await desk.listed(view=InboxView.UNATTENDED) == [waits, of_ben]
    assert await desk.listed(view=InboxView.UNATTENDED, user_id=ben) == [of_ben]
    assert await desk.listed(status=ConversationStatus.WAITING) == [waits]
    assert await desk.conversations.inbox_counts(ada) == InboxCounts(
        all=4, mine=1, unassigned=2, unattended=2
    )


async def test_nothing_open_is_counted_as_nothing(desk):
    assert await desk.conversations.inbox_counts(uuid4()) == InboxCounts(0, 0, 0, 0)


async def test_filters_narrow_the_inbox_together(desk):
    other_agent = await new_agent(desk.db, desk.id)
    plain = await desk.open()
    both = await desk.open(tags=["vip", "refund"], priority=3)
    one = await desk.open(tags=["vip"], channel="email")
    other = await desk.open(agent_id=other_agent)
    assert await desk.listed(tags=["vip"]) == [one, both]
    assert await desk.listed(tags=("refund", "vip")) == [both]
    assert await desk.listed(tags=["vip"], channel=ChannelType.EMAIL, priority=1) == [one]
    assert await desk.listed(priority=3) == [both]
    assert await desk.listed(agent_id=other_agent) == [other]
    assert await desk.listed(agent_id=desk.agent_id, channel="widget", priority=1) == [plain]
    assert await desk.listed(tags=["vip"], agent_id=other_agent) == []


@pytest.mark.parametrize("sort", InboxSort)
@pytest.mark.parametrize("status", [None, ConversationStatus.ACTIVE])
async def test_every_order_is_walked_on_and_back(desk, sort, status):
    rows = [(1, 5, None), (3, 4, 40), (0, 3, 10), (3, 2, None), (1, 1, 20)]
    ids = [
        await desk.open(priority=priority, last_message_at=ago(age), waiting_since=since and ago(since))
        for priority, age, since in rows
    ]
    nobody_waits = sorted([ids[0], ids[3]])
    expected = {
        InboxSort.LAST_ACTIVITY: ids[::-1],
        InboxSort.WAITING_LONGEST: [ids[1], ids[4], ids[2], *nobody_waits],
        InboxSort.PRIORITY: [ids[3], ids[1], ids[4], ids[0], ids[2]],
    }[sort]
    ask = partial(desk.conversations.inbox, sort=sort, status=status, limit=2)
    pages = [await ask()]
    while pages[-1].next_cursor:
        pages.append(await ask(cursor=pages[-1].next_cursor))
    assert [item.id for page in pages for item in page.items] == expected
    assert pages[0].previous_cursor is None
    second = await ask(cursor=pages[2].previous_cursor)
    first = await ask(cursor=second.previous_cursor)
    assert (second.items, first.items) == (pages[1].items, pages[0].items)
    assert first.previous_cursor is None
    assert (await ask(cursor=first.next_cursor)).items == second.items


async def test_a_cursor_of_another_order_filter_or_company_is_refused(desk):
    for _ in range(2):
        await desk.open()
    cursor = (await desk.conversations.inbox(limit=1)).next_cursor
    other = desk.db.company(await new_company(desk.db)).conversations
    for ask in (
        partial(desk.conversations.inbox, sort="priority"),
        partial(desk.conversations.inbox, tags=["vip"]),
        partial(desk.conversations.inbox, user_id=uuid4()),
        partial(desk.conversations.inbox, view="unassigned"),
        other.inbox,
        partial(desk.conversations.idle_since, NOW),
    ):
        with pytest.raises(InvalidCursor):
            await ask(cursor=cursor)


# Opening.


async def test_sixteen_calls_open_one_conversation(desk, world):
    ask = partial(
        desk.conversations.open_or_get,
        ChannelType.WHATSAPP,
        "49-170",
        agent_id=desk.agent_id,
        customer_id=desk.customer_id,
        tags=["new"],
        metadata={"locale": "de"},
    )
    rows = await world.together(*[ask] * 16)
    assert len({row.id for row in rows}) == 1
    assert await desk.conversations.count() == 1
    assert (rows[0].tags, rows[0].metadata, rows[0].channel) == (["new"], {"locale": "de"}, "whatsapp")
    again = await ask(priority=3)
    assert (again.id, again.priority, again.updated_at) == (rows[0].id, 1, rows[0].updated_at)
    elsewhere = await desk.conversations.open_or_get(
        ChannelType.EMAIL, "49-170", agent_id=desk.agent_id, customer_id=desk.customer_id
    )
    assert elsewhere.id != rows[0].id


async def test_what_another_transaction_is_opening_is_waited_for(desk, database_url):
    theirs = uuid4()
    insert = (
        "INSERT INTO chatapp_conversations (company_id, id, agent_id, customer_id, channel_conversation_id)"
        " VALUES (%s, %s, %s, %s, 'same')"
    )
    with psycopg.connect(database_url) as other:
        other.execute(insert, [desk.id, theirs, desk.agent_id, desk.customer_id])
        commit = threading.Timer(0.5, other.commit)
        commit.start()
        row = await desk.conversations.open_or_get(
            ChannelType.WIDGET, "same", agent_id=desk.agent_id, customer_id=desk.customer_id
        )
        commit.join()
    assert row.id == theirs


async def test_a_new_conversation_refers_to_the_company_s_own(desk):
    other = await new_company(desk.db)
    stranger = await new_agent(desk.db, other)
    with pytest.raises(InvalidReference):
        await desk.conversations.open_or_get("widget", "1", agent_id=stranger, customer_id=desk.customer_id)


# A conversation's life.


async def test_an_escalated_conversation_waits_in_the_queue(desk):
    ada = await new_user(desk.db, desk.id)
    id = await desk.open(assigned_user_id=ada, waiting_since=ago(9))
    row = await desk.conversations.escalate(id)
    assert (row.status, row.assigned_user_id, row.waiting_since) == (
        ConversationStatus.WAITING,
        None,
        ago(9),
    )
    again = await desk.conversations.escalate(id)
    assert (again.escalated_at, again.version) == (row.escalated_at, row.version + 1)
    assert (await desk.conversations.assign(id, ada)).status is ConversationStatus.ACTIVE
    await desk.conversations.resolve(id)
    with pytest.raises(Conflict, match="cannot become waiting"):
        await desk.conversations.escalate(id)


async def test_a_person_gives_a_conversation_back(desk):
    id = await desk.open(assigned_user_id=await new_user(desk.db, desk.id))
    row = await desk.conversations.unassign(id)
    assert (row.assigned_user_id, row.status, row.version) == (None, ConversationStatus.ACTIVE, 2)


async def test_an_archived_conversation_keeps_when_it_was_resolved(desk):
    id = await desk.open()
    resolved = await desk.conversations.resolve(id)
    archived = await desk.conversations.archive(id)
    assert (archived.status, archived.resolved_at) == (ConversationStatus.ARCHIVED, resolved.resolved_at)
    assert await desk.conversations.archive(id) == archived
    reopened = await desk.conversations.reopen(id)
    assert (reopened.status, reopened.resolved_at) == (ConversationStatus.ACTIVE, None)


@pytest.mark.parametrize("verb", ["unassign", "escalate", "resolve", "archive", "set_priority"])
async def test_whoever_decided_on_an_old_state_is_told(desk, verb):
    id = await desk.open()
    more = (2,) if verb == "set_priority" else ()
    call = getattr(desk.conversations, verb)
    await desk.conversations.set_priority(id, 3, expected_version=1)
    with pytest.raises(VersionConflict):
        await call(id, *more, expected_version=1)
    assert (await desk.conversations.get(id)).priority == 3
    assert (await call(id, *more, expected_version=2)).version == 3
    with pytest.raises(NotFound):
        await call(uuid4(), *more)


# The queue.


async def test_the_queue_is_taken_by_urgency_and_then_by_waiting(desk):
    ada = await new_user(desk.db, desk.id)
    short = await desk.open(status="waiting", waiting_since=ago(1))
    long = await desk.open(status="waiting", waiting_since=ago(9))
    urgent = await desk.open(status="waiting", waiting_since=ago(0), priority=3)
    await desk.open()
    claimed = await desk.conversations.claim_next(ada, 2)
    assert [row.id for row in claimed] == [urgent, long]
    assert {(row.assigned_user_id, row.status, row.version) for row in claimed} == {(ada, "active", 2)}
    assert [row.id for row in await desk.conversations.claim_next(ada)] == [short]
    assert await desk.conversations.claim_next(ada) == []
    with pytest.raises(NotFound, match="user"):
        await desk.conversations.claim_next(await new_user(desk.db, await new_company(desk.db)))


async def test_callers_at_once_never_claim_the_same(desk, world):
    people = [await new_user(desk.db, desk.id) for _ in range(4)]
    waiting = {await desk.open(status="waiting", waiting_since=NOW) for _ in range(12)}
    calls = [partial(desk.conversations.claim_next, people[place % 4], 2) for place in range(12)]
    claimed = [row.id for rows in await world.together(*calls) for row in rows]
    assert len(claimed) == len(set(claimed))
    rest = [row.id for _ in range(12) for row in await desk.conversations.claim_next(people[0])]
    assert {*claimed, *rest} == waiting
    assert len(claimed) + len(rest) == 12


async def test_what_is_claimed_by_an_open_transaction_is_passed_over(desk):
    ada, ben = await new_user(desk.db, desk.id), await new_user(desk.db, desk.id)
    first = await desk.open(status="waiting", waiting_since=ago(2))
    second = await desk.open(status="waiting", waiting_since=ago(1))
    async with desk.db.tenant(desk.id) as tenant:
        assert [row.id for row in await tenant.conversations.claim_next(ada)] == [first]
        assert [row.id for row in await desk.conversations.claim_next(ben)] == [second]


async def test_idle_conversations_are_listed_the_longest_idle_first(desk):
    ids = [await desk.open(last_message_at=ago(60 + age)) for age in range(5)]
    await desk.open()
    waiting = await desk.open(status="waiting", last_message_at=ago(90))
    await desk.open(status="archived", last_message_at=ago(90))
    page = await desk.conversations.idle_since(ago(30), limit=4)
    rest = await desk.conversations.idle_since(ago(30), limit=4, cursor=page.next_cursor)
    assert [row.id for row in [*page.items, *rest.items]] == [waiting, *ids[::-1]]
    assert rest.next_cursor is None


async def test_idle_conversations_are_settled_in_batches(desk):
    ids = [await desk.open(last_message_at=ago(60 + age)) for age in range(3)]
    fresh, waiting = await desk.open(), await desk.open(status="waiting", last_message_at=ago(90))
    batches = [await desk.conversations.auto_resolve_idle(ago(30), limit=2) for _ in range(3)]
    assert [{row.id for row in batch} for batch in batches] == [set(ids[1:]), {ids[0]}, set()]
    assert {(row.status, row.version) for row in batches[0]} == {("resolved", 2)}
    assert all(row.resolved_at for row in batches[0])
    assert [(await desk.conversations.get(id)).status for id in (fresh, waiting)] == ["active", "waiting"]


async def test_batches_at_once_settle_each_conversation_once(desk, world):
    ids = [await desk.open(last_message_at=ago(60)) for _ in range(8)]
    calls = [partial(desk.conversations.auto_resolve_idle, ago(30), limit=3) for _ in range(6)]
    settled = [row.id for rows in await world.together(*calls) for row in rows]
    settled += [row.id for row in await desk.conversations.auto_resolve_idle(ago(30))]
    assert sorted(settled) == sorted(ids)


# Tags.


async def test_a_tag_is_put_on_once_and_taken_off(desk):
    id = await desk.open()
    tagged = await desk.conversations.add_tag(id, "vip")
    assert (tagged.tags, tagged.version) == (["vip"], 2)
    assert await desk.conversations.add_tag(id, "vip") == tagged
    assert (await desk.conversations.add_tag(id, "50 %'s")).tags == ["vip", "50 %'s"]
    bare = await desk.conversations.remove_tag(id, "vip")
    assert (bare.tags, bare.version) == (["50 %'s"], 4)
    assert await desk.conversations.remove_tag(id, "vip") == bare


async def test_tags_put_on_at_once_are_all_kept(desk, world):
    id = await desk.open()
    calls = [partial(desk.conversations.add_tag, id, f"tag {place}") for place in range(8)]
    await world.together(*calls)
    assert len((await desk.conversations.get(id)).tags) == 8


async def test_a_conversation_bears_a_hundred_tags(desk):
    id = await desk.open(tags=[str(place) for place in range(100)])
    assert len((await desk.conversations.add_tag(id, "7")).tags) == 100
    with pytest.raises(InvalidValue, match="no more than 100"):
        await desk.conversations.add_tag(id, "one more")


@pytest.fixture
def small_batches(monkeypatch):
    """Two rows at a time; the size stands in the statement, which is kept."""
    monkeypatch.setattr(tagging, "_BATCH", 2)
    tagging._rename_tag.cache_clear()
    yield
    tagging._rename_tag.cache_clear()


async def test_a_tag_is_renamed_everywhere_in_batches(desk, small_batches):
    ids = [await desk.open(tags=["a", "old"]) for _ in range(4)]
    merged = await desk.open(tags=["new", "old"])
    other = await desk.open(tags=["older"])
    assert await desk.conversations.rename_tag("old", "new") == 5
    tags = [(await desk.conversations.get(id)).tags for id in [*ids, merged, other]]
    assert tags == [["a", "new"]] * 4 + [["new"], ["older"]]
    assert await desk.conversations.rename_tag("old", "new") == 0


# Reading.


async def test_what_the_other_side_wrote_is_unread_until_it_is_read(desk):
    id, quiet = await desk.open(), await desk.open()
    for role in (MessageRole.USER, MessageRole.ASSISTANT, MessageRole.USER):
        await desk.messages.append(id, role=role, content="Hi")
    await desk.messages.append(id, role=MessageRole.ASSISTANT, content="note", is_private=True)
    asked = [id, quiet, uuid4(), await new_conversation(desk.db, await new_company(desk.db))]
    assert await desk.conversations.unread_counts(asked) == {id: 2, quiet: 0}
    assert await desk.conversations.unread_counts([id], side=Side.CUSTOMER) == {id: 1}
    before = await desk.conversations.get(id)
    read = await desk.conversations.mark_read(id, Side.AGENT)
    assert (read.version, read.customer_last_read_at) == (before.version, None)
    assert await desk.conversations.unread_counts([id]) == {id: 0}
    assert await desk.conversations.unread_counts([id], side="customer") == {id: 1}
    await desk.messages.append(id, role=MessageRole.USER, content="Hello?")
    assert await desk.conversations.unread_counts([id]) == {id: 1}
    assert await desk.conversations.unread_counts([]) == {}


async def test_many_ids_are_counted_in_one_call(desk):
    id = await desk.open()
    assert await desk.conversations.unread_counts([id, *(uuid4() for _ in range(70_000))]) == {id: 0}


# Bad input.

ID = uuid4()
BAD = [
    ("inbox", {"view": "everything"}),
    ("inbox", {"view": "mine"}),
    ("inbox", {"user_id": str(ID)}),
    ("inbox", {"status": "open"}),
    ("inbox", {"channel": "fax"}),
    ("inbox", {"agent_id": "x"}),
    ("inbox", {"tags": "abc"}),
    ("inbox", {"tags": ["a\x00"]}),
    ("inbox", {"priority": 4}),
    ("inbox", {"priority": True}),
    ("inbox", {"sort": "id; DROP TABLE"}),
    ("inbox", {"limit": 0}),
    ("inbox", {"limit": 501}),
    ("inbox", {"cursor": "abc"}),
    ("inbox", {"cursor": 7}),
    ("inbox_counts", {"user_id": None}),
    ("open_or_get", {"channel": "fax", "channel_conversation_id": "1", "agent_id": ID, "customer_id": ID}),
    ("open_or_get", {"channel": "sms", "channel_conversation_id": None, "agent_id": ID, "customer_id": ID}),
    ("open_or_get", {"channel": "slack", "channel_conversation_id": "", "agent_id": ID, "customer_id": ID}),
    ("open_or_get", {"channel": "slack", "channel_conversation_id": "1", "agent_id": "", "customer_id": ID}),
    ("unassign", {"id": str(ID)}),
    ("escalate", {"id": ID, "expected_version": 0}),
    ("archive", {"id": ID, "expected_version": "1"}),
    ("set_priority", {"id": ID, "priority": -1}),
    ("set_priority", {"id": ID, "priority": 2**40}),
    ("set_priority", {"id": ID, "priority": None}),
    ("claim_next", {"user_id": "x"}),
    ("claim_next", {"user_id": ID, "n": 0}),
    ("claim_next", {"user_id": ID, "n": 101}),
    ("idle_since", {"moment": NOW.replace(tzinfo=None)}),
    ("idle_since", {"moment": NOW, "limit": 0}),
    ("idle_since", {"moment": NOW, "cursor": ""}),
    ("auto_resolve_idle", {"idle_before": "yesterday"}),
    ("auto_resolve_idle", {"idle_before": NOW, "limit": 1000}),
    ("add_tag", {"id": ID, "tag": ""}),
    ("add_tag", {"id": ID, "tag": "x" * 101}),
    ("add_tag", {"id": ID, "tag": "\ud800"}),
    ("remove_tag", {"id": ID, "tag": None}),
    ("rename_tag", {"tag": "a", "new_tag": "a"}),
    ("rename_tag", {"tag": "a", "new_tag": ""}),
    ("mark_read", {"id": ID, "side": "both"}),
    ("mark_read", {"id": 7, "side": "agent"}),
    ("unread_counts", {"ids": "abc"}),
    ("unread_counts", {"ids": [str(ID)]}),
    ("unread_counts", {"ids": [], "side": None}),
]


async def test_bad_input_is_refused_and_the_scope_goes_on(desk):
    id = await desk.open()
    async with desk.db.tenant(desk.id) as tenant:
        for verb, arguments in BAD:
            with pytest.raises(InvalidValue):
                await getattr(tenant.conversations, verb)(**arguments)
        assert (await tenant.conversations.get(id)).version == 1
