"""The roll-up: what a day adds up to, and the statement that adds up one day of one company."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import sqlalchemy as sa

from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.analytics.days import span, within
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.messages.spoken import spoken_since
from chatapp_db.repositories.upserting import upsert
from chatapp_db.rows import DailyAnalyticsRow
from chatapp_db.schema import (
    Conversation,
    ConversationAnalytics,
    DailyAnalytics,
    Message,
)

__all__ = [
    "among_conversations",
    "average",
    "averages",
    "of_conversations",
    "of_messages",
    "response_time",
    "rollup",
    "total",
]

_conversations = table_of(Conversation)
_messages = table_of(Message)
_analytics = table_of(ConversationAnalytics)
_daily = table_of(DailyAnalytics)

_ONE = constant(1, sa.Integer())
_DATE = sa.bindparam("date", type_=sa.Date())


@cache
def rollup() -> Statement[DailyAnalyticsRow]:
    """Cross three sub-selects of one row each: the day, what started on it, what was written on it."""
    day = span(_DATE, _DATE)
    started, spoken = _started(day).cte("started"), _spoken(day).cte("spoken")
    measures = {column.key: column for column in (*started.c, *spoken.c)}
    measures |= averages(measures)
    source = sa.select(
        COMPANY.label("company_id"),
        written(_daily.c.id).label("id"),
        _DATE.label("date"),
        *(measure.label(name) for name, measure in measures.items()),
    ).select_from(sa.join(day, started, sa.true()).join(spoken, sa.true()))
    return Statement(upsert(_daily, "date", source).returning(*_daily.c), DailyAnalyticsRow)


def _started(day: Any) -> Any:
    return among_conversations(of_conversations(), within(day, _conversations.c.started_at))


def among_conversations(columns: Iterable[Any], chosen: sa.ColumnElement[bool]) -> Any:
    """Select from some of the company's conversations, each with the note of how it went.

    The notes are found by an array of ids, a condition of the index whatever the planner believes: for a
    day of a large company a join alone read all that it ever noted.
    """
    c, note = _conversations.c, _analytics.c
    ids = sa.select(c.id).where(owned(_conversations), chosen).correlate(None).scalar_subquery()
    is_its_note = sa.and_(
        owned(_analytics), note.conversation_id == c.id, note.conversation_id == sa.any_(sa.func.array(ids))
    )
    return (
        sa.select(*columns)
        .outerjoin_from(_conversations, _analytics, is_its_note)
        .where(owned(_conversations), chosen)
    )


def _spoken(day: Any) -> Any:
    """Add the messages up that were written on the day, in whichever conversation."""
    message = _messages.c
    # Known to the planner, as the day's own beginning is not; nowhere on earth did it begin earlier.
    since = sa.func.timezone(
        constant("UTC", sa.Text()), sa.cast(_DATE - _ONE, sa.DateTime()), type_=message.created_at.type
    )
    return sa.select(*of_messages()).where(
        owned(_messages), spoken_since(since), within(day, message.created_at)
    )


def of_conversations() -> list[sa.Label[Any]]:
    """Count what is told of conversations, which may have a note of how they went."""
    c, satisfaction = _conversations.c, _analytics.c.satisfaction_score
    return [
        sa.func.count().label("conversations_total"),
        sa.func.count(c.resolved_at).label("conversations_resolved"),
        sa.func.count(c.escalated_at).label("conversations_escalated"),
        total(response_time()).label("response_time_sum"),
        sa.func.count(response_time()).label("response_time_count"),
        total(satisfaction).label("satisfaction_sum"),
        sa.func.count(satisfaction).label("satisfaction_count"),
    ]


def of_messages() -> list[sa.Label[Any]]:
    """Count what is told of messages."""
    return [
        sa.func.count().label("messages_total"),
        total(_messages.c.tokens_used).label("tokens_used"),
    ]


def averages(measures: Any) -> dict[str, sa.ColumnElement[Any]]:
    """Divide the sums by their counts."""
    return {
        "avg_response_time": sa.func.round(
            average(measures["response_time_sum"], measures["response_time_count"])
        ),
        "avg_satisfaction": average(measures["satisfaction_sum"], measures["satisfaction_count"]),
    }


def response_time() -> sa.ColumnElement[Any]:
    """Count the seconds from a conversation's start to its first answer."""
    c = _conversations.c
    return sa.func.round(sa.extract("epoch", c.first_response_at - c.started_at))


def total(values: Any) -> sa.ColumnElement[int]:
    """Add up; nothing at all is 0."""
    return sa.cast(sa.func.coalesce(sa.func.sum(values), constant(0, sa.Integer())), sa.BigInteger())


def average(sum_of: Any, count: Any) -> sa.ColumnElement[Any]:
    """Divide; an average of nothing is none."""
    return sa.cast(sum_of, sa.Numeric()) / sa.func.nullif(count, constant(0, sa.Integer()))
