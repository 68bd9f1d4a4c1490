"""Knowledge chunks: the passages of the sources, read back by source or by id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.base import Entity, owned, table_of
from chatapp_db.repositories.border import as_id, as_ids, as_term
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, cut, limit_of, rung, seal, unseal
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.schema import KnowledgeChunk, KnowledgeSource

__all__ = ["AsyncKnowledgeChunkRepository", "KnowledgeChunkOperations", "KnowledgeChunkRepository"]

_chunks = table_of(KnowledgeChunk)
_sources = table_of(KnowledgeSource)


class KnowledgeChunkOperations(TenantOperations[KnowledgeChunkRow]):
    """The chunks of a company's sources; a source's are written by ``knowledge.replace_chunks``."""

    entity = Entity(KnowledgeChunk, KnowledgeChunkRow, "knowledge chunk")

    @operation
    async def of_source(
        self, source_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[KnowledgeChunkRow]:
        """List a source's chunks in their order.

        A source the company does not have has no chunks. Raises InvalidCursor.
        """
        shape = f"knowledge_chunk.of_source.{as_id('source_id', source_id)}"
        parameters: dict[str, Any] = {"source_id": source_id}
        if cursor is not None:
            (parameters["after_index"],) = unseal(self._company_id, shape, cursor, [int])
        rows = await self._fetch(_of_source(rung(as_limit(limit)), follows=cursor is not None), **parameters)
        return cut(rows, limit, lambda last: seal(self._company_id, shape, [last.chunk_index]))

    @operation
    async def by_ids(self, ids: Sequence[UUID]) -> list[KnowledgeChunkRow]:
        """Give chunks by their ids, in the order given; what the company does not have is left out.

        Raises InvalidValue.
        """
        wanted = as_ids("ids", ids)
        rows = {row.id: row for row in await self._fetch(_by_ids(), ids=wanted)}
        return [rows[id] for id in wanted if id in rows]

    @operation
    async def keyword_search(
        self, term: str, *, agent_id: UUID | None = None, limit: int = 25
    ) -> list[KnowledgeChunkRow]:
        """Find the chunks that have a term in them, as it is written but for upper and lower case.

        Of an agent, only those it answers from: of its own sources and of the whole company's. The newest
        come first; the company's chunks are read until there are enough.

        Raises InvalidValue.
        """
        parameters: dict[str, Any] = {"contains": f"%{as_term(term)}%"}
        if agent_id is not None:
            parameters["agent_id"] = as_id("agent_id", agent_id)
        statement = _keyword_search(rung(as_limit(limit)), of_agent=agent_id is not None)
        return (await self._fetch(statement, **parameters))[:limit]


class KnowledgeChunkRepository(KnowledgeChunkOperations, BlockingRepository):
    """The chunks of a company's sources, blocking."""


class AsyncKnowledgeChunkRepository(KnowledgeChunkOperations, AsyncioRepository):
    """The chunks of a company's sources, awaited."""


@cache
def _of_source(rows: int, *, follows: bool) -> Statement[KnowledgeChunkRow]:
    c = _chunks.c
    query = sa.select(*c).where(
        owned(_chunks), c.source_id == sa.bindparam("source_id", type_=c.source_id.type)
    )
    if follows:
        query = query.where(c.chunk_index > sa.bindparam("after_index", type_=c.chunk_index.type))
    return Statement(query.order_by(c.chunk_index).limit(limit_of(rows)), KnowledgeChunkRow)


@cache
def _by_ids() -> Statement[KnowledgeChunkRow]:
    c = _chunks.c
    ids: Any = sa.bindparam("ids", type_=sa.ARRAY(c.id.type))
    return Statement(sa.select(*c).where(owned(_chunks), c.id == sa.any_(ids)), KnowledgeChunkRow)


@cache
def _keyword_search(rows: int, *, of_agent: bool) -> Statement[KnowledgeChunkRow]:
    c, s = _chunks.c, _sources.c
    has_it = c.content.ilike(sa.bindparam("contains", type_=sa.Text()))
    query = sa.select(*c).where(owned(_chunks), has_it)
    if of_agent:
        is_theirs = s.agent_id == sa.bindparam("agent_id", type_=s.agent_id.type)
        query = query.join(_sources, s.id == c.source_id)
        query = query.where(owned(_sources), sa.or_(is_theirs, s.agent_id.is_(None)))
    return Statement(query.order_by(c.id.desc()).limit(constant(rows, sa.Integer())), KnowledgeChunkRow)
