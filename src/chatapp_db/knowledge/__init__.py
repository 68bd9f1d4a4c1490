"""What stands on the database and the vector store together: the knowledge index."""

from chatapp_db.knowledge.index import AsyncKnowledgeIndex, KnowledgeIndex, ScoredChunk

__all__ = ["AsyncKnowledgeIndex", "KnowledgeIndex", "ScoredChunk"]
