"""psycopg by hand: a fresh cursor, prepared, autocommit, tuples; what all ratios are to."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import psycopg
from uuid_utils.compat import uuid7

from benchmarks.asked import Operation
from benchmarks.figures import BASE
from benchmarks.peers import texts
from benchmarks.peers.peer import Peer

__all__ = ["AsyncByHand", "ByHand"]


class _Tuples(Peer):
    name = BASE
    _connection: Any

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        return tuple(row)


class ByHand(_Tuples):
    """One connection, blocking."""

    def open(self) -> None:
        self._connection = psycopg.connect(self.url, autocommit=True)

    def close(self) -> None:
        self._connection.close()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation."""
        return self._one(texts.APPEND, content, self.company_id, conversation_id, uuid7(), content)

    def append_once(self, conversation_id: UUID, content: str, external_id: str) -> Any:
        """Write a message unless it was delivered before."""
        id, company = uuid7(), self.company_id
        written = (id, content, external_id, company, conversation_id)
        return self._one(texts.APPEND_ONCE, *written, content, company, id)

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        return self._all(texts.HISTORY, self.company_id, conversation_id)

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        return self._all(texts.INBOX, self.company_id)

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        return self._one(texts.AGENT, self.company_id, id)

    def _one(self, text: str, *parameters: Any) -> Any:
        return self._connection.execute(text, parameters, prepare=True).fetchone()

    def _all(self, text: str, *parameters: Any) -> Any:
        return self._connection.execute(text, parameters, prepare=True).fetchall()


class AsyncByHand(ByHand):
    """One connection, awaited."""

    world = "asyncio"

    async def open(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # awaited
        self._connection = await psycopg.AsyncConnection.connect(self.url, autocommit=True)

    async def close(self) -> None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]  # awaited
        await self._connection.close()

    async def _one(self, text: str, *parameters: Any) -> Any:
        cursor = await self._connection.execute(text, parameters, prepare=True)
        return await cursor.fetchone()

    async def _all(self, text: str, *parameters: Any) -> Any:
        cursor = await self._connection.execute(text, parameters, prepare=True)
        return await cursor.fetchall()
