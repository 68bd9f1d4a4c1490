"""Piccolo: its tables over those that are there, a pool of asyncpg's connections."""

from __future__ import annotations

import json
import uuid
from typing import Any

from piccolo.columns import (
    JSONB,
    UUID,
    Array,
    Boolean,
    Integer,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import Table
from uuid_utils.compat import uuid7

from benchmarks.asked import Operation
from benchmarks.peers.peer import MESSAGE, Peer

__all__ = ["PEER", "Piccolo"]


class _Customer(Table, tablename="chatapp_customers"):
    company_id = UUID()
    id = UUID(primary_key=True)
    name = Text(null=True)


class _User(Table, tablename="chatapp_users"):
    company_id = UUID()
    id = UUID(primary_key=True)
    name = Text()


class _Agent(Table, tablename="chatapp_agents"):
    company_id = UUID()
    id = UUID(primary_key=True)
    name = Text()
    description = Text(null=True)
    avatar_url = Text(null=True)
    type = Varchar()
    status = Varchar()
    system_prompt = Text()
    welcome_message = Text(null=True)
    model_config = JSONB()
    tools_config = JSONB()
    escalation_config = JSONB()
    widget_config = JSONB()
    package_id = UUID(null=True)
    created_by = UUID(null=True)
    created_at = Timestamptz()
    updated_at = Timestamptz()


class _Conversation(Table, tablename="chatapp_conversations"):
    company_id = UUID()
    id = UUID(primary_key=True)
    agent_id = UUID()
    customer_id = UUID()
    assigned_user_id = UUID(null=True)
    channel = Varchar()
    status = Varchar()
    priority = Integer()
    tags = Array(Text())
    last_message_at = Timestamptz()
    last_message_preview = Text(null=True)
    waiting_since = Timestamptz(null=True)
    version = Integer()


class _Message(Table, tablename="chatapp_messages"):
    company_id = UUID()
    id = UUID(primary_key=True)
    conversation_id = UUID()
    role = Varchar()
    type = Varchar(default="text")
    content = Text()
    sender_user_id = UUID(null=True, default=None)
    is_private = Boolean()
    external_id = Text(null=True, default=None)
    attachments = JSONB(default="[]")
    metadata = JSONB(default="{}")
    tokens_used = Integer()
    created_at = Timestamptz()
    updated_at = Timestamptz()


# Piccolo's select() takes more than its types say.
_AGENTS: Any = _Agent
_CONVERSATIONS: Any = _Conversation
_MESSAGES: Any = _Message
_TABLES: tuple[Any, ...] = (_Customer, _User, _Agent, _Conversation, _Message)

# Piccolo's update knows neither greatest() nor CASE; its own way out is raw().
_MOVE = """
UPDATE chatapp_conversations
   SET last_message_at = greatest(last_message_at, now()), last_message_preview = left({}, 200),
       waiting_since = coalesce(waiting_since, now()), resolved_at = NULL, version = version + 1,
       status = CASE WHEN status IN ('resolved', 'archived') THEN 'active' ELSE status END
 WHERE company_id = {} AND id = {}"""


class Piccolo(Peer):
    """Awaited; rows are dictionaries."""

    name = "Piccolo"
    world = "asyncio"
    _engine: Any

    async def open(self) -> None:
        self._engine = PostgresEngine(config={"dsn": self.url}, extensions=())
        await self._engine.start_connection_pool(min_size=1, max_size=5)
        for table in _TABLES:
            table._meta.db = self._engine  # noqa: SLF001  # how Piccolo's own tests name an engine

    async def close(self) -> None:
        await self._engine.close_connection_pool()

    async def append(self, conversation_id: uuid.UUID, content: str) -> Any:
        """Write a message, move its conversation: two statements in a transaction."""
        message = _Message(
            company_id=self.company_id,
            id=uuid7(),
            conversation_id=conversation_id,
            role="user",
            content=content,
        )
        async with self._engine.transaction():
            await _Conversation.raw(_MOVE, content, self.company_id, conversation_id)
            columns = [getattr(_Message, name) for name in MESSAGE]
            (row,) = await _Message.insert(message).returning(*columns)
        return row

    async def history(self, conversation_id: uuid.UUID) -> Any:
        """Read the last 50 messages."""
        return await (
            _MESSAGES.select()
            .where(_Message.company_id == self.company_id, _Message.conversation_id == conversation_id)
            .order_by(_Message.created_at, _Message.id, ascending=False)
            .limit(50)
            .output(load_json=True)
        )

    async def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity, then the names by their whole keys."""
        rows = await (
            _CONVERSATIONS.select()
            .where(_Conversation.company_id == self.company_id, _Conversation.status == "active")
            .order_by(_Conversation.last_message_at, _Conversation.id, ascending=False)
            .limit(25)
        )
        customers = await self._names(_Customer, {row["customer_id"] for row in rows})
        users = await self._names(_User, {row["assigned_user_id"] for row in rows} - {None})
        for row in rows:
            row["customer_name"] = customers[row["customer_id"]]
            row["assignee_name"] = users.get(row["assigned_user_id"])
        return rows

    async def _names(self, table: Any, ids: set[uuid.UUID]) -> dict[uuid.UUID, str | None]:
        if not ids:
            return {}
        mine = table.company_id == self.company_id
        rows = await table.select(table.id, table.name).where(mine, table.id.is_in(list(ids)))
        return {row["id"]: row["name"] for row in rows}

    async def agent(self, id: uuid.UUID) -> Any:
        """Read an agent."""
        is_one = (_Agent.company_id == self.company_id, _Agent.id == id)
        return await _AGENTS.select().where(*is_one).first().output(load_json=True)

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(_loaded(name, row[name]) for name in names)


def _loaded(name: str, value: Any) -> Any:
    """Read the JSON that ``returning`` leaves as text."""
    return json.loads(value) if name in {"attachments", "metadata"} and isinstance(value, str) else value


PEER = Piccolo
