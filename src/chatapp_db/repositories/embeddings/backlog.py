"""The backlog of a vector store: how far an embedding set is behind PostgreSQL."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import table_of
from chatapp_db.repositories.embeddings.outbox import is_live
from chatapp_db.schema import EmbeddingSet, EmbeddingSetStatus, VectorOutbox

__all__ = ["Backlog", "of_each_set"]

_outbox = table_of(VectorOutbox)
_sets = table_of(EmbeddingSet)


@dataclass(slots=True)
class Backlog:
    """What a set is behind by: changes that wait, since when the first does, and those that are dead."""

    embedding_set_id: UUID
    name: str
    version: int
    model: str
    collection_name: str
    status: EmbeddingSetStatus | str
    waiting: int
    oldest_at: datetime | None
    failing: int
    dead: int
    last_error: str | None


@cache
def of_each_set() -> Statement[Backlog]:
    """Count what waits for each set that is written, for whichever company."""
    o, s = _outbox.c, _sets.c
    is_waiting, is_dead = sa.and_(o.id.is_not(None), o.dead_at.is_(None)), o.dead_at.is_not(None)
    query = (
        sa.select(
            s.id.label("embedding_set_id"),
            s.name,
            s.version,
            s.model,
            s.collection_name,
            s.status,
            sa.func.count().filter(is_waiting).label("waiting"),
            sa.func.min(o.created_at).filter(is_waiting).label("oldest_at"),
            sa.func.count().filter(is_waiting, o.last_error.is_not(None)).label("failing"),
            sa.func.count().filter(is_dead).label("dead"),
            sa.func.max(o.last_error).label("last_error"),
        )
        .outerjoin_from(_sets, _outbox, o.embedding_set_id == s.id)
        .where(is_live())
        .group_by(*s)
        .order_by(s.name, s.version)
    )
    return Statement(query, Backlog, across_companies=True)
