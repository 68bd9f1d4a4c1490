"""SQLModel: pydantic models that are tables, and a session for each call."""

# Without annotations from the future: SQLModel reads those of relations, and knows no text.
import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB
from sqlalchemy.orm import foreign, joinedload
from sqlmodel import Field, Relationship, Session, SQLModel, col, select, update
from uuid_utils.compat import uuid7

from benchmarks.asked import Operation
from benchmarks.peers.core import engine_url, moved
from benchmarks.peers.orm import named
from benchmarks.peers.peer import Peer
from chatapp_db.schema import (
    AgentStatus,
    AgentType,
    ChannelType,
    ConversationStatus,
    MessageRole,
    MessageType,
)
from chatapp_db.schema.columns import enum_type

__all__ = ["PEER", "Sqlmodel"]

Json = dict[str, Any]


def _moment(*, filled_in: bool = False) -> Any:
    """Declare a time, which the server may fill in."""
    default = sa.FetchedValue() if filled_in else None
    return Field(
        default=None, sa_type=sa.DateTime(timezone=True), sa_column_kwargs={"server_default": default}
    )


def _json(name: str) -> Any:
    return Field(default_factory=dict, sa_column=sa.Column(name, JSONB))


def _enum(kind: Any) -> ENUM:
    return enum_type(kind)


class _Row(SQLModel):
    company_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True, default_factory=uuid7)


class _Customer(_Row, table=True):
    __tablename__: ClassVar[Any] = "chatapp_customers"

    name: str | None


class _User(_Row, table=True):
    __tablename__: ClassVar[Any] = "chatapp_users"

    name: str


class _Agent(_Row, table=True):
    __tablename__: ClassVar[Any] = "chatapp_agents"

    name: str
    description: str | None
    avatar_url: str | None
    type: AgentType = Field(sa_type=_enum(AgentType))
    status: AgentStatus = Field(sa_type=_enum(AgentStatus))
    system_prompt: str
    welcome_message: str | None
    model_config_: Json = _json("model_config")
    tools_config: Json = _json("tools_config")
    escalation_config: Json = _json("escalation_config")
    widget_config: Json = _json("widget_config")
    package_id: UUID | None
    created_by: UUID | None
    created_at: dt.datetime = _moment(filled_in=True)
    updated_at: dt.datetime = _moment(filled_in=True)


class _Conversation(_Row, table=True):
    __tablename__: ClassVar[Any] = "chatapp_conversations"

    agent_id: UUID
    customer_id: UUID
    assigned_user_id: UUID | None
    channel: ChannelType = Field(sa_type=_enum(ChannelType))
    channel_conversation_id: str | None
    status: ConversationStatus = Field(sa_type=_enum(ConversationStatus))
    priority: int
    tags: list[str] = Field(sa_type=ARRAY(sa.Text))
    metadata_: Json = _json("metadata")
    started_at: dt.datetime = _moment()
    resolved_at: dt.datetime | None = _moment()
    last_message_at: dt.datetime = _moment()
    last_message_preview: str | None
    waiting_since: dt.datetime | None = _moment()
    first_response_at: dt.datetime | None = _moment()
    escalated_at: dt.datetime | None = _moment()
    customer_last_read_at: dt.datetime | None = _moment()
    agent_last_read_at: dt.datetime | None = _moment()
    version: int
    created_at: dt.datetime = _moment(filled_in=True)
    updated_at: dt.datetime = _moment(filled_in=True)

    customer: _Customer = Relationship(
        sa_relationship_kwargs={
            "primaryjoin": lambda: sa.and_(
                col(_Conversation.company_id) == _Customer.company_id,
                foreign(col(_Conversation.customer_id)) == _Customer.id,
            ),
            "viewonly": True,
        }
    )
    assigned_user: _User | None = Relationship(
        sa_relationship_kwargs={
            "primaryjoin": lambda: sa.and_(
                col(_Conversation.company_id) == _User.company_id,
                foreign(col(_Conversation.assigned_user_id)) == _User.id,
            ),
            "viewonly": True,
        }
    )


class _Message(_Row, table=True):
    __tablename__: ClassVar[Any] = "chatapp_messages"

    conversation_id: UUID
    role: MessageRole = Field(sa_type=_enum(MessageRole))
    type: MessageType = Field(default=MessageType.TEXT, sa_type=_enum(MessageType))
    content: str
    sender_user_id: UUID | None = None
    is_private: bool = False
    external_id: str | None = None
    attachments: list[Any] = Field(default_factory=list, sa_type=JSONB)
    metadata_: Json = _json("metadata")
    tokens_used: int = 0
    created_at: dt.datetime = _moment(filled_in=True)
    updated_at: dt.datetime = _moment(filled_in=True)


class Sqlmodel(Peer):
    """Blocking; rows are SQLModel's."""

    name = "SQLModel"
    _engine: sa.Engine

    def open(self) -> None:
        self._engine = sa.create_engine(engine_url(self.url))

    def close(self) -> None:
        self._engine.dispose()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation: two statements in a transaction."""
        is_one = sa.and_(
            col(_Conversation.company_id) == self.company_id, col(_Conversation.id) == conversation_id
        )
        move = update(_Conversation).where(is_one).values(moved(_Conversation, content))
        with Session(self._engine, expire_on_commit=False) as session:
            session.exec(move, execution_options={"synchronize_session": False})
            message = _Message(
                company_id=self.company_id,
                conversation_id=conversation_id,
                role=MessageRole.USER,
                content=content,
            )
            session.add(message)
            session.commit()
        return message

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        query = (
            select(_Message)
            .where(_Message.company_id == self.company_id, _Message.conversation_id == conversation_id)
            .order_by(col(_Message.created_at).desc(), col(_Message.id).desc())
            .limit(50)
        )
        with Session(self._engine) as session:
            return session.exec(query).all()

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        c: Any = _Conversation
        query = (
            select(_Conversation)
            .options(joinedload(c.customer), joinedload(c.assigned_user))
            .where(c.company_id == self.company_id, c.status == ConversationStatus.ACTIVE)
            .order_by(c.last_message_at.desc(), c.id.desc())
            .limit(25)
        )
        with Session(self._engine) as session:
            return session.exec(query).all()

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        with Session(self._engine) as session:
            return session.get(_Agent, {"company_id": self.company_id, "id": id})

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        if operation is Operation.INBOX:
            return named(row, names)
        return super().fields(operation, row, names)


PEER = Sqlmodel
