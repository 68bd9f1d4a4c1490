"""The blocking and the asyncio way to move messages over a driver connection of SQLAlchemy's pool.

Both speak the same protocol of coroutines, so that everything above is written once; those of the
blocking wire never suspend.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import greenlet_spawn

__all__ = ["ASYNCIO", "BLOCKING", "Command", "Wire"]

T = TypeVar("T")

Driver: TypeAlias = Any
"""A psycopg.Connection on the blocking wire, a psycopg.AsyncConnection on the asyncio one."""

Command: TypeAlias = tuple[Any, str, dict[str, Any]]
"""A cursor, the text it runs and the parameters."""


class Wire(Protocol):
    """What carriers ask of a driver."""

    async def acquire(self, engine: Any) -> PoolProxiedConnection:
        """Take a connection from the pool."""
        ...

    async def release(self, pooled: PoolProxiedConnection) -> None:
        """Give a clean connection back."""
        ...

    async def discard(self, pooled: PoolProxiedConnection) -> None:
        """Close a connection whose state is not known, without speaking to the server."""
        ...

    async def autocommit(self, driver: Driver) -> None:
        """Leave transactions to the texts that are sent."""
        ...

    async def pipeline(self, driver: Driver, commands: Sequence[Command], prepare: bool | None) -> None:
        """Send the commands together and wait for all of them: one round trip, one transaction."""
        ...

    async def execute(
        self, cursor: Any, text: str, parameters: dict[str, Any] | None, prepare: bool | None
    ) -> None:
        """Send one command and wait for it."""
        ...

    async def fetch(self, cursor: Any) -> list[tuple[Any, ...]]:
        """Read the records that have come."""
        ...

    async def rollback(self, driver: Driver) -> None:
        """Undo, and let the driver forget its prepared statements."""
        ...

    async def borrow(self, session: Any) -> PoolProxiedConnection:
        """Flush a service's own session and lend its connection."""
        ...

    async def uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        """Run the work to its end although the caller is cancelled meanwhile."""
        ...


class BlockingWire:
    """A psycopg.Connection; every coroutine runs to its end at once."""

    async def acquire(self, engine: Engine) -> PoolProxiedConnection:
        return engine.raw_connection()

    async def release(self, pooled: PoolProxiedConnection) -> None:
        pooled.close()

    async def discard(self, pooled: PoolProxiedConnection) -> None:
        pooled.invalidate()
        pooled.close()

    async def autocommit(self, driver: Driver) -> None:
        driver.autocommit = True

    async def pipeline(self, driver: Driver, commands: Sequence[Command], prepare: bool | None) -> None:
        with driver.pipeline():
            for cursor, text, parameters in commands:
                cursor.execute(text, parameters, prepare=prepare)

    async def execute(
        self, cursor: Any, text: str, parameters: dict[str, Any] | None, prepare: bool | None
    ) -> None:
        cursor.execute(text, parameters, prepare=prepare)

    async def fetch(self, cursor: Any) -> list[tuple[Any, ...]]:
        records: list[tuple[Any, ...]] = cursor.fetchall()
        return records

    async def rollback(self, driver: Driver) -> None:
        driver.rollback()

    async def borrow(self, session: Session) -> PoolProxiedConnection:
        session.flush()
        return session.connection().connection

    async def uninterrupted(self, work: Coroutine[Any, Any, T]) -> T:
        return await work


class AsyncioWire:
    """A psycopg.AsyncConnection; the pool's own work runs in SQLAlchemy's greenlet."""

    async def acquire(self, engine: AsyncEngine) -> PoolProxiedConnection:
        return await engine.raw_connection()

    async def release(self, pooled: PoolProxiedConnection) -> None:
        await greenlet_spawn(pooled.close)

    async def discard(self, pooled: PoolProxiedConnection) -> None:
        await greenlet_spawn(pooled.invalidate)
        await greenlet_spawn(pooled.close)

    async def autocommit(self, driver: Driver) -> None:
        await driver.set_autocommit(True)

    async def pipeline(self, driver: Driver, commands: Sequence[Command], prepare: bool | None) -> None:
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

    async def rollback(self, driver: Driver) -> None:
        await driver.rollback()

    async def borrow(self, session: AsyncSession) -> PoolProxiedConnection:
        await session.flush()
        connection = await session.connection()
        return await connection.get_raw_connection()

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


BLOCKING: Wire = BlockingWire()
ASYNCIO: Wire = AsyncioWire()
