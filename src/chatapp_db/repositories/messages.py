"""Messages: appended to a conversation, read back in order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from chatapp_db.errors import NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, cut, limit_of, rung, seal, unseal
from chatapp_db.rows import MessageRow, MessageValues
from chatapp_db.schema import Conversation, ConversationStatus, Message, MessageRole, MessageType
from chatapp_db.schema.columns import PREVIEW_LENGTH
from chatapp_db.schema.payloads import Attachment, MessageMetadata

__all__ = ["AsyncMessageRepository", "MessageOperations", "MessageRepository"]

_messages = table_of(Message)
_conversations = table_of(Conversation)

_WRITTEN = (
    "id",
    "role",
    "type",
    "content",
    "sender_user_id",
    "is_private",
    "attachments",
    "metadata",
    "tokens_used",
)


class MessageOperations(TenantOperations[MessageRow]):
    """A company's messages."""

    entity = Entity(Message, MessageRow, "message")

    @operation
    async def append(
        self,
        conversation_id: UUID,
        *,
        role: MessageRole,
        content: str,
        type: MessageType = MessageType.TEXT,
        sender_user_id: UUID | None = None,
        is_private: bool = False,
        external_id: str | None = None,
        attachments: Sequence[Attachment] = (),
        metadata: MessageMetadata | None = None,
        tokens_used: int = 0,
    ) -> MessageRow:
        """Write a message and move its conversation on, in one statement.

        The conversation's last activity, its preview and who waits for whom follow from the message; a
        customer writing to a closed conversation reopens it; a private note moves nothing. The same
        ``external_id`` twice is one message: the second call gives the first one's row.

        Raises NotFound for a conversation the company does not have, InvalidReference for a sender.
        """
        message = checked(
            MessageValues,
            {
                "conversation_id": conversation_id,
                "role": role,
                "content": content,
                "type": type,
                "sender_user_id": sender_user_id,
                "is_private": is_private,
                "external_id": external_id,
                "attachments": list(attachments),
                "metadata": metadata or {},
                "tokens_used": tokens_used,
            },
        )
        return await self._append(message)

    async def _append(self, message: MessageValues) -> MessageRow:
        values: dict[str, Any] = {**message, "id": uuid7()}
        parameters = {f"new_{name}": values[name] for name in _WRITTEN}
        parameters["conversation_id"] = values["conversation_id"]
        mover = None if values["is_private"] else MessageRole(values["role"])
        if mover is not None:
            parameters["new_last_message_preview"] = values["content"][:PREVIEW_LENGTH]
        append = _append
        if values["external_id"] is not None:
            parameters["new_external_id"] = values["external_id"]
            append = _append_once
        row = await self._find(append(mover), **parameters)
        if row is None:
            raise NotFound("conversation")
        return row

    @operation
    async def history(
        self, conversation_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[MessageRow]:
        """List a conversation's messages, the newest first; the cursor leads back in time.

        A conversation the company does not have has no messages. Raises InvalidCursor.
        """
        shape = f"message.history.{as_id('conversation_id', conversation_id)}"
        parameters: dict[str, Any] = {"conversation_id": conversation_id}
        if cursor is not None:
            key = unseal(self._company_id, shape, cursor, [datetime, UUID])
            parameters.update(before_at=key[0], before_id=key[1])
        statement = _history(rung(as_limit(limit)), follows=cursor is not None)
        rows = await self._fetch(statement, **parameters)
        return cut(rows, limit, lambda last: seal(self._company_id, shape, [last.created_at, last.id]))

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a message for good.

        Raises NotFound.
        """
        await self._delete(id)


class MessageRepository(MessageOperations, BlockingRepository):
    """A company's messages, blocking."""


class AsyncMessageRepository(MessageOperations, AsyncioRepository):
    """A company's messages, awaited."""


_CONVERSATION_ID = sa.bindparam("conversation_id", type_=sa.Uuid())
_is_conversation = sa.and_(owned(_conversations), _conversations.c.id == _CONVERSATION_ID)


@cache
def _append(mover: MessageRole | None) -> Statement[MessageRow]:
    """Move the conversation first and write the message for the one that was found: one lock, one order."""
    if mover is None:
        target: Any = sa.select(_conversations.c.id).where(_is_conversation).subquery("target")
    else:
        moved: Any = sa.update(_conversations).where(_is_conversation).values(_movement(mover, sa.func.now()))
        target = moved.returning(_conversations.c.id).cte("moved")
    return Statement(_insert_for(target.c.id, _WRITTEN).returning(*_messages.c), MessageRow)


@cache
def _append_once(mover: MessageRole | None) -> Statement[MessageRow]:
    """Write the message first; only one that was not delivered before moves its conversation."""
    c = _messages.c
    found = sa.select(_conversations.c.id).where(_is_conversation).subquery("target")
    insertion = _insert_for(found.c.id, (*_WRITTEN, "external_id"))
    once = insertion.on_conflict_do_update(
        index_elements=[c.company_id, c.conversation_id, c.external_id],
        index_where=c.external_id.is_not(None),
        set_={"external_id": insertion.excluded.external_id},
    )
    message = once.returning(*c).cte("message")
    query = sa.select(message)
    if mover is not None:
        moved: Any = sa.update(_conversations).where(_is_conversation, message.c.id == written(c.id))
        query = query.add_cte(moved.values(_movement(mover, message.c.created_at)).cte("moved"))
    return Statement(query, MessageRow)


def _insert_for(conversation_id: sa.ColumnElement[UUID], names: tuple[str, ...]) -> Any:
    """Insert a message for the conversation of a sub-select, if it gives one."""
    values = [written(_messages.c[name]).label(name) for name in names]
    source = sa.select(COMPANY.label("company_id"), conversation_id.label("conversation_id"), *values)
    return insert(_messages).from_select(
        ["company_id", "conversation_id", *names], source, include_defaults=False
    )


def _movement(mover: MessageRole, at: sa.ColumnElement[datetime]) -> dict[str, Any]:
    """Say what a message does to its conversation, by who wrote it."""
    c = _conversations.c
    values: dict[str, Any] = {
        "last_message_at": sa.func.greatest(c.last_message_at, at),
        "last_message_preview": written(c.last_message_preview),
        "version": c.version + constant(1, c.version.type),
    }
    if mover is MessageRole.USER:
        active = constant(ConversationStatus.ACTIVE, c.status.type)
        closed = is_one_of(c.status, ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED)
        values["waiting_since"] = sa.func.coalesce(c.waiting_since, at)
        values["resolved_at"] = sa.null()
        values["status"] = sa.case((closed, active), else_=c.status)
    elif mover is MessageRole.ASSISTANT:
        values["waiting_since"] = sa.null()
        values["first_response_at"] = sa.func.coalesce(c.first_response_at, at)
    return values


@cache
def _history(rows: int, *, follows: bool) -> Statement[MessageRow]:
    c = _messages.c
    query = sa.select(*c).where(owned(_messages), c.conversation_id == _CONVERSATION_ID)
    if follows:
        before = (
            sa.bindparam("before_at", type_=c.created_at.type),
            sa.bindparam("before_id", type_=c.id.type),
        )
        query = query.where(sa.tuple_(c.created_at, c.id) < sa.tuple_(*before))
    return Statement(query.order_by(c.created_at.desc(), c.id.desc()).limit(limit_of(rows)), MessageRow)
