"""Searching what agents know: the nearest vectors, read as chunks from PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final, Literal, TypeAlias, get_args
from uuid import UUID

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import InvalidValue, VectorStoreUnavailable
from chatapp_db.execution.operation import operation
from chatapp_db.execution.watching import watcher
from chatapp_db.knowledge.degraded import matching, refuse_unanswerable, words_of
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder, embedded
from chatapp_db.repositories.border import as_company_id, as_id
from chatapp_db.repositories.knowledge.knowledge_chunks import KnowledgeChunkOperations
from chatapp_db.repositories.paging import LIMITS
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.vectors import And, Eq, Exists, Filter, Not, Or, SearchHit
from chatapp_db.vectors.operations import VectorOperations
from chatapp_db.vectors.strictness import MAX_LIMIT, check_limit, check_score

__all__ = ["Fallback", "ScoredChunk", "SearchResult", "SearchingOperations", "Stale"]

Stale: TypeAlias = Literal["drop", "allow"]
"""What becomes of a chunk whose content is no longer what its vector was made of."""

Fallback: TypeAlias = Literal["keyword"]
"""What answers while the vector store is unavailable."""

_MORE: Final = 4


@dataclass(slots=True)
class ScoredChunk:
    """A chunk that was found; the higher its score, the nearer.

    In a degraded result the score tells the place alone: 1, 1/2, 1/3.
    """

    chunk: KnowledgeChunkRow
    score: float


class SearchResult(list[ScoredChunk]):
    """The chunks that were found, best first; ``degraded`` where they were found by their words instead."""

    def __init__(self, found: Iterable[ScoredChunk] = (), *, degraded: bool = False) -> None:
        super().__init__(found)
        self.degraded = degraded


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a search may give.

    Raises InvalidValue.
    """

    company: UUID
    k: int
    agent_id: UUID | None
    filter: Filter | None
    min_score: float | None
    stale: Stale
    diversity: float | None

    def __post_init__(self) -> None:
        check_limit("k", self.k)
        if self.agent_id is not None:
            as_id("agent_id", self.agent_id)
        check_score(self.min_score)
        _one_of("stale", self.stale, Stale)

    @property
    def of_store(self) -> Filter | None:
        """Narrow the caller's filter to what the agent answers from."""
        if self.agent_id is None:
            return self.filter
        theirs = Or(Eq("agent_id", self.agent_id), Not(Exists("agent_id")))
        return theirs if self.filter is None else And(theirs, self.filter)


class SearchingOperations:
    """What agents know, found again.

    Any call can raise Unavailable or VectorStoreUnavailable, which may pass when tried again.
    """

    _db: Database | AsyncDatabase
    _store: VectorOperations
    _embedder: Embedder | AsyncEmbedder | None

    @operation
    async def search(
        self,
        company_id: UUID | str,
        query: str | Sequence[float],
        k: int = 10,
        *,
        agent_id: UUID | None = None,
        filter: Filter | None = None,
        min_score: float | None = None,
        stale: Stale = "drop",
        diversity: float | None = None,
        fallback: Fallback | None = None,
    ) -> SearchResult:
        """Find the company's ``k`` chunks nearest to a text or to a vector, best first.

        A text is embedded by the index's embedder. Of an agent, only what it answers from is found: its own
        sources and the whole company's. A chunk whose content changed since its vector was made is passed
        over, or with ``stale="allow"`` given as it is now; one that was deleted is never given.
        ``diversity``, from 0 to 1, prefers chunks that are unlike those before them.

        A store that is unavailable raises VectorStoreUnavailable; with ``fallback="keyword"`` the chunks with
        the telling words of the text are found instead, the result says that it is ``degraded``, and
        ``min_score`` and ``diversity``, which are about vectors, do not count.

        Raises NotSupported where the store's engine has no diversity, InvalidValue, also for a text where the
        index has no embedder, TenantIsolationError.
        """
        company = as_company_id(company_id)
        wanted = _Wanted(company, k, agent_id, filter, min_score, stale, diversity)
        if fallback is not None:
            _one_of("fallback", fallback, Fallback)
            refuse_unanswerable(query, filter, self._store.collection.keys)
        try:
            return SearchResult(await self._nearest(wanted, await self._vector(query)))
        except VectorStoreUnavailable:
            if fallback is None:
                raise
        return SearchResult(await self._by_words(wanted, str(query)), degraded=True)

    async def _vector(self, query: str | Sequence[float]) -> Sequence[float]:
        if not isinstance(query, str):
            return query
        if self._embedder is None:
            raise InvalidValue("query", "a text needs an embedder: KnowledgeIndex(db, store, embedder=..)")
        (vector,) = await embedded(self._embedder, [query], self._store.collection.dimension)
        return vector

    async def _nearest(self, wanted: _Wanted, vector: Sequence[float]) -> list[ScoredChunk]:
        """Ask the store for a few more than wanted, since some may have been deleted or changed since."""
        asked = min(ceil(1.5 * wanted.k) + 8, MAX_LIMIT)
        while True:
            hits = await VectorOperations.search(
                self._store,
                wanted.company,
                vector,
                asked,
                filter=wanted.of_store,
                min_score=wanted.min_score,
                diversity=wanted.diversity,
            )
            found = await self._hydrated(wanted, hits)
            if len(found) >= wanted.k or len(hits) < asked or asked == MAX_LIMIT:
                return found[: wanted.k]
            asked = min(_MORE * asked, MAX_LIMIT)

    async def _hydrated(self, wanted: _Wanted, hits: Sequence[SearchHit]) -> list[ScoredChunk]:
        """Read the chunks that were hit, and keep those that the vector may still stand for."""
        if not hits:
            return []
        chunks = self._db.company(wanted.company).knowledge_chunks
        ids = [hit.chunk_id for hit in hits]
        rows = await KnowledgeChunkOperations.by_ids(chunks, ids, agent_id=wanted.agent_id)
        by_id = {row.id: row for row in rows}
        pairs = ((by_id.get(hit.chunk_id), hit) for hit in hits)
        found = [
            ScoredChunk(row, hit.score)
            for row, hit in pairs
            if row is not None and (wanted.stale == "allow" or row.content_hash == hit.content_hash)
        ]
        if len(found) < len(hits) and (watching := watcher()) is not None:
            watching.stale(len(hits) - len(found))
        return found

    async def _by_words(self, wanted: _Wanted, question: str) -> list[ScoredChunk]:
        words = words_of(question)
        if not words:
            return []
        chunks = self._db.company(wanted.company).knowledge_chunks
        limit = LIMITS[-1] if wanted.filter is not None else min(wanted.k, LIMITS[-1])
        rows = await KnowledgeChunkOperations.keyword_search(
            chunks, words, agent_id=wanted.agent_id, limit=limit
        )
        found = matching(rows, wanted.filter, self._store.collection.keys)[: wanted.k]
        return [ScoredChunk(row, 1 / place) for place, row in enumerate(found, start=1)]


def _one_of(field: str, value: object, allowed: object) -> None:
    """Refuse what is none of a Literal's, at run time too."""
    if value not in get_args(allowed):
        raise InvalidValue(field, f"must be one of {', '.join(get_args(allowed))}")
