"""SQLAlchemy Core: a statement built where it is used, on a pooled connection in autocommit."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from benchmarks.asked import Operation
from benchmarks.peers.peer import Peer
from chatapp_db.schema import (
    Agent,
    Conversation,
    ConversationStatus,
    Customer,
    Message,
    MessageRole,
    User,
)

__all__ = ["PEER", "Core", "engine_url", "moved"]

_agents: Any = Agent.__table__
_conversations: Any = Conversation.__table__
_customers: Any = Customer.__table__
_messages: Any = Message.__table__
_users: Any = User.__table__


def engine_url(url: str) -> sa.URL:
    """Name psycopg as the driver of a plain URL."""
    return sa.make_url(url).set(drivername="postgresql+psycopg")


def moved(c: Any, content: str) -> dict[str, Any]:
    """Say what a customer's message does to its conversation; ``c`` has the columns."""
    closed = c.status.in_([ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED])
    return {
        "last_message_at": sa.func.greatest(c.last_message_at, sa.func.now()),
        "last_message_preview": content[:200],
        "waiting_since": sa.func.coalesce(c.waiting_since, sa.func.now()),
        "resolved_at": None,
        "version": c.version + 1,
        "status": sa.case((closed, ConversationStatus.ACTIVE), else_=c.status),
    }


class Core(Peer):
    """Blocking; rows are SQLAlchemy's named tuples."""

    name = "SQLAlchemy Core"
    _engine: sa.Engine

    def open(self) -> None:
        self._engine = sa.create_engine(engine_url(self.url), isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        self._engine.dispose()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation: one writable CTE, as by hand."""
        c = _conversations.c
        is_one = sa.and_(c.company_id == self.company_id, c.id == conversation_id)
        update: Any = sa.update(_conversations).where(is_one).values(moved(c, content))
        target = update.returning(c.company_id, c.id).cte("moved")
        values = {"id": uuid7(), "role": MessageRole.USER, "content": content}
        bound = [sa.bindparam(None, value, type_=_messages.c[name].type) for name, value in values.items()]
        insert: Any = sa.insert(_messages).from_select(
            ["company_id", "conversation_id", *values],
            sa.select(target.c.company_id, target.c.id, *bound),
            include_defaults=False,
        )
        with self._engine.connect() as connection:
            return connection.execute(insert.returning(*_messages.c)).one()

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        c = _messages.c
        query = (
            sa.select(_messages)
            .where(c.company_id == self.company_id, c.conversation_id == conversation_id)
            .order_by(c.created_at.desc(), c.id.desc())
            .limit(50)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        c, customer, user = _conversations.c, _customers.c, _users.c
        query = (
            sa.select(
                *_conversations.c,
                customer.name.label("customer_name"),
                user.name.label("assignee_name"),
            )
            .outerjoin_from(
                _conversations,
                _customers,
                sa.and_(customer.company_id == c.company_id, customer.id == c.customer_id),
            )
            .outerjoin(_users, sa.and_(user.company_id == c.company_id, user.id == c.assigned_user_id))
            .where(c.company_id == self.company_id, c.status == ConversationStatus.ACTIVE)
            .order_by(c.last_message_at.desc(), c.id.desc())
            .limit(25)
        )
        with self._engine.connect() as connection:
            return connection.execute(query).all()

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        query = sa.select(_agents).where(_agents.c.company_id == self.company_id, _agents.c.id == id)
        with self._engine.connect() as connection:
            return connection.execute(query).one()

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(row._mapping[name] for name in names)  # noqa: SLF001  # SQLAlchemy's public name for it


PEER = Core
