"""Work across companies, kept apart from the store so that no tenant code path reaches it."""

from __future__ import annotations

import uuid

from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.vectors.engine import Engine, Selection
from chatapp_db.vectors.strictness import check_company

__all__ = ["AsyncVectorAdmin", "VectorAdmin"]


class _AdminOperations:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @operation
    async def count(self) -> int:
        """Count the points of all companies."""
        return await self._engine.count_all()

    @operation
    async def purge_company(self, company_id: uuid.UUID) -> int:
        """Delete everything a company has in the store, and say how many points that were."""
        everything = Selection(check_company(company_id))
        count = await self._engine.count(everything)
        await self._engine.delete(everything)
        return count


class VectorAdmin(Blocking, _AdminOperations):
    """What the platform may do with the whole collection."""


class AsyncVectorAdmin(Asyncio, _AdminOperations):
    """What the platform may do with the whole collection, awaited."""
