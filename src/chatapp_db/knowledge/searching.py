"""Searching what agents know: the nearest vectors, read as chunks from PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Final
from uuid import UUID

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder, embedded
from chatapp_db.repositories.border import as_company_id
from chatapp_db.repositories.knowledge_chunks import KnowledgeChunkOperations
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.vectors import Filter, SearchHit
from chatapp_db.vectors.operations import VectorOperations
from chatapp_db.vectors.strictness import MAX_LIMIT, check_limit

__all__ = ["ScoredChunk", "SearchingOperations"]

_MORE: Final = 4


@dataclass(slots=True)
class ScoredChunk:
    """A chunk that was found; the higher its score, the nearer."""

    chunk: KnowledgeChunkRow
    score: float


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
        filter: Filter | None = None,
        min_score: float | None = None,
    ) -> list[ScoredChunk]:
        """Find the company's ``k`` chunks nearest to a text or to a vector, best first.

        A text is embedded by the index's embedder. The store is asked for a few more than ``k``, since some
        may have been deleted or changed since.

        Raises InvalidValue, also for a text where the index has no embedder, TenantIsolationError.
        """
        company = as_company_id(company_id)
        vector = await self._vector(query)
        asked = min(ceil(1.5 * check_limit("k", k)) + 8, MAX_LIMIT)
        while True:
            hits = await VectorOperations.search(
                self._store, company, vector, asked, filter=filter, min_score=min_score
            )
            found = await self._hydrated(company, hits)
            if len(found) >= k or len(hits) < asked or asked == MAX_LIMIT:
                return found[:k]
            asked = min(_MORE * asked, MAX_LIMIT)

    async def _vector(self, query: str | Sequence[float]) -> Sequence[float]:
        if not isinstance(query, str):
            return query
        if self._embedder is None:
            raise InvalidValue("query", "a text needs an embedder: KnowledgeIndex(db, store, embedder=..)")
        (vector,) = await embedded(self._embedder, [query], self._store.collection.dimension)
        return vector

    async def _hydrated(self, company: UUID, hits: Sequence[SearchHit]) -> list[ScoredChunk]:
        """Read the chunks that were hit, and keep those whose content the vector was made of."""
        if not hits:
            return []
        chunks = self._db.company(company).knowledge_chunks
        rows = await KnowledgeChunkOperations.by_ids(chunks, [hit.chunk_id for hit in hits])
        by_id = {row.id: row for row in rows}
        pairs = ((by_id.get(hit.chunk_id), hit) for hit in hits)
        return [
            ScoredChunk(row, hit.score)
            for row, hit in pairs
            if row is not None and row.content_hash == hit.content_hash
        ]
