"""How usage is counted against a plan's limits, by the month of the company's time zone; the statements.

Whoever changes anything goes after ``hold_company``, so nobody changes a company's usage meanwhile: what is
held is added up as it stands, and no two calls wait for each other.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chatapp_db.execution.statement import COMPANY, Statement, constant, scalar, written
from chatapp_db.repositories.analytics.days import day_of
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.companies.subscriptions import limit_of_plan
from chatapp_db.rows import UsageCounterRow, UsageReservationRow
from chatapp_db.schema import UsageCounter, UsageReservation

__all__ = ["commit", "history", "increment", "prune", "release", "remaining", "reserve"]

_counters, _reservations = table_of(UsageCounter), table_of(UsageReservation)
_u, _r = _counters.c, _reservations.c
_is_one = sa.and_(owned(_reservations), _r.id == sa.bindparam("id", type_=sa.Uuid()))
_is_open = _r.settled_at.is_(None)
_METRIC = sa.bindparam("metric", type_=_u.metric.type)
_NOTHING = constant(0, sa.BigInteger())

Standing = tuple[int | None, int]
"""The plan's limit, None for no limit, and how much of it is taken: used or held."""


def _month() -> Any:
    """Say what the plan includes of the metric, and which month it is for the company."""
    limit = limit_of_plan(_METRIC).subquery("limit_of_plan")
    day = sa.cast(day_of(limit.c.timezone, sa.func.now()), sa.DateTime())
    first = sa.cast(sa.func.date_trunc(constant("month", sa.Text()), day), sa.Date())
    return sa.select(limit.c.most, first.label("period")).cte("month")


def _standing(month: Any) -> Any:
    """Add up what is taken: what was used, and what is held and has not expired."""
    period = sa.select(month.c.period).scalar_subquery()
    used = sa.select(sa.func.sum(_u.used)).where(owned(_counters), _u.metric == _METRIC, _u.period == period)
    held = sa.select(sa.func.sum(_r.amount)).where(
        owned(_reservations),
        _r.metric == _METRIC,
        _r.period == period,
        _is_open,
        _r.expires_at > sa.func.now(),
    )
    parts = (sa.func.coalesce(part.scalar_subquery(), _NOTHING) for part in (used, held))
    taken = sa.cast(sum(parts, start=_NOTHING), sa.BigInteger())
    return sa.select(*month.c, taken.label("taken")).cte("standing")


@cache
def remaining() -> Statement[Standing]:
    """Read the limit and what is taken of it."""
    standing = _standing(_month())
    return Statement(sa.select(standing.c.most, standing.c.taken), _as_standing)


def _as_standing(most: int | None, taken: int) -> Standing:
    return most, taken


@cache
def reserve() -> Statement[tuple[Standing, UsageReservationRow | None]]:
    """Hold a part of the limit, if there is as much; what has the key already is given as it is."""
    standing = _standing(_month())
    found = sa.select(*_r).where(owned(_reservations), _r.key == written(_r.key)).cte("found")
    values = {
        "id": written(_r.id),
        "company_id": COMPANY,
        "metric": _METRIC,
        "period": standing.c.period,
        "amount": written(_r.amount),
        "key": written(_r.key),
        "expires_at": sa.func.now() + sa.bindparam("expires_in", type_=sa.Interval()),
    }
    has_room = sa.or_(standing.c.most.is_(None), standing.c.taken + written(_r.amount) <= standing.c.most)
    source = sa.select(*(value.label(name) for name, value in values.items())).where(
        has_room, ~sa.exists(sa.select(found.c.id))
    )
    insertion: Any = sa.insert(_reservations).from_select(list(values), source, include_defaults=False)
    made = insertion.returning(*_r).cte("made")
    given = sa.select(found).union_all(sa.select(made)).cte("given")
    query = sa.select(standing.c.most, standing.c.taken, *given.c).outerjoin_from(standing, given, sa.true())
    return Statement(query, _as_answer)


def _as_answer(most: int | None, taken: int, *columns: Any) -> tuple[Standing, UsageReservationRow | None]:
    return (most, taken), None if columns[0] is None else UsageReservationRow(*columns)


@cache
def commit() -> Statement[UsageReservationRow]:
    """Count what was held, or as much as it came to; what is settled is given as it is."""
    used = sa.func.coalesce(written(_r.used), _r.amount)
    settled = _settled(used=used)
    counted = _counted(sa.select(*_of_counter(settled)), "counted")
    return Statement(_or_as_it_is(settled).add_cte(counted), UsageReservationRow)


@cache
def release() -> Statement[UsageReservationRow]:
    """Hold nothing any more; what is settled is given as it is."""
    return Statement(_or_as_it_is(_settled()), UsageReservationRow)


def _settled(**values: Any) -> Any:
    update: Any = sa.update(_reservations).where(_is_one, _is_open)
    return update.values(settled_at=sa.func.now(), **values).returning(*_r).cte("settled")


def _or_as_it_is(settled: Any) -> Any:
    as_it_is = sa.select(*_r).where(_is_one, ~sa.exists(sa.select(settled.c.id)))
    return sa.select(settled).union_all(as_it_is)


def _of_counter(counting: Any) -> list[Any]:
    """Give a counter's columns of what was counted."""
    return [
        written(_u.id, "counter_id").label("id"),
        COMPANY.label("company_id"),
        counting.c.metric,
        counting.c.period,
        counting.c.used,
    ]


def _counted(source: Any, name: str) -> Any:
    """Add to the counter of the month, which is made with what it first counts."""
    names = [column.key for column in source.selected_columns]
    insertion = insert(_counters).from_select(names, source, include_defaults=False)
    added: Any = insertion.on_conflict_do_update(
        index_elements=[_u.company_id, _u.metric, _u.period],
        set_={"used": _u.used + insertion.excluded.used},
    )
    return added.returning(*_u).cte(name)


@cache
def increment(*, keyed: bool) -> Statement[UsageCounterRow]:
    """Count; with a key once, and the next time give the counter that it counted in."""
    month = _month()
    amount = written(_r.amount)
    if not keyed:
        counting = sa.select(_METRIC.label("metric"), month.c.period, amount.label("used")).cte("counting")
        return Statement(sa.select(_counted(sa.select(*_of_counter(counting)), "counted")), UsageCounterRow)
    values = {
        "id": written(_r.id),
        "company_id": COMPANY,
        "metric": _METRIC,
        "period": month.c.period,
        "amount": amount,
        "used": amount,
        "key": written(_r.key),
        "expires_at": sa.func.now(),
        "settled_at": sa.func.now(),
    }
    source = sa.select(*(value.label(name) for name, value in values.items()))
    insertion: Any = insert(_reservations).from_select(list(values), source, include_defaults=False)
    once = insertion.on_conflict_do_nothing(index_elements=[_r.company_id, _r.key])
    noted = once.returning(*_r).cte("noted")
    counted = _counted(sa.select(*_of_counter(noted)), "counted")
    same_month = sa.and_(_u.metric == _r.metric, _u.period == _r.period)
    before = (
        sa.select(*_u)
        .join_from(_counters, _reservations, same_month)
        .where(owned(_counters, _reservations), _r.key == written(_r.key))
        .where(~sa.exists(sa.select(noted.c.id)))
    )
    return Statement(sa.select(counted).union_all(before), UsageCounterRow)


@cache
def history() -> Statement[UsageCounterRow]:
    """List the months of a metric, the latest first."""
    query = sa.select(*_u).where(owned(_counters), _u.metric == _METRIC).order_by(_u.period.desc())
    return Statement(query.limit(sa.bindparam("limit", type_=sa.Integer())), UsageCounterRow)


@cache
def prune(*, across_companies: bool = False) -> Statement[int]:
    """Delete a batch of what has not held anything since a moment, past what another call holds."""
    own = sa.true() if across_companies else owned(_reservations)
    is_old = sa.and_(
        _r.expires_at < sa.bindparam("before", type_=_r.expires_at.type), _r.expires_at < sa.func.now()
    )
    old = sa.select(_r.company_id, _r.id).where(own, is_old)
    # No index has all companies in this order: the first that are found are as good.
    batch = old if across_companies else old.order_by(_r.expires_at)
    locked = batch.limit(sa.bindparam("limit", type_=sa.Integer())).with_for_update(skip_locked=True)
    found = locked.cte("found")
    deletion: Any = sa.delete(_reservations).where(
        own, _r.company_id == found.c.company_id, _r.id == found.c.id
    )
    gone = deletion.returning(_r.id).cte("gone")
    return Statement(sa.select(sa.func.count()).select_from(gone), scalar, across_companies=across_companies)
