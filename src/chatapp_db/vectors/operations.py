"""The operations of a vector store, each written once over whichever engine it holds."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeAlias

from chatapp_db.errors import InvalidValue, NotSupported
from chatapp_db.execution.operation import operation
from chatapp_db.vectors.engine import Capability, Collection, Comparison, PreparedQuery, Selection
from chatapp_db.vectors.filters import Eq, Filter, resolve
from chatapp_db.vectors.guard import GuardedEngine, Health
from chatapp_db.vectors.points import (
    Payload,
    Point,
    PointPage,
    PreparedPoint,
    SearchHit,
    StoredPoint,
    batches,
    prepare,
    read_hits,
    read_points,
)
from chatapp_db.vectors.query import MAX_BATCH_QUERIES, Query, prepare_query
from chatapp_db.vectors.sparse import SparseVector, check_sparse
from chatapp_db.vectors.strictness import (
    MAX_LIMIT,
    check_after,
    check_chunk_ids,
    check_company,
    check_limit,
    check_vector,
)

__all__ = ["Selector", "VectorOperations"]

Selector: TypeAlias = Sequence[uuid.UUID] | Filter
"""Chunks named by their ids, or by a filter; an empty one is refused."""

_PAGE: Final = 256


class VectorOperations:
    """The vectors of every company in one collection, reached one company at a time.

    Any call can raise VectorStoreUnavailable, which may pass when tried again, VectorStoreError,
    and InvalidValue for an argument, in which case nothing was sent.
    """

    def __init__(self, engine: GuardedEngine, collection: Collection) -> None:
        self._engine = engine
        self._collection = collection

    @property
    def collection(self) -> Collection:
        """What the store was made for: its dimension, and the keys that metadata may have."""
        return self._collection

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Say what the engine can of what not every engine can; anything else raises NotSupported."""
        return self._engine.capabilities

    @operation
    async def ensure_collection(self) -> None:
        """Create the collection with its indexes if it is absent, else compare it.

        Safe to run twice and from several processes at once. Raises CollectionMismatch, which
        lists every difference.
        """
        await self._engine.ensure()

    @operation
    async def compare_collection(self) -> Comparison:
        """Say in what the collection differs and what it lacks, and change nothing."""
        return await self._engine.compare()

    @operation
    async def upsert(self, company_id: uuid.UUID, points: Iterable[Point]) -> None:
        """Write points, each unless the store holds a higher revision of it.

        All points are checked before the first is sent; they travel in batches, so a failure
        half-way leaves the earlier batches written, and writing all again is safe. Raises
        InvalidReference for a chunk that does not exist, where the engine refers to chunks.
        """
        check_company(company_id)
        prepared = self._prepared(company_id, points)
        for batch in batches(prepared, self._engine.bytes_per_dimension):
            await self._engine.upsert(company_id, batch)

    @operation
    async def search(
        self,
        company_id: uuid.UUID,
        vector: Sequence[float],
        k: int = 10,
        *,
        filter: Filter | None = None,
        min_score: float | None = None,
        sparse: SparseVector | None = None,
        diversity: float | None = None,
    ) -> list[SearchHit]:
        """Find the company's ``k`` chunks nearest to a vector, best first; what else may be said, Query says.

        Raises NotSupported, and TenantIsolationError if the store answers with another company's point.
        """
        query = Query(vector, k, filter, min_score, sparse, diversity)
        [hits] = await VectorOperations.search_batch(self, company_id, [query])
        return hits

    @operation
    async def search_batch(self, company_id: uuid.UUID, queries: Sequence[Query]) -> list[list[SearchHit]]:
        """Answer several queries of one company, sixteen to a request, in the order given.

        Raises NotSupported, and TenantIsolationError if the store answers with another company's point.
        """
        check_company(company_id)
        prepared = [self._prepared_query(company_id, query) for query in queries]
        hits: list[list[SearchHit]] = []
        for start in range(0, len(prepared), MAX_BATCH_QUERIES):
            some = prepared[start : start + MAX_BATCH_QUERIES]
            answers = await self._engine.search(some)
            hits += [read_hits(company_id, found, self._collection.keys) for found in answers]
        return hits

    @operation
    async def retrieve(self, company_id: uuid.UUID, chunk_ids: Sequence[uuid.UUID]) -> list[StoredPoint]:
        """Look chunks up by id, in the order given; what the company does not have is left out."""
        points: dict[uuid.UUID, StoredPoint] = {}
        ids = check_chunk_ids(chunk_ids)
        for selection in self._by_id(company_id, ids):
            payloads, _ = await self._engine.scroll(selection, MAX_LIMIT, None)
            points |= {point.chunk_id: point for point in self._read(company_id, payloads)}
        return [points[chunk_id] for chunk_id in ids if chunk_id in points]

    @operation
    async def scroll(
        self,
        company_id: uuid.UUID,
        *,
        filter: Filter | None = None,
        limit: int = _PAGE,
        after: uuid.UUID | None = None,
    ) -> PointPage:
        """Read a page of the company's points; pass the page's ``after`` on to read the next."""
        selection = self._selection(company_id, filter)
        payloads, following = await self._engine.scroll(
            selection, check_limit("limit", limit), check_after(after)
        )
        return PointPage(self._read(company_id, payloads), following)

    @operation
    async def count(self, company_id: uuid.UUID, filter: Filter | None = None) -> int:
        """Count the company's points exactly."""
        return await self._engine.count(self._selection(company_id, filter))

    @operation
    async def delete(self, company_id: uuid.UUID, selector: Selector) -> None:
        """Delete the company's chunks by their ids or by a filter.

        An id of another company deletes nothing. An empty selector is refused: to an engine it
        can mean everything.
        """
        for selection in self._selections(company_id, selector):
            await self._engine.delete(selection)

    @operation
    async def delete_source(self, company_id: uuid.UUID, source_id: uuid.UUID) -> None:
        """Delete every chunk of a knowledge source."""
        await self._engine.delete(self._selection(company_id, Eq("source_id", source_id)))

    @operation
    async def health(self) -> Health:
        """Ask the engine how it does, within the timeout; that it cannot be reached is told, not raised."""
        return await self._engine.health()

    @operation
    async def close(self) -> None:
        """Give connections back; the points of a memory:// store are gone."""
        await self._engine.close()

    def _selection(self, company_id: uuid.UUID, filter: Filter | None) -> Selection:
        check_company(company_id)
        wanted = None if filter is None else resolve(filter, self._collection.keys)
        return Selection(company_id, filter=wanted)

    def _selections(self, company_id: uuid.UUID, selector: Selector) -> Iterable[Selection]:
        if isinstance(selector, Sequence):
            return list(self._by_id(company_id, check_chunk_ids(selector)))
        # None would resolve to the whole company; resolve() refuses it here.
        check_company(company_id)
        return [Selection(company_id, filter=resolve(selector, self._collection.keys))]

    def _by_id(self, company_id: uuid.UUID, chunk_ids: Sequence[uuid.UUID]) -> Iterator[Selection]:
        check_company(company_id)
        for start in range(0, len(chunk_ids), MAX_LIMIT):
            some = chunk_ids[start : start + MAX_LIMIT]
            yield Selection(company_id, chunk_ids=some)

    def _prepared_query(self, company_id: uuid.UUID, query: Query) -> PreparedQuery:
        prepared = prepare_query(company_id, query, self._collection, self._engine.largest_number)
        if prepared.diversity is not None:
            self._require("diversity")
        return prepared

    def _require(self, capability: Capability) -> None:
        if capability not in self._engine.capabilities:
            raise NotSupported(capability, self._engine.name)

    def _prepared_point(self, company_id: uuid.UUID, point: Point) -> PreparedPoint:
        collection = self._collection
        vector = check_vector(point.vector, collection.dimension, self._engine.largest_number)
        sparse = check_sparse(point.sparse, kept=collection.sparse)
        return prepare(company_id, point, vector, sparse, collection.keys)

    def _prepared(self, company_id: uuid.UUID, points: Iterable[Point]) -> list[PreparedPoint]:
        prepared: dict[uuid.UUID, PreparedPoint] = {}
        for point in points:
            one = self._prepared_point(company_id, point)
            if one.id in prepared:
                raise InvalidValue("points", f"chunk {point.chunk_id} appears twice")
            prepared[one.id] = one
        return list(prepared.values())

    def _read(self, company_id: uuid.UUID, payloads: Iterable[Payload | None]) -> list[StoredPoint]:
        return read_points(company_id, payloads, self._collection.keys)
