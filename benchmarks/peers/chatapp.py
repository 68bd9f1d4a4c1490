"""This package, as a service calls it: a company's single calls, with row-level security and without."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from benchmarks.peers.peer import Peer
from chatapp_db import AsyncDatabase, ConversationStatus, Database, MessageRole

__all__ = ["OURS", "AsyncOurs", "Ours", "OursBare"]

OURS = "chatapp_db"


class Ours(Peer):
    """Logged in as a service, the role switched, row-level security on."""

    name = OURS
    is_bound = True
    _database: Any

    def open(self) -> None:
        self._database = Database(self.url, pool_size=5, max_overflow=0)

    def close(self) -> Any:
        return self._database.close()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation."""
        messages = self._database.company(self.company_id).messages
        return messages.append(conversation_id, role=MessageRole.USER, content=content)

    def append_once(self, conversation_id: UUID, content: str, external_id: str) -> Any:
        """Write a message unless it was delivered before."""
        messages = self._database.company(self.company_id).messages
        return messages.append(
            conversation_id, role=MessageRole.USER, content=content, external_id=external_id
        )

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        return self._database.company(self.company_id).messages.history(conversation_id, limit=50)

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        conversations = self._database.company(self.company_id).conversations
        return conversations.inbox(status=ConversationStatus.ACTIVE, limit=25)

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        return self._database.company(self.company_id).agents.get(id)

    def rows(self, result: Any) -> list[Any]:
        return list(result.items)


class OursBare(Ours):
    """As the superuser that no policy binds, to see what row-level security costs."""

    name = f"{OURS} without RLS"
    is_bound = False

    def open(self) -> None:
        self._database = Database(self.url, pool_size=5, max_overflow=0, rls="off")


class AsyncOurs(Ours):
    """The same, awaited."""

    world = "asyncio"

    def open(self) -> None:
        self._database = AsyncDatabase(self.url, pool_size=5, max_overflow=0)
