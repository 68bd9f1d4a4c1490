"""What rolled-up days add up to, over time and in sum."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from chatapp_db import AnalyticsMetric, AnalyticsPeriod
from chatapp_db.errors import InvalidValue
from tests.rows import new_company

FIRST = date(2026, 3, 28)  # a Saturday; the clocks of Berlin go forward on the next day
COUNTS = ["conversations", "resolved", "escalated", "messages", "tokens"]


class Days:
    """A company whose days are given."""

    def __init__(self, db, superuser, company_id):
        self.db, self.superuser, self.id = db, superuser, company_id
        self.analytics = db.company(company_id).daily_analytics

    def write(self, day, **values):
        names = ", ".join(["company_id", "date", *values])
        places = ", ".join(["%s"] * (len(values) + 2))
        text = f"INSERT INTO chatapp_daily_analytics ({names}) VALUES ({places})"
        self.superuser.execute(text, [self.id, day, *values.values()])

    async def series(self, metric, first, last, by="day"):
        points = await self.analytics.series(metric, first, last, by=by)
        return [(point.start, point.value) for point in points]


@pytest.fixture
def days(db, superuser, runner):
    return Days(db, superuser, runner.run(new_company(db)))


def after(days):
    return FIRST + timedelta(days=days)


async def test_days_without_a_row_are_zero(days):
    days.write(FIRST, messages_total=5)
    days.write(after(2), messages_total=7)
    days.write(after(4), messages_total=99)
    listed = await days.series("messages", FIRST, after(3))
    assert listed == [(FIRST, 5), (after(1), 0), (after(2), 7), (after(3), 0)]


@pytest.mark.parametrize("metric", COUNTS)
async def test_what_is_counted_is_a_whole_number(days, metric):
    column = {"tokens": "tokens_used", "messages": "messages_total"}.get(metric)
    column = column or f"conversations_{'total' if metric == 'conversations' else metric}"
    days.write(FIRST, **{column: 3})
    days.write(after(1), **{column: 4})
    ((_, value),) = await days.series(metric, FIRST, after(1), by=AnalyticsPeriod.MONTH)
    assert (value, type(value)) == (7, int)


async def test_an_average_weighs_what_happened_and_is_none_where_nothing_did(days):
    days.write(FIRST, response_time_sum=100, response_time_count=1, avg_response_time=100)
    days.write(after(1), response_time_sum=90, response_time_count=9, avg_response_time=10)
    by_month = await days.series(AnalyticsMetric.RESPONSE_TIME, FIRST, after(1), by="month")
    assert by_month == [(date(2026, 3, 1), 19.0)]
    days.write(after(2))
    by_day = await days.series("response_time", FIRST, after(3))
    assert [value for _, value in by_day] == [100.0, 10.0, None, None]
    assert [value for _, value in await days.series("satisfaction", FIRST, FIRST)] == [None]


@pytest.mark.parametrize("by", AnalyticsPeriod)
async def test_every_period_has_a_point_and_counts_its_days_that_were_asked_for(days, by):
    span = [after(n) for n in range(40)]
    for day in [FIRST - timedelta(days=1), *span, after(40)]:
        days.write(day, conversations_total=1)
    start = {
        AnalyticsPeriod.DAY: lambda day: day,
        AnalyticsPeriod.WEEK: lambda day: day - timedelta(days=day.weekday()),
        AnalyticsPeriod.MONTH: lambda day: day.replace(day=1),
    }[by]
    expected = {}
    for day in span:
        expected[start(day)] = expected.get(start(day), 0) + 1
    assert await days.series("conversations", FIRST, after(39), by=by) == list(expected.items())


async def test_a_summary_adds_days_up(days):
    days.write(
        FIRST, conversations_total=2, conversations_resolved=1, satisfaction_sum=9, satisfaction_count=2
    )
    days.write(
        after(1), conversations_total=3, conversations_escalated=1, messages_total=8, tokens_used=2**40
    )
    days.write(after(2), response_time_sum=7, response_time_count=2, satisfaction_sum=3, satisfaction_count=1)
    days.write(after(3), conversations_total=1000)
    total = await days.analytics.summary(FIRST, after(2))
    assert (total.days, total.conversations_total, total.messages_total, total.tokens_used) == (
        3,
        5,
        8,
        2**40,
    )
    assert (total.conversations_resolved, total.conversations_escalated) == (1, 1)
    assert (total.response_time_sum, total.response_time_count, total.avg_response_time) == (7, 2, 3.5)
    assert (total.satisfaction_sum, total.satisfaction_count, total.avg_satisfaction) == (12, 3, 4.0)


async def test_a_summary_of_nothing_is_zero(days):
    total = await days.analytics.summary(date.min, date.max)
    assert (total.days, total.tokens_used, total.avg_response_time) == (0, 0, None)


async def test_another_companys_days_do_not_count(days):
    days.write(FIRST, messages_total=5)
    other = days.db.company(await new_company(days.db)).daily_analytics
    assert [point.value for point in await other.series("messages", FIRST, FIRST)] == [0]
    assert (await other.summary(FIRST, FIRST)).days == 0


@pytest.mark.parametrize(
    ("metric", "first", "last", "by"),
    [
        ("mood", FIRST, FIRST, "day"),
        ("messages", FIRST, FIRST, "hour"),
        ("messages", FIRST, after(-1), "day"),
        ("messages", datetime(2026, 3, 28, tzinfo=UTC), FIRST, "day"),
        ("messages", date.min, date.max, "month"),
        ("messages", None, FIRST, "day"),
    ],
)
async def test_a_series_that_cannot_be_is_refused(days, metric, first, last, by):
    with pytest.raises(InvalidValue):
        await days.analytics.series(metric, first, last, by=by)


async def test_the_ends_of_the_calendar_have_a_series(days):
    for day in (date.min, date.max):
        assert await days.series("messages", day, day, by="week")
