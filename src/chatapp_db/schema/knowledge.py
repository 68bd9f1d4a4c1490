"""Knowledge: what agents answer from, as sources cut into chunks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Index, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chatapp_db.schema.base import (
    Base,
    Tenant,
    Timestamped,
    children,
    inside_company,
    parent,
    tenant_table,
)
from chatapp_db.schema.columns import (
    BigCount,
    Count,
    Key,
    LongText,
    Name,
    Note,
    Path,
    Reference,
    Url,
    document,
    labelled,
    on_insert_only,
    verbs_only,
)
from chatapp_db.schema.enums import KnowledgeSourceStatus, KnowledgeSourceType
from chatapp_db.schema.payloads import ChunkMetadata, SourceMetadata
from chatapp_db.schema.searching import words_index

if TYPE_CHECKING:
    from chatapp_db.schema.agents import Agent
    from chatapp_db.schema.users import User


class KnowledgeSource(Tenant, Timestamped, Base):
    """A file, a page or a text that agents answer from."""

    __tablename__ = "chatapp_knowledge_sources"
    __table_args__ = tenant_table(
        inside_company("agent_id", "chatapp_agents"),
        Index(None, "company_id", "agent_id"),
        inside_company("created_by", "chatapp_users"),
        Index(None, "company_id", "created_by"),
        Index(
            "uq_chatapp_knowledge_sources_content",
            "company_id",
            "agent_id",
            "content_hash",
            unique=True,
            postgresql_nulls_not_distinct=True,
            postgresql_where=text("status <> 'error' AND content_hash IS NOT NULL"),
        ),
        comment="Files, pages and texts that agents answer from",
    )

    agent_id: Mapped[Reference | None] = mapped_column(comment="Null: all agents of the company")
    name: Mapped[Name]
    type: Mapped[KnowledgeSourceType] = labelled(KnowledgeSourceType, info=on_insert_only())
    status: Mapped[KnowledgeSourceStatus] = labelled(
        KnowledgeSourceStatus, default=KnowledgeSourceStatus.PROCESSING, info=verbs_only()
    )
    file_path: Mapped[Path | None]
    file_type: Mapped[Key | None] = mapped_column(comment="Media type")
    file_size: Mapped[BigCount | None] = mapped_column(comment="Bytes")
    url: Mapped[Url | None]
    content_hash: Mapped[Key | None] = mapped_column(
        comment="Keeps the same content from being registered twice for an agent", info=on_insert_only()
    )
    error_message: Mapped[Note | None] = mapped_column(info=verbs_only())
    metadata_: Mapped[SourceMetadata] = document("metadata")
    created_by: Mapped[Reference | None] = mapped_column(
        comment="Null when platform staff made it", info=on_insert_only()
    )

    agent: Mapped[Agent | None] = parent(
        "KnowledgeSource.agent_id", "Agent", back_populates="knowledge_sources"
    )
    creator: Mapped[User | None] = parent(
        "KnowledgeSource.created_by", "User", back_populates="created_knowledge_sources"
    )
    chunks: Mapped[list[KnowledgeChunk]] = children(
        "KnowledgeChunk.source_id", "KnowledgeSource", back_populates="source"
    )


class KnowledgeChunk(Tenant, Timestamped, Base):
    """A passage of a source, short enough to be embedded; its vector is kept by the vector store."""

    __tablename__ = "chatapp_knowledge_chunks"
    __table_args__ = tenant_table(
        inside_company("source_id", "chatapp_knowledge_sources", ondelete="CASCADE"),
        UniqueConstraint("company_id", "source_id", "chunk_index"),
        UniqueConstraint("company_id", "qdrant_id"),
        words_index("chatapp_knowledge_chunks"),
        comment="Passages of the sources; their vectors are in the vector store",
    )

    source_id: Mapped[Reference] = mapped_column(info=on_insert_only())
    content: Mapped[LongText] = mapped_column(info=on_insert_only())
    content_hash: Mapped[Key] = mapped_column(
        server_default="", comment="Tells whether the vector is current", info=on_insert_only()
    )
    qdrant_id: Mapped[Reference] = mapped_column(
        comment="Point in the vector store: uuid5(company_id, id), never changed", info=verbs_only()
    )
    metadata_: Mapped[ChunkMetadata] = document("metadata")
    chunk_index: Mapped[Count] = mapped_column(comment="Place in the source, from 0", info=on_insert_only())
    token_count: Mapped[Count] = mapped_column(server_default=text("0"), info=on_insert_only())

    source: Mapped[KnowledgeSource] = parent(
        "KnowledgeChunk.source_id", "KnowledgeSource", back_populates="chunks"
    )
