"""Passages: what a source is cut into, and the one statement that makes them its chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from typing import Annotated, Any, Required, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import TypedDict
from uuid_utils.compat import uuid7

from chatapp_db.execution.statement import COMPANY, Statement, constant
from chatapp_db.identity import point_id
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.border import as_list, checked
from chatapp_db.repositories.embeddings.outbox import Brought, queued
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.schema import KnowledgeChunk, KnowledgeSource, KnowledgeSourceStatus
from chatapp_db.schema.embeddings import VECTOR_REVISION
from chatapp_db.schema.payloads import ChunkMetadata
from chatapp_db.schema.types import Integer, Json, Text, closed

__all__ = ["Chunk", "Replacement", "as_chunks", "incoming", "replace"]

_sources = table_of(KnowledgeSource)
_chunks = table_of(KnowledgeChunk)
_SOURCE_ID = sa.bindparam("source_id", type_=sa.Uuid())

_Content = Annotated[str, Text(_chunks.c.content.info["max_length"])]
_Count = Annotated[int, Integer(32, minimum=_chunks.c.token_count.info["minimum"])]


@closed
class Chunk(TypedDict, total=False):
    """A passage as it is cut from a source; its place there is its place in the list."""

    content: Required[_Content]
    metadata: Annotated[ChunkMetadata, Json()]
    token_count: _Count


@closed
class _Chunks(TypedDict):
    chunks: list[Chunk]


def as_chunks(chunks: Sequence[Chunk]) -> list[Chunk]:
    """Take the passages of a source; a text alone is not taken for the list of its letters."""
    return checked(_Chunks, {"chunks": as_list("chunks", chunks)})["chunks"]


# What a passage brings of its own, and what is made for it.
_PASSAGE = ("content", "content_hash", "metadata", "token_count")
_INCOMING = ("id", "qdrant_id", *_PASSAGE)


def incoming(
    company_id: UUID | None, passages: Sequence[Chunk], brought: Brought | None = None
) -> dict[str, Any]:
    """Spread the passages over one array for each column."""
    ids = [uuid7() for _ in passages]
    return {
        "new_id": ids,
        "new_qdrant_id": [point_id(cast("UUID", company_id), id) for id in ids],
        "new_content": [passage["content"] for passage in passages],
        "new_content_hash": [sha256(passage["content"].encode()).hexdigest() for passage in passages],
        "new_metadata": [passage.get("metadata", {}) for passage in passages],
        "new_token_count": [passage.get("token_count", 0) for passage in passages],
        "new_count": len(passages),
        "embeddings": b"".join(brought.vectors) if brought else None,
        "vector_bytes": len(brought.vectors[0]) if brought and brought.vectors else 0,
        "collection": brought.collection if brought else None,
        "token": brought.token if brought else None,
    }


@dataclass(slots=True)
class Replacement:
    """What a replacement did to its source, and one of its chunks; without chunks, that is one row too."""

    agent_id: UUID | None
    replaced_at: datetime
    revision: int
    leased_set_id: UUID | None
    chunk: KnowledgeChunkRow | None


def _placed(
    agent_id: UUID | None, replaced_at: datetime, revision: int, leased_set_id: UUID | None, *columns: Any
) -> Replacement:
    chunk = KnowledgeChunkRow(*columns) if columns[0] is not None else None
    return Replacement(agent_id, replaced_at, revision, leased_set_id, chunk)


@cache
def replace() -> Statement[Replacement]:
    """Hold the source, then drop what is beyond the new end, insert or update the rest, read it all.

    What has changed is queued for the vector stores; what is dropped, the trigger queues.

    What another call did to the source after this statement's snapshot was taken would be half seen; then
    the source is not held, nothing is written and no row comes back.
    """
    c = _chunks.c
    held = _held()
    count = sa.bindparam("new_count", type_=c.chunk_index.type)
    surplus: Any = sa.delete(_chunks).where(
        owned(_chunks), c.source_id == _SOURCE_ID, c.source_id == held.c.id, c.chunk_index >= count
    )
    changed = _changed(held)
    # NOT IN is hashed; a NOT EXISTS becomes a nested loop, as nobody can guess how many rows change.
    kept = sa.select(*c).where(
        owned(_chunks),
        c.source_id == _SOURCE_ID,
        c.chunk_index < count,
        c.chunk_index.not_in(sa.select(changed.c.chunk_index)),
    )
    previous = sa.select(c.id, c.content_hash, c.metadata).where(owned(_chunks), c.source_id == _SOURCE_ID)
    waiting = queued(changed, previous.cte("previous"), held)
    now = sa.select(changed).union_all(kept).subquery("now")
    query = (
        sa.select(
            held.c.agent_id,
            held.c.updated_at.label("replaced_at"),
            held.c.revision,
            _leased(waiting).label("leased_set_id"),
            *now.c,
        )
        .outerjoin_from(held, now, sa.true())
        .order_by(now.c.chunk_index)
        .add_cte(surplus.returning(c.id).cte("surplus"))
    )
    return Statement(query, _placed)


def _leased(waiting: Any) -> Any:
    is_ours = waiting.c.lease_token == sa.bindparam("token", type_=sa.Uuid())
    one = sa.select(waiting.c.embedding_set_id).where(is_ours).limit(constant(1, sa.Integer()))
    return one.scalar_subquery()


def _held() -> Any:
    s = _sources.c
    is_source = sa.and_(owned(_sources), s.id == _SOURCE_ID)
    before = sa.select(s.updated_at.label("seen_at")).where(is_source).cte("before")
    hold: Any = sa.update(_sources).where(is_source, s.updated_at == before.c.seen_at)
    ready = constant(KnowledgeSourceStatus.READY, s.status.type)
    moved = hold.values(status=ready, error_message=sa.null(), updated_at=sa.func.now())
    held = moved.returning(s.id, s.agent_id, s.updated_at).cte("held")
    # Numbered once the row is locked; apart from the update, since Citus numbers nothing as it returns it.
    revision = VECTOR_REVISION.next_value().label("revision")
    return sa.select(*held.c, revision).cte("numbered")


def _changed(held: Any) -> Any:
    c = _chunks.c
    arrays = [sa.bindparam(f"new_{name}", type_=sa.ARRAY(c[name].type)) for name in _INCOMING]
    given: Any = (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(name, c[name].type) for name in _INCOMING), with_ordinality="place")
        .render_derived("given")
    )
    # Below a name of its own: Citus inserts nothing that comes from a function itself.
    incoming = sa.select(*given.c).cte("incoming")
    place = sa.cast(incoming.c.place - constant(1, sa.BigInteger()), c.chunk_index.type)
    source = sa.select(COMPANY, held.c.id, place, *(incoming.c[name] for name in _INCOMING)).join_from(
        incoming, held, sa.true()
    )
    names = ["company_id", "source_id", "chunk_index", *_INCOMING]
    insertion = insert(_chunks).from_select(names, source, include_defaults=False)
    passage = {name: insertion.excluded[name] for name in _PASSAGE}
    upsert: Any = insertion.on_conflict_do_update(
        index_elements=[c.company_id, c.source_id, c.chunk_index],
        set_=passage,
        where=sa.or_(*(c[name].is_distinct_from(value) for name, value in passage.items())),
    )
    return upsert.returning(*c).cte("changed")
