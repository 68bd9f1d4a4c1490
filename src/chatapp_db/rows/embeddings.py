"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from uuid import UUID

from chatapp_db.schema.enums import EmbeddingSetStatus, VectorChange, VectorDistance


@dataclass(slots=True)
class EmbeddingSetRow:
    """A row of `chatapp_embedding_sets`."""

    id: UUID
    name: str
    version: int
    model: str
    dimensions: int
    distance: VectorDistance | str
    backend: str
    collection_name: str
    status: EmbeddingSetStatus | str
    created_at: dt.datetime
    updated_at: dt.datetime


@dataclass(slots=True)
class VectorOutboxRow:
    """A row of `chatapp_vector_outbox`."""

    id: UUID
    company_id: UUID
    embedding_set_id: UUID
    subject_id: UUID
    change: VectorChange | str
    revision: int
    content_hash: str | None
    embedding: bytes | None
    attempts: int
    available_at: dt.datetime
    lease_token: UUID | None
    last_error: str | None
    dead_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime
