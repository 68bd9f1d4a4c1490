"""What stands on the database and the vector store together: the knowledge index."""

from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder, Vectors
from chatapp_db.knowledge.embeddings import AsyncEmbeddings, Embeddings
from chatapp_db.knowledge.index import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.knowledge.reconciling import Reconciliation
from chatapp_db.knowledge.searching import Fallback, ScoredChunk, SearchResult, Stale
from chatapp_db.knowledge.syncing import Stop, SyncReport

__all__ = [
    "AsyncEmbedder",
    "AsyncEmbeddings",
    "AsyncKnowledgeIndex",
    "Embedder",
    "Embeddings",
    "Fallback",
    "KnowledgeIndex",
    "Reconciliation",
    "ScoredChunk",
    "SearchResult",
    "Stale",
    "Stop",
    "SyncReport",
    "Vectors",
]
