"""Knowledge chunks: the passages of the sources, read back by source or by id."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.base import ALONE, Entity, owned, table_of
from chatapp_db.repositories.border import TERM_LENGTH, as_id, as_ids, as_text
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
    async def by_ids(self, ids: Sequence[UUID], *, agent_id: UUID | None = None) -> list[KnowledgeChunkRow]:
        """Give chunks by their ids, in the order given; what the company does not have is left out.

        Of an agent, only those it answers from: of its own sources and of the whole company's.

        Raises InvalidValue.
        """
        wanted = as_ids("ids", ids)
        parameters: dict[str, Any] = {"ids": wanted}
        if agent_id is not None:
            parameters["agent_id"] = as_id("agent_id", agent_id)
        found = await self._fetch(_by_ids(of_agent=agent_id is not None), **parameters)
        rows = {row.id: row for row in found}
        return [rows[id] for id in wanted if id in rows]

    @operation
    async def keyword_search(
        self, query: str, *, agent_id: UUID | None = None, limit: int = 25
    ) -> list[KnowledgeChunkRow]:
        """Find chunks by their words, best first.

        ``query`` is what people type into a search box: words that all must occur, ``"a phrase"``, ``or``,
        ``-without``. Words are taken as they are written, in any language and case; of a chunk its first
        65,536 characters are looked at. Of an agent, only those it answers from: of its own sources and of
        the whole company's. Where more than a thousand chunks match, the newest thousand are ranked. A query
        that only excludes finds nothing.

        Raises InvalidValue.
        """
        words = as_text("query", query, TERM_LENGTH)
        agent = None if agent_id is None else as_id("agent_id", agent_id)
        rows = await self._fetch(_keyword_search(rung(as_limit(limit))), query=words, agent_id=agent)
        return rows[:limit]


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
def _by_ids(*, of_agent: bool) -> Statement[KnowledgeChunkRow]:
    c, s = _chunks.c, _sources.c
    ids: Any = sa.bindparam("ids", type_=sa.ARRAY(c.id.type))
    query = sa.select(*c).where(owned(_chunks), c.id == sa.any_(ids))
    if of_agent:
        is_theirs = s.agent_id == sa.bindparam("agent_id", type_=s.agent_id.type)
        query = query.join(_sources, s.id == c.source_id)
        query = query.where(owned(_sources), sa.or_(is_theirs, s.agent_id.is_(None)))
    return Statement(query, KnowledgeChunkRow)


@cache
def _keyword_search(rows: int) -> Statement[KnowledgeChunkRow]:
    """Ask the one function that may use the index of words, and read what it found below the policies."""
    c = _chunks.c
    query = sa.bindparam("query", type_=sa.Text())
    agent_id = sa.bindparam("agent_id", type_=c.id.type)
    found: Any = (
        sa.func.chatapp_search_chunks(query, agent_id, constant(rows, sa.Integer()))
        .table_valued(sa.column("id", c.id.type), sa.column("rank", sa.REAL()))
        .render_derived("found")
    )
    chunks = sa.select(*c).join_from(found, _chunks, sa.and_(owned(_chunks), c.id == found.c.id))
    in_order = chunks.order_by(found.c.rank.desc(), c.id.desc())
    return Statement(in_order, KnowledgeChunkRow, settings=ALONE)
