"""The blocking and the asyncio way to move messages over a driver connection of SQLAlchemy's pool.

Both are coroutines, so that everything above is written once; those of the blocking wire never suspend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

__all__ = ["ASYNCIO", "BLOCKING", "Command", "Wire"]

T = TypeVar("T")

Command: TypeAlias = tuple[Any, str, dict[str, Any]]
"""A cursor, the text it runs and the parameters."""


class Wire:
    """A psycopg.Connection; every coroutine runs to its end at once."""

    async def acquire(self, engine: Any) -> PoolProxiedConnection:
        """Take a connection from the pool."""
        pooled: PoolProxiedConnection = engine.raw_connection()
        return pooled

    async def release(self, pooled: PoolProxiedConnection) -> None:
        """Give a clean connection back."""
        pooled.close()

    async def discard(self, pooled: PoolProxiedConnection) -> None:
        """Close a connection whose state is not known, without speaking to the server."""
        pooled.invalidate()
        pooled.close()

    async def autocommit(self, driver: Any) -> None:
        """Leave transactions to the texts that are sent."""
        driver.autocommit = True

    async def pipeline(self, driver: Any, commands: Sequence[Command], prepare: bool | None) -> None:
        """Send the commands together and wait for all of them: one round trip, one transaction."""
        with driver.pipeline():
            for cursor, text, parameters in commands:
                cursor.execute(text, parameters, prepare=prepare)

    async def execute(
        self, cursor: Any, text: str, parameters: dict[str, Any] | None, prepare: bool | None
    ) -> None:
        """Send one command and wait for it."""
        cursor.execute(text, parameters, prepare=prepare)

    async def fetch(self, cursor: Any) -> list[tuple[Any, ...]]:
        """Read the records that have come."""
        records: list[tuple[Any, ...]] = cursor.fetchall()
        return records

    async def rollback(self, driver: Any) -> None:
        """Undo, and let the driver forget its prepared statements."""
        driver.rollback()

    async def borrow(self, session: Any) -> PoolProxiedConnection:
        """Flush a service's own session and lend its connection."""
        session.flush()
        pooled: PoolProxiedConnection = session.connection().connection
        return pooled

    async def uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work to its end although the caller is cancelled meanwhile."""
        return await work


class AsyncioWire(Wire):
    """A psycopg.AsyncConnection; the pool's own work runs in SQLAlchemy's greenlet."""

    async def acquire(self, engine: Any) -> PoolProxiedConnection:
        pooled: PoolProxiedConnection = await engine.raw_connection()
        return pooled

    async def release(self, pooled: PoolProxiedConnection) -> None:
        await greenlet_spawn(pooled.close)

    async def discard(self, pooled: PoolProxiedConnection) -> None:
        await greenlet_spawn(pooled.invalidate)
        await greenlet_spawn(pooled.close)

    async def autocommit(self, driver: Any) -> None:
        await driver.set_autocommit(True)

    async def pipeline(self, driver: Any, commands: Sequence[Command], prepare: bool | None) -> None:
        async with driver.pipeline():
            for cursor, text, parameters in commands:
                await cursor.execute(text, parameters, prepare=prepare)

    async def execute(
        self, cursor: Any, text: str, parameters: dict[str, Any] | None, prepare: bool | None
    ) -> None:
        await cursor.execute(text, parameters, prepare=prepare)

    async def fetch(self, cursor: Any) -> list[tuple[Any, ...]]:
        records: list[tuple[Any, ...]] = await cursor.fetchall()
        return records

    async def rollback(self, driver: Any) -> None:
        await driver.rollback()

    async def borrow(self, session: Any) -> PoolProxiedConnection:
        await session.flush()
        connection = await session.connection()
        pooled: PoolProxiedConnection = await connection.get_raw_connection()
        return pooled

    async def uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        task = asyncio.ensure_future(work)
        interruption: asyncio.CancelledError | None = None
        while not task.done():
            try:
                await asyncio.wait([task])
            except asyncio.CancelledError as error:
                interruption = error
        if interruption is not None:
            raise interruption
        return task.result()


BLOCKING = Wire()
ASYNCIO = AsyncioWire()
