"""What a company's rolled-up days add up to: over time, or as one sum."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.analytics.days import FIRST, LAST
from chatapp_db.repositories.analytics.rollup import average, total
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.schema import DailyAnalytics

__all__ = [
    "AnalyticsMetric",
    "AnalyticsPeriod",
    "AnalyticsSummary",
    "SeriesPoint",
    "asked",
    "series",
    "summary",
]

_daily = table_of(DailyAnalytics)


class AnalyticsMetric(StrEnum):
    """What is told of a day; the response time in seconds and the satisfaction from 1 to 5 are averages."""

    CONVERSATIONS = "conversations"
    RESOLVED = "resolved"
    ESCALATED = "escalated"
    MESSAGES = "messages"
    TOKENS = "tokens"
    RESPONSE_TIME = "response_time"
    SATISFACTION = "satisfaction"


class AnalyticsPeriod(StrEnum):
    """What is one point of a series; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(slots=True)
class SeriesPoint:
    """A period by its first day, and its value: a whole number of what is counted, None for no average."""

    start: dt.date
    value: float | None


@dataclass(slots=True)
class AnalyticsSummary:
    """What some days add up to; ``days`` is how many of them were rolled up. Times are in seconds."""

    days: int
    conversations_total: int
    conversations_resolved: int
    conversations_escalated: int
    messages_total: int
    tokens_used: int
    response_time_sum: int
    response_time_count: int
    avg_response_time: float | None
    satisfaction_sum: int
    satisfaction_count: int
    avg_satisfaction: float | None


_COUNTS = {
    AnalyticsMetric.CONVERSATIONS: "conversations_total",
    AnalyticsMetric.RESOLVED: "conversations_resolved",
    AnalyticsMetric.ESCALATED: "conversations_escalated",
    AnalyticsMetric.MESSAGES: "messages_total",
    AnalyticsMetric.TOKENS: "tokens_used",
}


@cache
def series(metric: AnalyticsMetric, by: AnalyticsPeriod) -> Statement[SeriesPoint]:
    """Add the days up by period, and set them beside all periods there are."""
    step = sa.cast(constant(f"1 {by}", sa.Text()), sa.Interval())
    starts = sa.func.generate_series(_start(FIRST, by), sa.cast(LAST, sa.DateTime()), step)
    periods = sa.select(sa.cast(starts, sa.Date()).label("start")).cte("period")
    start = sa.cast(_start(_daily.c.date, by), sa.Date()).label("start")
    known = sa.select(start, _value(metric).label("value")).where(asked()).group_by(start).cte("known")
    value = known.c.value if metric not in _COUNTS else sa.func.coalesce(known.c.value, _zero())
    query = (
        sa.select(periods.c.start, value.label("value"))
        .outerjoin_from(periods, known, known.c.start == periods.c.start)
        .order_by(periods.c.start)
    )
    return Statement(query, SeriesPoint)


@cache
def summary() -> Statement[AnalyticsSummary]:
    """Add all days up."""
    sums = [total(_daily.c[name]).label(name) for name in _COUNTS.values()]
    query = sa.select(sa.func.count().label("days"), *sums, *_parts("response_time"), *_parts("satisfaction"))
    return Statement(query.where(asked()), AnalyticsSummary)


def _start(day: Any, by: AnalyticsPeriod) -> sa.ColumnElement[dt.datetime]:
    return sa.func.date_trunc(constant(by, sa.Text()), sa.cast(day, sa.DateTime()), type_=sa.DateTime())


def asked() -> sa.ColumnElement[bool]:
    """Write that a day is the company's own, and one of those that are asked for."""
    return sa.and_(owned(_daily), _daily.c.date.between(FIRST, LAST))


def _value(metric: AnalyticsMetric) -> sa.ColumnElement[Any]:
    return total(_daily.c[_COUNTS[metric]]) if metric in _COUNTS else _weighted(metric)


def _parts(name: str) -> list[sa.ColumnElement[Any]]:
    sums = [total(_daily.c[part]).label(part) for part in (f"{name}_sum", f"{name}_count")]
    return [*sums, _weighted(name).label(f"avg_{name}")]


def _weighted(name: str) -> sa.ColumnElement[Any]:
    """Average over what happened, not over days: a busy day weighs more."""
    sum_of, count = (total(_daily.c[f"{name}_{part}"]) for part in ("sum", "count"))
    return sa.cast(average(sum_of, count), sa.Double())


def _zero() -> sa.ColumnElement[int]:
    return constant(0, sa.BigInteger())
