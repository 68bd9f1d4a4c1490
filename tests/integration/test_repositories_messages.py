"""What is done with messages: written many at once, read around a place, corrected; in both worlds."""

import datetime as dt
from functools import partial
from uuid import uuid4

import pytest

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.repositories import Side
from chatapp_db.schema import ConversationStatus, MessageRole
from tests.rows import new_company, new_conversation, new_user

NOW = dt.datetime.now(dt.UTC)
USER, ASSISTANT, SYSTEM = MessageRole


class Talk:
    """A conversation, and what is said in it."""

    def __init__(self, db, company_id, id):
        self.db, self.company_id, self.id = db, company_id, id
        self.messages = db.company(company_id).messages
        self.conversations = db.company(company_id).conversations

    async def say(self, *contents, role=USER, **more):
        return [await self.messages.append(self.id, role=role, content=one, **more) for one in contents]

    async def moved(self):
        return await self.conversations.get(self.id)


@pytest.fixture
def talk(db, runner):
    async def made():
        company_id = await new_company(db)
        return Talk(db, company_id, await new_conversation(db, company_id))

    return runner.run(made())


def words(rows):
    return [row.content for row in getattr(rows, "items", rows)]


# Reading back.


async def test_history_is_walked_back_and_on(talk):
    await talk.say(*"abcdefg")
    ask = partial(talk.messages.history, talk.id, limit=3)
    newest = await ask()
    older = await ask(cursor=newest.next_cursor)
    oldest = await ask(cursor=older.next_cursor)
    assert [words(page) for page in (newest, older, oldest)] == [["g", "f", "e"], ["d", "c", "b"], ["a"]]
    assert (newest.previous_cursor, oldest.next_cursor) == (None, None)
    assert words(await ask(cursor=oldest.previous_cursor)) == ["d", "c", "b"]
    back = await ask(cursor=older.previous_cursor)
    assert (words(back), back.previous_cursor) == (["g", "f", "e"], None)
    await talk.say("h")
    assert words(await ask(cursor=older.previous_cursor, limit=3)) == ["g", "f", "e"]
    assert words(await ask(cursor=(await ask(cursor=older.previous_cursor)).previous_cursor)) == ["h"]


async def test_history_beside_a_message(talk):
    rows = await talk.say(*"abcdefg")
    ask = partial(talk.messages.history, talk.id)
    before = await ask(before=rows[3].id, limit=2)
    after = await ask(after=rows[3].id, limit=2)
    assert (words(before), words(after)) == (["c", "b"], ["f", "e"])
    assert words(await ask(cursor=before.next_cursor)) == ["a"]
    assert words(await ask(cursor=before.previous_cursor, limit=2)) == ["e", "d"]
    assert words(await ask(cursor=after.previous_cursor)) == ["g"]
    assert words(await ask(before=rows[0].id)) == words(await ask(after=rows[-1].id)) == []


@pytest.mark.parametrize(
    ("place", "limit", "expected"),
    [(3, 3, "edc"), (3, 4, "edcb"), (0, 3, "cba"), (6, 3, "gfe"), (3, 1, "d"), (2, 50, "gfedcba")],
)
async def test_history_around_a_message_fills_the_page(talk, place, limit, expected):
    rows = await talk.say(*"abcdefg")
    page = await talk.messages.history(talk.id, around=rows[place].id, limit=limit)
    assert words(page) == list(expected)
    assert (page.previous_cursor is None) == (expected[0] == "g")
    assert (page.next_cursor is None) == (expected[-1] == "a")
    if page.previous_cursor and page.next_cursor:
        older = await talk.messages.history(talk.id, cursor=page.next_cursor)
        newer = await talk.messages.history(talk.id, cursor=page.previous_cursor)
        assert [*words(newer), *expected, *words(older)] == list("gfedcba")


async def test_a_message_of_another_conversation_has_nothing_beside_it(talk):
    await talk.say("a")
    other = await new_conversation(talk.db, talk.company_id)
    stranger = await talk.messages.append(other, role=USER, content="x")
    for place in ("before", "after", "around"):
        for id in (stranger.id, uuid4()):
            assert words(await talk.messages.history(talk.id, **{place: id})) == []


async def test_a_cursor_fits_its_conversation_only(talk):
    await talk.say("a", "b")
    cursor = (await talk.messages.history(talk.id, limit=1)).next_cursor
    with pytest.raises(InvalidCursor):
        await talk.messages.history(uuid4(), cursor=cursor)
    with pytest.raises(InvalidValue, match="one of"):
        await talk.messages.history(talk.id, cursor=cursor, before=uuid4())


async def test_a_model_reads_the_latest_without_notes(talk):
    await talk.say("a" * 40, "b" * 40)
    await talk.say("a note", role=ASSISTANT, is_private=True)
    await talk.say("c" * 40, role=ASSISTANT)
    recent = partial(talk.messages.recent_for_llm, talk.id)
    assert [row[0] for row in words(await recent())] == ["a", "b", "c"]
    assert [row[0] for row in words(await recent(limit=2))] == ["b", "c"]
    assert [row[0] for row in words(await recent(max_tokens=29))] == ["b", "c"]
    assert [row[0] for row in words(await recent(max_tokens=30))] == ["a", "b", "c"]
    assert [row[0] for row in words(await recent(max_tokens=1))] == ["c"]
    assert [row[0] for row in words(await recent(max_tokens=30, limit=1))] == ["c"]
    assert await talk.messages.recent_for_llm(uuid4(), max_tokens=9) == []


async def test_tokens_of_a_time_are_added_up(talk):
    other = await new_company(talk.db)
    stranger = await new_conversation(talk.db, other)
    await talk.db.company(other).messages.append(stranger, role=ASSISTANT, content="x", tokens_used=1000)
    first, second = await talk.say("a", "b", role=ASSISTANT, tokens_used=30)
    await talk.say("note", role=ASSISTANT, tokens_used=500, is_private=True)
    used = talk.messages.tokens_used
    hour = dt.timedelta(hours=1)
    assert await used(first.created_at - hour, second.created_at + hour) == 60
    assert await used(first.created_at, second.created_at) == 30
    assert await used(second.created_at + hour, second.created_at + 2 * hour) == 0
    await talk.conversations.archive(talk.id)
    assert await used(first.created_at - hour, second.created_at + hour) == 60


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("parcel", "dba"),
        ("PARCEL late", "d"),
        ('"the parcel"', "a"),
        ("rain or late", "dc"),
        ("parcel -late -note", "a"),
        ("-parcel", ""),
        ("parc", ""),
        ("100%", "c"),
        ("' & ! | :* \\", ""),
        ("   ", ""),
    ],
)
async def test_messages_are_found_by_their_words_the_newest_first(talk, query, expected):
    await talk.say("a: where is the parcel?")
    await talk.say("b: note, parcel is lost", role=ASSISTANT, is_private=True)
    await talk.say("c: rain, 100% of it", "d: Parcel: late!")
    found = await talk.messages.search(query)
    assert [content[0] for content in words(found)] == list(expected)
    assert [await talk.messages.get(row.id) for row in found.items] == found.items


async def test_what_is_found_is_paged_by_key(talk):
    rows = await talk.say(*(f"{number} same words" for number in range(60)))
    await talk.say("other words")
    first = await talk.messages.search("same", limit=25)
    second = await talk.messages.search("same", limit=30, cursor=first.next_cursor)
    third = await talk.messages.search("same", cursor=second.next_cursor)
    assert [*words(first), *words(second), *words(third)] == words(rows)[::-1]
    assert third.next_cursor is None
    assert len(words(await talk.messages.search("same", limit=500))) == 60
    with pytest.raises(InvalidCursor):
        await talk.messages.search("other", cursor=first.next_cursor)


async def test_the_words_of_another_company_are_not_found(talk):
    await talk.say("the recipe of the bakery")
    other = await new_company(talk.db)
    assert words(await talk.db.company(other).messages.search("recipe")) == []
    async with talk.db.tenant(other) as tenant:
        assert words(await tenant.messages.search("recipe")) == []


async def test_messages_are_found_by_the_words_they_have_now(talk):
    first, second = await talk.say("an old word", "an old saying")
    await talk.messages.edit(first.id, "a new word")
    await talk.messages.redact(second.id)
    assert words(await talk.messages.search("old")) == []
    assert words(await talk.messages.search("new")) == ["a new word"]


# Writing many.


async def test_a_transcript_is_written_in_its_order(talk):
    ada = await new_user(talk.db, talk.company_id)
    rows = await talk.messages.append_many(
        talk.id,
        [
            {"role": USER, "content": "Hi", "attachments": [{"url": "https://example.com/a.png"}]},
            {"role": ASSISTANT, "content": "Hello", "sender_user_id": ada, "metadata": {"model": "m"}},
            {"role": USER, "content": "Where is it?" * 50, "tokens_used": 3},
            {"role": ASSISTANT, "content": "note", "is_private": True},
        ],
    )
    assert words(rows) == words(await talk.messages.history(talk.id))[::-1]
    assert (rows[0].attachments, rows[1].metadata, rows[1].sender_user_id, rows[2].tokens_used) == (
        [{"url": "https://example.com/a.png"}],
        {"model": "m"},
        ada,
        3,
    )
    moved = await talk.moved()
    assert (moved.version, moved.last_message_preview) == (2, ("Where is it?" * 50)[:200])
    assert moved.waiting_since == moved.first_response_at == moved.last_message_at


async def test_a_transcript_moves_the_conversation_as_its_messages_would(talk):
    await talk.conversations.resolve(talk.id)
    turn = [{"role": USER, "content": "Hi"}, {"role": ASSISTANT, "content": "Hello"}]
    await talk.messages.append_many(talk.id, turn)
    moved = await talk.moved()
    assert (moved.status, moved.resolved_at, moved.waiting_since) == (ConversationStatus.ACTIVE, None, None)
    await talk.messages.append_many(talk.id, [{"role": USER, "content": "a"}])
    since = (await talk.moved()).waiting_since
    await talk.messages.append_many(
        talk.id, [{"role": SYSTEM, "content": "b"}, {"role": USER, "content": "c"}]
    )
    assert (await talk.moved()).waiting_since == since


async def test_what_was_delivered_before_is_written_once(talk):
    given = [{"role": USER, "content": one, "external_id": one} for one in "ab"]
    assert len(await talk.messages.append_many(talk.id, given)) == 2
    before = await talk.moved()
    assert await talk.messages.append_many(talk.id, given) == []
    assert await talk.moved() == before
    more = await talk.messages.append_many(talk.id, [*given, {"role": USER, "content": "c"}])
    assert words(more) == ["c"]
    assert await talk.messages.count() == 3


async def test_notes_move_nothing_and_nothing_writes_nothing(talk):
    before = await talk.moved()
    assert await talk.messages.append_many(talk.id, []) == []
    await talk.messages.append_many(talk.id, [{"role": ASSISTANT, "content": "x", "is_private": True}])
    assert await talk.moved() == before


async def test_many_messages_go_to_a_conversation_of_the_company(talk):
    foreign = await new_conversation(talk.db, await new_company(talk.db))
    for id in (foreign, uuid4()):
        for given in ([], [{"role": USER, "content": "x"}]):
            with pytest.raises(NotFound, match="conversation"):
                await talk.messages.append_many(id, given)
    with pytest.raises(InvalidReference):
        await talk.messages.append_many(
            talk.id, [{"role": ASSISTANT, "content": "x", "sender_user_id": uuid4()}]
        )


async def test_thousands_are_written_at_once(talk):
    given = [{"role": USER, "content": str(place)} for place in range(5_000)]
    rows = await talk.messages.append_many(talk.id, given)
    assert words(rows) == [one["content"] for one in given]


# Correcting.


async def test_an_edited_message_says_something_else(talk):
    first, last = await talk.say("frist", "lats")
    moved = await talk.moved()
    edited = await talk.messages.edit(first.id, "first")
    assert (edited.content, edited.created_at) == ("first", first.created_at)
    assert edited.updated_at > first.updated_at
    assert await talk.moved() == moved
    await talk.messages.edit(last.id, "last" * 100)
    assert (await talk.moved()).last_message_preview == ("last" * 100)[:200]
    with pytest.raises(NotFound):
        await talk.messages.edit(uuid4(), "x")


async def test_a_note_is_no_preview(talk):
    await talk.say("Hi")
    (note,) = await talk.say("a note", role=ASSISTANT, is_private=True)
    await talk.messages.edit(note.id, "another note")
    assert (await talk.moved()).last_message_preview == "Hi"


async def test_nothing_is_left_of_a_redacted_message(talk):
    (row,) = await talk.say(
        "my card is 4111", attachments=[{"url": "https://x.example"}], metadata={"model": "m"}, tokens_used=5
    )
    redacted = await talk.messages.redact(row.id)
    assert (redacted.content, redacted.attachments, redacted.tokens_used) == ("", [], 5)
    assert redacted.metadata == {"redacted": True}
    assert (await talk.moved()).last_message_preview == ""
    assert (await talk.messages.redact(row.id)) == redacted
    with pytest.raises(Conflict, match="redacted"):
        await talk.messages.edit(row.id, "my card is 4111")
    with pytest.raises(NotFound):
        await talk.messages.redact(uuid4())


async def test_a_message_is_seen_and_what_came_before_it(talk):
    first, second, third = await talk.say(*"abc")
    seen = await talk.messages.mark_seen(second.id, Side.AGENT)
    assert seen.agent_last_read_at == second.created_at
    assert await talk.conversations.unread_counts([talk.id]) == {talk.id: 1}
    assert (await talk.messages.mark_seen(first.id, "agent")).agent_last_read_at == second.created_at
    assert (await talk.messages.mark_seen(third.id, "customer")).customer_last_read_at == third.created_at
    with pytest.raises(NotFound):
        await talk.messages.mark_seen(uuid4(), Side.AGENT)


# Bad input.

ID = uuid4()
BAD = [
    ("history", {"conversation_id": "x"}),
    ("history", {"conversation_id": ID, "before": "x"}),
    ("history", {"conversation_id": ID, "before": ID, "after": ID}),
    ("history", {"conversation_id": ID, "around": 7}),
    ("history", {"conversation_id": ID, "around": ID, "limit": 501}),
    ("history", {"conversation_id": ID, "cursor": "abc"}),
    ("recent_for_llm", {"conversation_id": None}),
    ("recent_for_llm", {"conversation_id": ID, "limit": 0}),
    ("recent_for_llm", {"conversation_id": ID, "max_tokens": 0}),
    ("recent_for_llm", {"conversation_id": ID, "max_tokens": 2**31}),
    ("recent_for_llm", {"conversation_id": ID, "max_tokens": 1.5}),
    ("tokens_used", {"since": NOW.replace(tzinfo=None), "until": NOW}),
    ("tokens_used", {"since": NOW, "until": "now"}),
    ("tokens_used", {"since": NOW, "until": NOW - dt.timedelta(1)}),
    ("mark_seen", {"id": ID, "side": "nobody"}),
    ("mark_seen", {"id": str(ID), "side": "agent"}),
    ("edit", {"id": ID, "content": "a\x00b"}),
    ("edit", {"id": ID, "content": "x" * 100_001}),
    ("edit", {"id": ID, "content": None}),
    ("edit", {"id": "x", "content": "x"}),
    ("redact", {"id": None}),
    ("append_many", {"conversation_id": "x", "messages": []}),
    ("append_many", {"conversation_id": ID, "messages": "abc"}),
    ("append_many", {"conversation_id": ID, "messages": [{}]}),
    ("append_many", {"conversation_id": ID, "messages": [{"role": "user"}]}),
    ("append_many", {"conversation_id": ID, "messages": [{"role": "robot", "content": "x"}]}),
    ("append_many", {"conversation_id": ID, "messages": [{"role": "user", "content": "x", "id": ID}]}),
    ("append_many", {"conversation_id": ID, "messages": [{"role": "user", "content": "\ud800"}]}),
    ("append_many", {"conversation_id": ID, "messages": [{"role": "user", "content": "x", "colour": 1}]}),
    (
        "append_many",
        {"conversation_id": ID, "messages": [{"role": "user", "content": "x", "tokens_used": 2**31}]},
    ),
    (
        "append_many",
        {
            "conversation_id": ID,
            "messages": [{"role": "user", "content": "x", "metadata": {"a": float("nan")}}],
        },
    ),
]


async def test_bad_input_is_refused_and_the_scope_goes_on(talk):
    await talk.say("a")
    async with talk.db.tenant(talk.company_id) as tenant:
        for verb, arguments in BAD:
            with pytest.raises(InvalidValue):
                await getattr(tenant.messages, verb)(**arguments)
        assert words(await tenant.messages.history(talk.id)) == ["a"]
