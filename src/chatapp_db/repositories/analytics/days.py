"""The days of a company: when each begins in its time zone, and which moments lie on them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa
from typing_extensions import TypedDict

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.statement import constant
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.border import checked
from chatapp_db.schema import Company
from chatapp_db.schema.types import Day

__all__ = ["FIRST", "LAST", "as_day", "as_days", "day_of", "midnight", "span", "within"]

FIRST = sa.bindparam("first", type_=sa.Date())
LAST = sa.bindparam("last", type_=sa.Date())

_companies = table_of(Company)
_MOMENT: sa.DateTime = sa.DateTime(timezone=True)


class _Days(TypedDict):
    day: Day


def as_day(field: str, value: dt.date) -> dt.date:
    """Take a day; a moment is none, since it belongs to different days in different places."""
    try:
        return checked(_Days, {"day": value})["day"]
    except InvalidValue as error:
        raise InvalidValue(field, error.reason) from None


def as_days(first: dt.date, last: dt.date) -> dict[str, dt.date]:
    """Take the days from the first to the last, both included, as a statement's parameters."""
    if as_day("last", last) < as_day("first", first):
        raise InvalidValue("last", "before the first")
    return {"first": first, "last": last}


def day_of(zone: Any, moment: Any) -> sa.ColumnElement[dt.date]:
    """Say which day it is at a moment, where the clocks show this zone."""
    return sa.cast(sa.func.timezone(zone, moment, type_=sa.DateTime()), sa.Date())


def midnight(zone: Any, day: Any) -> sa.ColumnElement[dt.datetime]:
    """Say when a day begins; where the clocks jump, a day is not 24 hours.

    It begins as soon as the day before is over: where the clocks are set back to midnight there are two
    of them, of which PostgreSQL would take the later.
    """
    local = sa.cast(day, sa.DateTime())
    instant = sa.cast(constant("1 microsecond", sa.Text()), sa.Interval())
    begun = sa.func.timezone(zone, local, type_=_MOMENT)
    before = sa.func.timezone(zone, local - instant, type_=_MOMENT)
    return sa.func.least(begun, before + instant, type_=_MOMENT)


def span(first: sa.ColumnElement[dt.date], last: sa.ColumnElement[dt.date]) -> Any:
    """Say when the company's days from the first to the last begin and end."""
    zone = _companies.c.timezone
    starts, ends = midnight(zone, first), midnight(zone, last + constant(1, sa.Integer()))
    return sa.select(starts.label("starts"), ends.label("ends")).where(owned(_companies)).cte("span")


def within(days: Any, moment: Any) -> sa.ColumnElement[bool]:
    """Compare with sub-selects: they are known before the table is read, so an index serves."""
    starts, ends = (sa.select(days.c[name]).scalar_subquery() for name in ("starts", "ends"))
    return sa.and_(moment >= starts, moment < ends)
