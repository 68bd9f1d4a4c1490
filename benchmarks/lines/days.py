"""A day added up for every company: a call for each, next to one statement for all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, compared, once
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage
from chatapp_db import Database
from tests.volume import company_id

__all__ = ["measure"]

_ALL_AT_ONCE = "chatapp_db, all at once"
_GOAL = Goal(0.55)
_LONG = timedelta(days=92)


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare both ways to add up a day that nobody has added up before: the last one, and a day of old."""
    companies = [company_id(rank) for rank in range(1, stage.volume.companies + 1)]
    last = stage.database.asked.day
    subjects = {
        f"the last day of {len(companies)} companies": (last, _GOAL),
        "the same of three months ago": (last - _LONG, None),
    }
    with stage.admin() as admin, Database(stage.database.service_url) as database:
        for subject, (day, goal) in subjects.items():
            ways = {
                OURS: partial(_one_by_one, database, companies, day),
                _ALL_AT_ONCE: partial(_at_once, database, day),
            }
            blocks = {name: _anew(admin, day, way) for name, way in ways.items()}
            agree(subject, {name: (block(1), _rows(admin, day))[1] for name, block in blocks.items()})
            contenders = [Contender(name, block, 1) for name, block in blocks.items()]
            for name, timed in compared(contenders, stage.effort).items():
                wanted = goal if name == _ALL_AT_ONCE else None
                yield Figure.of("days", subject, name, timed, goal=wanted)


def _one_by_one(database: Database, companies: list[UUID], day: date) -> None:
    for company in companies:
        database.company(company).daily_analytics.rollup(day)


def _at_once(database: Database, day: date) -> None:
    with database.platform("add a day up") as platform:
        platform.daily_analytics.rollup_due(datetime.combine(day, time(12), UTC) + timedelta(days=1), days=1)


def _anew(admin: Any, day: date, add_up: Callable[[], None]) -> Callable[[int], float]:
    def block(_: int) -> float:
        admin.execute("DELETE FROM chatapp_daily_analytics WHERE date = %s", [day])
        return once(add_up)(1)

    return block


def _rows(admin: Any, day: date) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = admin.execute(_ROWS, {"date": day}).fetchall()
    return rows


_ROWS = """
SELECT company_id, conversations_total, conversations_resolved, conversations_escalated, response_time_sum,
       response_time_count, satisfaction_sum, satisfaction_count, messages_total, tokens_used,
       avg_response_time, round(avg_satisfaction, 2)
  FROM chatapp_daily_analytics WHERE date = %(date)s ORDER BY company_id"""
