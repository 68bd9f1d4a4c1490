"""Reconciling: PostgreSQL and a vector store compared chunk by chunk, in both directions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar
from uuid import UUID

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.knowledge.points import declared
from chatapp_db.knowledge.stores import Store
from chatapp_db.knowledge.syncing import Platform, SyncingOperations
from chatapp_db.repositories.border import as_company_id
from chatapp_db.repositories.companies.companies import PlatformCompanyOperations
from chatapp_db.repositories.embeddings.embedded_chunks import EmbeddedChunk, PlatformChunkOperations
from chatapp_db.repositories.embeddings.embedding_sets import EmbeddingSetOperations
from chatapp_db.repositories.embeddings.vector_outbox import PlatformVectorOutboxOperations
from chatapp_db.rows import EmbeddingSetRow
from chatapp_db.schema import VectorChange
from chatapp_db.vectors import StoredPoint
from chatapp_db.vectors.operations import VectorOperations

__all__ = ["Reconciliation", "ReconcilingOperations", "companies_of"]

_PAGE: Final = 500
_NIL: Final = UUID(int=0)

_After = TypeVar("_After")
_Seen: TypeAlias = tuple[set[UUID], set[UUID], UUID | None]
"""Two kinds of difference on a page, and what the next page begins after."""


@dataclass(slots=True)
class Reconciliation:
    """In what a store and PostgreSQL differ, in chunks; changes that wait are no difference.

    ``missing`` have no vector, ``stale`` one of other content, agent or metadata, ``orphan`` is a vector
    without a chunk. ``ahead`` is one of a revision that PostgreSQL has yet to give out, as after a restore
    of an earlier state: the store would take no change of it. ``queued`` were queued to be mended.
    The text of it names the differences.
    """

    collection_name: str
    companies: int = 0
    missing: int = 0
    stale: int = 0
    orphan: int = 0
    ahead: int = 0
    queued: int = 0

    @property
    def is_clean(self) -> bool:
        """Tell whether there was no difference."""
        return not (self.missing or self.stale or self.orphan or self.ahead)

    def __str__(self) -> str:
        return f"{self.missing:,} missing, {self.stale:,} stale, {self.orphan:,} orphan, {self.ahead:,} ahead"


@dataclass(slots=True)
class _Comparison:
    """One company's chunks, compared with one store."""

    platform: Platform
    store: Store
    set_id: UUID
    company_id: UUID

    async def absent(self, after: UUID) -> _Seen:
        """Name the chunks of a page that the store lacks, those it has otherwise, and the last of all."""
        chunks = await PlatformChunkOperations.settled(
            self.platform.knowledge_chunks, self.set_id, self.company_id, after, _PAGE
        )
        if not chunks:
            return set(), set(), None
        stored = await VectorOperations.retrieve(self.store, self.company_id, [each.id for each in chunks])
        points = {point.chunk_id: point for point in stored}
        missing = {chunk.id for chunk in chunks if chunk.id not in points}
        stale = {
            chunk.id
            for chunk in chunks
            if chunk.id in points and not _is_of(self.store, points[chunk.id], chunk)
        }
        return missing, stale, chunks[-1].id

    async def unfounded(self, after: UUID | None) -> _Seen:
        """Name the vectors of a page without a chunk and those ahead, and where the next page begins."""
        page = await VectorOperations.scroll(self.store, self.company_id, limit=_PAGE, after=after)
        ids = [point.chunk_id for point in page.points]
        known = await PlatformChunkOperations.known(
            self.platform.knowledge_chunks, self.set_id, self.company_id, ids
        )
        # Asked for after the points were read: what was given out before them is not ahead.
        newest = await PlatformVectorOutboxOperations.newest_revision(self.platform.vector_outbox)
        ahead = {point.chunk_id for point in page.points if point.revision > newest}
        return set(ids) - set(known), ahead & set(known), page.after


class ReconcilingOperations(SyncingOperations):
    """The stores of all companies, compared with PostgreSQL."""

    @operation
    async def reconcile(
        self,
        company_id: UUID | str | None = None,
        *,
        fix: bool = False,
        tell: Callable[[Reconciliation], object] | None = None,
    ) -> list[Reconciliation]:
        """Compare each store with PostgreSQL, for one company or for all; with ``fix`` queue what mends it.

        Safe while services write: what differs at a first look is looked at again, and counts only if it
        still does. The worker does what is queued. After each company ``tell`` is called. Vectors of a
        company that PostgreSQL does not know any more are not looked for.

        Raises Unavailable, VectorStoreUnavailable, InvalidValue.
        """
        platform = await self._enter("reconcile vectors")
        sets = await EmbeddingSetOperations.live(platform.embedding_sets)
        only = None if company_id is None else as_company_id(company_id)
        served = [each for each in sets if each.collection_name in self._stores]
        return [await self._reconcile(platform, each, only, fix=fix, tell=tell) for each in served]

    async def _reconcile(
        self,
        platform: Platform,
        embedding_set: EmbeddingSetRow,
        only: UUID | None,
        *,
        fix: bool,
        tell: Callable[[Reconciliation], object] | None,
    ) -> Reconciliation:
        report = Reconciliation(embedding_set.collection_name)
        store = self._stores[embedding_set.collection_name]
        for company in [only] if only is not None else await companies_of(platform):
            comparison = _Comparison(platform, store, embedding_set.id, company)
            await self._look_for_unfounded(comparison, report, fix=fix)
            await self._look_for_absent(comparison, report, fix=fix)
            report.companies += 1
            if tell is not None:
                tell(report)
        return report

    async def _look_for_unfounded(
        self, comparison: _Comparison, report: Reconciliation, *, fix: bool
    ) -> None:
        after, is_first = None, True
        while is_first or after is not None:
            orphans, ahead, following = await _lasting(comparison.unfounded, after)
            report.orphan += len(orphans)
            report.ahead += len(ahead)
            if fix:
                report.queued += await _queue(comparison, orphans, VectorChange.DELETE)
                report.queued += await _begin_anew(comparison, ahead)
            after, is_first = following, False

    async def _look_for_absent(self, comparison: _Comparison, report: Reconciliation, *, fix: bool) -> None:
        after: UUID | None = _NIL
        while after is not None:
            missing, stale, last = await _lasting(comparison.absent, after)
            report.missing += len(missing)
            report.stale += len(stale)
            if fix:
                report.queued += await _queue(comparison, missing | stale, VectorChange.UPSERT)
            after = last


async def _lasting(look: Callable[[_After], Awaitable[_Seen]], after: _After) -> _Seen:
    """Look at a page, and again where it differs: what differs only once was written meanwhile."""
    first, second, following = await look(after)
    if first or second:
        again, anew, _ = await look(after)
        first, second = first & again, second & anew
    return first, second, following


async def _queue(comparison: _Comparison, ids: set[UUID], change: VectorChange) -> int:
    if not ids:
        return 0
    outbox = comparison.platform.vector_outbox
    return await PlatformVectorOutboxOperations.put(
        outbox, comparison.set_id, comparison.company_id, sorted(ids), change
    )


async def _begin_anew(comparison: _Comparison, ids: set[UUID]) -> int:
    """Delete vectors that no change would replace, and queue that they are written."""
    if ids:
        await VectorOperations.delete(comparison.store, comparison.company_id, sorted(ids))
    return await _queue(comparison, ids, VectorChange.UPSERT)


async def companies_of(platform: Platform) -> list[UUID]:
    """Name all companies."""
    found: list[UUID] = []
    cursor: str | None = None
    while True:
        page = await PlatformCompanyOperations.page(platform.companies, limit=_PAGE, cursor=cursor)
        found += [company.id for company in page.items]
        cursor = page.next_cursor
        if cursor is None:
            return found


def _is_of(store: Store, point: StoredPoint, chunk: EmbeddedChunk) -> bool:
    """Tell whether a vector was made of what the chunk is now."""
    if point.content_hash != chunk.content_hash or point.agent_id != chunk.agent_id:
        return False
    keys = store.collection.keys
    try:
        meta = {name: keys.stored(name, value) for name, value in declared(store, chunk.metadata).items()}
    except InvalidValue:
        # No store takes it: the vector that is there is as good as it can be.
        return True
    return keys.read(meta) == dict(point.meta)
