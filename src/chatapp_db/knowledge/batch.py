"""One batch of leased changes: what each comes to by the present state of its chunk, and how it ends."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import uniform
from time import monotonic
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from chatapp_db.errors import InvalidValue
from chatapp_db.knowledge.bisecting import MOST_ATTEMPTS, Outcome, bisected
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder, embedded
from chatapp_db.knowledge.points import as_point, unpacked
from chatapp_db.knowledge.stores import Store, Stores, awaited
from chatapp_db.repositories.embeddings.embedded_chunks import EmbeddedChunk
from chatapp_db.repositories.embeddings.outbox import LEASE_SECONDS
from chatapp_db.repositories.embeddings.vector_outbox import Claimed, Done, PutBack
from chatapp_db.schema import VectorChange
from chatapp_db.vectors.operations import VectorOperations

__all__ = ["Batch", "State", "pause_after"]

Key: TypeAlias = tuple[UUID, UUID]
_Item = TypeVar("_Item")

_TEXTS: Final = 64
_LONGEST_PAUSE: Final = 300.0
_FIRST_PAUSE: Final = 0.5
_PURGES: Final = {VectorChange.PURGE_SOURCE, VectorChange.PURGE_COMPANY}
_STILL_FILLED: Final = "the company still has chunks"


@dataclass(slots=True)
class State:
    """How the chunks of a batch are now: those there are, and the sources and companies that have some."""

    chunks: Mapping[Key, EmbeddedChunk]
    filled: set[Key]


@dataclass(slots=True)
class _Upsert:
    claimed: Claimed
    chunk: EmbeddedChunk
    vector: Sequence[float] | None


@dataclass(slots=True)
class Batch:
    """The changes that one lease is for, and what has become of them so far.

    No store is called any more once half of the lease is over: a call that hangs would outlive it.
    """

    stores: Stores
    done: list[Done] = field(default_factory=list[Done])
    back: list[PutBack] = field(default_factory=list[PutBack])
    _ends: float = field(default_factory=lambda: monotonic() + LEASE_SECONDS / 2)
    _down: dict[str, Exception] = field(default_factory=dict[str, Exception])

    async def work_off(self, claimed: Sequence[Claimed], state: State) -> None:
        """Tell each store what it has to know; an error of it ends in the rows, not here."""
        by_collection: dict[str, list[Claimed]] = defaultdict(list)
        for row in claimed:
            by_collection[row.collection_name].append(row)
        for collection, rows in by_collection.items():
            await self._tell(self.stores[collection], rows, state)

    def untouched(self, claimed: Sequence[Claimed]) -> list[Claimed]:
        """Give the changes that nothing has become of."""
        ended = {id(each.claimed) for each in self.done} | {id(each.claimed) for each in self.back}
        return [row for row in claimed if id(row) not in ended]

    async def _tell(self, store: Store, rows: Sequence[Claimed], state: State) -> None:
        purges = [row for row in rows if row.change in _PURGES]
        chunks = [row for row in rows if row.change not in _PURGES]
        there = [row for row in chunks if (row.company_id, row.subject_id) in state.chunks]
        gone = [row for row in chunks if (row.company_id, row.subject_id) not in state.chunks]
        for row in purges:
            await self._purge(store, row, state)
        for company_id, some in _by_company(gone, lambda row: row):
            await self._each(
                store, [some], partial(_delete, store, company_id), lambda row: row, stored=False
            )
        upserts = [
            _Upsert(row, chunk, _brought(row, chunk))
            for row in there
            for chunk in [state.chunks[row.company_id, row.subject_id]]
        ]
        await self._embed(store, [upsert for upsert in upserts if upsert.vector is None])
        ready = [upsert for upsert in upserts if upsert.vector is not None]
        for company_id, several in _by_company(ready, lambda upsert: upsert.claimed):
            act = partial(_upsert, store, company_id)
            await self._each(store, [several], act, lambda upsert: upsert.claimed, stored=True)

    async def _purge(self, store: Store, row: Claimed, state: State) -> None:
        """Delete what the source or the company had, unless there is something of it by now."""
        if (row.company_id, row.subject_id) not in state.filled:
            await self._each(store, [[row]], partial(_purge, store), lambda row: row, stored=False)
        elif row.change == VectorChange.PURGE_COMPANY:
            self._put_back(row, InvalidValue("company", _STILL_FILLED))
        else:
            self.done.append(Done(row, stored=False))

    async def _embed(self, store: Store, upserts: Sequence[_Upsert]) -> None:
        """Give each its vector; those that get none end here."""
        if not upserts:
            return
        model = upserts[0].claimed.model
        embedder = self.stores.embedder(model)
        if embedder is None:
            error = InvalidValue("embedder", f"there is none for {model!r}, and no vector was brought")
            for upsert in upserts:
                self._put_back(upsert.claimed, error)
            return
        pieces = [list(upserts[start : start + _TEXTS]) for start in range(0, len(upserts), _TEXTS)]
        act = partial(_embed, embedder, store.collection.dimension)
        outcome = await bisected(pieces, act, lambda upsert: upsert.claimed.attempts, self._has_time)
        self._note(outcome, lambda upsert: upsert.claimed)

    async def _each(
        self,
        store: Store,
        pieces: list[list[_Item]],
        act: Callable[[list[_Item]], Awaitable[object]],
        row: Callable[[_Item], Claimed],
        *,
        stored: bool,
    ) -> None:
        """Call a store; once it cannot be reached, it is not called again for this batch."""
        name = store.collection.name
        may_go_on = self._has_time if name not in self._down else lambda: False
        outcome = await bisected(pieces, act, lambda item: row(item).attempts, may_go_on)
        outcome.error = outcome.error or self._down.get(name)
        if outcome.error is not None:
            self._down[name] = outcome.error
        self._note(outcome, row)
        self.done += [Done(row(item), stored=stored) for item in outcome.passed]

    def _note(self, outcome: Outcome[_Item], row: Callable[[_Item], Claimed]) -> None:
        for item, error in outcome.refused:
            # Where others went through it is this one; alone, the store or the embedder may be to blame.
            dead = bool(outcome.passed) or row(item).attempts >= MOST_ATTEMPTS
            self._put_back(row(item), error, dead=dead)
        for item in outcome.waiting:
            self._put_back(row(item), outcome.error)

    def _put_back(self, row: Claimed, error: Exception | None, *, dead: bool = False) -> None:
        seconds = 0.0 if error is None else pause_after(error, row.attempts)
        words = None if error is None else f"{type(error).__name__}: {error}"[:2000].replace("\0", "")
        self.back.append(PutBack(row, seconds, words, dead))

    def _has_time(self) -> bool:
        return monotonic() < self._ends


def pause_after(error: Exception, attempts: int) -> float:
    """Say for how many seconds to wait after a failure: a part by chance, and no less than the store asks."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2.0 ** min(attempts, 20))
    asked: float | None = getattr(error, "retry_after", None)
    return max(uniform(longest / 2, longest), asked or 0.0)  # noqa: S311  # spreads workers out, hides nothing


def _brought(row: Claimed, chunk: EmbeddedChunk) -> list[float] | None:
    """Give the vector that the writer brought, if it is still of the chunk's content."""
    if row.embedding is None or row.content_hash != chunk.content_hash:
        return None
    return unpacked(row.embedding)


def _by_company(items: Sequence[_Item], row: Callable[[_Item], Claimed]) -> list[tuple[UUID, list[_Item]]]:
    companies: dict[UUID, list[_Item]] = defaultdict(list)
    for item in items:
        companies[row(item).company_id].append(item)
    return list(companies.items())


async def _embed(embedder: Embedder | AsyncEmbedder, dimension: int, upserts: Sequence[_Upsert]) -> None:
    vectors = await embedded(embedder, [upsert.chunk.content for upsert in upserts], dimension)
    for upsert, vector in zip(upserts, vectors, strict=True):
        upsert.vector = vector


async def _upsert(store: Store, company_id: UUID, upserts: Sequence[_Upsert]) -> None:
    points = [
        as_point(
            store,
            upsert.chunk,
            upsert.vector or (),
            source_id=upsert.chunk.source_id,
            agent_id=upsert.chunk.agent_id,
            revision=upsert.claimed.revision,
        )
        for upsert in upserts
    ]
    await VectorOperations.upsert(store, company_id, points)


async def _delete(store: Store, company_id: UUID, rows: Sequence[Claimed]) -> None:
    await VectorOperations.delete(store, company_id, [row.subject_id for row in rows])


async def _purge(store: Store, rows: Sequence[Claimed]) -> None:
    for row in rows:
        if row.change == VectorChange.PURGE_COMPANY:
            await awaited(store.admin().purge_company(row.company_id))
        else:
            await VectorOperations.delete_source(store, row.company_id, row.subject_id)
