"""Who has read a conversation, and how far: a customer on one side, the company on the other."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, as_ids, as_member
from chatapp_db.repositories.operations import TenantOperations
from chatapp_db.rows import ConversationRow
from chatapp_db.schema import Conversation, Message, MessageRole

__all__ = ["ReadingOperations", "Side", "read_until"]

_conversations = table_of(Conversation)
_messages = table_of(Message)


class Side(StrEnum):
    """Who reads: the customer, or whoever answers for the company."""

    CUSTOMER = "customer"
    AGENT = "agent"


_READ_AT = {
    Side.CUSTOMER: _conversations.c.customer_last_read_at,
    Side.AGENT: _conversations.c.agent_last_read_at,
}
_WRITTEN_BY_THE_OTHER = {
    Side.CUSTOMER: (MessageRole.ASSISTANT, MessageRole.SYSTEM),
    Side.AGENT: (MessageRole.USER,),
}


class ReadingOperations(TenantOperations[ConversationRow]):
    """How far a company's conversations were read."""

    @operation
    async def mark_read(self, id: UUID, side: Side) -> ConversationRow:
        """Note that a side has read everything up to now.

        To read is not to edit: the version stays, so that nobody who edits meanwhile is stopped by it.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_mark_read(as_member("side", Side, side)), id=as_id("id", id))

    @operation
    async def unread_counts(self, ids: Sequence[UUID], *, side: Side = Side.AGENT) -> dict[UUID, int]:
        """Count, by conversation, what the other side wrote since this side last read; no private notes.

        A conversation the company does not have is left out. Raises InvalidValue.
        """
        statement = _unread_counts(as_member("side", Side, side))
        return dict(await self._fetch(statement, ids=as_ids("ids", ids)))


def read_until(side: Side, at: Any) -> dict[str, Any]:
    """Move a side's mark on; what was read once is never unread."""
    mark = _READ_AT[side]
    return {mark.key: sa.func.greatest(mark, at)}


@cache
def _mark_read(side: Side) -> Statement[ConversationRow]:
    c = _conversations.c
    is_one = sa.and_(owned(_conversations), c.id == sa.bindparam("id", type_=c.id.type))
    update: Any = sa.update(_conversations).where(is_one).values(read_until(side, sa.func.now()))
    return Statement(update.returning(*c), ConversationRow)


def _pair(conversation_id: UUID, count: int) -> tuple[UUID, int]:
    return conversation_id, count


@cache
def _unread_counts(side: Side) -> Statement[tuple[UUID, int]]:
    """Join by the conversation and the time, which the index of a conversation's messages serves."""
    c, message, mark = _conversations.c, _messages.c, _READ_AT[side]
    never = sa.literal_column("'-infinity'::timestamptz", mark.type)
    # Below row-level security COALESCE is no part of an index condition, CASE is.
    last_read = sa.case((mark.is_(None), never), else_=mark)
    unread = sa.and_(
        owned(_messages),
        message.conversation_id == c.id,
        message.created_at > last_read,
        is_one_of(message.role, *_WRITTEN_BY_THE_OTHER[side]),
        ~message.is_private,
    )
    query = (
        sa.select(c.id, sa.func.count(message.id))
        .outerjoin_from(_conversations, _messages, unread)
        .where(owned(_conversations), c.id == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(c.id.type))))
        .group_by(c.id)
    )
    return Statement(query, _pair)
