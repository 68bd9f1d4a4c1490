"""Messages: appended to a conversation, read back in order, corrected where they must be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar, written
from chatapp_db.repositories.base import Entity, owned, table_of
from chatapp_db.repositories.border import as_id, as_list, as_member, checked
from chatapp_db.repositories.conversations.reading import Side, read_until
from chatapp_db.repositories.messages.appending import (
    WRITTEN,
    Arrived,
    Movement,
    append,
    append_many,
    append_once,
)
from chatapp_db.repositories.messages.incoming import NewMessage, as_batch, as_document_of
from chatapp_db.repositories.messages.transcript import TranscriptOperations
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository
from chatapp_db.rows import ConversationRow, MessageRow, MessageValues
from chatapp_db.schema import Conversation, Message, MessageRole, MessageType
from chatapp_db.schema.columns import PREVIEW_LENGTH
from chatapp_db.schema.payloads import Attachment, MessageMetadata

__all__ = ["AsyncMessageRepository", "MessageOperations", "MessageRepository"]

_messages = table_of(Message)
_conversations = table_of(Conversation)
_c = _messages.c


class MessageOperations(TranscriptOperations):
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
                "attachments": as_list("attachments", attachments),
                "metadata": {} if metadata is None else metadata,
                "tokens_used": tokens_used,
            },
        )
        return await self._append(message)

    async def _append(self, message: MessageValues) -> MessageRow:
        values: dict[str, Any] = {**message, "id": uuid7()}
        parameters = {f"new_{name}": values[name] for name in WRITTEN}
        parameters["conversation_id"] = values["conversation_id"]
        movement = None if values["is_private"] else Movement.of([MessageRole(values["role"])])
        if movement is not None:
            parameters["new_last_message_preview"] = values["content"][:PREVIEW_LENGTH]
        statement = append
        if values["external_id"] is not None:
            parameters["new_external_id"] = values["external_id"]
            statement = append_once
        row = await self._find(statement(movement), **parameters)
        if row is None:
            raise NotFound("conversation")
        return row

    @operation
    async def append_many(self, conversation_id: UUID, messages: Sequence[NewMessage]) -> list[MessageRow]:
        """Write many messages of one conversation, in their order, and move it on once.

        For a transcript that comes all at once. A message whose ``external_id`` was delivered before
        stays as it is and is not among the rows that come back.

        Raises NotFound for a conversation the company does not have, InvalidReference for a sender,
        InvalidValue.
        """
        batch = as_batch(as_id("conversation_id", conversation_id), messages)
        spoken = [message for message in batch if not message["is_private"]]
        parameters: dict[str, Any] = {"new_messages": as_document_of(batch)}
        if spoken:
            parameters["new_last_message_preview"] = spoken[-1]["content"][:PREVIEW_LENGTH]
        movement = Movement.of(MessageRole(one["role"]) for one in spoken) if spoken else None
        arrived = await self._fetch(append_many(movement), conversation_id=conversation_id, **parameters)
        if not arrived and not await self._fetch(_conversation_exists(), id=conversation_id):
            raise NotFound("conversation")
        given = {message["id"]: message for message in batch}
        return [self._as_row(one, given[one.id]) for one in arrived]

    def _as_row(self, arrived: Arrived, given: dict[str, Any]) -> MessageRow:
        """Put together what was given and what the server made of it."""
        company_id: Any = self._company_id
        made: dict[str, Any] = {
            "company_id": company_id,
            "attachments": arrived.attachments or [],
            "metadata": arrived.metadata or {},
            "created_at": arrived.created_at,
            "updated_at": arrived.updated_at,
        }
        return MessageRow(**{**given, **made})

    @operation
    async def edit(self, id: UUID, content: str) -> MessageRow:
        """Put other words in a message's place; the conversation's preview follows.

        ``updated_at`` tells when. Raises NotFound, Conflict for a message that was redacted, InvalidValue.
        """
        words = _as_content(content)
        row = await self._find(
            _edit(),
            id=as_id("id", id),
            new_content=words,
            new_last_message_preview=words[:PREVIEW_LENGTH],
        )
        if row is None:
            await self._one(self.entity.get(), id=id)
            raise Conflict("metadata", "a message that was redacted stays so")
        return row

    @operation
    async def redact(self, id: UUID) -> MessageRow:
        """Take everything out of a message that was said in it: content, attachments, metadata.

        The row stays, so that the conversation keeps its order and its cost; its metadata says that it is
        ``redacted``, its ``updated_at`` when. The second time changes nothing. The conversation's preview
        follows. Earlier states of the row go when the database is vacuumed, and from backups with them.

        Raises NotFound.
        """
        return await self._one(_redact(), id=as_id("id", id), new_last_message_preview="")

    @operation
    async def mark_seen(self, id: UUID, side: Side) -> ConversationRow:
        """Note that a side has read its conversation up to this message; give the conversation.

        What was read once is never unread. Raises NotFound, InvalidValue.
        """
        statement = _mark_seen(as_member("side", Side, side))
        return await self._one(statement, id=as_id("id", id))

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


def _as_content(content: str) -> str:
    """Take the words of a message by what a new one may hold."""
    message = {"conversation_id": UUID(int=0), "role": MessageRole.USER, "content": content}
    return checked(MessageValues, message)["content"]


@cache
def _conversation_exists() -> Statement[UUID]:
    c = _conversations.c
    is_one = sa.and_(owned(_conversations), c.id == sa.bindparam("id", type_=c.id.type))
    return Statement(sa.select(c.id).where(is_one), scalar)


# What changes a message, and the preview of the conversation that ends with it.

_is_redacted = _c.metadata.op("?", is_comparison=True)(constant("redacted", sa.Text()))


@cache
def _edit() -> Statement[MessageRow]:
    return _corrected({"content": written(_c.content)}, ~_is_redacted)


@cache
def _redact() -> Statement[MessageRow]:
    emptied: dict[str, Any] = {
        "content": constant("", _c.content.type),
        "attachments": sa.literal_column("'[]'::jsonb"),
        "metadata": sa.literal_column("""'{"redacted": true}'::jsonb"""),
    }
    return _corrected(emptied)


def _corrected(values: dict[str, Any], *conditions: sa.ColumnElement[bool]) -> Statement[MessageRow]:
    update: Any = sa.update(_messages).where(MessageOperations.entity.is_one, *conditions)
    message = update.values(values).returning(*_c).cte("message")
    later, c = _messages.alias("later"), _conversations.c
    is_later = sa.tuple_(later.c.created_at, later.c.id) > sa.tuple_(message.c.created_at, message.c.id)
    followed = sa.exists(
        sa.select(later.c.id).where(
            owned(later), later.c.conversation_id == message.c.conversation_id, is_later, ~later.c.is_private
        )
    )
    last: Any = sa.update(_conversations).where(
        owned(_conversations), c.id == message.c.conversation_id, ~message.c.is_private, ~followed
    )
    shown = {
        "last_message_preview": written(c.last_message_preview),
        "version": c.version + constant(1, c.version.type),
    }
    return Statement(sa.select(message).add_cte(last.values(shown).cte("moved")), MessageRow)


@cache
def _mark_seen(side: Side) -> Statement[ConversationRow]:
    c = _conversations.c
    message = (
        sa.select(_c.conversation_id, _c.created_at).where(MessageOperations.entity.is_one).cte("message")
    )
    update: Any = sa.update(_conversations).where(owned(_conversations), c.id == message.c.conversation_id)
    return Statement(update.values(read_until(side, message.c.created_at)).returning(*c), ConversationRow)
