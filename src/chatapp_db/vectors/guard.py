"""What stands before an engine: it tries again, spares a server that is down, and tells who watches."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, cast

from chatapp_db.errors import ChatAppDbError, VectorStoreUnavailable
from chatapp_db.execution.watching import watcher
from chatapp_db.vectors.breaker import Breaker, CircuitState
from chatapp_db.vectors.engine import (
    Capability,
    Comparison,
    Description,
    Engine,
    Found,
    PreparedQuery,
    Selection,
)
from chatapp_db.vectors.points import Payload, PreparedPoint
from chatapp_db.vectors.retries import HastyEngine, Retries, Tally

__all__ = ["GuardedEngine", "Health", "Observe", "Outcome", "StoreCall"]

_LOG: Final = logging.getLogger(__name__)

Outcome: TypeAlias = Literal["ok", "refused", "unavailable", "circuit open", "interrupted"]


@dataclass(frozen=True, slots=True)
class StoreCall:
    """One call of an engine, for a metric: nothing in it names a company or repeats what was said.

    ``seconds`` include the waiting between tries; ``retries`` count the tries after the first.
    """

    engine: str
    operation: str
    outcome: Outcome
    seconds: float
    retries: int


Observe: TypeAlias = Callable[[StoreCall], None]
"""What is told of every call, in the thread or the event loop of its caller: it must not take long."""


@dataclass(frozen=True, slots=True)
class Health:
    """How an engine does. ``points`` may be an estimate, None says that there is no such collection."""

    reachable: bool
    engine: str
    version: str | None
    points: int | None
    seconds: float
    circuit: CircuitState
    problem: str | None


class GuardedEngine:
    """An Engine over another.

    A call that the server refuses as such is an answer, and says nothing against the server.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        observe: Observe | None,
        breaker: Breaker | None = None,
        retries: Retries | None = None,
    ) -> None:
        self.inner = engine
        self._observe = observe
        self._breaker = breaker
        self._retries = retries

    @property
    def name(self) -> str:
        """Name the engine."""
        return self.inner.name

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Say what it can of what not every engine can."""
        return self.inner.capabilities

    @property
    def bytes_per_dimension(self) -> int:
        """Say how much room one number of a vector takes in a request."""
        return self.inner.bytes_per_dimension

    @property
    def largest_number(self) -> float:
        """Say how large a number of a vector may be."""
        return self.inner.largest_number

    async def ensure(self) -> None:
        """Create the collection if it is absent, else compare it."""
        await self._call("ensure")

    async def compare(self) -> Comparison:
        """Compare the collection with what is expected, and change nothing."""
        compared: Comparison = await self._call("compare")
        return compared

    async def upsert(self, company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> None:
        """Write a batch of points."""
        await self._call("upsert", company_id, points)

    async def search(self, queries: Sequence[PreparedQuery]) -> list[Found]:
        """Answer queries of one company in one request."""
        found: list[Found] = await self._call("search", queries)
        return found

    async def scroll(
        self, selection: Selection, limit: int, after: uuid.UUID | None
    ) -> tuple[list[Payload | None], uuid.UUID | None]:
        """Read points in the order of their ids."""
        page: tuple[list[Payload | None], uuid.UUID | None]
        page = await self._call("scroll", selection, limit, after)
        return page

    async def count(self, selection: Selection) -> int:
        """Count exactly."""
        count: int = await self._call("count", selection)
        return count

    async def delete(self, selection: Selection) -> None:
        """Delete, and return once the points can no longer be found."""
        await self._call("delete", selection)

    async def count_all(self) -> int:
        """Count the points of all companies."""
        count: int = await self._call("count_all")
        return count

    async def health(self) -> Health:
        """Ask the engine how it does, once and in any case; that it fails is told, not raised."""
        began = time.monotonic()
        description, reachable = Description(), True
        try:
            with self._watched("describe") as tally, self._passage(forced=True):
                tally.tries = 1
                description = await self.inner.describe()
        except ChatAppDbError as error:
            description = Description(problem=str(error))
            reachable = not isinstance(error, VectorStoreUnavailable)
        return Health(
            reachable=reachable,
            engine=self.name,
            version=description.version,
            points=description.points,
            seconds=time.monotonic() - began,
            circuit="closed" if self._breaker is None else self._breaker.state,
            problem=description.problem,
        )

    async def close(self) -> None:
        """Give connections back."""
        await self.inner.close()

    async def _call(self, operation: str, *arguments: Any) -> Any:
        with self._watched(operation) as tally, self._passage():
            if self._retries is None:
                tally.tries = 1
                return await getattr(self.inner, operation)(*arguments)
            return await self._retries.run(cast("HastyEngine", self.inner), operation, arguments, tally)

    def _passage(self, *, forced: bool = False) -> AbstractContextManager[None]:
        return nullcontext() if self._breaker is None else self._breaker.passage(forced=forced)

    @contextmanager
    def _watched(self, operation: str) -> Generator[Tally]:
        began, tally = time.monotonic(), Tally()
        outcome: Outcome = "ok"
        try:
            yield tally
        except BaseException as error:
            outcome = _outcome(error, tally)
            raise
        finally:
            if observers := self._observers():
                seconds, retries = time.monotonic() - began, max(0, tally.tries - 1)
                call = StoreCall(self.name, operation, outcome, seconds, retries)
                for observe in observers:
                    _tell(observe, call)

    def _observers(self) -> list[Observe]:
        watching = watcher()
        ours = None if watching is None else watching.stored
        return [observe for observe in (self._observe, ours) if observe is not None]


def _tell(observe: Observe, call: StoreCall) -> None:
    try:
        observe(call)
    except Exception:  # noqa: BLE001  # who watches must not be able to fail what is watched
        _LOG.exception("the observer of the vector store failed")


def _outcome(error: BaseException, tally: Tally) -> Outcome:
    match error:
        case VectorStoreUnavailable():
            return "unavailable" if tally.tries else "circuit open"
        case ChatAppDbError():
            return "refused"
        case _:
            return "interrupted"
