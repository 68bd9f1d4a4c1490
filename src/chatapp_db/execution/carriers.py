"""The ways to carry a statement to the server: a call by itself, or in a transaction that goes on."""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from threading import Lock
from typing import Any, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import PoolProxiedConnection

from chatapp_db.errors import ScopeEnded, ScopeInUse, TransactionRolledBack
from chatapp_db.execution.entrance import Entrance
from chatapp_db.execution.exchange import Message
from chatapp_db.execution.failures import translate
from chatapp_db.execution.line import Line, RowsFailed
from chatapp_db.execution.scope import Access, Acting
from chatapp_db.execution.statement import Statement

__all__ = ["Carrier", "SingleCalls", "Transaction"]

R = TypeVar("R")
T = TypeVar("T")


class Carrier(Protocol):
    """What a repository asks: run a statement, give its rows."""

    @property
    def access(self) -> Access:
        """How the scope entered the database, its keys among it."""
        ...

    @property
    def actor(self) -> Acting | None:
        """Who acts in the scope."""
        ...

    async def fetch(
        self, statement: Statement[R], parameters: Mapping[str, Any], *, before: Sequence[Message] = ()
    ) -> list[R]:
        """Run a statement as the scope's role, in its schema and company.

        What goes ``before`` it is of the same transaction and round trip; a lock taken there holds already
        when the statement looks at the rows, which no lock of its own would.
        """
        ...


class _Entering:
    """Enters a database for one company or for the platform, and says who acts."""

    __slots__ = ("_acting", "_company_id", "_entrance", "_platform", "actor")

    def __init__(
        self,
        entrance: Entrance,
        company_id: UUID | None,
        *,
        platform: bool = False,
        actor: Acting | None = None,
    ) -> None:
        self._entrance = entrance
        self._company_id = company_id
        self._platform = platform
        self.actor = actor
        self._acting = None if actor is None else actor.setting()

    @property
    def access(self) -> Access:
        """How the database is entered."""
        return self._entrance.access

    @property
    def engine(self) -> Any:
        """What connections come from."""
        return self._entrance.engine


class SingleCalls(_Entering):
    """Each call is its own transaction: prologue and statement in one pipeline, one round trip."""

    __slots__ = ()

    async def fetch(
        self, statement: Statement[R], parameters: Mapping[str, Any], *, before: Sequence[Message] = ()
    ) -> list[R]:
        """Run a statement and commit it.

        A write whose connection is lost or whose task is cancelled has an unknown outcome.
        """
        question = statement.message(parameters)
        entrance = self._entrance
        pooled = await entrance.acquire()
        try:
            line = await entrance.line(pooled)
            prologue = line.prologue(platform=self._platform)
            entering = prologue.single(self._company_id, statement.settings, actor=self._acting)
            records = await line.ask(question, [*entering, *before], prologue.end())
        except BaseException as error:  # noqa: BLE001  # an interrupted call leaves its connection behind too
            await entrance.fail(pooled, error)
        await entrance.wire.release(pooled)
        return statement.rows(records)


class Transaction(_Entering):
    """All calls share one transaction, from ``begin`` to ``end``; one call at a time.

    ``opening`` are commands that it begins with, in the same message: what kind of transaction it is.
    """

    __slots__ = ("_busy", "_opened", "_opening", "_savepoints")

    def __init__(
        self,
        entrance: Entrance,
        company_id: UUID | None,
        *,
        platform: bool = False,
        actor: Acting | None = None,
        opening: Sequence[str] = (),
    ) -> None:
        super().__init__(entrance, company_id, platform=platform, actor=actor)
        self._opening = opening
        self._busy = Lock()
        self._savepoints = 0
        self._opened: tuple[PoolProxiedConnection, Line] | None = None

    async def begin(self) -> None:
        """Take a connection and open the transaction, in one message."""
        if self._opened is not None:
            raise ScopeInUse
        entrance = self._entrance
        pooled = await entrance.acquire()
        try:
            line = await entrance.line(pooled)
            prologue = line.prologue(platform=self._platform)
            beginning = prologue.begin(self._company_id, actor=self._acting)
            await line.command("; ".join([beginning, *self._opening]))
        except BaseException as error:  # noqa: BLE001  # an interrupted call leaves its connection behind too
            await entrance.fail(pooled, error)
        self._opened = pooled, line

    async def fetch(
        self, statement: Statement[R], parameters: Mapping[str, Any], *, before: Sequence[Message] = ()
    ) -> list[R]:
        """Run a statement in the transaction; after one that failed only ``end`` or a savepoint helps."""
        question = statement.message(parameters)
        return statement.rows(await self._alone(lambda line: line.ask(question, before)))

    async def declare(self, cursor: str, statement: Statement[R], parameters: Mapping[str, Any]) -> None:
        """Have the server hold what a statement answers, for ``fetch_from`` to read in batches."""
        text, values = statement.message(parameters)
        declaration = f"DECLARE {cursor} NO SCROLL CURSOR FOR {text}", values
        await self._alone(lambda line: line.tell([declaration]))

    async def fetch_from(self, cursor: str, statement: Statement[R], rows: int) -> list[R]:
        """Read the next rows of a declared cursor, none at its end; in memory there are only these."""
        question = f"FETCH {rows} FROM {cursor}", ()
        return statement.rows(await self._alone(lambda line: line.ask(question)))

    async def copy_in(self, text: str, types: Sequence[str], rows: AsyncIterable[Sequence[Any]]) -> None:
        """Stream rows to a COPY FROM STDIN in the binary format, whose columns have these types.

        In memory there are a few at a time. What the rows themselves raise is raised as it is; after any
        failure only ``end`` or a savepoint helps.
        """
        await self._alone(lambda line: line.copy(text, types, rows))

    async def command(self, text: str) -> None:
        """Run texts that take no values and answer nothing."""
        await self._alone(lambda line: line.command(text))

    async def savepoint(self) -> str:
        """Mark a point to come back to."""
        self._savepoints += 1
        name = f"chatapp_{self._savepoints}"
        await self.command(f"SAVEPOINT {name}")
        return name

    async def end_savepoint(self, name: str, error: BaseException | None) -> None:
        """Keep what came after the point, or undo it."""
        if error is not None:
            await self.command(f"ROLLBACK TO SAVEPOINT {name}")
        await self.command(f"RELEASE SAVEPOINT {name}")

    async def end(self, error: BaseException | None) -> None:
        """Commit, or roll back for an error, and give the connection back.

        Raises TransactionRolledBack where a statement had failed and its error was swallowed.
        """
        pooled, line = self._open()
        self._opened = None
        if error is None:
            try:
                if await line.command("COMMIT") != "COMMIT":
                    raise TransactionRolledBack
            except BaseException as failure:  # noqa: BLE001  # an interrupted commit too
                await self._entrance.fail(pooled, failure)
        await self._entrance.give_back(pooled, error)

    async def _alone(self, speak: Callable[[Line], Awaitable[T]]) -> T:
        """Speak to the server while nobody else does."""
        _, line = self._open()
        if not self._busy.acquire(blocking=False):
            raise ScopeInUse
        try:
            return await speak(line)
        except RowsFailed as failed:
            raise failed.error from None
        except Exception as error:
            raise translate(error) from error
        finally:
            self._busy.release()

    def _open(self) -> tuple[PoolProxiedConnection, Line]:
        if self._opened is None:
            raise ScopeEnded
        return self._opened
