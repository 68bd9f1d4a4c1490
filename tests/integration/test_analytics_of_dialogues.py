"""Analytics of real dialogues are what a slow count in plain Python says."""

from __future__ import annotations

import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from math import floor
from pathlib import Path
from statistics import mean, quantiles
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from chatapp_db import AnalyticsMetric
from tests.past import Past
from tests.rows import new_agent, new_user

REAL = Path(__file__).parents[3] / "shared" / "data" / "sgd_dialogues.jsonl.gz"
ZONES = ["Europe/Berlin", "America/Havana", "Asia/Beirut", "Pacific/Auckland"]
# The clocks of Berlin and Beirut go back within these days, then those of Havana.
FIRST, LAST = date(2026, 10, 23), date(2026, 11, 3)
DIALOGUES = 240

pytestmark = pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not part of the project")


@dataclass
class Talk:
    """A conversation as plain Python holds it."""

    agent_id: UUID
    started_at: datetime
    turns: list[tuple[datetime, str, UUID | None, int]]
    resolved_at: datetime | None
    escalated_at: datetime | None
    score: int | None
    id: UUID = field(default_factory=uuid4)

    @property
    def first_response_at(self):
        return next((at for at, role, _, _ in self.turns if role == "assistant"), None)

    @property
    def first_wait(self):
        return round((self.first_response_at - self.started_at).total_seconds())

    @property
    def waits(self):
        """Follow the turns: who waits, since when, until an answer."""
        waits, since = [], None
        for at, role, _, _ in self.turns:
            if role == "user":
                since = since or at
            elif since is not None:
                waits.append((at - since).total_seconds())
                since = None
        return waits

    def by(self, person):
        return sum(role == "assistant" and (who is not None) == person for _, role, who, _ in self.turns)

    @property
    def resolution(self):
        if self.resolved_at is None:
            return None
        if self.by(person=True):
            return "human"
        return "ai" if self.by(person=False) and not self.escalated_at else "abandoned"


def talks(agents, person, count, seed):
    """Spread dialogues over the days; some cross midnight, some are answered by a person, some stay open."""
    chance = random.Random(seed)
    with gzip.open(REAL, "rt", encoding="utf-8") as lines:
        dialogues = [json.loads(line)["turns"] for line in islice(lines, seed * count, (seed + 1) * count)]
    for dialogue in dialogues:
        at = started_at = datetime(2026, 10, 22, 12, tzinfo=UTC) + timedelta(
            seconds=chance.randrange(13 * 86_400)
        )
        person_from = chance.choice([None, None, 3])
        turns = []
        for number, (role, text) in enumerate(dialogue):
            at += timedelta(seconds=chance.randrange(1, 2_000))
            by_person = role == "assistant" and person_from is not None and number >= person_from
            turns.append((at, role, person if by_person else None, len(text)))
        yield Talk(
            agent_id=chance.choice(agents),
            started_at=started_at,
            turns=turns,
            resolved_at=at + timedelta(seconds=5) if chance.random() < 0.7 else None,
            escalated_at=turns[2][0] if person_from or chance.random() < 0.1 else None,
            score=chance.choice([None, 1, 3, 5]),
        )


def write(past, talks):
    with past.superuser.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO chatapp_conversations (company_id, id, agent_id, customer_id, status, started_at,"
            " last_message_at, first_response_at, resolved_at, escalated_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *(past.id, talk.id, talk.agent_id, past.customer_id),
                    "resolved" if talk.resolved_at else "active",
                    *(talk.started_at, talk.turns[-1][0]),
                    *(talk.first_response_at, talk.resolved_at, talk.escalated_at),
                )
                for talk in talks
            ],
        )
        cursor.executemany(
            "INSERT INTO chatapp_messages (company_id, conversation_id, created_at, role, sender_user_id,"
            " tokens_used, content) VALUES (%s, %s, %s, %s, %s, %s, 'as it was said')",
            [(past.id, talk.id, *turn) for talk in talks for turn in talk.turns],
        )
        cursor.executemany(
            "INSERT INTO chatapp_conversation_analytics (company_id, conversation_id, agent_id,"
            " satisfaction_score) VALUES (%s, %s, %s, %s)",
            [(past.id, talk.id, talk.agent_id, talk.score) for talk in talks if talk.score],
        )


def counted(talks, zone):
    """Add the days up by hand."""
    days = defaultdict(lambda: [0] * 9)
    for talk in talks:
        day = days[talk.started_at.astimezone(zone).date()]
        told = [1, talk.resolved_at is not None, talk.escalated_at is not None, talk.first_wait, 1]
        for place, value in enumerate([*told, talk.score or 0, talk.score is not None]):
            day[place] += value
        for at, _, _, tokens in talk.turns:
            day = days[at.astimezone(zone).date()]
            day[7] += 1
            day[8] += tokens
    return days


def measures(row):
    return [
        row.conversations_total,
        row.conversations_resolved,
        row.conversations_escalated,
        row.response_time_sum,
        row.response_time_count,
        row.satisfaction_sum,
        row.satisfaction_count,
        row.messages_total,
        row.tokens_used,
    ]


@pytest.fixture
def companies(db, superuser, runner):
    """Each zone's company with its dialogues."""

    async def make(seed, zone):
        past = await Past.new(db, superuser, zone)
        agents = [past.agent_id, await new_agent(db, past.id, "Second")]
        said = list(talks(agents, await new_user(db, past.id), DIALOGUES // len(ZONES), seed))
        write(past, said)
        return past, ZoneInfo(zone), said

    return [runner.run(make(*numbered)) for numbered in enumerate(ZONES)]


async def test_the_days_of_all_companies_are_those_of_a_plain_count(db, companies):
    now = datetime(2026, 11, 12, tzinfo=UTC)
    async with db.platform("a test adds up") as platform:
        rows = {(row.company_id, row.date): row for row in await platform.daily_analytics.rollup_due(now)}
    for past, zone, said in companies:
        expected = counted(said, zone)
        found = {day: measures(row) for (company_id, day), row in rows.items() if company_id == past.id}
        assert {day: told for day, told in found.items() if any(told)} == expected
        assert len(found) == 31
        for day in expected:
            assert await past.rollup(day) == rows[past.id, day]


async def test_days_add_up_to_any_span(db, companies):
    for past, zone, said in companies:
        days = counted(said, zone)
        for day in days:
            await past.rollup(day)
        asked = [told for day, told in days.items() if FIRST <= day <= LAST]
        expected = [sum(column) for column in zip(*asked, strict=True)]
        analytics = db.company(past.id).daily_analytics
        total = await analytics.summary(FIRST, LAST)
        assert measures(total) == expected
        assert total.avg_satisfaction == pytest.approx(expected[5] / expected[6])
        points = await analytics.series(AnalyticsMetric.RESPONSE_TIME, min(days), max(days), by="month")
        october = [told for day, told in days.items() if day.month == 10]
        weighed = sum(told[3] for told in october) / sum(told[4] for told in october)
        assert (points[0].start, points[0].value) == (date(2026, 10, 1), pytest.approx(weighed))


async def test_each_conversation_went_as_a_plain_count_says(db, companies):
    for past, zone, said in companies:
        analytics = db.company(past.id).conversation_analytics
        of_days = [talk for talk in said if FIRST <= talk.started_at.astimezone(zone).date() <= LAST]
        assert await analytics.recompute(FIRST, LAST) == len(of_days)
        for talk in of_days:
            row = await analytics.compute(talk.id)
            assert row.messages_count == len(talk.turns)
            assert (row.ai_messages_count, row.human_messages_count) == (
                talk.by(person=False),
                talk.by(person=True),
            )
            assert row.response_time_avg == (floor(mean(talk.waits) + 0.5) if talk.waits else None)
            ended_at = talk.resolved_at or talk.turns[-1][0]
            assert row.duration_seconds == (ended_at - talk.started_at).total_seconds()
            assert (row.resolution_type, row.satisfaction_score) == (talk.resolution, talk.score)


async def test_agents_are_reported_as_a_plain_count_says(db, companies):
    for past, zone, said in companies:
        analytics = db.company(past.id).conversation_analytics
        await analytics.recompute(FIRST, LAST)
        reports = {report.agent_id: report for report in await analytics.agent_report(FIRST, LAST)}
        for agent_id, report in reports.items():
            its = [
                talk
                for talk in said
                if talk.agent_id == agent_id and FIRST <= talk.started_at.astimezone(zone).date() <= LAST
            ]
            cuts = quantiles([talk.first_wait for talk in its], n=100, method="inclusive")
            times = [report.response_time_p50, report.response_time_p90, report.response_time_p99]
            assert times == pytest.approx([cuts[49], cuts[89], cuts[98]])
            by_ai, by_people = (sum(talk.by(person) for talk in its) for person in (False, True))
            assert report.ai_share == pytest.approx(by_ai / (by_ai + by_people))
            assert report.resolved_by_ai == sum(talk.resolution == "ai" for talk in its)
            assert report.avg_satisfaction == pytest.approx(mean(talk.score for talk in its if talk.score))
        assert len(reports) == 2
