"""The roll-up of all companies: each day that is over, once, and as its company's own roll-up gives it."""

from __future__ import annotations

import re
import threading
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import psycopg
import pytest

from chatapp_db.errors import InvalidValue
from chatapp_db.repositories.analytics.due_days import rollup_due
from tests.past import Past

DAY = date(2026, 3, 8)
NOON = datetime.combine(DAY, time(12), UTC)
ZONES = ["UTC", "Europe/Berlin", "America/Havana", "Asia/Beirut", "Pacific/Auckland", "Pacific/Pago_Pago"]


async def due(db, now=NOON, **options):
    async with db.platform("a test adds up") as platform:
        return await platform.daily_analytics.rollup_due(now, **options)


def days_of(rows, past):
    return [row.date for row in rows if row.company_id == past.id]


def before(today, count):
    return [today - timedelta(days=n) for n in range(count, 0, -1)]


async def test_today_is_each_companys_own(db, superuser):
    ahead = await Past.new(db, superuser, "Pacific/Kiritimati")  # 14 hours: the next day has begun there
    behind = await Past.new(
        db, superuser, "Pacific/Pago_Pago"
    )  # 11 hours: until 11:00 UTC it is the day before
    rows = await due(db, NOON - timedelta(hours=1, seconds=1), days=2)
    assert days_of(rows, ahead) == before(DAY + timedelta(days=1), 2)
    assert days_of(rows, behind) == before(DAY - timedelta(days=1), 2)
    rows = await due(db, NOON - timedelta(hours=1), days=2)
    assert [(row.company_id, row.date) for row in rows] == [(behind.id, DAY - timedelta(days=1))]


async def test_all_companies_get_what_each_would_get_by_itself(db, superuser):
    pasts = [await Past.new(db, superuser, zone) for zone in ZONES]
    for number, past in enumerate(pasts):
        for hour in range(0, 24 * 5, 5 + number):
            at = NOON - timedelta(days=5, hours=-hour)
            conversation_id = await past.conversation(
                at, first_response_at=at + timedelta(seconds=hour), escalated_at=at if hour % 2 else None
            )
            past.message(conversation_id, at, tokens=hour)
            past.message(conversation_id, at + timedelta(days=1), tokens=1)
            past.message(conversation_id, at, is_private=True)
            await db.company(past.id).conversation_analytics.record(conversation_id, satisfaction_score=3)
    rows = await due(db, days=7)
    assert len(rows) == 7 * len(pasts)
    assert sum(row.messages_total for row in rows) > 100
    for past in pasts:
        own = [row for row in rows if row.company_id == past.id]
        # Rolled up again, nothing is different, so that not even the time of the change is.
        assert [await past.rollup(row.date) for row in own] == own


async def test_what_is_done_is_done_once(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    assert days_of(await due(db, days=3), past) == before(DAY, 3)
    assert await due(db, days=3) == []
    tomorrow = NOON + timedelta(days=1)
    assert days_of(await due(db, tomorrow, days=3), past) == [DAY]


async def test_a_gap_is_filled(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    await past.rollup(DAY - timedelta(days=1))
    await past.rollup(DAY - timedelta(days=3))
    missing = [DAY - timedelta(days=n) for n in (4, 2)]
    assert days_of(await due(db, days=4), past) == missing


async def test_who_fell_behind_catches_up_from_the_last_day(db, superuser):
    behind, beside = await Past.new(db, superuser, "UTC"), await Past.new(db, superuser, "UTC")
    last = DAY - timedelta(days=8)
    for n in range(3):
        await behind.rollup(last - timedelta(days=n))
    found = [await due(db, days=3) for _ in range(4)]
    assert [days_of(rows, behind) for rows in found] == [
        before(last + timedelta(days=4), 3),
        before(last + timedelta(days=7), 3),
        before(DAY, 1),
        [],
    ]
    assert [days_of(rows, beside) for rows in found] == [before(DAY, 3), [], [], []]


async def test_a_day_that_was_added_up_too_early_is_done_again_even_if_nothing_changed(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    yesterday = DAY - timedelta(days=1)
    await due(db, days=3)
    superuser.execute("SET session_replication_role = replica")
    early = datetime.combine(yesterday, time(20), UTC)
    superuser.execute(
        "UPDATE chatapp_daily_analytics SET updated_at = %s WHERE date = %s", [early, yesterday]
    )
    assert days_of(await due(db, days=3), past) == [yesterday]
    assert await due(db, days=3) == []


async def test_a_day_that_is_yet_to_end_is_never_too_early_for_ever(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    now = datetime.now(UTC) + timedelta(days=3)
    assert len(days_of(await due(db, now, days=2), past)) == 2
    assert await due(db, now, days=2) == []


async def test_days_are_listed_by_company_and_date_and_their_ids_by_time(db, superuser):
    for zone in ("UTC", "Europe/Berlin"):
        await Past.new(db, superuser, zone)
    rows = await due(db, days=3)
    assert rows == sorted(rows, key=lambda row: (row.company_id, row.date))
    assert len({row.id for row in rows}) == len(rows)
    assert {row.id.version for row in rows} == {7}


async def test_of_many_workers_one_gives_each_day(db, world, superuser):
    pasts = [await Past.new(db, superuser, zone) for zone in ZONES]
    for past in pasts:
        past.message(await past.conversation(NOON - timedelta(days=2)), NOON - timedelta(days=2))

    def blocking():
        with db.unwrap().platform("a test adds up") as platform:
            return platform.daily_analytics.rollup_due(NOON, days=20)

    async def awaited():
        async with db.unwrap().platform("a test adds up") as platform:
            return await platform.daily_analytics.rollup_due(NOON, days=20)

    given = Counter()
    for _ in range(3):
        results = await world.together(*[world.pick(blocking, awaited)] * 4)
        given.update((row.company_id, row.date) for rows in results for row in rows)
    assert given == Counter(
        {(past.id, day): 1 for past in pasts for day in before(local_day(superuser, past), 20)}
    )
    for past in pasts:
        days = await db.company(past.id).daily_analytics.range(DAY - timedelta(days=30), DAY)
        assert sum(day.messages_total for day in days) == 1


def local_day(superuser, past):
    query = "SELECT timezone(timezone, %s)::date FROM chatapp_companies WHERE id = %s"
    return superuser.execute(query, [NOON, past.id]).fetchone()[0]


async def test_who_looked_before_another_had_written_gives_no_day_twice(db, superuser, database_url):
    await Past.new(db, superuser, "UTC")
    statement = rollup_due()
    without_lock = re.sub(r"pg_try_advisory_xact_lock\(.*?, 0\)\)", "true", statement.text)
    assert without_lock != statement.text
    given = []

    def run(connection):
        bound = statement.bind({"now": NOON, "days": 3, "new_id": uuid4()})
        given.append(len(psycopg.RawCursor(connection).execute(without_lock, bound).fetchall()))

    with psycopg.connect(database_url) as first, psycopg.connect(database_url) as second:
        run(first)
        late = threading.Thread(target=run, args=[second])
        late.start()
        while not superuser.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone():
            assert late.is_alive()
        first.commit()
        late.join()
        second.commit()
    assert given == [3, 0]


async def test_while_one_adds_up_the_others_do_not_wait(db, superuser):
    await Past.new(db, superuser, "UTC")
    async with db.platform("a test holds the lock") as platform:
        assert await platform.daily_analytics.rollup_due(NOON, days=3)
        assert await due(db, days=3) == []


@pytest.mark.parametrize(
    "options", [{"days": 0}, {"days": 367}, {"days": True}, {"now": NOON.replace(tzinfo=None)}]
)
async def test_what_cannot_be_due_is_refused(db, options):
    with pytest.raises(InvalidValue):
        await due(db, **options)
