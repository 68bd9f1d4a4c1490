"""How conversations went, told from their messages, and how those of an agent did."""

from __future__ import annotations

import random
import statistics
from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.schema import ResolutionType
from tests.past import Past
from tests.rows import new_agent, new_company, new_user

DAY = date(2026, 10, 25)  # in Berlin the clocks go back: 25 hours, from 22:00 to 23:00 UTC
STARTS = datetime(2026, 10, 24, 22, tzinfo=UTC)
ENDS = datetime(2026, 10, 25, 23, tzinfo=UTC)


@pytest.fixture
def past(db, superuser, runner):
    return runner.run(Past.new(db, superuser, "Europe/Berlin"))


@pytest.fixture
def analytics(past):
    return past.db.company(past.id).conversation_analytics


def after(seconds):
    return STARTS + timedelta(seconds=seconds)


def say(past, conversation_id, *turns, **more):
    """Write who said something and how many seconds after the start."""
    for role, seconds in turns:
        past.message(conversation_id, after(seconds), role, **more)


async def test_what_was_said_is_counted_by_who_said_it(past, analytics):
    ada = await new_user(past.db, past.id)
    conversation_id = await past.conversation(STARTS)
    say(past, conversation_id, ("user", 0), ("assistant", 10), ("system", 11), ("user", 20))
    say(past, conversation_id, ("assistant", 50), sender_user_id=ada)
    say(past, conversation_id, ("assistant", 60), is_private=True)
    row = await analytics.compute(conversation_id)
    counts = (row.messages_count, row.ai_messages_count, row.human_messages_count)
    assert counts == (5, 1, 1)
    assert (row.agent_id, row.duration_seconds, row.escalated) == (past.agent_id, 50, False)


@pytest.mark.parametrize(
    ("turns", "average"),
    [
        ([], None),
        ([("user", 0)], None),
        ([("assistant", 0), ("user", 5)], None),
        ([("user", 0), ("assistant", 10), ("user", 20), ("assistant", 50)], 20),
        ([("user", 0), ("user", 30), ("assistant", 40)], 40),
        ([("user", 0), ("assistant", 10), ("assistant", 1000)], 10),
        ([("user", 0), ("system", 4), ("assistant", 7), ("user", 8)], 7),
    ],
)
async def test_a_response_takes_from_the_first_unanswered_message_to_the_answer(
    past, analytics, turns, average
):
    conversation_id = await past.conversation(STARTS)
    say(past, conversation_id, *turns)
    assert (await analytics.compute(conversation_id)).response_time_avg == average


@pytest.mark.parametrize(
    "case",
    [
        ("active", "ai", False, None),
        ("waiting", "ai", True, None),
        ("resolved", "ai", False, ResolutionType.AI),
        ("resolved", "person", False, ResolutionType.HUMAN),
        ("resolved", "person", True, ResolutionType.HUMAN),
        ("resolved", "nobody", False, ResolutionType.ABANDONED),
        ("resolved", "ai", True, ResolutionType.ABANDONED),
        ("archived", "ai", False, ResolutionType.AI),
        ("archived", "nobody", False, ResolutionType.ABANDONED),
    ],
)
async def test_who_answered_settled_it(past, analytics, case):
    status, answered_by, escalated, resolution = case
    conversation_id = await past.conversation(
        STARTS,
        status=status,
        resolved_at=after(99) if status == "resolved" else None,
        escalated_at=after(5) if escalated else None,
    )
    say(past, conversation_id, ("user", 0))
    if answered_by != "nobody":
        ada = await new_user(past.db, past.id) if answered_by == "person" else None
        say(past, conversation_id, ("assistant", 9), sender_user_id=ada)
    row = await analytics.compute(conversation_id)
    assert (row.resolution_type, row.escalated) == (resolution, escalated)
    if status == "resolved":
        assert row.duration_seconds == 99


async def test_a_person_who_has_it_settled_it_without_a_word(past, analytics):
    ada = await new_user(past.db, past.id)
    conversation_id = await past.conversation(
        STARTS, status="resolved", resolved_at=STARTS, assigned_user_id=ada
    )
    assert (await analytics.compute(conversation_id)).resolution_type == ResolutionType.HUMAN


async def test_computing_again_changes_nothing_and_a_noted_score_stays(past, analytics):
    conversation_id = await past.conversation(STARTS)
    say(past, conversation_id, ("user", 0), ("assistant", 3))
    noted = await analytics.record(conversation_id, satisfaction_score=5, messages_count=99)
    first = await analytics.compute(conversation_id)
    assert (first.id, first.satisfaction_score, first.messages_count) == (noted.id, 5, 2)
    assert await analytics.compute(conversation_id) == first
    say(past, conversation_id, ("user", 10))
    assert (await analytics.compute(conversation_id)).messages_count == 3


async def test_another_companys_conversation_is_not_computed(past):
    conversation_id = await past.conversation(STARTS)
    other = past.db.company(await new_company(past.db)).conversation_analytics
    for stranger in (conversation_id, uuid4()):
        with pytest.raises(NotFound):
            await other.compute(stranger)
    assert await other.recompute(date.min, date.max) == 0
    assert await past.db.company(past.id).conversation_analytics.count() == 0


async def test_a_range_computes_what_started_on_its_days_as_each_by_itself_would_be(past, analytics):
    instant = timedelta(microseconds=1)
    outside = [await past.conversation(at) for at in (STARTS - instant, ENDS)]
    inside = [await past.conversation(at) for at in (STARTS, after(60), ENDS - instant)]
    for number, conversation_id in enumerate(inside):
        say(past, conversation_id, ("user", 60), ("assistant", 70 + number), ("user", 90))
    assert await analytics.recompute(DAY, DAY) == 3
    rows = {row.conversation_id: row for row in (await analytics.page()).items}
    assert rows.keys() == set(inside)
    assert not rows.keys() & set(outside)
    assert [rows[one].response_time_avg for one in inside] == [10, 11, 12]
    assert all([await analytics.compute(one) == rows[one] for one in inside])
    assert await analytics.recompute(DAY, DAY) == 3
    assert (await analytics.page()).items == list(rows.values())


async def test_new_rows_of_a_range_are_the_newest(past, analytics):
    early = await past.conversation(STARTS - timedelta(days=3))
    await past.conversation(STARTS)
    first = await analytics.compute(early)
    await analytics.recompute(DAY, DAY)
    last = await analytics.compute(await past.conversation(ENDS))
    listed = [row.id for row in (await analytics.page()).items]
    assert (listed[0], listed[-1], len(listed)) == (last.id, first.id, 3)


@pytest.mark.parametrize(("first", "last"), [(DAY, DAY - timedelta(days=1)), (STARTS, DAY), (DAY, None)])
async def test_days_that_are_no_range_are_refused(analytics, first, last):
    for call in (analytics.recompute, analytics.agent_report):
        with pytest.raises(InvalidValue):
            await call(first, last)


async def test_an_agent_is_reported_by_its_conversations_of_the_days(past, analytics):
    busy, quiet = past.agent_id, await new_agent(past.db, past.id, "Quiet")
    await new_agent(past.db, past.id, "Idle")
    ada = await new_user(past.db, past.id)
    for number in range(4):
        settled = {"status": "resolved", "resolved_at": after(99)} if number else {}
        conversation_id = await past.conversation(
            STARTS, first_response_at=after(10 * number), escalated_at=None if number else STARTS, **settled
        )
        say(past, conversation_id, ("user", 0), ("assistant", 10 * number))
        if number == 1:
            say(past, conversation_id, ("assistant", 50), sender_user_id=ada)
            await analytics.record(conversation_id, satisfaction_score=4)
    await past.conversation(STARTS, agent_id=quiet)
    await past.conversation(ENDS, agent_id=quiet)
    await analytics.recompute(DAY, DAY)
    first, second = await analytics.agent_report(DAY, DAY)
    assert (first.agent_id, first.agent_name, first.conversations_total) == (busy, "Bot", 4)
    assert (first.conversations_resolved, first.conversations_escalated, first.resolved_by_ai) == (3, 1, 2)
    assert (first.ai_share, first.satisfaction_count, first.avg_satisfaction) == (0.8, 1, 4.0)
    assert (second.agent_id, second.conversations_total, second.ai_share) == (quiet, 1, None)
    assert (second.response_time_p50, second.avg_satisfaction) == (None, None)
    assert await analytics.agent_report(DAY + timedelta(days=7), DAY + timedelta(days=7)) == []


@pytest.mark.parametrize("count", [1, 2, 7, 100])
async def test_percentiles_are_those_of_python(past, analytics, count):
    seconds = [random.Random(f"{count}.{place}").randrange(10_000) for place in range(count)]
    for waited in seconds:
        await past.conversation(STARTS, first_response_at=after(waited))
    await past.conversation(STARTS)
    (report,) = await analytics.agent_report(DAY, DAY)
    found = [report.response_time_p50, report.response_time_p90, report.response_time_p99]
    cuts = statistics.quantiles(seconds, n=100, method="inclusive") if count > 1 else seconds * 99
    assert found == pytest.approx([cuts[49], cuts[89], cuts[98]])


async def test_another_companys_agents_are_not_reported(past):
    await past.conversation(STARTS)
    other = past.db.company(await new_company(past.db)).conversation_analytics
    assert await other.agent_report(date.min, date.max) == []
