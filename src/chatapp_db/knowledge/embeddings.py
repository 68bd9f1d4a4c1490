"""Embeddings of all companies' chunks: kept in step with PostgreSQL, compared with it, made anew."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from contextlib import suppress

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.execution.operation import Asyncio, Blocking
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder
from chatapp_db.knowledge.reembedding import ReembeddingOperations
from chatapp_db.knowledge.stores import Stores
from chatapp_db.vectors import AsyncVectorStore, VectorStore

__all__ = ["AsyncEmbeddings", "Embeddings"]


class Embeddings(Blocking, ReembeddingOperations):
    """The embeddings of all companies, blocking, in a store for each collection.

    An embedder alone is for whichever model; of several, each set takes the one of its model's name. Works
    in the platform's scope. What it is given, it does not close.
    """

    def __init__(
        self,
        db: Database,
        stores: VectorStore | list[VectorStore],
        embedders: Embedder | Mapping[str, Embedder] | None = None,
    ) -> None:
        self._db = db
        self._stores = Stores(stores, embedders)

    async def _pause(self, seconds: float, stop: threading.Event | None) -> None:
        if stop is None:
            time.sleep(seconds)
        else:
            stop.wait(seconds)


class AsyncEmbeddings(Asyncio, ReembeddingOperations):
    """The embeddings of all companies, awaited: takes what Embeddings takes, each in its asyncio form."""

    def __init__(
        self,
        db: AsyncDatabase,
        stores: AsyncVectorStore | list[AsyncVectorStore],
        embedders: AsyncEmbedder | Mapping[str, AsyncEmbedder] | None = None,
    ) -> None:
        self._db = db
        self._stores = Stores(stores, embedders)

    async def _pause(self, seconds: float, stop: asyncio.Event | None) -> None:
        if stop is None:
            await asyncio.sleep(seconds)
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), seconds)
