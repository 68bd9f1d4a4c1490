"""Work across companies, kept apart from the store so that no tenant code path reaches it."""

from __future__ import annotations

import uuid

from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.vectors.engine import Collection, Selection
from chatapp_db.vectors.guard import GuardedEngine
from chatapp_db.vectors.points import read_points
from chatapp_db.vectors.strictness import MAX_LIMIT, check_company

__all__ = ["AsyncVectorAdmin", "VectorAdmin"]


class _AdminOperations:
    def __init__(self, engine: GuardedEngine, collection: Collection) -> None:
        self._engine = engine
        self._keys = collection.keys

    @operation
    async def count(self) -> int:
        """Count the points of all companies."""
        return await self._engine.count_all()

    @operation
    async def purge_company(self, company_id: uuid.UUID) -> int:
        """Delete everything a company has in the store, and say how many points that were.

        A thousand points at a time: each request is short however much there is, and after a failure
        calling again goes on.
        """
        everything = Selection(check_company(company_id))
        purged = 0
        while True:
            payloads, _ = await self._engine.scroll(everything, MAX_LIMIT, None)
            if not payloads:
                return purged
            chunk_ids = [point.chunk_id for point in read_points(company_id, payloads, self._keys)]
            await self._engine.delete(Selection(company_id, chunk_ids=chunk_ids))
            purged += len(chunk_ids)


class VectorAdmin(Blocking, _AdminOperations):
    """What the platform may do with the whole collection."""


class AsyncVectorAdmin(Asyncio, _AdminOperations):
    """What the platform may do with the whole collection, awaited."""
