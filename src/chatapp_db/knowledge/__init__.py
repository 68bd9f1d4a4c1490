"""What stands on the database and the vector store together: the knowledge index."""

from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder, Vectors
from chatapp_db.knowledge.index import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.knowledge.searching import ScoredChunk

__all__ = ["AsyncEmbedder", "AsyncKnowledgeIndex", "Embedder", "KnowledgeIndex", "ScoredChunk", "Vectors"]
