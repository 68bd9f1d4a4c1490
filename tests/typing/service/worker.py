"""Learn and look up, in a process that awaits."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chatapp_db import (
    AsyncDatabase,
    AsyncKnowledgeIndex,
    MessageRole,
    ScoredChunk,
    VectorStoreUnavailable,
    amigrate,
    aseed,
)
from chatapp_db.rows import MessageRow
from chatapp_db.vectors import AsyncVectorStore, Eq, create_async_vector_store


async def embedded(texts: Sequence[str]) -> list[list[float]]:
    return [[float(len(text)), 1.0] for text in texts]


async def prepared(url: str) -> AsyncDatabase:
    report = await amigrate(url)
    db = AsyncDatabase(url)
    if report.applied:
        await aseed(db)
    return db


def store_of(url: str) -> AsyncVectorStore:
    return create_async_vector_store(url, dimension=2, keys={"lang": "keyword"})


async def found(db: AsyncDatabase, store: AsyncVectorStore, company_id: UUID) -> list[ScoredChunk]:
    index = AsyncKnowledgeIndex(db, store, embedder=embedded)
    try:
        return await index.search(company_id, "Where is it?", 3, filter=Eq("lang", "de"))
    except VectorStoreUnavailable as error:
        pause: float | None = error.retry_after
        print(pause)
        return []


async def said(db: AsyncDatabase, company_id: UUID, id: UUID) -> tuple[MessageRow, int]:
    async with db.tenant(company_id) as tenant:
        row = await tenant.messages.append(id, role=MessageRole.USER, content="Hello")
        return row, await tenant.customers.count()
