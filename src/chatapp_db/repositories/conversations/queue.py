"""Conversations by the many: taken from the queue, or settled because nobody writes any more."""

from __future__ import annotations

from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, as_moment
from chatapp_db.repositories.conversations.lifecycle import (
    CONVERSATIONS,
    OPEN,
    RESOLVED,
    next_version,
    status,
)
from chatapp_db.repositories.operations import TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, cut, limit_of, rung, seal, unseal
from chatapp_db.rows import ConversationRow
from chatapp_db.schema import ConversationStatus, User

__all__ = ["QueueOperations"]

_MOST_CLAIMED = 100
_conversations = CONVERSATIONS.table
_c = _conversations.c


class QueueOperations(TenantOperations[ConversationRow]):
    """What is done to the conversations that come first, whichever they are."""

    @operation
    async def claim_next(self, user_id: UUID, n: int = 1) -> list[ConversationRow]:
        """Give a person the next conversations of the queue, at most ``n``, the most urgent first.

        Among equals who waits longest comes first. Callers never wait for each other and never get the
        same conversation; where the queue is empty the list is.

        Raises NotFound for a person the company does not have, InvalidValue.
        """
        if type(n) is not int or not 1 <= n <= _MOST_CLAIMED:
            raise InvalidValue("n", f"not a whole number from 1 to {_MOST_CLAIMED}")
        found = await self._fetch(_claim(n), user_id=as_id("user_id", user_id))
        if not found:
            raise NotFound("user")
        return [row for row in found if row is not None]

    @operation
    async def idle_since(
        self, moment: datetime, *, limit: int = 50, cursor: str | None = None
    ) -> Page[ConversationRow]:
        """List the open conversations in which nothing happened since a moment, the longest idle first.

        Raises InvalidValue, InvalidCursor.
        """
        shape = f"conversation.idle_since.{as_moment('moment', moment).timestamp()}"
        parameters: dict[str, Any] = {"moment": moment}
        if cursor is not None:
            key = unseal(self._company_id, shape, cursor, [datetime, UUID])
            parameters.update(after_at=key[0], after_id=key[1])
        rows = await self._fetch(_idle(rung(as_limit(limit)), follows=cursor is not None), **parameters)
        return cut(rows, limit, lambda last: seal(self._company_id, shape, [last.last_message_at, last.id]))

    @operation
    async def auto_resolve_idle(self, idle_before: datetime, *, limit: int = 100) -> list[ConversationRow]:
        """Settle active conversations in which nothing happened since a moment, at most ``limit``.

        One that waits in the queue is left: there the silence is ours. One that somebody is changing
        right now is passed over. Call it again until it gives fewer than ``limit``, each time in a
        transaction of its own, so that no lock is held for long.

        Raises InvalidValue.
        """
        statement = _resolve_idle(as_limit(limit))
        return await self._fetch(statement, idle_before=as_moment("idle_before", idle_before))


def _claimed(_user_id: UUID, *columns: Any) -> ConversationRow | None:
    """Build a conversation, or none: a person for whom there is none is one row all the same."""
    return ConversationRow(*columns) if columns[0] is not None else None


@lru_cache(maxsize=_MOST_CLAIMED)
def _claim(n: int) -> Statement[ConversationRow | None]:
    """Lock what nobody else has locked, by the index of the queue."""
    users = table_of(User)
    person = (
        sa.select(users.c.id)
        .where(owned(users), users.c.id == sa.bindparam("user_id", type_=users.c.id.type))
        .cte("person")
    )
    first = (
        sa.select(_c.id)
        .where(
            owned(_conversations),
            is_one_of(_c.status, ConversationStatus.WAITING),
            _c.assigned_user_id.is_(None),
        )
        .order_by(_c.priority.desc(), _c.waiting_since, _c.id)
        .limit(constant(n, sa.Integer()))
        .with_for_update(key_share=True, skip_locked=True)
        .cte("first")
        .prefix_with("MATERIALIZED")
    )
    update: Any = sa.update(_conversations).where(owned(_conversations), _c.id == first.c.id)
    taken = {
        "assigned_user_id": person.c.id,
        "status": status(ConversationStatus.ACTIVE),
        "version": next_version(),
    }
    claimed = update.values(taken).returning(*_c).cte("claimed")
    query = (
        sa.select(person.c.id, *claimed.c)
        .outerjoin_from(person, claimed, sa.true())
        .order_by(claimed.c.priority.desc(), claimed.c.waiting_since, claimed.c.id)
    )
    return Statement(query, _claimed)


@cache
def _idle(rows: int, *, follows: bool) -> Statement[ConversationRow]:
    """Read the partial index of each status backwards."""
    branches = [_idle_in(one, rows, follows) for one in OPEN]
    return Statement(_oldest(sa.union_all(*branches), rows), ConversationRow)


def _idle_in(label: ConversationStatus, rows: int, follows: bool) -> Any:
    query = sa.select(*_c).where(
        owned(_conversations),
        is_one_of(_c.status, label),
        _c.last_message_at < sa.bindparam("moment", type_=_c.last_message_at.type),
    )
    if follows:
        after = (
            sa.bindparam("after_at", type_=_c.last_message_at.type),
            sa.bindparam("after_id", type_=_c.id.type),
        )
        query = query.where(sa.tuple_(_c.last_message_at, _c.id) > sa.tuple_(*after))
    return _oldest(query, rows)


def _oldest(query: Any, rows: int) -> Any:
    columns = query.selected_columns
    return query.order_by(columns.last_message_at, columns.id).limit(limit_of(rows))


@lru_cache(maxsize=64)
def _resolve_idle(limit: int) -> Statement[ConversationRow]:
    idle = (
        sa.select(_c.id)
        .where(
            owned(_conversations),
            is_one_of(_c.status, ConversationStatus.ACTIVE),
            _c.last_message_at < sa.bindparam("idle_before", type_=_c.last_message_at.type),
        )
        .order_by(_c.last_message_at, _c.id)
        .limit(constant(limit, sa.Integer()))
        .with_for_update(key_share=True, skip_locked=True)
        .cte("idle")
        .prefix_with("MATERIALIZED")
    )
    update: Any = sa.update(_conversations).where(owned(_conversations), _c.id == idle.c.id)
    return Statement(update.values(**RESOLVED, version=next_version()).returning(*_c), ConversationRow)
