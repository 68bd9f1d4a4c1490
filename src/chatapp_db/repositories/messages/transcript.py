"""What was said, read back: around a message, for a model, by its words, and what it cost."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.repositories.base import ALONE, owned, table_of
from chatapp_db.repositories.border import TERM_LENGTH, as_id, as_moment, as_positive, as_text
from chatapp_db.repositories.keyset import Cursors, Order, Step
from chatapp_db.repositories.messages.appending import CONVERSATION_ID
from chatapp_db.repositories.messages.spoken import spoken_since
from chatapp_db.repositories.operations import TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, cut, limit_of, rung, seal, unseal
from chatapp_db.rows import MessageRow
from chatapp_db.schema import Message

__all__ = ["TranscriptOperations"]

_messages = table_of(Message)
_c = _messages.c

_NEWEST_FIRST = Order({"created_at": datetime, "id": UUID}, descending=True)
_KEY = [_c.created_at, _c.id]
_CHARACTERS_PER_TOKEN = 4


class TranscriptOperations(TenantOperations[MessageRow]):
    """What was said in a company's conversations."""

    @operation
    async def history(
        self,
        conversation_id: UUID,
        *,
        before: UUID | None = None,
        after: UUID | None = None,
        around: UUID | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[MessageRow]:
        """List a conversation's messages, the newest first; the cursors lead back in time and on.

        ``before`` and ``after`` give what stands next to a message, ``around`` what surrounds it, itself
        included: one of the three, or a cursor. A conversation the company does not have has no messages,
        and a message that is not in the conversation has none beside it.

        Raises InvalidCursor, InvalidValue.
        """
        shape = f"message.history.{as_id('conversation_id', conversation_id)}"
        cursors = Cursors[MessageRow](self._company_id, shape, _NEWEST_FIRST)
        parameters: dict[str, Any] = {"conversation_id": conversation_id}
        beside = {"before": before, "after": after, "around": around}
        named = {name: as_id(name, one) for name, one in beside.items() if one is not None}
        if len(named) + (cursor is not None) > 1:
            raise InvalidValue(next(iter(named)), "give one of before, after, around and cursor")
        if around is not None:
            found = await self._fetch(_around(rung(as_limit(limit))), **parameters, message_id=around)
            return _centred(found, around, limit, cursors)
        step: Step | None = None
        if cursor is not None:
            step, start = cursors.start(cursor)
            parameters.update(start)
        for name, message_id in named.items():
            step = Step.NEXT if name == "before" else Step.PREVIOUS
            parameters["message_id"] = message_id
        statement = _history(step, rung(as_limit(limit)), beside=bool(named))
        return cursors.cut(await self._fetch(statement, **parameters), limit, step)

    @operation
    async def recent_for_llm(
        self, conversation_id: UUID, *, limit: int = 50, max_tokens: int | None = None
    ) -> list[MessageRow]:
        """Give the latest messages as a model reads them: the oldest first, without private notes.

        ``max_tokens`` leaves out the older ones beyond it, at four characters a token: what a message's
        ``tokens_used`` says is what it cost to write, the prompt included. The latest message always comes.

        Raises InvalidValue.
        """
        parameters: dict[str, Any] = {"conversation_id": as_id("conversation_id", conversation_id)}
        if max_tokens is not None:
            parameters["max_tokens"] = as_positive("max_tokens", max_tokens, "not a number of tokens")
        rows = await self._fetch(
            _recent(rung(as_limit(limit)), budgeted=max_tokens is not None), **parameters
        )
        return rows[:limit][::-1]

    @operation
    async def search(self, query: str, *, limit: int = 25, cursor: str | None = None) -> Page[MessageRow]:
        """Find messages by their words, the newest first, private notes too.

        ``query`` is what people type into a search box: words that all must occur, ``"a phrase"``, ``or``,
        ``-without``. Words are taken as they are written, in any language and case; of a message its first
        65,536 characters are looked at. A query that only excludes finds nothing.

        Raises InvalidValue, InvalidCursor for a cursor of another company or query.
        """
        words = as_text("query", query, TERM_LENGTH)
        shape = f"message.search.{words}"
        start: tuple[Any, ...] = (None, None)
        if cursor is not None:
            start = unseal(self._company_id, shape, cursor, [datetime, UUID])
        rows = await self._fetch(
            _search(rung(as_limit(limit))), query=words, **_NEWEST_FIRST.parameters(start)
        )
        return cut(rows, limit, lambda last: seal(self._company_id, shape, [last.created_at, last.id]))

    @operation
    async def tokens_used(self, since: datetime, until: datetime) -> int:
        """Add up what the messages of a time cost, its end excluded; without private notes, as in a day.

        Raises InvalidValue.
        """
        if as_moment("until", until) < as_moment("since", since):
            raise InvalidValue("until", "before since")
        return await self._one(_tokens_used(), since=since, until=until)


def _centred(rows: list[MessageRow], id: UUID, limit: int, cursors: Cursors[MessageRow]) -> Page[MessageRow]:
    """Cut a page so that the message stands in its middle, unless the conversation ends before."""
    place = next((place for place, row in enumerate(rows) if row.id == id), 0)
    first = max(0, min(place - (limit - 1) // 2, len(rows) - limit))
    items = rows[first : first + limit]
    more = first + limit < len(rows)
    return Page(
        items,
        cursors.at(Step.NEXT, items[-1]) if more else None,
        cursors.at(Step.PREVIOUS, items[0]) if first else None,
    )


_in_conversation = sa.and_(owned(_messages), _c.conversation_id == CONVERSATION_ID)
_MESSAGE_ID = sa.bindparam("message_id", type_=_c.id.type)


def _start() -> list[Any]:
    """Look the message's time up once, before the index is read from there."""
    one = _messages.alias("one")
    is_one = sa.and_(owned(one), one.c.conversation_id == CONVERSATION_ID, one.c.id == _MESSAGE_ID)
    return [sa.select(one.c.created_at).where(is_one).scalar_subquery(), _MESSAGE_ID]


@cache
def _history(step: Step | None, rows: int, *, beside: bool) -> Statement[MessageRow]:
    query = sa.select(*_c).where(_in_conversation)
    if step is not None:
        start = _start() if beside else _NEWEST_FIRST.binds(_c)
        query = query.where(_NEWEST_FIRST.beyond(_KEY, start, step))
    return Statement(_NEWEST_FIRST.taken(query, _KEY, step, rows), MessageRow)


@cache
def _around(rows: int) -> Statement[MessageRow]:
    """Read both ways from the message: whichever way the conversation ends, the other fills the page."""
    beside = [
        _NEWEST_FIRST.taken(
            sa.select(*_c).where(_in_conversation, _NEWEST_FIRST.beyond(_KEY, _start(), step)),
            _KEY,
            step,
            rows,
        )
        for step in Step
    ]
    itself = sa.select(*_c).where(_in_conversation, _c.id == _MESSAGE_ID)
    found = sa.union_all(itself, *beside).subquery("found")
    query = sa.select(*found.c)
    return Statement(query.order_by(found.c.created_at.desc(), found.c.id.desc()), MessageRow)


@cache
def _recent(rows: int, *, budgeted: bool) -> Statement[MessageRow]:
    latest = sa.select(*_c).where(_in_conversation, ~_c.is_private)
    latest = latest.order_by(*(column.desc() for column in _KEY)).limit(limit_of(rows))
    if not budgeted:
        return Statement(latest, MessageRow)
    page = latest.subquery("page")
    order = [page.c.created_at.desc(), page.c.id.desc()]
    size = sa.func.length(page.c.content) / constant(_CHARACTERS_PER_TOKEN, sa.Integer())
    counted = sa.select(
        *page.c,
        sa.func.sum(size).over(order_by=order).label("tokens"),
        sa.func.row_number().over(order_by=order).label("place"),
    ).subquery("counted")
    budget = sa.bindparam("max_tokens", type_=sa.Integer())
    query = (
        sa.select(*(counted.c[column.key] for column in page.c))
        .where(sa.or_(counted.c.tokens <= budget, counted.c.place == constant(1, sa.Integer())))
        .order_by(counted.c.created_at.desc(), counted.c.id.desc())
    )
    return Statement(query, MessageRow)


@cache
def _search(rows: int) -> Statement[MessageRow]:
    """Ask the one function that may use the index of words, and read what it found below the policies."""
    query = sa.bindparam("query", type_=sa.Text())
    found: Any = (
        sa.func.chatapp_search_messages(query, *_NEWEST_FIRST.binds(_c), limit_of(rows))
        .table_valued(*(sa.column(name, _c[name].type) for name in ("id", "created_at")))
        .render_derived("found")
    )
    messages = sa.select(*_c).join_from(found, _messages, sa.and_(owned(_messages), _c.id == found.c.id))
    in_order = messages.order_by(*(column.desc() for column in _KEY))
    return Statement(in_order, MessageRow, settings=ALONE)


@cache
def _tokens_used() -> Statement[int]:
    since, until = (sa.bindparam(name, type_=_c.created_at.type) for name in ("since", "until"))
    total = sa.func.coalesce(sa.func.sum(_c.tokens_used), constant(0, sa.Integer()))
    query = sa.select(sa.cast(total, sa.BigInteger()).label("tokens"))
    return Statement(query.where(owned(_messages), spoken_since(since), _c.created_at < until), scalar)
