"""Knowledge sources: what agents answer from, each cut into chunks that are replaced all at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import SerializationFailure
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, newest_first, owned, table_of
from chatapp_db.repositories.border import as_id, as_record, as_text, checked
from chatapp_db.repositories.embeddings.outbox import Brought, settle
from chatapp_db.repositories.knowledge.passages import Chunk, Replacement, as_chunks, incoming, replace
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import Page, as_limit
from chatapp_db.rows import (
    KnowledgeChunkRow,
    KnowledgeSourceChanges,
    KnowledgeSourceRow,
    KnowledgeSourceValues,
)
from chatapp_db.schema import KnowledgeSource, KnowledgeSourceStatus

__all__ = [
    "AsyncKnowledgeRepository",
    "Brought",
    "Chunk",
    "KnowledgeOperations",
    "KnowledgeRepository",
    "SourceChunks",
    "as_chunks",
]

_sources = table_of(KnowledgeSource)
_ATTEMPTS = 3
_MESSAGE_LENGTH = _sources.c.error_message.info["max_length"]


@dataclass(slots=True)
class SourceChunks:
    """The chunks of a source as one replacement left them, in their order.

    A later replacement has a higher ``revision``: a vector store tells by it which vectors are older. Where
    vectors were brought for a set, ``leased_set_id`` and ``token`` name the lease to store them by.
    """

    source_id: UUID
    agent_id: UUID | None
    replaced_at: datetime
    revision: int = field(repr=False)
    chunks: list[KnowledgeChunkRow]
    leased_set_id: UUID | None = None
    token: UUID | None = None


class KnowledgeOperations(TenantOperations[KnowledgeSourceRow]):
    """A company's knowledge sources."""

    entity = Entity(KnowledgeSource, KnowledgeSourceRow, "knowledge source")

    @operation
    async def register(self, **values: Unpack[KnowledgeSourceValues]) -> KnowledgeSourceRow:
        """Add a source; the same ``content_hash`` twice for the same agent is one source.

        The second call gives the first one's row, as it is. A source that failed may be registered anew.

        Raises InvalidReference for an agent or a person the company does not have, InvalidValue.
        """
        given: dict[str, Any] = {"id": uuid7(), "metadata": {}, **checked(KnowledgeSourceValues, values)}
        return await self._one(_register(), **{f"new_{name}": given.get(name) for name in _REGISTERED})

    @operation
    async def update(self, id: UUID, **changes: Unpack[KnowledgeSourceChanges]) -> KnowledgeSourceRow:
        """Change a source.

        Raises NotFound, InvalidReference for an agent the company does not have, Conflict where that
        agent has a source of the same content, InvalidValue.
        """
        return await self._update(id, KnowledgeSourceChanges, changes)

    @operation
    async def for_agent(
        self, agent_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[KnowledgeSourceRow]:
        """List what an agent answers from, its own sources and the whole company's, the newest first.

        For an agent the company does not have, those are the whole company's. Raises InvalidCursor.
        """
        name = f"for_agent.{as_id('agent_id', agent_id)}"
        return await self._newest(name, _for_agent, limit, cursor, agent_id=agent_id)

    @operation
    async def claim_pending(self, limit: int = 1) -> list[KnowledgeSourceRow]:
        """Take sources that wait to be processed, the oldest first, past those that others have taken.

        They are held until the transaction ends, so that it is for a scope (``db.tenant``), in which they are
        then marked as ready or as failed; what a worker that died had taken is free again.

        Raises InvalidValue.
        """
        return await self._fetch(_claim_pending(), limit=as_limit(limit))

    @operation
    async def mark_ready(self, id: UUID) -> KnowledgeSourceRow:
        """Let a source be searched.

        Raises NotFound, Conflict where it had failed and the content was registered anew meanwhile.
        """
        return await self._one(_mark(KnowledgeSourceStatus.READY), id=as_id("id", id), new_error_message=None)

    @operation
    async def mark_error(self, id: UUID, message: str) -> KnowledgeSourceRow:
        """Note why a source could not be processed; its content may then be registered anew.

        Raises NotFound, InvalidValue.
        """
        why = as_text("message", message, _MESSAGE_LENGTH)
        return await self._one(_mark(KnowledgeSourceStatus.ERROR), id=as_id("id", id), new_error_message=why)

    @operation
    async def reprocess(self, id: UUID) -> KnowledgeSourceRow:
        """Let a source wait to be processed again; its chunks stay until they are replaced.

        Raises NotFound, Conflict where it had failed and the content was registered anew meanwhile.
        """
        return await self._one(
            _mark(KnowledgeSourceStatus.PROCESSING), id=as_id("id", id), new_error_message=None
        )

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a source and its chunks.

        Raises NotFound.
        """
        await self._delete(id)

    @operation
    async def replace_chunks(
        self, source_id: UUID, chunks: Sequence[Chunk], *, brought: Brought | None = None
    ) -> SourceChunks:
        """Make these the chunks of a source, all at once, and the source ready.

        A place in the source keeps its chunk and the chunk its id; where the content, too, is the same, the
        row stays untouched, so that its vector need not be written again. What has changed is queued for
        every embedding set, with the vectors that are brought for one of them.

        Raises NotFound, InvalidValue, SerializationFailure where other calls keep replacing them meanwhile.
        """
        if brought is not None:
            as_record("brought", Brought, brought)
        parameters = incoming(self._company_id, as_chunks(chunks), brought)
        parameters["source_id"] = as_id("source_id", source_id)
        for _ in range(_ATTEMPTS):
            found = await self._fetch(replace(), **parameters)
            if found:
                return _as_left(source_id, found, brought)
            await self._one(self.entity.get(), id=source_id)
        raise SerializationFailure("other calls keep replacing the chunks of this source")

    @operation
    async def vectors_stored(self, replaced: SourceChunks) -> None:
        """End the lease of brought vectors that are stored now; what has changed since waits for a worker."""
        ids = [chunk.id for chunk in as_record("replaced", SourceChunks, replaced).chunks]
        await self._fetch(
            settle(across_companies=False),
            company_ids=[self._company_id for _ in ids],
            subject_ids=ids,
            embedding_set_ids=[replaced.leased_set_id for _ in ids],
            revisions=[replaced.revision for _ in ids],
            storeds=[True for _ in ids],
            token=replaced.token,
        )


class KnowledgeRepository(KnowledgeOperations, BlockingRepository):
    """A company's knowledge sources, blocking."""


class AsyncKnowledgeRepository(KnowledgeOperations, AsyncioRepository):
    """A company's knowledge sources, awaited."""


def _as_left(source_id: UUID, found: Sequence[Replacement], brought: Brought | None) -> SourceChunks:
    first = found[0]
    return SourceChunks(
        source_id,
        first.agent_id,
        first.replaced_at,
        first.revision,
        [each.chunk for each in found if each.chunk],
        first.leased_set_id,
        brought.token if brought else None,
    )


_REGISTERED = tuple(KnowledgeSourceValues.__annotations__)


@cache
def _register() -> Statement[KnowledgeSourceRow]:
    c = _sources.c
    values = {name: written(c[name]) for name in _REGISTERED}
    insertion = insert(_sources).values(company_id=COMPANY, **values)
    failed = constant(KnowledgeSourceStatus.ERROR, c.status.type)
    once: Any = insertion.on_conflict_do_update(
        index_elements=[c.company_id, c.agent_id, c.content_hash],
        index_where=sa.and_(c.status != failed, c.content_hash.is_not(None)),
        set_={"content_hash": insertion.excluded.content_hash},
    )
    return Statement(once.returning(*c), KnowledgeSourceRow)


@cache
def _for_agent(rows: int, *, follows: bool) -> Statement[KnowledgeSourceRow]:
    c = _sources.c
    is_theirs = c.agent_id == sa.bindparam("agent_id", type_=c.agent_id.type)
    query = sa.select(*c).where(owned(_sources), sa.or_(is_theirs, c.agent_id.is_(None)))
    return Statement(newest_first(_sources, query, rows, follows=follows), KnowledgeSourceRow)


@cache
def _claim_pending() -> Statement[KnowledgeSourceRow]:
    c = _sources.c
    pending = sa.select(*c).where(owned(_sources), is_one_of(c.status, KnowledgeSourceStatus.PROCESSING))
    batch = pending.order_by(c.id).limit(sa.bindparam("limit", type_=sa.Integer()))
    return Statement(batch.with_for_update(skip_locked=True), KnowledgeSourceRow)


@cache
def _mark(status: KnowledgeSourceStatus) -> Statement[KnowledgeSourceRow]:
    c = _sources.c
    update: Any = sa.update(_sources).where(KnowledgeOperations.entity.is_one)
    marked = update.values(status=constant(status, c.status.type), error_message=written(c.error_message))
    return Statement(marked.returning(*c), KnowledgeSourceRow)
