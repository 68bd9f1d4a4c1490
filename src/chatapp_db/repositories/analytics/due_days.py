"""The statement that adds up, in all companies at once, the days that are due."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, constant, written
from chatapp_db.repositories.analytics.days import day_of, midnight, within
from chatapp_db.repositories.analytics.rollup import (
    averages,
    of_conversations,
    of_messages,
)
from chatapp_db.repositories.base import table_of
from chatapp_db.repositories.messages.spoken import alive_since
from chatapp_db.repositories.upserting import id_for_each, upsert
from chatapp_db.rows import DailyAnalyticsRow
from chatapp_db.schema import (
    Company,
    Conversation,
    ConversationAnalytics,
    DailyAnalytics,
    Message,
)

__all__ = ["rollup_due"]

_companies = table_of(Company)
_conversations = table_of(Conversation)
_messages = table_of(Message)
_analytics = table_of(ConversationAnalytics)
_daily = table_of(DailyAnalytics)

_DAYS = sa.bindparam("days", type_=sa.Integer())
_ONE = constant(1, sa.Integer())
# The date of one place on earth is at most one beside that of another.
_MARGIN = constant(2, sa.Integer())


@cache
def rollup_due() -> Statement[DailyAnalyticsRow]:
    """Name the days that are due, add up what started and was written meanwhile, and write them in order.

    All who write do it in the same order, so that nobody waits for somebody who waits for them.
    """
    due = _due(_ended()).cte("due")
    reach = _reach(due).cte("reach")
    started, spoken = _started(due, reach).cte("started"), _spoken(due, reach).cte("spoken")
    measures: dict[str, Any] = {
        column.key: sa.func.coalesce(column, constant(0, sa.Integer()))
        for column in (*started.c, *spoken.c)
        if column.key not in {"company_id", "date"}
    }
    measures |= averages(measures)
    source = (
        sa.select(
            due.c.company_id,
            id_for_each(written(_daily.c.id)).label("id"),
            due.c.date,
            sa.func.coalesce(due.c.updated_at, sa.func.now()).label("updated_at"),
            *(measure.label(name) for name, measure in measures.items()),
        )
        .outerjoin_from(due, started, _same_day(due, started))
        .outerjoin(spoken, _same_day(due, spoken))
        .order_by(due.c.company_id, due.c.date)
    )
    change = upsert(_daily, "date", source, if_as_seen=True).returning(*_daily.c)
    return Statement(change, DailyAnalyticsRow, across_companies=True)


def _ended() -> Any:
    """List days of each company that are over: the latest, or where it fell behind, those after its last."""
    c, now = _companies.c, sa.bindparam("now", type_=_daily.c.updated_at.type)
    last = _last(day_of(constant("UTC", sa.Text()), now) - _DAYS - _MARGIN)
    until = sa.func.least(day_of(c.timezone, now), last.c.date + _ONE + _DAYS, type_=sa.Date())
    date = until - sa.func.generate_series(_ONE, _DAYS, type_=sa.Integer())
    day = (
        sa.select(c.id.label("company_id"), c.timezone, date.label("date"))
        .outerjoin_from(_companies, last, last.c.company_id == c.id)
        .where(sa.select(_is_alone()).scalar_subquery())
        .cte("day")
    )
    starts, ends = (midnight(day.c.timezone, date) for date in (day.c.date, day.c.date + _ONE))
    return sa.select(day.c.company_id, day.c.date, starts.label("starts"), ends.label("ends")).cte("ended")


def _last(lately: sa.ColumnElement[dt.date]) -> Any:
    """Find each company's last day: among the late ones, and where none is, among all of its own.

    Over all days of all companies it would read a table that grows by every company every day.
    """
    found = _last_of(sa.select(_companies.c.id), _daily.c.date >= lately).cte("lately")
    missing = sa.select(_companies.c.id).where(_companies.c.id.not_in(sa.select(found.c.company_id)))
    return sa.union_all(sa.select(found), _last_of(missing)).cte("last")


def _last_of(companies: Any, *among: sa.ColumnElement[bool]) -> Any:
    c = _daily.c
    theirs = c.company_id == sa.any_(sa.func.array(companies.scalar_subquery()))
    return (
        sa.select(c.company_id, sa.func.max(c.date).label("date"))
        .where(theirs, *among)
        .group_by(c.company_id)
    )


def _is_alone() -> sa.ColumnElement[bool]:
    """Take the one lock of a schema's roll-ups until the transaction ends, unless another has it."""
    name = constant("chatapp_db.rollup:", sa.Text()).concat(sa.func.current_schema(type_=sa.Text()))
    key = sa.func.hashtextextended(name, constant(0, sa.BigInteger()))
    return sa.func.pg_try_advisory_xact_lock(key, type_=sa.Boolean())


def _due(ended: Any) -> Any:
    """Choose the days that were not added up yet, or before they were over."""
    c = _daily.c
    too_early = (c.updated_at < ended.c.ends) & (ended.c.ends <= sa.func.now())
    return (
        sa.select(*ended.c, c.updated_at)
        .outerjoin_from(ended, _daily, _same_day(ended, _daily))
        .where(c.id.is_(None) | too_early)
    )


def _reach(due: Any) -> Any:
    """Say from when to when anything is read, whatever company's; what is not due falls out again."""
    starts, ends = sa.func.min(due.c.starts), sa.func.max(due.c.ends)
    return sa.select(starts.label("starts"), ends.label("ends"))


def _started(due: Any, reach: Any) -> Any:
    c = _conversations.c
    date = day_of(_companies.c.timezone, c.started_at)
    noted = (_analytics.c.company_id == c.company_id) & (_analytics.c.conversation_id == c.id)
    return (
        sa.select(c.company_id, date.label("date"), *of_conversations())
        .join_from(_conversations, _companies, _companies.c.id == c.company_id)
        .outerjoin(_analytics, noted)
        .where(_is_due(due, c.company_id), within(reach, c.started_at))
        .group_by(c.company_id, date)
    )


def _spoken(due: Any, reach: Any) -> Any:
    """Add the messages up by way of the conversations that may have one since the first day that is due."""
    message = _messages.c
    date = day_of(_companies.c.timezone, message.created_at)
    since = sa.select(reach.c.starts).scalar_subquery()
    alive = alive_since(_is_due(due, _conversations.c.company_id), since).subquery("alive")
    of_conversation = (message.company_id == alive.c.company_id) & (message.conversation_id == alive.c.id)
    return (
        sa.select(message.company_id, date.label("date"), *of_messages())
        .join_from(alive, _messages, of_conversation)
        .join(_companies, _companies.c.id == message.company_id)
        .where(within(reach, message.created_at), ~message.is_private)
        .group_by(message.company_id, date)
    )


def _is_due(due: Any, company_id: Any) -> sa.ColumnElement[bool]:
    is_due: sa.ColumnElement[bool] = company_id == sa.any_(
        sa.func.array(sa.select(due.c.company_id).scalar_subquery())
    )
    return is_due


def _same_day(one: Any, other: Any) -> sa.ColumnElement[bool]:
    return sa.and_(one.c.company_id == other.c.company_id, one.c.date == other.c.date)
