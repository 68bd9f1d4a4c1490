"""Embedding anew, without downtime: a new set grows beside the one that is searched, then takes its place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from chatapp_db.errors import Conflict, NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.knowledge.reconciling import Reconciliation, ReconcilingOperations, companies_of
from chatapp_db.knowledge.stores import awaited
from chatapp_db.knowledge.syncing import Platform
from chatapp_db.repositories.embeddings.embedding_sets import (
    EmbeddingSetOperations,
    PlatformEmbeddingSetOperations,
)
from chatapp_db.repositories.embeddings.vector_outbox import PlatformVectorOutboxOperations
from chatapp_db.rows import EmbeddingSetRow
from chatapp_db.schema import EmbeddingSetStatus, VectorDistance
from chatapp_db.vectors.operations import VectorOperations

__all__ = ["DEFAULT_SET", "ReembeddingOperations"]

DEFAULT_SET: Final = "default"
_BATCH: Final = 1000


class ReembeddingOperations(ReconcilingOperations):
    """The embedding sets, and the one of each name that is searched."""

    @operation
    async def register(
        self, model: str, *, collection: str | None = None, name: str = DEFAULT_SET, backend: str = "default"
    ) -> EmbeddingSetRow:
        """Make a collection the set that is searched, and let every change of a chunk reach it from now on.

        For the first set of a name; call it at every start, it is idempotent. The collection is created if
        it is absent; without a name it is that of the only store. What was in the database before is queued
        by ``reconcile(fix=True)``.

        Raises Conflict where another collection is active, or it holds another model's vectors; InvalidValue,
        CollectionMismatch, VectorStoreUnavailable.
        """
        collection = self._stores.named(collection)
        await VectorOperations.ensure_collection(self._stores[collection])
        platform = await self._enter("register embedding set")
        found = await self._live(platform, collection)
        if found is None:
            return await self._add(
                platform,
                collection,
                model=model,
                name=name,
                backend=backend,
                status=EmbeddingSetStatus.ACTIVE,
            )
        if (found.model, found.name) != (model, name):
            raise Conflict("embedding_sets", f"{collection!r} is of {found.model!r} in {found.name!r}")
        return found

    @operation
    async def begin_reembedding(
        self,
        model: str,
        *,
        collection: str,
        name: str = DEFAULT_SET,
        backend: str = "default",
        tell: Callable[[Reconciliation], object] | None = None,
    ) -> EmbeddingSetRow:
        """Let a new set grow beside the active one: from now on every change reaches both.

        All chunks there are get queued for it, company by company, and ``tell`` is called after each; after
        an interruption the same call goes on. The worker embeds them.

        Raises Conflict where the collection is another model's, InvalidValue, CollectionMismatch,
        VectorStoreUnavailable.
        """
        await VectorOperations.ensure_collection(self._stores[collection])
        platform = await self._enter("begin embedding anew")
        found = await self._live(platform, collection)
        if found is None:
            found = await self._add(
                platform,
                collection,
                model=model,
                name=name,
                backend=backend,
                status=EmbeddingSetStatus.BUILDING,
            )
        elif (found.model, found.name, found.status) != (model, name, EmbeddingSetStatus.BUILDING):
            raise Conflict("embedding_sets", f"{collection!r} is {found.status}, of {found.model!r}")
        await self._reconcile(platform, found, None, fix=True, tell=tell)
        return found

    @operation
    async def switch(self, name: str = DEFAULT_SET) -> EmbeddingSetRow:
        """Let the set that has grown be searched; the one before stays, and is written, for ``rollback``.

        Raises Conflict while a change waits for it or is dead, or where it differs from PostgreSQL: then
        ``reconcile(fix=True)`` and the worker are to finish it first. NotFound where none grows.
        """
        platform = await self._enter("switch embedding sets")
        new = await self._latest(platform, name, EmbeddingSetStatus.BUILDING)
        report = await self._reconcile(platform, new, None, fix=False, tell=None)
        if not report.is_clean:
            raise Conflict("embedding_sets", f"{new.collection_name!r} is not complete: {report}")
        return await PlatformEmbeddingSetOperations.activate(platform.embedding_sets, new.id)

    @operation
    async def rollback(self, name: str = DEFAULT_SET) -> EmbeddingSetRow:
        """Let the set before be searched again; it was written all the while.

        Raises Conflict while a change waits for it or is dead, NotFound where there is none.
        """
        platform = await self._enter("switch embedding sets back")
        old = await self._latest(platform, name, EmbeddingSetStatus.RETIRING)
        return await PlatformEmbeddingSetOperations.activate(platform.embedding_sets, old.id)

    @operation
    async def drop(self, collection: str) -> EmbeddingSetRow:
        """Let a set be written no more, and delete its points, company by company.

        The collection itself is left, empty, to whoever keeps the store. After an interruption, points that
        are left are in nobody's way.

        Raises NotFound for a set that is not there, Conflict for the active one, InvalidValue.
        """
        store = self._stores[collection]
        platform = await self._enter("drop embedding set")
        found = await self._live(platform, collection)
        if found is None:
            raise NotFound("embedding set")
        if found.status == EmbeddingSetStatus.ACTIVE:
            raise Conflict("embedding_sets", f"{collection!r} is searched")
        dropped = await PlatformEmbeddingSetOperations.drop(platform.embedding_sets, found.id)
        while await PlatformVectorOutboxOperations.forget_set(platform.vector_outbox, found.id, _BATCH):
            pass
        for company in await companies_of(platform):
            await awaited(store.admin().purge_company(company))
        return dropped

    async def _add(
        self,
        platform: Platform,
        collection: str,
        *,
        model: str,
        name: str,
        backend: str,
        status: EmbeddingSetStatus,
    ) -> EmbeddingSetRow:
        layout = self._stores[collection].collection
        return await PlatformEmbeddingSetOperations.add(
            platform.embedding_sets,
            name,
            model=model,
            dimensions=layout.dimension,
            distance=VectorDistance(layout.distance),
            backend=backend,
            collection_name=collection,
            status=status,
        )

    async def _live(self, platform: Platform, collection: str) -> EmbeddingSetRow | None:
        sets = await EmbeddingSetOperations.live(platform.embedding_sets)
        return next((each for each in sets if each.collection_name == collection), None)

    async def _latest(self, platform: Platform, name: str, status: EmbeddingSetStatus) -> EmbeddingSetRow:
        sets = await EmbeddingSetOperations.live(platform.embedding_sets)
        found = [each for each in sets if (each.name, each.status) == (name, status)]
        if not found:
            raise NotFound(f"{status} embedding set")
        return found[-1]
