"""The knowledge index: chunks in PostgreSQL, their vectors in a vector store, found by either.

PostgreSQL is the truth. A vector only points to a chunk, which is read under its company's condition; one
whose chunk is gone or has other content by now is passed over. So whatever a crash leaves between the two
can cost a hit, and never shows what was deleted or belongs to somebody else. No transaction is open while
the vector store is called.
"""

from __future__ import annotations

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.execution.operation import Asyncio, Blocking
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder
from chatapp_db.knowledge.searching import SearchingOperations
from chatapp_db.knowledge.writing import WritingOperations
from chatapp_db.vectors import AsyncVectorStore, VectorStore

__all__ = ["AsyncKnowledgeIndex", "IndexOperations", "KnowledgeIndex"]


class IndexOperations(WritingOperations, SearchingOperations):
    """What agents know, of every company; each call names one of them and sees no other.

    Any call can raise Unavailable or VectorStoreUnavailable, which may pass when tried again.
    """


class KnowledgeIndex(Blocking, IndexOperations):
    """What agents know, blocking: over a Database and a VectorStore, whose closing is not its own matter."""

    def __init__(self, db: Database, store: VectorStore, *, embedder: Embedder | None = None) -> None:
        self._db = db
        self._store = store
        self._embedder = embedder


class AsyncKnowledgeIndex(Asyncio, IndexOperations):
    """What agents know, awaited: over an AsyncDatabase and an AsyncVectorStore."""

    def __init__(
        self, db: AsyncDatabase, store: AsyncVectorStore, *, embedder: AsyncEmbedder | None = None
    ) -> None:
        self._db = db
        self._store = store
        self._embedder = embedder
