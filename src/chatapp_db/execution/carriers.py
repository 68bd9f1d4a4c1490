"""The ways to carry a statement to the server: a call by itself, or in a transaction that goes on.

Written once over the wire. However a call ends, its connection leaves through ``_give_back``.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any, NoReturn, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from sqlalchemy import PoolProxiedConnection

from chatapp_db.errors import ChatAppDbError, ScopeEnded, ScopeInUse, TransactionRolledBack
from chatapp_db.execution.failures import translate
from chatapp_db.execution.line import Line, line_of
from chatapp_db.execution.pool import LENT
from chatapp_db.execution.scope import Access
from chatapp_db.execution.statement import Statement
from chatapp_db.execution.wire import Wire

__all__ = ["Carrier", "SingleCalls", "Transaction"]

R = TypeVar("R")


class Carrier(Protocol):
    """What a repository asks: run a statement, give its rows."""

    async def fetch(self, statement: Statement[R], parameters: Mapping[str, Any]) -> list[R]:
        """Run a statement as the scope's role, in its schema and company."""
        ...


class SingleCalls:
    """Each call is its own transaction: prologue and statement in one pipeline, one round trip."""

    __slots__ = ("_access", "_company_id", "_engine", "_platform", "_wire")

    def __init__(
        self, wire: Wire, engine: Any, access: Access, company_id: UUID | None, *, platform: bool = False
    ) -> None:
        self._wire = wire
        self._engine = engine
        self._access = access
        self._company_id = company_id
        self._platform = platform

    async def fetch(self, statement: Statement[R], parameters: Mapping[str, Any]) -> list[R]:
        """Run a statement and commit it.

        A write whose connection is lost or whose task is cancelled has an unknown outcome.
        """
        bound = statement.bind(parameters)
        wire = self._wire
        pooled = await _acquire(wire, self._engine)
        try:
            driver: Any = pooled.driver_connection
            line = await _enlisted(wire, pooled, self._access)
            prologue = line.prologue(platform=self._platform)
            commands = [(line.opening, *message) for message in prologue.single(self._company_id)]
            commands.append((line.main, statement.text, bound))
            commands.extend((line.opening, *message) for message in prologue.end())
            await wire.pipeline(driver, commands, line.prepare)
            records = await wire.fetch(line.main)
        except BaseException as error:  # noqa: BLE001  # an interrupted call leaves its connection behind too
            await _fail(wire, pooled, error)
        await wire.release(pooled)
        return statement.rows(records)


class Transaction:
    """All calls share one transaction, from ``begin`` to ``end``; one call at a time."""

    __slots__ = (
        "_access",
        "_busy",
        "_company_id",
        "_engine",
        "_line",
        "_platform",
        "_pooled",
        "_savepoints",
        "_wire",
    )

    def __init__(
        self, wire: Wire, engine: Any, access: Access, company_id: UUID | None, *, platform: bool = False
    ) -> None:
        self._wire = wire
        self._engine = engine
        self._access = access
        self._company_id = company_id
        self._platform = platform
        self._busy = Lock()
        self._savepoints = 0
        self._pooled: PoolProxiedConnection | None = None
        self._line: Line | None = None

    async def begin(self) -> None:
        """Take a connection and open the transaction, in one message."""
        if self._pooled is not None:
            raise ScopeInUse
        wire = self._wire
        pooled = await _acquire(wire, self._engine)
        try:
            line = await _enlisted(wire, pooled, self._access)
            opening = line.prologue(platform=self._platform).begin(self._company_id)
            await wire.execute(line.opening, opening, None, False)
        except BaseException as error:  # noqa: BLE001  # an interrupted call leaves its connection behind too
            await _fail(wire, pooled, error)
        self._pooled, self._line = pooled, line

    async def fetch(self, statement: Statement[R], parameters: Mapping[str, Any]) -> list[R]:
        """Run a statement in the transaction; after one that failed only ``end`` or a savepoint helps."""
        records = await self._run(statement.text, statement.bind(parameters))
        return statement.rows(records)

    async def savepoint(self) -> str:
        """Mark a point to come back to."""
        self._savepoints += 1
        name = f"chatapp_{self._savepoints}"
        await self._run(f"SAVEPOINT {name}")
        return name

    async def end_savepoint(self, name: str, error: BaseException | None) -> None:
        """Keep what came after the point, or undo it."""
        if error is not None:
            await self._run(f"ROLLBACK TO SAVEPOINT {name}")
        await self._run(f"RELEASE SAVEPOINT {name}")

    async def end(self, error: BaseException | None) -> None:
        """Commit, or roll back for an error, and give the connection back.

        Raises TransactionRolledBack where a statement had failed and its error was swallowed.
        """
        pooled, line = self._open()
        wire = self._wire
        self._pooled = self._line = None
        if error is None:
            try:
                await wire.execute(line.opening, "COMMIT", None, False)
                if line.opening.statusmessage != "COMMIT":
                    raise TransactionRolledBack
            except BaseException as failure:  # noqa: BLE001  # an interrupted commit too
                await _fail(wire, pooled, failure)
        await _give_back(wire, pooled, error)

    async def _run(self, text: str, bound: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        _, line = self._open()
        if not self._busy.acquire(blocking=False):
            raise ScopeInUse
        try:
            await self._wire.execute(line.main, text, bound, line.prepare if bound is not None else False)
            return await self._wire.fetch(line.main) if bound is not None else []
        except Exception as error:
            raise translate(error) from error
        finally:
            self._busy.release()

    def _open(self) -> tuple[PoolProxiedConnection, Line]:
        if self._pooled is None or self._line is None:
            raise ScopeEnded
        return self._pooled, self._line


async def _acquire(wire: Wire, engine: Any) -> PoolProxiedConnection:
    try:
        return await wire.acquire(engine)
    except Exception as error:
        raise translate(error) from error


async def _enlisted(wire: Wire, pooled: PoolProxiedConnection, access: Access) -> Line:
    """Give the line of a connection whose transactions are ours to open: a given Engine's are not."""
    driver: Any = pooled.driver_connection
    if not driver.autocommit:
        await wire.autocommit(driver)
        pooled.info[LENT] = True
    return await line_of(wire, pooled, access)


async def _fail(wire: Wire, pooled: PoolProxiedConnection, error: BaseException) -> NoReturn:
    await _give_back(wire, pooled, error)
    if isinstance(error, ChatAppDbError) or not isinstance(error, Exception):
        raise error
    raise translate(error) from error


async def _give_back(wire: Wire, pooled: PoolProxiedConnection, error: BaseException | None) -> None:
    """Release a connection so that nothing of this call reaches the next.

    After an interruption (a cancelled task, KeyboardInterrupt) its state is anybody's guess: it is closed.
    """
    if error is None:
        await wire.release(pooled)
    elif isinstance(error, Exception):
        await wire.uninterrupted(_recover(wire, pooled, error))
    else:
        await wire.uninterrupted(wire.discard(pooled))


async def _recover(wire: Wire, pooled: PoolProxiedConnection, error: Exception) -> None:
    """Roll back, also where nothing is open.

    psycopg believes in a statement that failed to be prepared until it sees a rollback of its own.
    """
    driver: Any = pooled.driver_connection
    try:
        if _status(driver) is TransactionStatus.IDLE:
            await wire.execute(driver.cursor(), "BEGIN", None, False)
        await wire.rollback(driver)
    except psycopg.Error as failure:
        error = failure
    if _status(driver) is TransactionStatus.IDLE:
        await wire.release(pooled)
        return
    if driver.closed:
        _retire_older(pooled, error)
    await wire.discard(pooled)


def _status(driver: Any) -> TransactionStatus:
    """Tell the state of a connection; one that is still in a pipeline is as good as lost."""
    if driver.closed or driver.info.pipeline_status != PipelineStatus.OFF:
        return TransactionStatus.UNKNOWN
    status: TransactionStatus = driver.info.transaction_status
    return status


def _retire_older(pooled: Any, error: Exception) -> None:
    """Have the pool replace, before their next use, the connections it made before this one was lost."""
    pooled._pool._invalidate(pooled, error, _checkin=False)  # noqa: SLF001  # what SQLAlchemy's own execution does; it has no public name
