"""Conversation analytics: how each conversation went, and how those of each agent did."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, written
from chatapp_db.repositories.analytics.agent_reports import AgentReport, agent_report
from chatapp_db.repositories.analytics.days import as_days
from chatapp_db.repositories.analytics.outcomes import compute, recompute
from chatapp_db.repositories.base import Entity, owned, table_of
from chatapp_db.repositories.border import as_id, checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.upserting import upsert
from chatapp_db.rows import ConversationAnalyticsChanges, ConversationAnalyticsRow
from chatapp_db.schema import Conversation, ConversationAnalytics

__all__ = [
    "AsyncConversationAnalyticsRepository",
    "ConversationAnalyticsOperations",
    "ConversationAnalyticsRepository",
]

_conversations = table_of(Conversation)
_analytics = table_of(ConversationAnalytics)


class ConversationAnalyticsOperations(TenantOperations[ConversationAnalyticsRow]):
    """How a company's conversations went."""

    entity = Entity(ConversationAnalytics, ConversationAnalyticsRow, "conversation analytics")

    @operation
    async def record(
        self, conversation_id: UUID, **measures: Unpack[ConversationAnalyticsChanges]
    ) -> ConversationAnalyticsRow:
        """Note how a conversation went; what is not given stays as it was noted before.

        Raises NotFound for a conversation the company does not have, InvalidValue.
        """
        given: dict[str, Any] = {**checked(ConversationAnalyticsChanges, measures)}
        parameters = {f"new_{name}": value for name, value in given.items()}
        return await self._noted(_record(frozenset(given)), conversation_id, **parameters)

    @operation
    async def compute(self, conversation_id: UUID) -> ConversationAnalyticsRow:
        """Tell from a conversation and its messages how it went; the customer's score stays as it was noted.

        Private notes do not count. A response takes from the first message that nobody had answered to the
        answer; it is not told by whom, since a customer waits for either. The conversation lasted until it
        was resolved, or else until its last message.

        One that was resolved or archived was settled by a person who wrote in it or has it, otherwise by
        the AI agent that answered; where nobody did, or a person was called and did not come, it was
        abandoned. An open one has no resolution.

        Raises NotFound for a conversation the company does not have.
        """
        return await self._noted(compute(), conversation_id)

    @operation
    async def recompute(self, first: dt.date, last: dt.date) -> int:
        """Tell it of all conversations that started on these days, in one statement; give their number.

        The days are the company's own, both included. It reads all their messages: take a month at a time.

        Raises InvalidValue.
        """
        return await self._one(recompute(), new_id=uuid7(), **as_days(first, last))

    @operation
    async def agent_report(self, first: dt.date, last: dt.date) -> list[AgentReport]:
        """Compare the agents by the conversations that started on these days, the busiest agent first.

        The days are the company's own, both included. An agent without any is left out. What the
        messages tell is known of conversations that were computed.

        Raises InvalidValue.
        """
        return await self._fetch(agent_report(), **as_days(first, last))

    async def _noted(
        self, statement: Statement[ConversationAnalyticsRow], conversation_id: UUID, **measures: Any
    ) -> ConversationAnalyticsRow:
        row = await self._find(
            statement,
            new_id=uuid7(),
            conversation_id=as_id("conversation_id", conversation_id),
            **measures,
        )
        if row is None:
            raise NotFound("conversation")
        return row


class ConversationAnalyticsRepository(ConversationAnalyticsOperations, BlockingRepository):
    """How a company's conversations went, blocking."""


class AsyncConversationAnalyticsRepository(ConversationAnalyticsOperations, AsyncioRepository):
    """How a company's conversations went, awaited."""


@lru_cache(maxsize=256)
def _record(names: frozenset[str]) -> Statement[ConversationAnalyticsRow]:
    c, conversation = _analytics.c, _conversations.c
    source = sa.select(
        COMPANY.label("company_id"),
        written(c.id).label("id"),
        conversation.id.label("conversation_id"),
        conversation.agent_id,
        *(written(c[name]).label(name) for name in sorted(names)),
    ).where(
        owned(_conversations),
        conversation.id == sa.bindparam("conversation_id", type_=conversation.id.type),
    )
    upserted = upsert(_analytics, "conversation_id", source)
    return Statement(upserted.returning(*c), ConversationAnalyticsRow)
