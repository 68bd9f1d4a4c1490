"""The vector outbox as the statements use it that write chunks, and those that bring them to a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import REGCLASS, insert
from uuid_utils.compat import uuid7

from chatapp_db.execution.statement import COMPANY, Statement, constant, scalar
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.schema import (
    EmbeddingSet,
    EmbeddingSetStatus,
    KnowledgeChunk,
    VectorChange,
    VectorOutbox,
)
from chatapp_db.schema.embeddings import VECTOR_REVISION

__all__ = [
    "KEY",
    "LEASE_SECONDS",
    "Brought",
    "changed_to",
    "in_seconds",
    "is_live",
    "leased",
    "newest_revision",
    "queued",
    "settle",
]

LEASE_SECONDS: Final = 60
"""How long whoever stores a vector has for it, before somebody else may try."""

_waiting = table_of(VectorOutbox)
_sets = table_of(EmbeddingSet)
_chunks = table_of(KnowledgeChunk)


@dataclass(slots=True)
class Brought:
    """Vectors that their writer brings, one for each chunk, and stores as soon as the chunks are committed.

    They are float32, little-endian. The token is that of a lease: where the writer does not come to it,
    a worker stores them once the lease has ended.
    """

    collection: str
    vectors: Sequence[bytes]
    token: UUID = field(default_factory=uuid7)


def is_live() -> Any:
    """Write that a set is written: all but the dropped ones."""
    return _sets.c.status != constant(EmbeddingSetStatus.DROPPED, _sets.c.status.type)


def changed_to(change: VectorChange) -> Any:
    """Write a kind of change."""
    return constant(change, _waiting.c.change.type)


def in_seconds(seconds: Any, *, now: Any = None) -> Any:
    """Write a moment so many seconds from now."""
    return (sa.func.now() if now is None else now) + seconds * sa.literal_column("interval '1 second'")


@cache
def newest_revision() -> Statement[int]:
    """Ask for the revision that was given out last, which takes no right beyond that to be given one."""
    sequence = sa.cast(constant(VECTOR_REVISION.name, sa.Text()), REGCLASS)
    last = sa.func.pg_sequence_last_value(sequence, type_=sa.BigInteger())
    first = constant(VECTOR_REVISION.start, sa.BigInteger())
    return Statement(sa.select(sa.func.coalesce(last, first)), scalar, across_companies=True)


def _is_there(own: list[Any]) -> Any:
    """Write that the chunk of a row exists."""
    is_of_row = sa.and_(_chunks.c.company_id == _waiting.c.company_id, _chunks.c.id == _waiting.c.subject_id)
    return sa.exists().where(*own, is_of_row).correlate_except(_chunks)


def queued(changed: Any, previous: Any, held: Any) -> Any:
    """Queue the chunks whose content or metadata has changed, for every set; a newer change replaces another.

    Where the vector was brought, the row is leased to who brings it. Otherwise a lease that somebody has
    stays: what was stored meanwhile is not what the row says now, and is not taken for it.
    """
    length = sa.bindparam("vector_bytes", type_=sa.Integer())
    vectors = sa.cast(sa.bindparam("embeddings", type_=sa.LargeBinary()), sa.LargeBinary())
    begin = changed.c.chunk_index * length + constant(1, sa.Integer())
    brought = sa.func.substring(vectors, begin, length, type_=sa.LargeBinary())
    is_brought = sa.and_(
        _sets.c.collection_name == sa.bindparam("collection", type_=sa.Text()), vectors.is_not(None)
    )
    values = _values(changed, held, is_brought, brought)
    was = previous.c
    is_other = (was[name].is_distinct_from(changed.c[name]) for name in ("content_hash", "metadata"))
    source = (
        sa.select(*values.values())
        .join_from(changed, held, sa.true())
        .join(_sets, is_live())
        .outerjoin(previous, was.id == changed.c.id)
        .where(sa.or_(*is_other))
    )
    insertion = insert(_waiting).from_select(list(values), source, include_defaults=False)
    w = _waiting.c
    once: Any = insertion.on_conflict_do_update(
        index_elements=[w.company_id, w.subject_id, w.embedding_set_id], set_=_replaced_by(insertion.excluded)
    )
    return once.returning(w.embedding_set_id, w.lease_token).cte("queued")


def _values(changed: Any, held: Any, is_brought: Any, brought: Any) -> dict[str, Any]:
    lease = in_seconds(constant(LEASE_SECONDS, sa.Integer()))
    return {
        "company_id": COMPANY,
        "embedding_set_id": _sets.c.id,
        "subject_id": changed.c.id,
        "change": changed_to(VectorChange.UPSERT),
        "revision": held.c.revision,
        "content_hash": changed.c.content_hash,
        "embedding": sa.case((is_brought, brought)),
        "lease_token": sa.case((is_brought, sa.bindparam("token", type_=sa.Uuid()))),
        "available_at": sa.case((is_brought, lease), else_=sa.func.now()),
    }


def _replaced_by(new: Any) -> dict[str, Any]:
    """Replace a change that waits; a vector of the same content is kept, where none comes along."""
    w = _waiting.c
    is_same = sa.and_(new.embedding.is_(None), w.content_hash == new.content_hash)
    is_leased = sa.and_(new.lease_token.is_(None), w.lease_token.is_not(None))
    return {
        "change": new.change,
        "revision": new.revision,
        "content_hash": new.content_hash,
        "embedding": sa.case((is_same, w.embedding), else_=new.embedding),
        "attempts": constant(0, sa.Integer()),
        "lease_token": sa.func.coalesce(new.lease_token, w.lease_token),
        "available_at": sa.case((is_leased, w.available_at), else_=new.available_at),
        "last_error": sa.null(),
        "dead_at": sa.null(),
    }


KEY: Final[dict[str, Any]] = {"company_id": sa.Uuid(), "subject_id": sa.Uuid(), "embedding_set_id": sa.Uuid()}
"""What a change is known by, which a newer one keeps."""


def leased(more: dict[str, Any], *own: Any) -> Any:
    """Lock the rows of a lease that these keys name, each with the revision it has by now.

    A row that somebody else has locked is not waited for: a writer locks many, in an order of its own.
    """
    kinds = {**KEY, "revision": sa.BigInteger(), **more}
    given: Any = (
        sa.func.unnest(*(sa.bindparam(f"{name}s", type_=sa.ARRAY(kind)) for name, kind in kinds.items()))
        .table_valued(*(sa.column(name, kind) for name, kind in kinds.items()))
        .render_derived("given")
    )
    w = _waiting.c
    query = (
        sa.select(*given.c, (w.revision == given.c.revision).label("is_same"))
        .join_from(_waiting, given, sa.and_(*(w[name] == given.c[name] for name in KEY)))
        .where(*own, w.lease_token == sa.bindparam("token", type_=sa.Uuid()))
    )
    return query.with_for_update(of=_waiting, skip_locked=True).cte("leased")


@cache
def settle(*, across_companies: bool) -> Statement[UUID]:
    """End what was done, unless the row says something else by now; then it waits again.

    Where a vector was stored whose chunk is gone since, and its source with it, the row turns into one that
    deletes it: the source may have been purged before the vector came.
    """
    w = _waiting.c
    own = [] if across_companies else [owned(_waiting)]
    done = leased({"stored": sa.Boolean()}, *own)
    is_row = sa.and_(*own, *(w[name] == done.c[name] for name in KEY))
    is_there = _is_there([] if across_companies else [owned(_chunks)])
    is_over = sa.and_(done.c.is_same, sa.or_(sa.not_(done.c.stored), is_there))
    ended: Any = sa.delete(_waiting).where(is_row, is_over)
    left: Any = sa.update(_waiting).where(is_row, sa.not_(is_over))
    released = left.values(
        change=sa.case((done.c.is_same, changed_to(VectorChange.DELETE)), else_=w.change),
        lease_token=sa.null(),
        available_at=sa.func.now(),
        attempts=constant(0, sa.Integer()),
    )
    query = (
        sa.select(done.c.subject_id)
        .add_cte(ended.returning(w.id).cte("ended"))
        .add_cte(released.returning(w.id).cte("released"))
    )
    return Statement(query, scalar, across_companies=across_companies)
