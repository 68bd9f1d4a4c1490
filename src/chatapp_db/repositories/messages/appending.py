"""The statements that write messages and move their conversation on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB, insert

from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import is_one_of, moment, owned, table_of
from chatapp_db.rows import MessageRow
from chatapp_db.schema import Conversation, ConversationStatus, Message, MessageRole
from chatapp_db.schema.payloads import Attachment, MessageMetadata

__all__ = ["CONVERSATION_ID", "WRITTEN", "Arrived", "Movement", "append", "append_many", "append_once"]

_messages = table_of(Message)
_conversations = table_of(Conversation)

WRITTEN = (
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
"""What every message is written with."""

CONVERSATION_ID = sa.bindparam("conversation_id", type_=sa.Uuid())
_is_conversation = sa.and_(owned(_conversations), _conversations.c.id == CONVERSATION_ID)


@dataclass(frozen=True)
class Movement:
    """What messages do to their conversation, by who wrote them."""

    asked: bool
    """The customer wrote."""
    answered: bool
    """The company's side wrote."""
    waits: bool | None
    """Whether the customer is left waiting; None where neither of them wrote."""

    @classmethod
    def of(cls, roles: Iterable[MessageRole]) -> Movement:
        """Follow the messages in their order."""
        speakers = [role for role in roles if role is not MessageRole.SYSTEM]
        return cls(
            asked=MessageRole.USER in speakers,
            answered=MessageRole.ASSISTANT in speakers,
            waits=speakers[-1] is MessageRole.USER if speakers else None,
        )

    def values(self, at: sa.ColumnElement[datetime]) -> dict[str, Any]:
        """Say what is written to the conversation."""
        c = _conversations.c
        values: dict[str, Any] = {
            "last_message_at": sa.func.greatest(c.last_message_at, at),
            "last_message_preview": written(c.last_message_preview),
            "version": c.version + constant(1, c.version.type),
        }
        if self.asked:
            active = constant(ConversationStatus.ACTIVE, c.status.type)
            closed = is_one_of(c.status, ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED)
            values["resolved_at"] = sa.null()
            values["status"] = sa.case((closed, active), else_=c.status)
        if self.answered:
            values["first_response_at"] = sa.func.coalesce(c.first_response_at, at)
        if self.waits is not None:
            # An answer in between ends one wait, and another begins.
            since = at if self.answered else sa.func.coalesce(c.waiting_since, at)
            values["waiting_since"] = since if self.waits else sa.null()
        return values


@cache
def append(movement: Movement | None) -> Statement[MessageRow]:
    """Move the conversation first and write the message for the one that was found: one lock, one order."""
    if movement is None:
        target: Any = sa.select(_conversations.c.id).where(_is_conversation).subquery("target")
    else:
        moved: Any = sa.update(_conversations).where(_is_conversation).values(movement.values(moment()))
        target = moved.returning(_conversations.c.id).cte("moved")
    return Statement(_insert_for(target.c.id, WRITTEN).returning(*_messages.c), MessageRow)


@cache
def append_once(movement: Movement | None) -> Statement[MessageRow]:
    """Write the message first; only one that was not delivered before moves its conversation."""
    c = _messages.c
    found = sa.select(_conversations.c.id).where(_is_conversation).subquery("target")
    insertion = _insert_for(found.c.id, (*WRITTEN, "external_id"))
    once = insertion.on_conflict_do_update(
        index_elements=[c.company_id, c.conversation_id, c.external_id],
        index_where=c.external_id.is_not(None),
        set_={"external_id": insertion.excluded.external_id},
    )
    message = once.returning(*c).cte("message")
    query = sa.select(message)
    if movement is not None:
        moved: Any = sa.update(_conversations).where(_is_conversation, message.c.id == written(c.id))
        query = query.add_cte(moved.values(movement.values(message.c.created_at)).cte("moved"))
    return Statement(query, MessageRow)


def _insert_for(conversation_id: sa.ColumnElement[UUID], names: tuple[str, ...]) -> Any:
    """Insert a message for the conversation of a sub-select, if it gives one."""
    values = [written(_messages.c[name]).label(name) for name in names]
    source = sa.select(COMPANY.label("company_id"), conversation_id.label("conversation_id"), *values)
    return insert(_messages).from_select(
        ["company_id", "conversation_id", *names], source, include_defaults=False
    )


_EMPTY = {
    name: sa.literal_column(f"'{empty}'::jsonb", JSONB())
    for name, empty in (("attachments", "[]"), ("metadata", "{}"))
}


@dataclass(slots=True)
class Arrived:
    """What the server alone knows of a message it has written; a document is None where it is empty."""

    id: UUID
    attachments: list[Attachment] | None
    metadata: MessageMetadata | None
    created_at: datetime
    updated_at: datetime


@cache
def append_many(movement: Movement | None) -> Statement[Arrived]:
    """Write the messages of one document, by their places; those delivered before stay out.

    What the caller has given does not come back.
    """
    c = _messages.c
    names = (*WRITTEN, "external_id")
    given = sa.cast(sa.bindparam("new_messages", type_=sa.Text()), JSONB())
    columns = [sa.column(name, c[name].type) for name in names]
    document: Any = (
        sa.func.jsonb_to_recordset(given)
        .table_valued(*columns, sa.column("place", sa.Integer()))
        .render_derived("document", with_types=True)
    )
    # Below a name of its own: Citus inserts nothing that comes from a function itself.
    incoming = sa.select(*document.c).cte("incoming")
    target = sa.select(_conversations.c.id).where(_is_conversation).subquery("target")
    source = (
        sa.select(COMPANY, target.c.id, *(incoming.c[name] for name in names))
        .join_from(incoming, target, sa.true())
        .order_by(incoming.c.place)
    )
    insertion = insert(_messages).from_select(
        ["company_id", "conversation_id", *names], source, include_defaults=False
    )
    once: Any = insertion.on_conflict_do_nothing(
        index_elements=[c.company_id, c.conversation_id, c.external_id],
        index_where=c.external_id.is_not(None),
    )
    # Reading an empty document costs more than the rest of its row.
    documents = [sa.func.nullif(c[name], empty).label(name) for name, empty in _EMPTY.items()]
    kept = (c.id, *documents, c.created_at, c.updated_at)
    added = once.returning(*kept, c.is_private).cte("added")
    query = sa.select(*(added.c[column.key] for column in kept)).order_by(added.c.created_at, added.c.id)
    if movement is not None:
        spoken = sa.exists(sa.select(added.c.id).where(~added.c.is_private))
        moved: Any = sa.update(_conversations).where(_is_conversation, spoken)
        query = query.add_cte(moved.values(movement.values(moment())).cte("moved"))
    return Statement(query, Arrived)
