"""SQLAlchemy's ORM: a session for each call, the models that this package ships."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session, joinedload

from benchmarks.asked import Operation
from benchmarks.peers.core import engine_url, moved
from benchmarks.peers.peer import Peer
from chatapp_db.schema import Agent, Conversation, ConversationStatus, Message, MessageRole

__all__ = ["PEER", "Orm", "named"]


def named(conversation: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
    """Give the fields of a conversation that was loaded with its customer and its assignee."""
    assignee = conversation.assigned_user
    beside = {
        "customer_name": conversation.customer.name,
        "assignee_name": None if assignee is None else assignee.name,
    }
    return tuple(beside[name] if name in beside else getattr(conversation, name) for name in names)


class Orm(Peer):
    """Blocking; rows are entities."""

    name = "SQLAlchemy ORM"
    _engine: sa.Engine

    def open(self) -> None:
        self._engine = sa.create_engine(engine_url(self.url))

    def close(self) -> None:
        self._engine.dispose()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation: two statements in a transaction."""
        is_one = sa.and_(Conversation.company_id == self.company_id, Conversation.id == conversation_id)
        move = sa.update(Conversation).where(is_one).values(moved(Conversation, content))
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            session.execute(move, execution_options={"synchronize_session": False})
            message = Message(
                company_id=self.company_id,
                conversation_id=conversation_id,
                role=MessageRole.USER,
                content=content,
            )
            session.add(message)
        return message

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        query = (
            sa.select(Message)
            .where(Message.company_id == self.company_id, Message.conversation_id == conversation_id)
            .order_by(Message.created_at.desc(), Message.id.desc())
            .limit(50)
        )
        with Session(self._engine) as session:
            return session.scalars(query).all()

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        query = (
            sa.select(Conversation)
            .options(joinedload(Conversation.customer), joinedload(Conversation.assigned_user))
            .where(
                Conversation.company_id == self.company_id, Conversation.status == ConversationStatus.ACTIVE
            )
            .order_by(Conversation.last_message_at.desc(), Conversation.id.desc())
            .limit(25)
        )
        with Session(self._engine) as session:
            return session.scalars(query).all()

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        with Session(self._engine) as session:
            return session.get_one(Agent, {"company_id": self.company_id, "id": id})

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        if operation is Operation.INBOX:
            return named(row, names)
        return super().fields(operation, row, names)


PEER = Orm
