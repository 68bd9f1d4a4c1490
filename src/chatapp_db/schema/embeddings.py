"""Embeddings: the sets that chunks are embedded into, and the changes that wait to reach a vector store."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Index, Sequence, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from chatapp_db.schema.base import Base, Identified, Outliving, Timestamped, global_table, tenant_table
from chatapp_db.schema.columns import (
    BigCount,
    Code,
    Count,
    Digest,
    Dimensions,
    Key,
    Moment,
    Name,
    Note,
    Reference,
    labelled,
    verbs_only,
)
from chatapp_db.schema.enums import EmbeddingSetStatus, VectorChange, VectorDistance

VECTOR_REVISION = Sequence("chatapp_vector_revision", start=2**51, metadata=Base.metadata)
"""Orders the changes of all vectors; it begins above the microseconds since 1970 that did so before."""


class EmbeddingSet(Identified, Timestamped, Base):
    """All chunks as one model embeds them, in one collection of a vector store."""

    __tablename__ = "chatapp_embedding_sets"
    __table_args__ = global_table(
        UniqueConstraint("name", "version"),
        Index(
            "uq_chatapp_embedding_sets_active",
            "name",
            unique=True,
            postgresql_where=text("status = 'active'"),
        ),
        Index(
            "uq_chatapp_embedding_sets_collection",
            "collection_name",
            unique=True,
            postgresql_where=text("status <> 'dropped'"),
        ),
        CheckConstraint("dimensions BETWEEN 1 AND 65536", name="dimensions"),
        company_key=None,
        comment="All chunks as one model embeds them, in one collection of a vector store",
    )

    name: Mapped[Code] = mapped_column(comment="Of its versions one is searched", info=verbs_only())
    version: Mapped[Count] = mapped_column(info=verbs_only())
    model: Mapped[Name] = mapped_column(comment="Says which embedder makes its vectors", info=verbs_only())
    dimensions: Mapped[Dimensions] = mapped_column(info=verbs_only())
    distance: Mapped[VectorDistance] = labelled(VectorDistance, info=verbs_only())
    backend: Mapped[Key] = mapped_column(comment="Where the collection is, for people", info=verbs_only())
    collection_name: Mapped[Key] = mapped_column(info=verbs_only())
    status: Mapped[EmbeddingSetStatus] = labelled(
        EmbeddingSetStatus, default=EmbeddingSetStatus.BUILDING, info=verbs_only()
    )


class VectorOutbox(Outliving, Timestamped, Base):
    """What has changed in PostgreSQL and not yet in the vector store: one row for each set and chunk."""

    __tablename__ = "chatapp_vector_outbox"
    __table_args__ = tenant_table(
        UniqueConstraint("company_id", "subject_id", "embedding_set_id"),
        # For the worker, which takes what is due of whichever company.
        Index("ix_chatapp_vector_outbox_due", "available_at", postgresql_where=text("dead_at IS NULL")),
        comment="Changes of chunks that have not reached the vector store; refers to none, it outlives them",
    )

    embedding_set_id: Mapped[Reference] = mapped_column(info=verbs_only())
    subject_id: Mapped[Reference] = mapped_column(
        comment="The chunk; of a purge the source or the company", info=verbs_only()
    )
    change: Mapped[VectorChange] = labelled(VectorChange, info=verbs_only())
    revision: Mapped[BigCount] = mapped_column(
        comment="Of the newest change; what is stored is the chunk as it is by then", info=verbs_only()
    )
    content_hash: Mapped[Digest | None] = mapped_column(
        comment="Of the content that the embedding is of", info=verbs_only()
    )
    embedding: Mapped[bytes | None] = mapped_column(
        sa.LargeBinary, comment="Where the writer brought it: float32, little-endian", info=verbs_only()
    )
    attempts: Mapped[Count] = mapped_column(server_default=text("0"), info=verbs_only())
    available_at: Mapped[Moment] = mapped_column(
        server_default=sa.func.now(),
        comment="Nobody takes it earlier: the end of a lease, or of a pause",
        info=verbs_only(),
    )
    lease_token: Mapped[Reference | None] = mapped_column(
        comment="Whose lease it is, until available_at", info=verbs_only()
    )
    last_error: Mapped[Note | None] = mapped_column(info=verbs_only())
    dead_at: Mapped[Moment | None] = mapped_column(
        comment="Given up, until somebody has it tried again", info=verbs_only()
    )
