"""Conversations: the inbox, and what people do with one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.errors import Conflict, VersionConflict
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, as_member, as_version
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, cut, limit_of, rung, seal, unseal
from chatapp_db.rows import ConversationChanges, ConversationRow, ConversationValues
from chatapp_db.schema import ChannelType, Conversation, ConversationStatus, Customer, User

__all__ = ["AsyncConversationRepository", "ConversationOperations", "ConversationRepository", "InboxItem"]

_conversations = table_of(Conversation)
_OPEN = (ConversationStatus.ACTIVE, ConversationStatus.WAITING)
_CLOSED = (ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED)


def _status(status: ConversationStatus) -> sa.ColumnElement[Any]:
    return constant(status, _conversations.c.status.type)


@dataclass(frozen=True, eq=False)
class _Change:
    """A step in a conversation's life: from which statuses, to which, and what it writes."""

    of: tuple[ConversationStatus, ...]
    to: ConversationStatus | None
    values: dict[str, Any]


_ASSIGN = _Change(
    of=tuple(ConversationStatus),
    to=None,
    values={
        "assigned_user_id": written(_conversations.c.assigned_user_id),
        "status": sa.case(
            (
                is_one_of(_conversations.c.status, ConversationStatus.WAITING),
                _status(ConversationStatus.ACTIVE),
            ),
            else_=_conversations.c.status,
        ),
    },
)
_RESOLVE = _Change(
    of=_OPEN,
    to=ConversationStatus.RESOLVED,
    values={
        "status": _status(ConversationStatus.RESOLVED),
        "resolved_at": sa.func.now(),
        "waiting_since": sa.null(),
    },
)
_REOPEN = _Change(
    of=_CLOSED,
    to=ConversationStatus.ACTIVE,
    values={"status": _status(ConversationStatus.ACTIVE), "resolved_at": sa.null()},
)


@dataclass(slots=True)
class InboxItem:
    """One line of the inbox: a conversation with the names a person reads."""

    id: UUID
    status: ConversationStatus | str
    channel: ChannelType | str
    priority: int
    tags: list[str]
    agent_id: UUID
    customer_id: UUID
    customer_name: str | None
    assigned_user_id: UUID | None
    assignee_name: str | None
    last_message_at: datetime
    last_message_preview: str | None
    waiting_since: datetime | None
    version: int


class ConversationOperations(TenantOperations[ConversationRow]):
    """A company's conversations."""

    entity = Entity(Conversation, ConversationRow, "conversation")

    @operation
    async def open(self, **values: Unpack[ConversationValues]) -> ConversationRow:
        """Start a conversation between a customer and an agent.

        Raises InvalidReference for an agent or a customer the company does not have, Conflict where
        the channel's conversation exists already.
        """
        return await self._add(ConversationValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[ConversationChanges]) -> ConversationRow:
        """Change what has no verb of its own: priority, tags, metadata.

        Raises NotFound, InvalidValue.
        """
        return await self._update(id, ConversationChanges, changes)

    @operation
    async def inbox(
        self, *, status: ConversationStatus | None = None, limit: int = 25, cursor: str | None = None
    ) -> Page[InboxItem]:
        """List conversations by their last activity, the latest first; without a status, all that are open.

        Raises InvalidCursor for a cursor of another company or status.
        """
        status = None if status is None else as_member("status", ConversationStatus, status)
        shape = f"conversation.inbox.{status}"
        parameters: dict[str, Any] = {}
        if cursor is not None:
            key = unseal(self._company_id, shape, cursor, [datetime, UUID])
            parameters = {"after_at": key[0], "after_id": key[1]}
        statement = _inbox(status, rung(as_limit(limit)), follows=cursor is not None)
        items = await self._fetch(statement, **parameters)
        return cut(items, limit, lambda last: seal(self._company_id, shape, [last.last_message_at, last.id]))

    @operation
    async def assign(
        self, id: UUID, user_id: UUID, *, expected_version: int | None = None
    ) -> ConversationRow:
        """Give a conversation to a person.

        Raises NotFound, InvalidReference for a person of another company, VersionConflict where the
        conversation is no longer at ``expected_version``.
        """
        assignee = as_id("user_id", user_id)
        return await self._change(_ASSIGN, id, expected_version, new_assigned_user_id=assignee)

    @operation
    async def resolve(self, id: UUID, *, expected_version: int | None = None) -> ConversationRow:
        """Settle an open conversation; one that is resolved already stays as it is.

        Raises NotFound, VersionConflict, and Conflict for one that is archived.
        """
        return await self._change(_RESOLVE, id, expected_version)

    @operation
    async def reopen(self, id: UUID, *, expected_version: int | None = None) -> ConversationRow:
        """Take a resolved or archived conversation up again; one that is open stays as it is.

        Raises NotFound, VersionConflict, and Conflict for one that waits for a person.
        """
        return await self._change(_REOPEN, id, expected_version)

    async def _change(
        self, verb: _Change, id: UUID, expected_version: int | None, **written_values: Any
    ) -> ConversationRow:
        parameters: dict[str, Any] = {"id": as_id("id", id), **written_values}
        if expected_version is not None:
            parameters["expected_version"] = as_version(expected_version)
        row = await self._find(_changed(verb, versioned=expected_version is not None), **parameters)
        return row if row is not None else await self._unchanged(verb, id, expected_version)

    async def _unchanged(self, verb: _Change, id: UUID, expected_version: int | None) -> ConversationRow:
        """Tell why nothing was changed; read only then."""
        row: ConversationRow = await self._one(self.entity.get(), id=id)
        if expected_version is not None and row.version != expected_version:
            raise VersionConflict("conversation", expected_version)
        if row.status != verb.to:
            raise Conflict("status", f"a conversation that is {row.status} cannot become {verb.to}")
        return row


class ConversationRepository(ConversationOperations, BlockingRepository):
    """A company's conversations, blocking."""


class AsyncConversationRepository(ConversationOperations, AsyncioRepository):
    """A company's conversations, awaited."""


@cache
def _inbox(status: ConversationStatus | None, rows: int, *, follows: bool) -> Statement[InboxItem]:
    """Take the page first, join names afterwards.

    Below row-level security an enum comparison is no index condition, so each status is read from its
    partial index, and what is open is two limited branches.
    """
    branches = [_branch(one, rows, follows) for one in ([status] if status else _OPEN)]
    taken: Any = branches[0] if status else _latest(sa.union_all(*branches), rows)
    page = taken.subquery("page")
    customers, users = table_of(Customer).alias("customer"), table_of(User).alias("assignee")
    columns = [page.c[name] for name in page.c.keys()]  # noqa: SIM118  # a column collection yields columns
    named = {
        "customer_id": customers.c.name.label("customer_name"),
        "assigned_user_id": users.c.name.label("assignee_name"),
    }
    wanted = [part for column in columns for part in (column, named.get(column.key)) if part is not None]
    query = (
        sa.select(*wanted)
        .outerjoin_from(page, customers, sa.and_(owned(customers), customers.c.id == page.c.customer_id))
        .outerjoin(users, sa.and_(owned(users), users.c.id == page.c.assigned_user_id))
        .order_by(page.c.last_message_at.desc(), page.c.id.desc())
    )
    return Statement(query, InboxItem)


def _branch(status: ConversationStatus, rows: int, follows: bool) -> Any:
    c = _conversations.c
    query = sa.select(
        c.id,
        c.status,
        c.channel,
        c.priority,
        c.tags,
        c.agent_id,
        c.customer_id,
        c.assigned_user_id,
        c.last_message_at,
        c.last_message_preview,
        c.waiting_since,
        c.version,
    ).where(owned(_conversations), is_one_of(c.status, status))
    if follows:
        after = (
            sa.bindparam("after_at", type_=c.last_message_at.type),
            sa.bindparam("after_id", type_=c.id.type),
        )
        query = query.where(sa.tuple_(c.last_message_at, c.id) < sa.tuple_(*after))
    return _latest(query, rows)


def _latest(query: Any, rows: int) -> Any:
    columns = query.selected_columns
    return query.order_by(columns.last_message_at.desc(), columns.id.desc()).limit(limit_of(rows))


@cache
def _changed(verb: _Change, *, versioned: bool) -> Statement[ConversationRow]:
    c = _conversations.c
    where = [ConversationOperations.entity.is_one, is_one_of(c.status, *verb.of)]
    if versioned:
        where.append(c.version == sa.bindparam("expected_version", type_=c.version.type))
    values = {**verb.values, "version": c.version + constant(1, c.version.type)}
    update: Any = sa.update(_conversations).where(*where).values(values)
    return Statement(update.returning(*ConversationOperations.entity.columns), ConversationRow)
