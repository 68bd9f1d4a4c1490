"""How conversations went, told from themselves and their messages."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.statement import COMPANY, Statement, constant, scalar, written
from chatapp_db.repositories.analytics.days import FIRST, LAST, span, within
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.repositories.upserting import id_for_each, upsert
from chatapp_db.rows import ConversationAnalyticsRow
from chatapp_db.schema import (
    Conversation,
    ConversationAnalytics,
    ConversationStatus,
    Message,
    MessageRole,
    ResolutionType,
)

__all__ = ["compute", "recompute"]

_conversations = table_of(Conversation)
_messages = table_of(Message)
_analytics = table_of(ConversationAnalytics)

_READ = ("id", "agent_id", "assigned_user_id", "status", "started_at", "resolved_at", "escalated_at")
_NONE = constant(0, sa.Integer())
_ID: sa.BindParameter[UUID] = written(_analytics.c.id)


@cache
def compute() -> Statement[ConversationAnalyticsRow]:
    """Tell how one conversation went."""
    is_it = _conversations.c.id == sa.bindparam("conversation_id", type_=_conversations.c.id.type)
    return Statement(_noted(_ID, is_it).returning(*_analytics.c), ConversationAnalyticsRow)


@cache
def recompute() -> Statement[int]:
    """Tell it of those that started on some days, and count them."""
    began = within(span(FIRST, LAST), _conversations.c.started_at)
    noted = _noted(id_for_each(_ID), began).returning(_analytics.c.id).cte("noted")
    return Statement(sa.select(sa.func.count(noted.c.id).label("count")), scalar)


def _noted(id: sa.ColumnElement[UUID], condition: sa.ColumnElement[bool]) -> Any:
    c = _conversations.c
    chosen = sa.select(*(c[name] for name in _READ)).where(owned(_conversations), condition).cte("chosen")
    said = _said(chosen).cte("said")
    source = sa.select(
        COMPANY.label("company_id"),
        id.label("id"),
        chosen.c.id.label("conversation_id"),
        chosen.c.agent_id,
        *(measure.label(name) for name, measure in _measures(chosen.c, said.c).items()),
    ).outerjoin_from(chosen, said, said.c.conversation_id == chosen.c.id)
    return upsert(_analytics, "conversation_id", source)


def _said(chosen: Any) -> Any:
    """Add up what was said in each conversation, exchange by exchange.

    A question belongs to the answer that as many answers come after, however many messages ask it.
    """
    message = _messages.c
    # An array, so that the ids are a condition of the index whatever the planner believes (see spoken.py).
    among = message.conversation_id == sa.any_(sa.func.array(sa.select(chosen.c.id).scalar_subquery()))
    newest_first = (message.created_at.desc(), message.id.desc())
    to_come = _count(_is_answer(message)).over(
        partition_by=message.conversation_id, order_by=newest_first, rows=(None, 0)
    )
    names = ("conversation_id", "role", "sender_user_id", "created_at")
    turn = (
        sa.select(*(message[name] for name in names), to_come.label("exchange"))
        .where(owned(_messages), among, ~message.is_private)
        .subquery("turn")
    )
    exchange = _exchanges(turn.c).subquery("exchange")
    return sa.select(
        exchange.c.conversation_id,
        *(sa.func.sum(exchange.c[name]).label(name) for name in ("messages", "by_ai", "by_people")),
        sa.func.avg(sa.extract("epoch", exchange.c.waited)).label("waited"),
        sa.func.max(exchange.c.ended_at).label("ended_at"),
    ).group_by(exchange.c.conversation_id)


def _exchanges(turn: Any) -> Any:
    by_ai = _is_answer(turn) & turn.sender_user_id.is_(None)
    by_people = _is_answer(turn) & turn.sender_user_id.is_not(None)
    asked_at = sa.func.min(turn.created_at).filter(is_one_of(turn.role, MessageRole.USER))
    answered_at = sa.func.min(turn.created_at).filter(_is_answer(turn))
    return sa.select(
        turn.conversation_id,
        sa.func.count().label("messages"),
        _count(by_ai).label("by_ai"),
        _count(by_people).label("by_people"),
        (answered_at - asked_at).label("waited"),
        sa.func.max(turn.created_at).label("ended_at"),
    ).group_by(turn.conversation_id, turn.exchange)


def _measures(conversation: Any, said: Any) -> dict[str, sa.ColumnElement[Any]]:
    ended_at = sa.func.coalesce(conversation.resolved_at, said.ended_at, conversation.started_at)
    seconds = sa.func.round(sa.extract("epoch", ended_at - conversation.started_at))
    return {
        "resolution_type": _resolution(conversation, said),
        "messages_count": sa.func.coalesce(said.messages, _NONE),
        "ai_messages_count": sa.func.coalesce(said.by_ai, _NONE),
        "human_messages_count": sa.func.coalesce(said.by_people, _NONE),
        "response_time_avg": sa.func.round(said.waited),
        "duration_seconds": sa.func.greatest(seconds, _NONE),
        "escalated": conversation.escalated_at.is_not(None),
    }


def _resolution(conversation: Any, said: Any) -> sa.ColumnElement[Any]:
    """Say who settled a conversation that is over; where a person was called and none came, nobody did."""
    is_over = conversation.resolved_at.is_not(None) | is_one_of(
        conversation.status, ConversationStatus.ARCHIVED
    )
    by_person = (said.by_people > _NONE) | conversation.assigned_user_id.is_not(None)
    by_ai = (said.by_ai > _NONE) & conversation.escalated_at.is_(None)
    kind = _analytics.c.resolution_type.type
    ai, human, abandoned = (sa.cast(constant(one, kind), kind) for one in ResolutionType)
    return sa.case((~is_over, sa.null()), (by_person, human), (by_ai, ai), else_=abandoned)


def _is_answer(message: Any) -> sa.ColumnElement[bool]:
    return is_one_of(message.role, MessageRole.ASSISTANT)


def _count(condition: sa.ColumnElement[bool]) -> Any:
    return sa.func.count().filter(condition)
