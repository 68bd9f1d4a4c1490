"""The worker that brings waiting changes to the vector stores."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import UUID

from uuid_utils.compat import uuid7

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import ChatAppDbError, InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.watching import Lag, watcher
from chatapp_db.knowledge.batch import Batch, State, pause_after
from chatapp_db.knowledge.stores import Stores, awaited
from chatapp_db.repositories.embeddings.backlog import Backlog
from chatapp_db.repositories.embeddings.embedded_chunks import PlatformChunkOperations
from chatapp_db.repositories.embeddings.vector_outbox import (
    Claimed,
    Done,
    PlatformVectorOutboxOperations,
    PutBack,
)
from chatapp_db.schema import VectorChange
from chatapp_db.scopes import AsyncPlatformScope, PlatformScope

__all__ = ["Platform", "Stop", "SyncReport", "SyncingOperations"]

log = logging.getLogger("chatapp_db.knowledge")

_MOST: Final = 1000
_FINISHES: Final = 3
_MOMENT: Final = 0.05
_BATCHES_UNTOLD: Final = 20
_FILLED: Final = {VectorChange.PURGE_SOURCE, VectorChange.PURGE_COMPANY}

Platform = PlatformScope | AsyncPlatformScope


class Stop(Protocol):
    """What asks a worker to stop: an Event of threading, or of asyncio for an awaited worker."""

    def is_set(self) -> bool:
        """Tell whether it does."""
        ...


@dataclass(slots=True)
class SyncReport:
    """What a worker has done: changes by what became of them, and the batches that they came in."""

    stored: int = 0
    deleted: int = 0
    postponed: int = 0
    dead: int = 0
    batches: int = 0

    def add(self, batch: Batch) -> None:
        """Count a batch."""
        self.stored += sum(done.stored for done in batch.done)
        self.deleted += sum(not done.stored for done in batch.done)
        self.postponed += sum(not back.dead for back in batch.back)
        self.dead += sum(back.dead for back in batch.back)
        self.batches += 1


class SyncingOperations:
    """The waiting changes of all companies, brought to the stores."""

    _db: Database | AsyncDatabase
    _stores: Stores

    async def _pause(self, seconds: float, stop: Any) -> None:
        """Wait, but no longer than until the worker is to stop."""
        raise NotImplementedError

    async def _enter(self, reason: str) -> Platform:
        return await awaited(self._db.platform_calls(reason))

    @operation
    async def sync_vectors(
        self,
        *,
        poll: float | None = None,
        stop: Stop | None = None,
        batch_size: int = 256,
        tell: Callable[[SyncReport], object] | None = None,
    ) -> SyncReport:
        """Bring every change that is due to its store; with ``poll``, look again every so many seconds.

        Any number of workers share the work. Each takes up to ``batch_size`` changes at a time, by a lease
        that ends by itself should the worker die. What a chunk is by then is what is stored. A store or an
        embedder that fails has its changes tried again after a pause; a change that alone is refused is
        dead, until ``retry_dead``. After each batch ``tell`` is called with what was done so far, and the
        worker leaves if ``stop`` is set. For ever means through outages of the database, too.

        Raises InvalidValue; without ``poll`` also Unavailable.
        """
        if type(batch_size) is not int or not 1 <= batch_size <= _MOST:
            raise InvalidValue("batch_size", f"not a number from 1 to {_MOST}")
        report, failures = SyncReport(), 0
        platform: Platform | None = None
        while stop is None or not stop.is_set():
            try:
                platform = platform or await self._enter("sync vectors")
                worked = await self._next(platform, batch_size, report)
                failures = 0
            except ChatAppDbError as error:
                if poll is None or not error.retryable:
                    raise
                failures += 1
                log.warning("the database is not to be had, the worker waits: %s", error)
                await self._pause(pause_after(error, failures), stop)
                continue
            if worked and tell is not None:
                tell(report)
            if not worked and poll is None:
                break
            if not worked:
                await self._pause(poll or 0.0, stop)
        return report

    @operation
    async def retry_dead(self) -> int:
        """Have every dead change tried again, and say how many there are."""
        platform = await self._enter("retry dead vectors")
        return await PlatformVectorOutboxOperations.retry_dead(platform.vector_outbox)

    @operation
    async def backlog(self) -> list[Backlog]:
        """Say for each set that is written how many changes wait, since when, and how many are dead."""
        platform = await self._enter("look at waiting vectors")
        return await PlatformVectorOutboxOperations.backlog(platform.vector_outbox)

    async def _tell_lag(self, platform: Platform) -> None:
        """Count what waits, where somebody watches."""
        if (watching := watcher()) is not None:
            sets = await PlatformVectorOutboxOperations.backlog(platform.vector_outbox)
            watching.lagging(
                [Lag(f"{one.name}.{one.version}", one.waiting, one.dead, one.oldest_at) for one in sets]
            )

    async def _next(self, platform: Platform, size: int, report: SyncReport) -> bool:
        """Work one batch off; no transaction is open while a store is called. Say whether there was one."""
        token, outbox = uuid7(), platform.vector_outbox
        claimed = await PlatformVectorOutboxOperations.claim(outbox, self._stores.collections, token, size)
        if not claimed or report.batches % _BATCHES_UNTOLD == 0:
            await self._tell_lag(platform)
        if not claimed:
            return False
        batch = Batch(self._stores)
        try:
            await batch.work_off(claimed, await self._state(platform, claimed))
        except Exception as error:
            rest = batch.untouched(claimed)
            batch.back += [PutBack(row, pause_after(error, row.attempts), str(error)) for row in rest]
            raise
        finally:
            await self._finish(platform, batch, token)
            report.add(batch)
        return True

    async def _state(self, platform: Platform, claimed: Sequence[Claimed]) -> State:
        """Read the chunks once they are claimed: what changes from now on comes with a change of its own."""
        chunks = platform.knowledge_chunks
        purges = [row for row in claimed if row.change in _FILLED]
        rest = [row for row in claimed if row.change not in _FILLED]
        current = await PlatformChunkOperations.current(chunks, _keys(rest)) if rest else []
        filled = await PlatformChunkOperations.filled(chunks, _keys(purges)) if purges else []
        by_key = {(chunk.company_id, chunk.id): chunk for chunk in current}
        return State(by_key, {(key.company_id, key.id) for key in filled})

    async def _finish(self, platform: Platform, batch: Batch, token: UUID) -> None:
        """End all leases; what a writer holds is asked for again, and then left to the end of the lease."""
        outbox = platform.vector_outbox
        done: list[Done] = batch.done
        back: list[PutBack] = batch.back
        for _ in range(_FINISHES):
            if done:
                ended = set(await PlatformVectorOutboxOperations.end(outbox, done, token))
                done = [each for each in done if each.claimed.subject_id not in ended]
            if back:
                ended = set(await PlatformVectorOutboxOperations.put_back(outbox, back, token))
                back = [each for each in back if each.claimed.subject_id not in ended]
            if not (done or back):
                return
            await self._pause(_MOMENT, None)


def _keys(rows: Sequence[Claimed]) -> list[tuple[UUID, UUID]]:
    return [(row.company_id, row.subject_id) for row in rows]
