"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import KnowledgeSourceStatus, KnowledgeSourceType
from chatapp_db.schema.payloads import ChunkMetadata, SourceMetadata
from chatapp_db.schema.types import Integer, Json, Label, Text, closed


@dataclass(slots=True)
class KnowledgeSourceRow:
    """A row of `chatapp_knowledge_sources`."""

    id: UUID
    company_id: UUID
    agent_id: UUID | None
    name: str
    type: KnowledgeSourceType | str
    status: KnowledgeSourceStatus | str
    file_path: str | None
    file_type: str | None
    file_size: int | None
    url: str | None
    content_hash: str | None
    error_message: str | None
    metadata: SourceMetadata
    created_by: UUID | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class KnowledgeSourceChanges(TypedDict, total=False):
    """What an update of `chatapp_knowledge_sources` may name."""

    agent_id: UUID | None
    name: Annotated[str, Text(200, min_length=1)]
    file_path: Annotated[str, Text(2048, min_length=1)] | None
    file_type: Annotated[str, Text(255, min_length=1)] | None
    file_size: Annotated[int, Integer(64, minimum=0)] | None
    url: Annotated[str, Text(2048, min_length=1)] | None
    metadata: Annotated[SourceMetadata, Json()]


@closed
class KnowledgeSourceValues(TypedDict, total=False):
    """What a new row of `chatapp_knowledge_sources` is made of."""

    id: UUID
    agent_id: UUID | None
    name: Required[Annotated[str, Text(200, min_length=1)]]
    type: Required[Annotated[KnowledgeSourceType | str, Label(KnowledgeSourceType)]]
    file_path: Annotated[str, Text(2048, min_length=1)] | None
    file_type: Annotated[str, Text(255, min_length=1)] | None
    file_size: Annotated[int, Integer(64, minimum=0)] | None
    url: Annotated[str, Text(2048, min_length=1)] | None
    content_hash: Annotated[str, Text(255, min_length=1)] | None
    metadata: Annotated[SourceMetadata, Json()]
    created_by: UUID | None


@dataclass(slots=True)
class KnowledgeChunkRow:
    """A row of `chatapp_knowledge_chunks`."""

    id: UUID
    company_id: UUID
    source_id: UUID
    content: str
    content_hash: str
    qdrant_id: UUID
    metadata: ChunkMetadata
    chunk_index: int
    token_count: int
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class KnowledgeChunkChanges(TypedDict, total=False):
    """What an update of `chatapp_knowledge_chunks` may name."""

    metadata: Annotated[ChunkMetadata, Json()]


@closed
class KnowledgeChunkValues(TypedDict, total=False):
    """What a new row of `chatapp_knowledge_chunks` is made of."""

    id: UUID
    source_id: Required[UUID]
    content: Required[Annotated[str, Text(100000)]]
    content_hash: Annotated[str, Text(255, min_length=1)]
    metadata: Annotated[ChunkMetadata, Json()]
    chunk_index: Required[Annotated[int, Integer(32, minimum=0)]]
    token_count: Annotated[int, Integer(32, minimum=0)]
