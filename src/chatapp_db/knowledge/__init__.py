"""What stands on the database and the vector store together: the knowledge index."""

from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder, Vectors
from chatapp_db.knowledge.index import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.knowledge.searching import Fallback, ScoredChunk, SearchResult, Stale

__all__ = [
    "AsyncEmbedder",
    "AsyncKnowledgeIndex",
    "Embedder",
    "Fallback",
    "KnowledgeIndex",
    "ScoredChunk",
    "SearchResult",
    "Stale",
    "Vectors",
]
