"""Messages as a caller brings them: checked, with what was left out filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Required
from uuid import UUID

import msgspec
from typing_extensions import TypedDict
from uuid_utils.compat import uuid7

from chatapp_db.errors import InvalidValue
from chatapp_db.repositories.border import as_list, checked
from chatapp_db.repositories.messages.appending import WRITTEN
from chatapp_db.rows import MessageValues
from chatapp_db.schema import MessageRole, MessageType
from chatapp_db.schema.payloads import Attachment, MessageMetadata
from chatapp_db.schema.types import Moment, closed

__all__ = ["ImportedMessage", "NewMessage", "as_batch", "as_document_of", "as_imported"]


class NewMessage(TypedDict, total=False):
    """One of several messages to be appended; what each takes is what ``append`` takes."""

    role: Required[MessageRole]
    content: Required[str]
    type: MessageType
    sender_user_id: UUID | None
    is_private: bool
    external_id: str | None
    attachments: list[Attachment]
    metadata: MessageMetadata
    tokens_used: int


class ImportedMessage(NewMessage):
    """A message that another product has kept: where it belongs, when it was written and what it is called.

    ``external_id`` is what makes it one message however often it is brought.
    """

    conversation_id: Required[UUID]
    created_at: Required[datetime]


@closed
class _Batch(TypedDict):
    messages: list[MessageValues]


@closed
class _ImportedValues(MessageValues):
    created_at: Required[Moment]


_DEFAULTS: dict[str, Any] = {
    "type": MessageType.TEXT,
    "sender_user_id": None,
    "is_private": False,
    "external_id": None,
    "attachments": [],
    "metadata": {},
    "tokens_used": 0,
}


def as_batch(conversation_id: UUID, messages: Sequence[NewMessage]) -> list[dict[str, Any]]:
    """Take messages as they may be written, each with an id of its own."""
    given: list[Any] = as_list("messages", messages)
    for place, message in enumerate(given):
        if not isinstance(message, Mapping) or message.keys() & {"id", "conversation_id"}:
            raise InvalidValue(f"messages.{place}", "not a new message")
    whose = {"conversation_id": conversation_id}
    taken: Any = checked(_Batch, {"messages": [{**one, **whose} for one in given]})["messages"]
    return [{**_DEFAULTS, **message, "id": uuid7()} for message in taken]


def as_document_of(batch: list[dict[str, Any]]) -> str:
    """Write messages as one document; what JSON would lose has been refused already."""
    names = (*WRITTEN, "external_id")
    rows = [{**{name: one[name] for name in names}, "place": place} for place, one in enumerate(batch)]
    return msgspec.json.encode(rows).decode()


def as_imported(place: int, message: ImportedMessage) -> dict[str, Any]:
    """Take the message at a place as it may be imported.

    Raises InvalidValue, which names the place.
    """
    try:
        taken: Any = checked(_ImportedValues, message)
    except InvalidValue as error:
        raise InvalidValue(f"messages.{place}.{error.field}", error.reason) from None
    if "id" in taken:
        raise InvalidValue(f"messages.{place}.id", "is given by the repository")
    if taken.get("external_id") is None:
        raise InvalidValue(f"messages.{place}.external_id", "say what the other product calls it")
    return {**_DEFAULTS, **taken, "id": uuid7()}
