"""How a connection is taken from the pool, and how it leaves: clean, or closed.

Release has its one home here; however a call ends, its connection goes through ``give_back``.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from sqlalchemy import PoolProxiedConnection

from chatapp_db.errors import ChatAppDbError
from chatapp_db.execution.failures import translate
from chatapp_db.execution.line import Line, line_of
from chatapp_db.execution.pool import LENT
from chatapp_db.execution.scope import Access
from chatapp_db.execution.wire import Wire

__all__ = ["Entrance"]

_LOG: Final = logging.getLogger(__name__)

_OPEN = {TransactionStatus.INTRANS, TransactionStatus.INERROR}


@dataclass(frozen=True, slots=True)
class Entrance:
    """The way into one database: its pool, the wire that fits it, and as whom its scopes act."""

    wire: Wire
    engine: Any
    access: Access

    async def acquire(self) -> PoolProxiedConnection:
        """Take a connection.

        Raises Unavailable where the pool stays full or the server cannot be reached.
        """
        try:
            return await self.wire.acquire(self.engine)
        except Exception as error:
            raise translate(error) from error

    async def line(self, pooled: PoolProxiedConnection) -> Line:
        """Give the line of a connection, whose transactions are ours to open: a given Engine's are not."""
        driver: Any = pooled.driver_connection
        if not driver.autocommit:
            await self.wire.autocommit(driver)
            pooled.info[LENT] = True
        return await line_of(self.wire, pooled, self.access)

    async def give_back(self, pooled: PoolProxiedConnection, error: BaseException | None) -> None:
        """Release a connection so that nothing of this call reaches the next.

        After an interruption (a cancelled task, KeyboardInterrupt) its state is anybody's guess: it is
        closed.
        """
        if error is None:
            await self.wire.release(pooled)
        elif isinstance(error, Exception):
            await self.wire.uninterrupted(self._recover(pooled, error))
        else:
            await self.wire.uninterrupted(self.wire.discard(pooled))

    async def fail(self, pooled: PoolProxiedConnection, error: BaseException) -> NoReturn:
        """Give a connection back and raise, as one of ours, what became of its call."""
        await self.give_back(pooled, error)
        if isinstance(error, ChatAppDbError) or not isinstance(error, Exception):
            raise error
        raise translate(error) from error

    async def _recover(self, pooled: PoolProxiedConnection, error: Exception) -> None:
        """Roll back what is open; a connection that is not clean then is closed."""
        driver: Any = pooled.driver_connection
        if _status(driver) in _OPEN:
            try:
                await self.wire.rollback(driver)
            except psycopg.Error as failure:
                error = failure
        if _status(driver) is TransactionStatus.IDLE:
            await self.wire.release(pooled)
            return
        if driver.closed:
            _retire_older(pooled, error)
        await self.wire.discard(pooled)


def _status(driver: Any) -> TransactionStatus:
    """Tell the state of a connection; one that is still in a pipeline is as good as lost."""
    if driver.closed or driver.info.pipeline_status != PipelineStatus.OFF:
        return TransactionStatus.UNKNOWN
    status: TransactionStatus = driver.info.transaction_status
    return status


def _retire_older(pooled: Any, error: Exception) -> None:
    """Have the pool replace, before their next use, the connections it made before this one was lost."""
    lost = {"error_type": type(error).__name__}
    _LOG.warning("a connection was lost; those as old as it are replaced", extra=lost)
    pooled._pool._invalidate(pooled, error, _checkin=False)  # noqa: SLF001  # as SQLAlchemy's own execution does; it has no public name
