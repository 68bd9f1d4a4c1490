"""Writing what agents know: chunks in PostgreSQL, and their vectors as soon as they are committed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from uuid import UUID

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.errors import InvalidValue, NotFound, VectorStoreError
from chatapp_db.execution.operation import operation
from chatapp_db.knowledge.points import as_point, declared, packed
from chatapp_db.repositories.border import as_company_id, as_id
from chatapp_db.repositories.embeddings.embedding_sets import EmbeddingSetOperations
from chatapp_db.repositories.knowledge.knowledge import (
    Brought,
    Chunk,
    KnowledgeOperations,
    SourceChunks,
    as_chunks,
)
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.vectors import And, Eq, Range
from chatapp_db.vectors.operations import VectorOperations
from chatapp_db.vectors.strictness import check_vector

__all__ = ["WritingOperations"]

log = logging.getLogger("chatapp_db.knowledge")


class WritingOperations:
    """What agents know, written.

    Any call can raise Unavailable, which may pass when tried again.
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
        """Make these the chunks of a source, and these their vectors: ``add_chunks`` with vectors at hand.

        Raises NotFound for a source the company does not have, InvalidValue, and then nothing was stored;
        VectorStoreUnavailable.
        """
        if not hasattr(vectors, "__len__"):
            raise InvalidValue("vectors", "not one for each chunk")
        return await WritingOperations.add_chunks(self, company_id, source_id, chunks, vectors)

    @operation
    async def add_chunks(
        self,
        company_id: UUID | str,
        source_id: UUID,
        chunks: Sequence[Chunk],
        vectors: Sequence[Sequence[float]] | None = None,
    ) -> list[KnowledgeChunkRow]:
        """Make these the chunks of a source.

        With vectors, they are found at once. Without, a worker embeds those whose content is new
        (``Embeddings.sync_vectors``). Of a chunk's metadata, the keys that the store declares can be filtered
        by.

        The chunks are committed first, in one statement with a line for each embedding set of what it has to
        hear of. So where the process or the store then fails, the worker finishes. Without an embedding set,
        nobody does: the store's error is raised, and calling again finishes.

        Raises NotFound for a source the company does not have, InvalidValue, and then nothing was stored;
        VectorStoreError.
        """
        company = as_company_id(company_id)
        passages = as_chunks(chunks)
        self._refuse_unfit(passages, vectors)
        knowledge = self._db.company(company).knowledge
        if vectors is None:
            return (await KnowledgeOperations.replace_chunks(knowledge, source_id, passages)).chunks
        brought = Brought(self._store.collection.name, [packed(vector) for vector in vectors])
        replaced = await KnowledgeOperations.replace_chunks(knowledge, source_id, passages, brought=brought)
        try:
            await self._put(company, replaced, vectors)
        except VectorStoreError as error:
            if not error.retryable or replaced.leased_set_id is None:
                raise
            log.warning("the vectors of source %s wait for a worker: %s", source_id, error)
        else:
            if replaced.leased_set_id is not None:
                await KnowledgeOperations.vectors_stored(knowledge, replaced)
        return replaced.chunks

    @operation
    async def delete_source(self, company_id: UUID | str, source_id: UUID) -> None:
        """Delete a source with its chunks and their vectors.

        From the moment the database has committed, nobody finds them. Where the store then fails, a worker
        deletes the vectors; without an embedding set its error is raised, and calling again deletes them,
        before it raises NotFound.

        Raises NotFound for a source the company does not have, VectorStoreError.
        """
        company = as_company_id(company_id)
        scope = self._db.company(company)
        try:
            await KnowledgeOperations.delete(scope.knowledge, as_id("source_id", source_id))
        except NotFound:
            await VectorOperations.delete_source(self._store, company, source_id)
            raise
        try:
            await VectorOperations.delete_source(self._store, company, source_id)
        except VectorStoreError as error:
            live = await EmbeddingSetOperations.live(scope.embedding_sets)
            if self._store.collection.name not in {each.collection_name for each in live}:
                raise
            log.warning("the vectors of deleted source %s wait for a worker: %s", source_id, error)

    async def _put(self, company: UUID, replaced: SourceChunks, vectors: Sequence[Sequence[float]]) -> None:
        points = (
            as_point(
                self._store,
                chunk,
                vector,
                source_id=replaced.source_id,
                agent_id=replaced.agent_id,
                revision=replaced.revision,
            )
            for chunk, vector in zip(replaced.chunks, vectors, strict=True)
        )
        await VectorOperations.upsert(self._store, company, points)
        older = And(Eq("source_id", replaced.source_id), Range("revision", lt=replaced.revision))
        await VectorOperations.delete(self._store, company, older)

    def _refuse_unfit(self, passages: Sequence[Chunk], vectors: Sequence[Sequence[float]] | None) -> None:
        """Refuse what the store would, before anything is written."""
        if vectors is not None:
            if not hasattr(vectors, "__len__") or len(vectors) != len(passages):
                raise InvalidValue("vectors", "not one for each chunk")
            for vector in vectors:
                check_vector(vector, self._store.collection.dimension)
        for passage in passages:
            for name, value in declared(self._store, passage.get("metadata", {})).items():
                self._store.collection.keys.stored(name, value)
