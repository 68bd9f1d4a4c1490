"""Daily analytics: what each day of a company adds up to, and for the platform those of all companies."""

from __future__ import annotations

import datetime as dt
from functools import cache

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.analytics.days import as_day, as_days
from chatapp_db.repositories.analytics.due_days import rollup_due
from chatapp_db.repositories.analytics.rollup import rollup
from chatapp_db.repositories.analytics.series import (
    AnalyticsMetric,
    AnalyticsPeriod,
    AnalyticsSummary,
    SeriesPoint,
    asked,
    series,
    summary,
)
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import as_member, as_moment
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    TenantOperations,
)
from chatapp_db.rows import DailyAnalyticsRow
from chatapp_db.schema import DailyAnalytics

__all__ = [
    "AsyncDailyAnalyticsRepository",
    "AsyncPlatformDailyAnalyticsRepository",
    "DailyAnalyticsOperations",
    "DailyAnalyticsRepository",
    "PlatformDailyAnalyticsOperations",
    "PlatformDailyAnalyticsRepository",
]

_MOST_DAYS = 366
_LONGEST_SERIES = dt.timedelta(days=10 * _MOST_DAYS)

_daily = table_of(DailyAnalytics)


class DailyAnalyticsOperations(TenantOperations[DailyAnalyticsRow]):
    """What a company's days add up to."""

    entity = Entity(DailyAnalytics, DailyAnalyticsRow, "daily analytics")

    @operation
    async def rollup(self, date: dt.date) -> DailyAnalyticsRow:
        """Add a day up, in the company's time zone; doing it again gives what has become of it since.

        How many conversations there were, how many of them are resolved or escalated by now, how soon they
        were answered and how satisfied customers were: of the conversations that started on the day.
        Messages and tokens: of what was written on the day, in whichever conversation, without private
        notes. So each conversation and each message counts on exactly one day.

        Raises InvalidValue, NotFound where the company is gone.
        """
        row = await self._find(rollup(), date=as_day("date", date), new_id=uuid7())
        if row is None:
            raise NotFound("company")
        return row

    @operation
    async def range(self, first: dt.date, last: dt.date) -> list[DailyAnalyticsRow]:
        """List the days that were added up, from the first to the last, both included.

        Raises InvalidValue.
        """
        return await self._fetch(_range(), **as_days(first, last))

    @operation
    async def series(
        self,
        metric: AnalyticsMetric,
        first: dt.date,
        last: dt.date,
        *,
        by: AnalyticsPeriod = AnalyticsPeriod.DAY,
    ) -> list[SeriesPoint]:
        """Give a metric over time, from the first day to the last, both included; at most ten years.

        Each period has its point. A count of days that were not added up is 0; an average is that of all
        conversations of the period, and None where there is none. The first and the last period count
        only the days that are asked for.

        Raises InvalidValue.
        """
        statement = series(as_member("metric", AnalyticsMetric, metric), as_member("by", AnalyticsPeriod, by))
        days = as_days(first, last)
        if last - first > _LONGEST_SERIES:
            raise InvalidValue("last", "more than ten years after the first")
        return await self._fetch(statement, **days)

    @operation
    async def summary(self, first: dt.date, last: dt.date) -> AnalyticsSummary:
        """Add the days up that were rolled up, from the first to the last, both included.

        Raises InvalidValue.
        """
        return await self._one(summary(), **as_days(first, last))


class DailyAnalyticsRepository(DailyAnalyticsOperations, BlockingRepository):
    """What a company's days add up to, blocking."""


class AsyncDailyAnalyticsRepository(DailyAnalyticsOperations, AsyncioRepository):
    """What a company's days add up to, awaited."""


class PlatformDailyAnalyticsOperations:
    """What the days of all companies add up to."""

    _carrier: Carrier

    @operation
    async def rollup_due(self, now: dt.datetime, *, days: int = 31) -> list[DailyAnalyticsRow]:
        """Add up, in all companies at once, the days that are over and were not added up since.

        Today is each company's own. Of every company it looks at the last so many days before today, or
        where a company fell farther behind, at as many after the last that it has: call it again until none
        is given. What happened longer ago, such as before an import, is for `rollup`.

        Only one call adds up at a time: while another does, none is given. So any number of workers may
        call it, and each day is given to one of them.

        Raises InvalidValue.
        """
        if type(days) is not int or not 1 <= days <= _MOST_DAYS:
            raise InvalidValue("days", f"not a number from 1 to {_MOST_DAYS}")
        parameters = {"now": as_moment("now", now), "days": days, "new_id": uuid7()}
        return await self._carrier.fetch(rollup_due(), parameters)


class PlatformDailyAnalyticsRepository(PlatformDailyAnalyticsOperations, BlockingPlatformRepository):
    """What the days of all companies add up to, blocking."""


class AsyncPlatformDailyAnalyticsRepository(PlatformDailyAnalyticsOperations, AsyncioPlatformRepository):
    """What the days of all companies add up to, awaited."""


@cache
def _range() -> Statement[DailyAnalyticsRow]:
    c = _daily.c
    return Statement(sa.select(*c).where(asked()).order_by(c.date), DailyAnalyticsRow)
