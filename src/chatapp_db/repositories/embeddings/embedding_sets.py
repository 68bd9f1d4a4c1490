"""Embedding sets: which model's vectors are in which collection, and which of them is searched."""

from __future__ import annotations

from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar, written
from chatapp_db.repositories.base import Entity, is_one_of, table_of
from chatapp_db.repositories.border import as_id, as_member, as_positive, as_text
from chatapp_db.repositories.embeddings.outbox import is_live
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
)
from chatapp_db.rows import EmbeddingSetRow
from chatapp_db.schema import EmbeddingSet, EmbeddingSetStatus, VectorDistance, VectorOutbox

__all__ = [
    "AsyncEmbeddingSetRepository",
    "AsyncPlatformEmbeddingSetRepository",
    "EmbeddingSetOperations",
    "EmbeddingSetRepository",
    "PlatformEmbeddingSetOperations",
    "PlatformEmbeddingSetRepository",
]

_sets = table_of(EmbeddingSet)
_outbox = table_of(VectorOutbox)
_LENGTHS: Final = {
    name: _sets.c[name].info["max_length"] for name in ("name", "model", "backend", "collection_name")
}


class EmbeddingSetOperations(Operations[EmbeddingSetRow]):
    """The embedding sets, which every company may read."""

    entity = Entity(EmbeddingSet, EmbeddingSetRow, "embedding set")

    @operation
    async def live(self) -> list[EmbeddingSetRow]:
        """List the sets that are written: all but the dropped ones, by name and version."""
        return await self._fetch(_live())

    @operation
    async def active(self, name: str) -> EmbeddingSetRow:
        """Give the set of a name that is searched.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_active(), name=as_text("name", name, _LENGTHS["name"]))


class EmbeddingSetRepository(EmbeddingSetOperations, BlockingRepository):
    """The embedding sets as a company sees them, blocking."""


class AsyncEmbeddingSetRepository(EmbeddingSetOperations, AsyncioRepository):
    """The embedding sets as a company sees them, awaited."""


class PlatformEmbeddingSetOperations(EmbeddingSetOperations):
    """The embedding sets, as the platform keeps them."""

    @operation
    async def add(
        self,
        name: str,
        *,
        model: str,
        dimensions: int,
        distance: VectorDistance,
        backend: str,
        collection_name: str,
        status: EmbeddingSetStatus = EmbeddingSetStatus.BUILDING,
    ) -> EmbeddingSetRow:
        """Add the next version of a set; from the moment this is committed, every change is queued for it.

        Raises Conflict where the collection is another set's, or another version is active and this one is
        to be; InvalidValue.
        """
        texts = {"name": name, "model": model, "backend": backend, "collection_name": collection_name}
        values = {field: as_text(field, text, _LENGTHS[field]) for field, text in texts.items()}
        return await self._one(
            _add(),
            new_id=uuid7(),
            new_dimensions=as_positive("dimensions", dimensions, "not a number of dimensions"),
            new_distance=as_member("distance", VectorDistance, distance),
            new_status=as_member("status", EmbeddingSetStatus, status),
            **{f"new_{field}": text for field, text in values.items()},
        )

    @operation
    async def waiting(self, id: UUID) -> int:
        """Count what waits for a set, or is dead."""
        return await self._one(_waiting(), id=as_id("id", id))

    @operation
    async def activate(self, id: UUID) -> EmbeddingSetRow:
        """Let a set be searched, and the one of its name that was so far retire, at the same moment.

        Raises Conflict where a change waits for the set, or is dead; NotFound for an active or dropped one.
        """
        row = await self._find(_activate(), id=as_id("id", id))
        if row is None:
            waiting = await self._one(_waiting(), id=id)
            if waiting:
                raise Conflict("vector_outbox", f"{waiting} changes have not reached the embedding set")
            raise NotFound("embedding set that could be activated")
        return row

    @operation
    async def drop(self, id: UUID) -> EmbeddingSetRow:
        """Let a set be written no more; an active one is not dropped.

        Raises NotFound for one that is not there, is active or has been dropped.
        """
        row = await self._find(_drop(), id=as_id("id", id))
        if row is None:
            raise NotFound("embedding set that could be dropped")
        return row


class PlatformEmbeddingSetRepository(PlatformEmbeddingSetOperations, BlockingPlatformRepository):
    """The embedding sets, blocking."""


class AsyncPlatformEmbeddingSetRepository(PlatformEmbeddingSetOperations, AsyncioPlatformRepository):
    """The embedding sets, awaited."""


@cache
def _live() -> Statement[EmbeddingSetRow]:
    query = sa.select(*_sets.c).where(is_live()).order_by(_sets.c.name, _sets.c.version)
    return Statement(query, EmbeddingSetRow)


@cache
def _active() -> Statement[EmbeddingSetRow]:
    c = _sets.c
    is_active = is_one_of(c.status, EmbeddingSetStatus.ACTIVE)
    query = sa.select(*c).where(c.name == sa.bindparam("name", type_=c.name.type), is_active)
    return Statement(query, EmbeddingSetRow)


@cache
def _add() -> Statement[EmbeddingSetRow]:
    c = _sets.c
    names = ("id", "name", "model", "dimensions", "distance", "backend", "collection_name", "status")
    before = sa.select(sa.func.max(c.version)).where(c.name == written(c.name)).scalar_subquery()
    version = sa.func.coalesce(before, constant(0, sa.Integer())) + constant(1, sa.Integer())
    source = sa.select(*(written(c[name]) for name in names), version)
    insertion: Any = sa.insert(_sets).from_select([*names, "version"], source, include_defaults=False)
    return Statement(insertion.returning(*c), EmbeddingSetRow)


@cache
def _waiting() -> Statement[int]:
    counted = sa.select(sa.func.count().label("count")).select_from(_outbox)
    query = counted.where(_outbox.c.embedding_set_id == sa.bindparam("id", type_=sa.Uuid()))
    return Statement(query, scalar, across_companies=True)


@cache
def _activate() -> Statement[EmbeddingSetRow]:
    """Retire the old one first: an index lets one of a name be active."""
    new, c = _sets.alias("new"), _sets.c
    id = sa.bindparam("id", type_=sa.Uuid())
    waits = sa.exists().where(_outbox.c.embedding_set_id == new.c.id)
    ready = (
        sa.select(new.c.id, new.c.name)
        .where(new.c.id == id, sa.not_(waits))
        .where(is_one_of(new.c.status, EmbeddingSetStatus.BUILDING, EmbeddingSetStatus.RETIRING))
        .cte("ready")
    )
    retire: Any = sa.update(_sets).where(
        c.name == ready.c.name, is_one_of(c.status, EmbeddingSetStatus.ACTIVE)
    )
    old = retire.values(status=_is(EmbeddingSetStatus.RETIRING)).returning(c.id).cte("old")
    after_that = sa.select(sa.func.count()).select_from(old).scalar_subquery() >= constant(0, sa.Integer())
    update: Any = sa.update(_sets).where(c.id == ready.c.id, after_that)
    moved = update.values(status=_is(EmbeddingSetStatus.ACTIVE))
    return Statement(moved.returning(*c), EmbeddingSetRow, across_companies=True)


@cache
def _drop() -> Statement[EmbeddingSetRow]:
    c = _sets.c
    may_go = is_one_of(c.status, EmbeddingSetStatus.BUILDING, EmbeddingSetStatus.RETIRING)
    update: Any = sa.update(_sets).where(c.id == sa.bindparam("id", type_=sa.Uuid()), may_go)
    dropped = update.values(status=_is(EmbeddingSetStatus.DROPPED))
    return Statement(dropped.returning(*c), EmbeddingSetRow)


def _is(status: EmbeddingSetStatus) -> Any:
    return constant(status, _sets.c.status.type)
