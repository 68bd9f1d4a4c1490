"""Chunks as a vector store is to know them, read by the platform for whoever keeps the two in step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import as_id, as_ids, as_list, as_positive
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    BlockingPlatformRepository,
    Operations,
)
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.schema import KnowledgeChunk, KnowledgeSource, VectorOutbox
from chatapp_db.schema.payloads import ChunkMetadata

__all__ = [
    "AsyncPlatformChunkRepository",
    "EmbeddedChunk",
    "PlatformChunkOperations",
    "PlatformChunkRepository",
]

_chunks = table_of(KnowledgeChunk)
_sources = table_of(KnowledgeSource)
_outbox = table_of(VectorOutbox)


@dataclass(slots=True)
class EmbeddedChunk:
    """What a vector is made of, and what is stored beside it."""

    company_id: UUID
    id: UUID
    source_id: UUID
    agent_id: UUID | None
    content: str
    content_hash: str
    metadata: ChunkMetadata


@dataclass(slots=True)
class ChunkKey:
    """Which chunk of which company."""

    company_id: UUID
    id: UUID


class PlatformChunkOperations(Operations[KnowledgeChunkRow]):
    """The chunks of all companies."""

    entity = Entity(KnowledgeChunk, KnowledgeChunkRow, "knowledge chunk", across_companies=True)

    @operation
    async def current(self, keys: Sequence[tuple[UUID, UUID]]) -> list[EmbeddedChunk]:
        """Read chunks by company and id, as they are now; those that are gone are left out."""
        return await self._fetch(_current(), **_named(keys))

    @operation
    async def filled(self, keys: Sequence[tuple[UUID, UUID]]) -> list[ChunkKey]:
        """Say which sources still have chunks; a company's own id in the place of a source asks for it."""
        return await self._fetch(_filled(), **_named(keys))

    @operation
    async def settled(
        self, embedding_set_id: UUID, company_id: UUID, after: UUID, most: int
    ) -> list[EmbeddedChunk]:
        """Read a page of a company's chunks, by id, without content, of which no change waits for a set."""
        return await self._fetch(
            _settled(),
            set_id=as_id("embedding_set_id", embedding_set_id),
            company_id=as_id("company_id", company_id),
            after=as_id("after", after),
            limit=as_positive("most", most, "not a number from 1 on"),
        )

    @operation
    async def known(self, embedding_set_id: UUID, company_id: UUID, ids: Sequence[UUID]) -> list[UUID]:
        """Say of which of these chunks a store may know: they exist, or a change of them waits for a set."""
        return await self._fetch(
            _known(),
            set_id=as_id("embedding_set_id", embedding_set_id),
            company_id=as_id("company_id", company_id),
            ids=as_ids("ids", ids),
        )


class PlatformChunkRepository(PlatformChunkOperations, BlockingPlatformRepository):
    """The chunks of all companies, blocking."""


class AsyncPlatformChunkRepository(PlatformChunkOperations, AsyncioPlatformRepository):
    """The chunks of all companies, awaited."""


_COLUMNS = (
    _chunks.c.company_id,
    _chunks.c.id,
    _chunks.c.source_id,
    _sources.c.agent_id,
    _chunks.c.content,
    _chunks.c.content_hash,
    _chunks.c.metadata,
)
_OF_SOURCE = sa.and_(_sources.c.company_id == _chunks.c.company_id, _sources.c.id == _chunks.c.source_id)
_LIMIT = sa.bindparam("limit", type_=sa.Integer())
_COMPANY = sa.bindparam("company_id", type_=sa.Uuid())


def _named(keys: Sequence[tuple[UUID, UUID]]) -> dict[str, list[UUID]]:
    pairs = [_as_pair(key) for key in as_list("keys", keys)]
    return {"company_ids": [company for company, _ in pairs], "ids": [id for _, id in pairs]}


def _as_pair(key: tuple[UUID, UUID]) -> tuple[UUID, UUID]:
    match key:
        case (UUID() as company, UUID() as id):
            return company, id
        case _:
            raise InvalidValue("keys", "not pairs of a company's id and another")


def _wanted() -> Any:
    arrays = (sa.bindparam(name, type_=sa.ARRAY(sa.Uuid())) for name in ("company_ids", "ids"))
    columns = (sa.column(name, sa.Uuid()) for name in ("company_id", "id"))
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived("wanted")


@cache
def _current() -> Statement[EmbeddedChunk]:
    wanted, c = _wanted(), _chunks.c
    is_wanted = sa.and_(c.company_id == wanted.c.company_id, c.id == wanted.c.id)
    query = sa.select(*_COLUMNS).join_from(wanted, _chunks, is_wanted).join(_sources, _OF_SOURCE)
    return Statement(query, EmbeddedChunk, across_companies=True)


@cache
def _filled() -> Statement[ChunkKey]:
    wanted, c = _wanted(), _chunks.c
    of_source = sa.exists().where(c.company_id == wanted.c.company_id, c.source_id == wanted.c.id)
    of_company = sa.and_(
        wanted.c.id == wanted.c.company_id, sa.exists().where(c.company_id == wanted.c.company_id)
    )
    query = sa.select(wanted.c.company_id, wanted.c.id).where(sa.or_(of_source, of_company))
    return Statement(query, ChunkKey, across_companies=True)


def _waits(*subjects: Any) -> Any:
    """Write that a change waits, of a chunk or of what it is part of."""
    o = _outbox.c
    return sa.exists().where(
        o.company_id == _COMPANY,
        o.embedding_set_id == sa.bindparam("set_id", type_=sa.Uuid()),
        sa.or_(*(o.subject_id == subject for subject in subjects)),
    )


@cache
def _settled() -> Statement[EmbeddedChunk]:
    c = _chunks.c
    without = constant("", sa.Text()).label("content")
    query = (
        sa.select(*(without if column is c.content else column for column in _COLUMNS))
        .join_from(_chunks, _sources, _OF_SOURCE)
        .where(c.company_id == _COMPANY, c.id > sa.bindparam("after", type_=sa.Uuid()))
        .where(sa.not_(_waits(c.id)))
        .order_by(c.id)
        .limit(_LIMIT)
    )
    return Statement(query, EmbeddedChunk, across_companies=True)


@cache
def _known() -> Statement[UUID]:
    asked = sa.func.unnest(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid()))).column_valued("asked")
    there = sa.exists().where(_chunks.c.company_id == _COMPANY, _chunks.c.id == asked)
    query = sa.select(asked.label("id")).where(sa.or_(there, _waits(asked, _COMPANY)))
    return Statement(query, scalar, across_companies=True)
