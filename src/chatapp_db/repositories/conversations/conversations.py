"""Conversations: opened once, and then everything that people do with them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, written
from chatapp_db.repositories.base import owned
from chatapp_db.repositories.border import as_list, checked
from chatapp_db.repositories.conversations.inbox import (
    InboxCounts,
    InboxItem,
    InboxOperations,
    InboxSort,
    InboxView,
)
from chatapp_db.repositories.conversations.lifecycle import CONVERSATIONS, LifecycleOperations, as_priority
from chatapp_db.repositories.conversations.queue import QueueOperations
from chatapp_db.repositories.conversations.reading import ReadingOperations, Side
from chatapp_db.repositories.conversations.tagging import TaggingOperations
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository
from chatapp_db.rows import ConversationChanges, ConversationRow, ConversationValues
from chatapp_db.schema import ChannelType
from chatapp_db.schema.payloads import ConversationMetadata

__all__ = [
    "AsyncConversationRepository",
    "ConversationOperations",
    "ConversationRepository",
    "InboxCounts",
    "InboxItem",
    "InboxSort",
    "InboxView",
    "Side",
]

_c = CONVERSATIONS.table.c


class ConversationOperations(
    InboxOperations, LifecycleOperations, QueueOperations, TaggingOperations, ReadingOperations
):
    """A company's conversations."""

    entity = CONVERSATIONS

    @operation
    async def open(self, **values: Unpack[ConversationValues]) -> ConversationRow:
        """Start a conversation between a customer and an agent.

        Raises InvalidReference for an agent or a customer the company does not have, Conflict where
        the channel's conversation exists already.
        """
        return await self._add(ConversationValues, values)

    @operation
    async def open_or_get(
        self,
        channel: ChannelType,
        channel_conversation_id: str,
        *,
        agent_id: UUID,
        customer_id: UUID,
        priority: int = 1,
        tags: Sequence[str] = (),
        metadata: ConversationMetadata | None = None,
    ) -> ConversationRow:
        """Give the conversation a channel speaks of, which is started with the rest if it is new.

        However many calls ask at the same time, it is one conversation; one that exists is given as it is.

        Raises InvalidReference for an agent or a customer the company does not have, where it is new;
        InvalidValue.
        """
        if channel_conversation_id is None:  # pyright: ignore[reportUnnecessaryComparison]  # callers are not all typed
            raise InvalidValue("channel_conversation_id", "say what the channel calls it")
        values = checked(
            ConversationValues,
            {
                "channel": channel,
                "channel_conversation_id": channel_conversation_id,
                "agent_id": agent_id,
                "customer_id": customer_id,
                "priority": as_priority(priority),
                "tags": as_list("tags", tags),
                "metadata": {} if metadata is None else metadata,
            },
        )
        given: dict[str, Any] = {"id": uuid7(), **values}
        return await self._one(_open_or_get(), **{f"new_{name}": given[name] for name in _OPENED})

    @operation
    async def update(self, id: UUID, **changes: Unpack[ConversationChanges]) -> ConversationRow:
        """Change priority, tags or metadata whatever they were before.

        Raises NotFound, InvalidValue.
        """
        return await self._update(id, ConversationChanges, changes)


class ConversationRepository(ConversationOperations, BlockingRepository):
    """A company's conversations, blocking."""


class AsyncConversationRepository(ConversationOperations, AsyncioRepository):
    """A company's conversations, awaited."""


_OPENED = (
    "id",
    "channel",
    "channel_conversation_id",
    "agent_id",
    "customer_id",
    "priority",
    "tags",
    "metadata",
)


@cache
def _open_or_get() -> Statement[ConversationRow]:
    """Look first, so that the usual case writes nothing; then insert, or take what was just inserted."""
    channel_id = _c.channel_conversation_id
    got: Any = (
        sa.select(*_c)
        .where(
            owned(CONVERSATIONS.table), channel_id == written(channel_id), _c.channel == written(_c.channel)
        )
        .cte("got")
        .prefix_with("MATERIALIZED")
    )
    values = [written(_c[name]) for name in _OPENED]
    source = sa.select(COMPANY, *values).where(~sa.exists(sa.select(got.c.id)))
    insertion = insert(CONVERSATIONS.table).from_select(
        ["company_id", *_OPENED], source, include_defaults=False
    )
    once: Any = insertion.on_conflict_do_update(
        index_elements=[_c.company_id, channel_id, _c.channel],
        index_where=channel_id.is_not(None),
        set_={"channel_conversation_id": insertion.excluded.channel_conversation_id},
    )
    opened: Any = once.returning(*_c).cte("opened")
    return Statement(sa.select(got).union_all(sa.select(opened)), ConversationRow)
