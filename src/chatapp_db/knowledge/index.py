"""The knowledge index: chunks in PostgreSQL, their vectors in a vector store, found by either.

PostgreSQL is the truth. A vector only points to a chunk, which is read under its company's condition; one
whose chunk is gone or has other content by now is passed over. So whatever a crash leaves between the two
can cost a hit, and never shows what was deleted or belongs to somebody else. No transaction is open while
the vector store is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any, Final
from uuid import UUID

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.repositories.border import as_company_id, as_id
from chatapp_db.repositories.knowledge import Chunk, KnowledgeOperations, SourceChunks, as_chunks
from chatapp_db.repositories.knowledge_chunks import KnowledgeChunkOperations
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.vectors import And, AsyncVectorStore, Eq, Filter, Point, Range, SearchHit, VectorStore
from chatapp_db.vectors.operations import VectorOperations
from chatapp_db.vectors.strictness import MAX_LIMIT, check_limit, check_vector

__all__ = ["AsyncKnowledgeIndex", "IndexOperations", "KnowledgeIndex", "ScoredChunk"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_MORE: Final = 4


@dataclass(slots=True)
class ScoredChunk:
    """A chunk that was found; the higher its score, the nearer."""

    chunk: KnowledgeChunkRow
    score: float


class IndexOperations:
    """What agents know, of every company; each call names one of them and sees no other.

    Any call can raise Unavailable or VectorStoreUnavailable, which may pass when tried again.
    """

    _db: Database | AsyncDatabase
    _store: VectorOperations

    @operation
    async def index(
        self,
        company_id: UUID | str,
        source_id: UUID,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]],
    ) -> list[KnowledgeChunkRow]:
        """Make these the chunks of a source, and these their vectors.

        The chunks are committed first; where the vectors then fail, calling again finishes. Of a chunk's
        metadata, the keys that the store declares can be filtered by.

        Raises NotFound for a source the company does not have, InvalidValue, and then nothing was stored.
        """
        company = as_company_id(company_id)
        passages = as_chunks(chunks)
        self._refuse_unfit(passages, vectors)
        knowledge = self._db.company(company).knowledge
        replaced = await KnowledgeOperations.replace_chunks(knowledge, source_id, passages)
        revision = _revision(replaced)
        points = (
            self._point(replaced, revision, chunk, vector)
            for chunk, vector in zip(replaced.chunks, vectors, strict=True)
        )
        await VectorOperations.upsert(self._store, company, points)
        older = And(Eq("source_id", source_id), Range("revision", lt=revision))
        await VectorOperations.delete(self._store, company, older)
        return replaced.chunks

    @operation
    async def search(
        self,
        company_id: UUID | str,
        vector: Sequence[float],
        k: int = 10,
        *,
        filter: Filter | None = None,
        min_score: float | None = None,
    ) -> list[ScoredChunk]:
        """Find the company's ``k`` chunks nearest to a vector, best first.

        The store is asked for a few more than that, since some may have been deleted or changed since.

        Raises InvalidValue, TenantIsolationError.
        """
        company = as_company_id(company_id)
        asked = min(ceil(1.5 * check_limit("k", k)) + 8, MAX_LIMIT)
        while True:
            hits = await VectorOperations.search(
                self._store, company, vector, asked, filter=filter, min_score=min_score
            )
            found = await self._hydrated(company, hits)
            if len(found) >= k or len(hits) < asked or asked == MAX_LIMIT:
                return found[:k]
            asked = min(_MORE * asked, MAX_LIMIT)

    @operation
    async def delete_source(self, company_id: UUID | str, source_id: UUID) -> None:
        """Delete a source with its chunks and their vectors.

        The vectors go first; where the rest then fails, calling again finishes.

        Raises NotFound for a source the company does not have.
        """
        company = as_company_id(company_id)
        await VectorOperations.delete_source(self._store, company, as_id("source_id", source_id))
        await KnowledgeOperations.delete(self._db.company(company).knowledge, source_id)

    def _refuse_unfit(self, passages: Sequence[Chunk], vectors: Sequence[Sequence[float]]) -> None:
        """Refuse what the store would, before anything is written."""
        if not hasattr(vectors, "__len__") or len(vectors) != len(passages):
            raise InvalidValue("vectors", "not one for each chunk")
        for vector in vectors:
            check_vector(vector, self._store.collection.dimension)
        for passage in passages:
            for name, value in self._meta(passage.get("metadata", {})).items():
                self._store.collection.keys.stored(name, value)

    def _point(
        self, replaced: SourceChunks, revision: int, chunk: KnowledgeChunkRow, vector: Sequence[float]
    ) -> Point:
        return Point(
            chunk_id=chunk.id,
            vector=vector,
            source_id=replaced.source_id,
            agent_id=replaced.agent_id,
            revision=revision,
            content_hash=chunk.content_hash,
            meta=self._meta(chunk.metadata),
        )

    def _meta(self, metadata: Any) -> dict[str, Any]:
        """Take what filters may name; a null is as good as nothing."""
        declared = self._store.collection.keys.declared
        return {name: metadata[name] for name in declared if metadata.get(name) is not None}

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


class KnowledgeIndex(Blocking, IndexOperations):
    """What agents know, blocking: over a Database and a VectorStore, whose closing is not its own matter."""

    def __init__(self, db: Database, store: VectorStore) -> None:
        self._db = db
        self._store = store


class AsyncKnowledgeIndex(Asyncio, IndexOperations):
    """What agents know, awaited: over an AsyncDatabase and an AsyncVectorStore."""

    def __init__(self, db: AsyncDatabase, store: AsyncVectorStore) -> None:
        self._db = db
        self._store = store


def _revision(replaced: SourceChunks) -> int:
    """Give a replacement its number: the store drops a vector that comes later than a newer one's."""
    return (replaced.replaced_at - _EPOCH) // _MICROSECOND
