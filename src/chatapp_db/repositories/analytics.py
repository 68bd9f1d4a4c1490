"""Analytics: how each conversation went, and what a day adds up to."""

from __future__ import annotations

import datetime as dt
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import TypedDict, Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import (
    ConversationAnalyticsChanges,
    ConversationAnalyticsRow,
    DailyAnalyticsRow,
)
from chatapp_db.schema import (
    Company,
    Conversation,
    ConversationAnalytics,
    ConversationStatus,
    DailyAnalytics,
    Message,
)
from chatapp_db.schema.types import Day

__all__ = [
    "AsyncConversationAnalyticsRepository",
    "AsyncDailyAnalyticsRepository",
    "ConversationAnalyticsOperations",
    "ConversationAnalyticsRepository",
    "DailyAnalyticsOperations",
    "DailyAnalyticsRepository",
]

_companies = table_of(Company)
_conversations = table_of(Conversation)
_messages = table_of(Message)
_analytics = table_of(ConversationAnalytics)
_daily = table_of(DailyAnalytics)


class ConversationAnalyticsOperations(TenantOperations[ConversationAnalyticsRow]):
    """How a company's conversations went."""

    entity = Entity(ConversationAnalytics, ConversationAnalyticsRow, "conversation analytics")

    @operation
    async def record(
        self, conversation_id: UUID, **measures: Unpack[ConversationAnalyticsChanges]
    ) -> ConversationAnalyticsRow:
        """Note how a conversation went; what is not given stays as it was noted before.

        Raises NotFound for a conversation the company does not have, InvalidValue.
        """
        given: dict[str, Any] = {**checked(ConversationAnalyticsChanges, measures)}
        parameters = {f"new_{name}": value for name, value in given.items()}
        row = await self._find(
            _record(frozenset(given)),
            new_id=uuid7(),
            conversation_id=as_id("conversation_id", conversation_id),
            **parameters,
        )
        if row is None:
            raise NotFound("conversation")
        return row


class ConversationAnalyticsRepository(ConversationAnalyticsOperations, BlockingRepository):
    """How a company's conversations went, blocking."""


class AsyncConversationAnalyticsRepository(ConversationAnalyticsOperations, AsyncioRepository):
    """How a company's conversations went, awaited."""


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
        row = await self._find(_rollup(), date=_as_day("date", date), new_id=uuid7())
        if row is None:
            raise NotFound("company")
        return row

    @operation
    async def range(self, first: dt.date, last: dt.date) -> list[DailyAnalyticsRow]:
        """List the days that were added up, from the first to the last, both included.

        Raises InvalidValue.
        """
        if _as_day("last", last) < _as_day("first", first):
            raise InvalidValue("last", "before the first")
        return await self._fetch(_range(), first=first, last=last)


class DailyAnalyticsRepository(DailyAnalyticsOperations, BlockingRepository):
    """What a company's days add up to, blocking."""


class AsyncDailyAnalyticsRepository(DailyAnalyticsOperations, AsyncioRepository):
    """What a company's days add up to, awaited."""


class _Days(TypedDict):
    day: Day


def _as_day(field: str, value: dt.date) -> dt.date:
    """Take a day; a moment is none, since it belongs to different days in different places."""
    try:
        return checked(_Days, {"day": value})["day"]
    except InvalidValue as error:
        raise InvalidValue(field, error.reason) from None


@lru_cache(maxsize=256)
def _record(names: frozenset[str]) -> Statement[ConversationAnalyticsRow]:
    c, conversation = _analytics.c, _conversations.c
    measures = {name: written(c[name]) for name in sorted(names)}
    source = sa.select(
        COMPANY, written(c.id), conversation.id, conversation.agent_id, *measures.values()
    ).where(
        owned(_conversations),
        conversation.id == sa.bindparam("conversation_id", type_=conversation.id.type),
    )
    columns = ["company_id", "id", "conversation_id", "agent_id", *measures]
    insertion = insert(_analytics).from_select(columns, source, include_defaults=False)
    upsert: Any = insertion.on_conflict_do_update(
        index_elements=[c.company_id, c.conversation_id],
        set_={name: insertion.excluded[name] for name in ("agent_id", *measures)},
    )
    return Statement(upsert.returning(*c), ConversationAnalyticsRow)


@cache
def _range() -> Statement[DailyAnalyticsRow]:
    c = _daily.c
    days = c.date.between(sa.bindparam("first", type_=c.date.type), sa.bindparam("last", type_=c.date.type))
    return Statement(sa.select(*c).where(owned(_daily), days).order_by(c.date), DailyAnalyticsRow)


# A day.

_DATE = sa.bindparam("date", type_=sa.Date())


@cache
def _rollup() -> Statement[DailyAnalyticsRow]:
    """Cross three sub-selects of one row each: the day, what started on it, what was written on it."""
    day = (
        sa.select(_midnight(0).label("starts"), _midnight(1).label("ends"))
        .where(owned(_companies))
        .cte("day")
    )
    started, spoken = _started(day).cte("started"), _spoken(day).cte("spoken")
    measures = {column.key: column for column in (*started.c, *spoken.c)} | {
        "avg_response_time": sa.func.round(
            _average(started.c.response_time_sum, started.c.response_time_count)
        ),
        "avg_satisfaction": _average(started.c.satisfaction_sum, started.c.satisfaction_count),
    }
    source = sa.select(COMPANY, written(_daily.c.id), _DATE, *measures.values()).select_from(
        sa.join(day, started, sa.true()).join(spoken, sa.true())
    )
    columns = ["company_id", "id", "date", *measures]
    insertion = insert(_daily).from_select(columns, source, include_defaults=False)
    upsert: Any = insertion.on_conflict_do_update(
        index_elements=[_daily.c.company_id, _daily.c.date],
        set_={name: insertion.excluded[name] for name in measures},
    )
    return Statement(upsert.returning(*_daily.c), DailyAnalyticsRow)


def _days_on(days: int) -> sa.ColumnElement[Any]:
    return sa.cast(_DATE + constant(days, sa.Integer()), sa.DateTime())


def _midnight(days: int) -> sa.ColumnElement[dt.datetime]:
    """Say when the day that is so many days on begins; where the clocks jump, a day is not 24 hours."""
    return sa.func.timezone(_companies.c.timezone, _days_on(days), type_=_conversations.c.started_at.type)


def _on(day: Any, moment: Any) -> sa.ColumnElement[bool]:
    """Compare with sub-selects: they are known before the table is read, so an index serves."""
    starts, ends = (sa.select(day.c[name]).scalar_subquery() for name in ("starts", "ends"))
    return sa.and_(moment >= starts, moment < ends)


def _started(day: Any) -> Any:
    c, satisfaction = _conversations.c, _analytics.c.satisfaction_score
    waited = sa.func.round(sa.extract("epoch", c.first_response_at - c.started_at))
    return (
        sa.select(
            sa.func.count().label("conversations_total"),
            sa.func.count(c.resolved_at).label("conversations_resolved"),
            sa.func.count(c.escalated_at).label("conversations_escalated"),
            _sum(waited).label("response_time_sum"),
            sa.func.count(waited).label("response_time_count"),
            _sum(satisfaction).label("satisfaction_sum"),
            sa.func.count(satisfaction).label("satisfaction_count"),
        )
        .outerjoin_from(
            _conversations, _analytics, sa.and_(owned(_analytics), _analytics.c.conversation_id == c.id)
        )
        .where(owned(_conversations), _on(day, c.started_at))
    )


def _spoken(day: Any) -> Any:
    """Add the messages up by way of the conversations that may have one on the day.

    Which those are is said roughly, and only by what an index knows: not over when the day began anywhere
    on earth. One more day is for transactions that were long: a conversation's last activity is when its
    transaction began, its message may be later.
    """
    c, message = _conversations.c, _messages.c
    since = sa.func.timezone(constant("UTC", sa.Text()), _days_on(-2), type_=c.last_message_at.type)
    alive = sa.union_all(
        *(
            sa.select(c.id).where(
                owned(_conversations), is_one_of(c.status, status), c.last_message_at >= since
            )
            for status in ConversationStatus
        )
    ).subquery("alive")
    # An array is a condition of the index whatever the planner believes; a join of a table that was
    # filled a moment ago compared every message with every conversation.
    among = message.conversation_id == sa.any_(sa.func.array(sa.select(alive.c.id).scalar_subquery()))
    return sa.select(
        sa.func.count().label("messages_total"), _sum(message.tokens_used).label("tokens_used")
    ).where(owned(_messages), among, _on(day, message.created_at), ~message.is_private)


def _sum(values: Any) -> sa.ColumnElement[int]:
    return sa.cast(sa.func.coalesce(sa.func.sum(values), constant(0, sa.Integer())), sa.BigInteger())


def _average(total: Any, count: Any) -> sa.ColumnElement[Any]:
    return sa.cast(total, sa.Numeric()) / sa.func.nullif(count, constant(0, sa.Integer()))
