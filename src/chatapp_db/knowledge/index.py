"""The knowledge index: chunks in PostgreSQL, their vectors in a vector store, found by either.

PostgreSQL is the truth. A vector only points to a chunk, which is read under its company's condition; one
whose chunk is gone or has other content by now is passed over. So whatever a crash leaves between the two
can cost a hit, and never shows what was deleted or belongs to somebody else. No transaction is open while
the vector store is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder
from chatapp_db.knowledge.searching import SearchingOperations
from chatapp_db.repositories.border import as_company_id, as_id
from chatapp_db.repositories.knowledge import Chunk, KnowledgeOperations, SourceChunks, as_chunks
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.vectors import And, AsyncVectorStore, Eq, Point, Range, VectorStore
from chatapp_db.vectors.operations import VectorOperations
from chatapp_db.vectors.strictness import check_vector

__all__ = ["AsyncKnowledgeIndex", "IndexOperations", "KnowledgeIndex"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class IndexOperations(SearchingOperations):
    """What agents know, of every company; each call names one of them and sees no other.

    Any call can raise Unavailable or VectorStoreUnavailable, which may pass when tried again.
    """

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


class KnowledgeIndex(Blocking, IndexOperations):
    """What agents know, blocking: over a Database and a VectorStore, whose closing is not its own matter."""

    def __init__(self, db: Database, store: VectorStore, *, embedder: Embedder | None = None) -> None:
        self._db = db
        self._store = store
        self._embedder = embedder


class AsyncKnowledgeIndex(Asyncio, IndexOperations):
    """What agents know, awaited: over an AsyncDatabase and an AsyncVectorStore."""

    def __init__(
        self, db: AsyncDatabase, store: AsyncVectorStore, *, embedder: AsyncEmbedder | None = None
    ) -> None:
        self._db = db
        self._store = store
        self._embedder = embedder


def _revision(replaced: SourceChunks) -> int:
    """Give a replacement its number: the store drops a vector that comes later than a newer one's."""
    return (replaced.replaced_at - _EPOCH) // _MICROSECOND
