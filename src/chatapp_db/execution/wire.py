"""The blocking and the asyncio way to move messages over a driver connection of SQLAlchemy's pool.

Both are coroutines, so that everything above is written once; those of the blocking wire never suspend.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Coroutine, Sequence
from typing import Any, TypeVar

from psycopg.abc import PQGen
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

__all__ = ["ASYNCIO", "BLOCKING", "Wire"]

T = TypeVar("T")


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

    async def wait(self, driver: Any, exchange: PQGen[T]) -> T:
        """Let an exchange with the server run to its end, alone on its connection."""
        with driver.lock:
            result: T = driver.wait(exchange)
            return result

    async def execute(self, cursor: Any, text: str, parameters: dict[str, Any] | None = None) -> None:
        """Send one command and wait for it."""
        cursor.execute(text, parameters, prepare=False)

    async def fetch(self, cursor: Any) -> list[tuple[Any, ...]]:
        """Read the records that have come."""
        records: list[tuple[Any, ...]] = cursor.fetchall()
        return records

    async def copy(
        self, cursor: Any, text: str, types: Sequence[str], rows: AsyncIterable[Sequence[Any]]
    ) -> None:
        """Stream rows to a COPY FROM STDIN in the binary format, whose columns have these types.

        Where the rows fail, the server is told and the connection is out of the COPY again.
        """
        with cursor.copy(text) as copy:
            copy.set_types(types)
            async for row in rows:
                copy.write_row(row)

    async def rollback(self, driver: Any) -> None:
        """Undo the transaction that is open."""
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

    async def wait(self, driver: Any, exchange: PQGen[T]) -> T:
        async with driver.lock:
            result: T = await driver.wait(exchange)
            return result

    async def execute(self, cursor: Any, text: str, parameters: dict[str, Any] | None = None) -> None:
        await cursor.execute(text, parameters, prepare=False)

    async def fetch(self, cursor: Any) -> list[tuple[Any, ...]]:
        records: list[tuple[Any, ...]] = await cursor.fetchall()
        return records

    async def copy(
        self, cursor: Any, text: str, types: Sequence[str], rows: AsyncIterable[Sequence[Any]]
    ) -> None:
        async with cursor.copy(text) as copy:
            copy.set_types(types)
            async for row in rows:
                await copy.write_row(row)

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
