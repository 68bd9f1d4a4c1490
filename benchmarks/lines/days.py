"""A day added up for every company: a call for each, next to one statement for all."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from time import perf_counter
from typing import Any

from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, compared
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage
from chatapp_db import Database
from tests.volume import company_id

__all__ = ["measure"]

_ALL_AT_ONCE = "chatapp_db, all at once"
_GOAL = Goal(0.55)


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare both ways to add up the same day, which nobody has added up before."""
    companies = [company_id(rank) for rank in range(1, stage.volume.companies + 1)]
    day = stage.database.asked.day
    now = datetime.combine(day, time(12), UTC) + timedelta(days=1)
    with stage.admin() as admin, Database(stage.database.service_url) as database:

        def one_by_one() -> None:
            for company in companies:
                database.company(company).daily_analytics.rollup(day)

        def at_once() -> None:
            with database.platform("add a day up") as platform:
                platform.daily_analytics.rollup_due(now, days=1)

        def rows() -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = admin.execute(_ROWS, {"date": day}).fetchall()
            return found

        def anew(add_up: Any) -> Any:
            def block(count: int) -> float:
                seconds = 0.0
                for _ in range(count):
                    admin.execute("DELETE FROM chatapp_daily_analytics WHERE date = %s", [day])
                    started = perf_counter()
                    add_up()
                    seconds += perf_counter() - started
                return seconds / count

            return block

        blocks = {OURS: anew(one_by_one), _ALL_AT_ONCE: anew(at_once)}
        answers = {name: (block(1), rows())[1] for name, block in blocks.items()}
        agree("a day of all companies", answers)
        contenders = [Contender(name, block, 1) for name, block in blocks.items()]
        for name, timed in compared(contenders, stage.effort).items():
            goal = _GOAL if name == _ALL_AT_ONCE else None
            yield Figure.of("days", f"a day of {len(companies)} companies", name, timed, goal=goal)


_ROWS = """
SELECT company_id, conversations_total, conversations_resolved, conversations_escalated, response_time_sum,
       response_time_count, satisfaction_sum, satisfaction_count, messages_total, tokens_used,
       avg_response_time, round(avg_satisfaction, 2)
  FROM chatapp_daily_analytics WHERE date = %(date)s ORDER BY company_id"""
