"""asyncpg by hand, its records as they come; jsonb is decoded, as psycopg does unasked."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import asyncpg  # pyright: ignore[reportMissingTypeStubs]  # it is typed in comments only
from uuid_utils.compat import uuid7

from benchmarks.asked import Operation
from benchmarks.peers import texts
from benchmarks.peers.peer import Peer

__all__ = ["PEER", "Asyncpg"]

_APPEND, _HISTORY, _INBOX, _AGENT = map(
    texts.numbered, (texts.APPEND, texts.HISTORY, texts.INBOX, texts.AGENT)
)


class Asyncpg(Peer):
    """One connection, awaited."""

    name = "asyncpg by hand"
    world = "asyncio"
    _connection: Any

    async def open(self) -> None:
        library: Any = asyncpg
        self._connection = await library.connect(self.url)
        codec = {"schema": "pg_catalog", "encoder": json.dumps, "decoder": json.loads}
        await self._connection.set_type_codec("jsonb", **codec)

    async def close(self) -> None:
        await self._connection.close()

    async def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation."""
        return await self._connection.fetchrow(
            _APPEND, content, self.company_id, conversation_id, uuid7(), content
        )

    async def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        return await self._connection.fetch(_HISTORY, self.company_id, conversation_id)

    async def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        return await self._connection.fetch(_INBOX, self.company_id)

    async def agent(self, id: UUID) -> Any:
        """Read an agent."""
        return await self._connection.fetchrow(_AGENT, self.company_id, id)

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(row)


PEER = Asyncpg
