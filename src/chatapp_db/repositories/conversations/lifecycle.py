"""The life of a conversation: who has it, how urgent it is, and whether it is settled."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import Conflict, InvalidValue, VersionConflict
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, moment
from chatapp_db.repositories.border import as_id, as_version
from chatapp_db.repositories.operations import TenantOperations
from chatapp_db.rows import ConversationRow
from chatapp_db.schema import Conversation, ConversationStatus

__all__ = [
    "CLOSED",
    "CONVERSATIONS",
    "OPEN",
    "RESOLVED",
    "LifecycleOperations",
    "as_priority",
    "next_version",
    "status",
]

CONVERSATIONS = Entity(Conversation, ConversationRow, "conversation")
OPEN = (ConversationStatus.ACTIVE, ConversationStatus.WAITING)
CLOSED = (ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED)
_c = CONVERSATIONS.table.c
_PRIORITIES = range(_c.priority.info["minimum"], _c.priority.info["maximum"] + 1)


def as_priority(value: int) -> int:
    """Take a priority that a conversation can have."""
    if type(value) is not int or value not in _PRIORITIES:
        raise InvalidValue("priority", "not 0 (low), 1 (normal), 2 (high) or 3 (urgent)")
    return value


def status(label: ConversationStatus) -> sa.ColumnElement[Any]:
    """Write a status into the text of a statement."""
    return constant(label, _c.status.type)


def next_version() -> sa.ColumnElement[int]:
    """Count a change: whoever read the conversation before it can tell."""
    version: sa.ColumnElement[int] = _c.version
    return version + constant(1, _c.version.type)


RESOLVED: dict[str, Any] = {
    "status": status(ConversationStatus.RESOLVED),
    "resolved_at": sa.func.now(),
    "waiting_since": sa.null(),
}
"""What is written when a conversation is settled."""


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
        "assigned_user_id": written(_c.assigned_user_id),
        "status": sa.case(
            (is_one_of(_c.status, ConversationStatus.WAITING), status(ConversationStatus.ACTIVE)),
            else_=_c.status,
        ),
    },
)
_UNASSIGN = _Change(of=tuple(ConversationStatus), to=None, values={"assigned_user_id": sa.null()})
_ESCALATE = _Change(
    of=OPEN,
    to=ConversationStatus.WAITING,
    values={
        "status": status(ConversationStatus.WAITING),
        "assigned_user_id": sa.null(),
        "escalated_at": sa.func.coalesce(_c.escalated_at, moment()),
        "waiting_since": sa.func.coalesce(_c.waiting_since, moment()),
    },
)
_RESOLVE = _Change(of=OPEN, to=ConversationStatus.RESOLVED, values=RESOLVED)
_REOPEN = _Change(
    of=CLOSED,
    to=ConversationStatus.ACTIVE,
    values={"status": status(ConversationStatus.ACTIVE), "resolved_at": sa.null()},
)
_ARCHIVE = _Change(
    of=(*OPEN, ConversationStatus.RESOLVED),
    to=ConversationStatus.ARCHIVED,
    values={"status": status(ConversationStatus.ARCHIVED), "waiting_since": sa.null()},
)
_PRIORITISE = _Change(of=tuple(ConversationStatus), to=None, values={"priority": written(_c.priority)})


class LifecycleOperations(TenantOperations[ConversationRow]):
    """What people decide about one conversation; each says what it was decided on by ``expected_version``."""

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
    async def unassign(self, id: UUID, *, expected_version: int | None = None) -> ConversationRow:
        """Take a conversation from the person who has it; its status stays.

        To put it back into the queue, escalate it. Raises NotFound, VersionConflict.
        """
        return await self._change(_UNASSIGN, id, expected_version)

    @operation
    async def escalate(self, id: UUID, *, expected_version: int | None = None) -> ConversationRow:
        """Put an open conversation into the queue, where it waits for a person; nobody has it then.

        The first escalation's time is kept, and the customer's place in the queue is that of the message
        that nobody has answered yet.

        Raises NotFound, VersionConflict, and Conflict for one that is closed.
        """
        return await self._change(_ESCALATE, id, expected_version)

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

    @operation
    async def archive(self, id: UUID, *, expected_version: int | None = None) -> ConversationRow:
        """Put a conversation away, settled or not; one that is archived already stays as it is.

        Raises NotFound, VersionConflict.
        """
        return await self._change(_ARCHIVE, id, expected_version)

    @operation
    async def set_priority(
        self, id: UUID, priority: int, *, expected_version: int | None = None
    ) -> ConversationRow:
        """Say how urgent a conversation is: 0 low, 1 normal, 2 high, 3 urgent.

        Raises NotFound, VersionConflict, InvalidValue.
        """
        return await self._change(_PRIORITISE, id, expected_version, new_priority=as_priority(priority))

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
        row: ConversationRow = await self._one(CONVERSATIONS.get(), id=id)
        if expected_version is not None and row.version != expected_version:
            raise VersionConflict("conversation", expected_version)
        if row.status != verb.to:
            raise Conflict("status", f"a conversation that is {row.status} cannot become {verb.to}")
        return row


@cache
def _changed(verb: _Change, *, versioned: bool) -> Statement[ConversationRow]:
    where = [CONVERSATIONS.is_one, is_one_of(_c.status, *verb.of)]
    if versioned:
        where.append(_c.version == sa.bindparam("expected_version", type_=_c.version.type))
    update: Any = sa.update(CONVERSATIONS.table).where(*where).values(**verb.values, version=next_version())
    return Statement(update.returning(*CONVERSATIONS.columns), ConversationRow)
