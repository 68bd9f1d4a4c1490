"""Advanced Alchemy: its repositories over the models that this package ships."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from advanced_alchemy.filters import LimitOffset, OrderBy
from advanced_alchemy.repository import SQLAlchemySyncRepository
from sqlalchemy.orm import Session, joinedload

from benchmarks.asked import Operation
from benchmarks.peers.core import engine_url
from benchmarks.peers.orm import named
from benchmarks.peers.peer import Peer
from chatapp_db.schema import Agent, Conversation, ConversationStatus, Message, MessageRole

__all__ = ["PEER", "AdvancedAlchemy"]

_CLOSED = {ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED}


class _Agents(SQLAlchemySyncRepository[Any]):
    model_type: Any = Agent


class _Conversations(SQLAlchemySyncRepository[Any]):
    model_type: Any = Conversation


class _Messages(SQLAlchemySyncRepository[Any]):
    model_type: Any = Message


class AdvancedAlchemy(Peer):
    """Blocking; a session and a repository for each call."""

    name = "Advanced Alchemy"
    _engine: sa.Engine

    def open(self) -> None:
        self._engine = sa.create_engine(engine_url(self.url))

    def close(self) -> None:
        self._engine.dispose()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation, which is locked meanwhile."""
        with Session(self._engine, expire_on_commit=False) as session:
            conversations = _Conversations(session=session, auto_refresh=False)
            conversation = conversations.get_one(
                company_id=self.company_id, id=conversation_id, with_for_update=True
            )
            _move(conversation, content)
            conversations.update(conversation)
            message = _Messages(session=session).add(
                Message(
                    company_id=self.company_id,
                    conversation_id=conversation_id,
                    role=MessageRole.USER,
                    content=content,
                ),
                auto_refresh=True,
            )
            session.commit()
        return message

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        with Session(self._engine) as session:
            return _Messages(session=session).get_many(
                OrderBy("created_at", "desc"),
                OrderBy("id", "desc"),
                LimitOffset(50, 0),
                company_id=self.company_id,
                conversation_id=conversation_id,
            )

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        with Session(self._engine) as session:
            return _Conversations(session=session).get_many(
                OrderBy("last_message_at", "desc"),
                OrderBy("id", "desc"),
                LimitOffset(25, 0),
                load=[joinedload(Conversation.customer), joinedload(Conversation.assigned_user)],
                company_id=self.company_id,
                status=ConversationStatus.ACTIVE,
            )

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        with Session(self._engine) as session:
            return _Agents(session=session).get_one(company_id=self.company_id, id=id)

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        if operation is Operation.INBOX:
            return named(row, names)
        return super().fields(operation, row, names)


def _move(conversation: Any, content: str) -> None:
    now = dt.datetime.now(dt.UTC)
    conversation.last_message_at = max(conversation.last_message_at, now)
    conversation.last_message_preview = content[:200]
    conversation.waiting_since = conversation.waiting_since or now
    conversation.resolved_at = None
    conversation.version += 1
    if conversation.status in _CLOSED:
        conversation.status = ConversationStatus.ACTIVE


PEER = AdvancedAlchemy
