"""Analytics: what is noted of a conversation, and what a day adds up to."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import psycopg
import pytest

from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.repositories.analytics.due_days import rollup_due
from chatapp_db.repositories.analytics.rollup import rollup
from chatapp_db.schema import MessageRole, ResolutionType
from tests.past import Past
from tests.rows import new_agent, new_company, new_conversation

DAY = date(2026, 3, 8)  # in New York the clocks go forward: 23 hours, from 05:00 to 04:00 UTC
STARTS = datetime(2026, 3, 8, 5, tzinfo=UTC)
ENDS = datetime(2026, 3, 9, 4, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
def past(db, superuser, runner):
    return runner.run(Past.new(db, superuser, "America/New_York"))


async def test_a_note_on_a_conversation_is_added_to(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    conversation_id = await new_conversation(db, company_id, agent_id=agent_id)
    analytics = db.company(company_id).conversation_analytics
    first = await analytics.record(conversation_id, satisfaction_score=4, messages_count=3)
    second = await analytics.record(conversation_id, resolution_type=ResolutionType.AI, messages_count=5)
    assert (second.id, second.agent_id) == (first.id, agent_id)
    noted = (second.satisfaction_score, second.messages_count, second.resolution_type)
    assert noted == (4, 5, ResolutionType.AI)
    assert await analytics.record(conversation_id) == second
    assert await analytics.count() == 1


@pytest.mark.parametrize(
    "measures",
    [
        {"satisfaction_score": 6},
        {"ai_messages_count": 2, "messages_count": 1},
        {"agent_id": uuid4()},
        {"escalated": 1},
        {"resolution_type": "magic"},
    ],
)
async def test_a_note_that_cannot_be_is_refused(db, measures):
    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    analytics = db.company(company_id).conversation_analytics
    with pytest.raises(InvalidValue):
        await analytics.record(conversation_id, **measures)
    assert await analytics.count() == 0


async def test_another_companys_conversation_is_not_noted(db):
    company_id, other = await new_company(db), await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    for stranger in (conversation_id, uuid4()):
        with pytest.raises(NotFound):
            await db.company(other).conversation_analytics.record(stranger, escalated=True)


async def test_a_day_counts_the_conversations_that_started_on_it(past):
    await past.conversation(STARTS - SECOND)
    await past.conversation(STARTS, first_response_at=STARTS + timedelta(seconds=10))
    await past.conversation(
        ENDS - SECOND,
        status="resolved",
        resolved_at=ENDS + timedelta(days=1),
        escalated_at=ENDS,
        first_response_at=ENDS + timedelta(seconds=20),
    )
    await past.conversation(ENDS)
    day = await past.rollup(DAY)
    counted = (day.conversations_total, day.conversations_resolved, day.conversations_escalated)
    assert counted == (2, 1, 1)
    assert (day.response_time_sum, day.response_time_count, day.avg_response_time) == (31, 2, 16)


async def test_a_day_knows_how_satisfied_customers_were(past):
    notes = past.db.company(past.id).conversation_analytics
    for score in (5, 4, 4):
        await notes.record(await past.conversation(STARTS), satisfaction_score=score)
    await notes.record(await past.conversation(STARTS), escalated=True)
    await notes.record(await past.conversation(ENDS), satisfaction_score=1)
    day = await past.rollup(DAY)
    assert (day.satisfaction_sum, day.satisfaction_count) == (13, 3)
    assert day.avg_satisfaction == Decimal("4.33")


async def test_a_day_counts_the_messages_written_on_it_in_older_conversations_too(past):
    old = await past.conversation(STARTS - timedelta(days=400))
    for at, tokens in ((STARTS - SECOND, 1), (STARTS, 10), (ENDS - SECOND, 100), (ENDS, 1000)):
        past.message(old, at, tokens=tokens)
    past.message(old, STARTS, tokens=7, is_private=True)
    day = await past.rollup(DAY)
    assert (day.conversations_total, day.messages_total, day.tokens_used) == (0, 2, 110)


@pytest.mark.parametrize("status", ["active", "waiting", "resolved", "archived"])
async def test_messages_count_whatever_became_of_their_conversation(past, status):
    resolved_at = ENDS if status == "resolved" else None
    past.message(await past.conversation(STARTS, status=status, resolved_at=resolved_at), STARTS)
    assert (await past.rollup(DAY)).messages_total == 1


async def test_each_message_counts_on_exactly_one_day(past):
    conversation_id = await past.conversation(STARTS - timedelta(days=2))
    hours = 24 * 5
    for hour in range(hours):
        past.message(conversation_id, STARTS + timedelta(hours=hour - 48, minutes=30))
    days = [await past.rollup(DAY + timedelta(days=n)) for n in range(-3, 4)]
    assert [day.messages_total for day in days] == [0, 24, 24, 23, 24, 24, 1]
    assert sum(day.messages_total for day in days) == hours


async def test_a_message_of_a_long_transaction_counts_although_its_conversation_looks_older(past):
    conversation_id = await past.conversation(STARTS)
    past.message(conversation_id, STARTS)
    past.superuser.execute(
        "UPDATE chatapp_conversations SET last_message_at = %s", [STARTS - timedelta(hours=20)]
    )
    assert (await past.rollup(DAY)).messages_total == 1


async def test_rolling_up_again_changes_nothing_or_brings_the_day_up_to_date(past):
    await past.conversation(STARTS)
    first = await past.rollup(DAY)
    assert await past.rollup(DAY) == first
    past.message(await past.conversation(STARTS), STARTS, tokens=5)
    again = await past.rollup(DAY)
    assert (again.id, again.conversations_total, again.tokens_used) == (first.id, 2, 5)
    assert await past.db.company(past.id).daily_analytics.count() == 1


async def test_a_day_without_anything_is_a_row_of_zeros(past):
    day = await past.rollup(DAY)
    assert (day.conversations_total, day.messages_total, day.tokens_used) == (0, 0, 0)
    assert (day.avg_response_time, day.avg_satisfaction) == (None, None)


async def test_a_day_holds_nothing_of_another_company(past):
    past.message(await past.conversation(STARTS), STARTS, tokens=5)
    await past.rollup(DAY)
    other = past.db.company(await new_company(past.db)).daily_analytics
    day = await other.rollup(DAY)
    assert (day.conversations_total, day.messages_total) == (0, 0)
    assert await other.range(DAY, DAY) == [day]


async def test_todays_messages_count_today(db):
    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    messages = db.company(company_id).messages
    message = await messages.append(conversation_id, role=MessageRole.USER, content="Hi", tokens_used=3)
    day = await db.company(company_id).daily_analytics.rollup(message.created_at.astimezone(UTC).date())
    assert (day.conversations_total, day.messages_total, day.tokens_used) == (1, 1, 3)


async def test_a_company_that_is_gone_has_no_days(db):
    with pytest.raises(NotFound):
        await db.company(uuid4()).daily_analytics.rollup(DAY)


async def test_days_are_listed_in_order(past):
    days = [await past.rollup(DAY + timedelta(days=n)) for n in (2, 0, 1, 3)]
    listed = await past.db.company(past.id).daily_analytics.range(DAY, DAY + timedelta(days=2))
    assert listed == [days[1], days[2], days[0]]
    with pytest.raises(InvalidValue):
        await past.db.company(past.id).daily_analytics.range(DAY, DAY - timedelta(days=1))


@pytest.mark.parametrize("day", [None, "2026-03-08", STARTS, 20260308])
async def test_what_is_no_day_is_refused(db, day):
    analytics = db.company(uuid4()).daily_analytics
    for call in (
        analytics.rollup,
        lambda day: analytics.range(day, DAY),
        lambda day: analytics.range(DAY, day),
    ):
        with pytest.raises(InvalidValue):
            await call(day)


@pytest.mark.parametrize(
    "case",
    [
        ("Europe/Berlin", date(2026, 3, 29), datetime(2026, 3, 28, 23, tzinfo=UTC), 23),
        ("Europe/Berlin", date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 25),
        # No midnight: the clocks go from 24:00 to 01:00.
        ("America/Havana", date(2026, 3, 8), datetime(2026, 3, 8, 5, tzinfo=UTC), 23),
        ("Asia/Beirut", date(2026, 3, 29), datetime(2026, 3, 28, 22, tzinfo=UTC), 23),
        # Two midnights: at 01:00 the clocks go back to the first.
        ("America/Havana", date(2026, 11, 1), datetime(2026, 11, 1, 4, tzinfo=UTC), 25),
        # The day before ends twice: at 24:00 the clocks go back to 23:00.
        ("Asia/Beirut", date(2026, 10, 24), datetime(2026, 10, 23, 21, tzinfo=UTC), 25),
        ("Asia/Beirut", date(2026, 10, 25), datetime(2026, 10, 24, 22, tzinfo=UTC), 24),
        ("Australia/Lord_Howe", date(2026, 4, 5), datetime(2026, 4, 4, 13, tzinfo=UTC), 24.5),
    ],
)
async def test_a_day_lasts_as_long_as_the_clocks_say(db, superuser, case):
    zone, day, begins, hours = case
    past = await Past.new(db, superuser, zone)
    ends = begins + timedelta(hours=hours)
    instant = timedelta(microseconds=1)
    for moment in (begins - instant, begins, ends - instant, ends):
        past.message(await past.conversation(moment), moment)
    days = [await past.rollup(day + timedelta(days=n)) for n in (-1, 0, 1)]
    assert [one.conversations_total for one in days] == [1, 2, 1]
    assert [one.messages_total for one in days] == [1, 2, 1]


@pytest.mark.parametrize("day", [date.min, date.max])
async def test_the_ends_of_the_calendar_are_days_too(past, day):
    assert (await past.rollup(day)).date == day


@pytest.fixture
def big(superuser):
    """A company with months of conversations, one every ten minutes until the end of the day."""
    company_id = uuid4()
    superuser.execute("SET session_replication_role = replica")
    superuser.execute(
        "INSERT INTO chatapp_companies (id, name, slug, subscription_plan_id) VALUES (%s, 'Big', 'big', %s)",
        [company_id, uuid4()],
    )
    superuser.execute(
        "INSERT INTO chatapp_conversations"
        " (company_id, agent_id, customer_id, status, resolved_at, started_at, last_message_at)"
        " SELECT %s, gen_random_uuid(), gen_random_uuid(), 'resolved', t, t, t"
        " FROM generate_series(1, 20000) n,"
        " LATERAL (SELECT timestamptz '2026-03-09' - n * interval '10 minutes' AS t) AS at",
        [company_id],
    )
    superuser.execute(
        "INSERT INTO chatapp_messages (company_id, conversation_id, role, content, created_at)"
        " SELECT company_id, id, 'user', 'Hi', started_at FROM chatapp_conversations, generate_series(1, 20)"
    )
    superuser.execute("ANALYZE chatapp_conversations, chatapp_messages")
    return company_id


@pytest.mark.slow
@pytest.mark.parametrize("role", ["chatapp_app", "chatapp_platform"])
def test_a_roll_up_reads_by_index_what_the_day_needs(superuser, big, role):
    superuser.execute(f"SET ROLE {role}")
    superuser.execute("SELECT set_config('chatapp.company_id', %s, false)", [str(big)])
    statement, given = {
        "chatapp_app": (rollup(), {"company_id": big, "date": DAY}),
        "chatapp_platform": (rollup_due(), {"now": ENDS, "days": 1}),
    }[role]
    bound = statement.bind({**given, "new_id": uuid4()})
    explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.text}"
    nodes = list(scans(psycopg.RawCursor(superuser).execute(explain, bound).fetchone()[0][0]["Plan"]))
    for table, most in {"chatapp_conversations": 1000, "chatapp_messages": 5000}.items():
        of_table = [node for node in nodes if node.get("Relation Name") == table]
        assert of_table
        assert "Seq Scan" not in {node["Node Type"] for node in of_table}
        assert 100 < max(map(rows_read, of_table)) < most


def rows_read(scan):
    return (scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"]


def scans(plan):
    yield {name: value for name, value in plan.items() if name != "Plans"}
    for child in plan.get("Plans", []):
        yield from scans(child)
