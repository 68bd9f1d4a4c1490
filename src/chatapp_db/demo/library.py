"""The companies' knowledge: passages indexed with the demo's embedder, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

from chatapp_db.database import Database
from chatapp_db.demo.embedder import DIMENSION, embed
from chatapp_db.demo.writing import Company
from chatapp_db.knowledge import KnowledgeIndex
from chatapp_db.schema import KnowledgeSourceType
from chatapp_db.vectors import VectorStore, create_vector_store

__all__ = ["Library", "vectors_in"]

_LOWEST_SCORE = 0.05


def vectors_in(folder: Path) -> VectorStore:
    """Keep vectors in a folder, by the engine that runs inside this process.

    Raises MissingExtra without the extra ``edge``.
    """
    return create_vector_store(f"edge://{quote(str(folder.absolute()))}", dimension=DIMENSION)


class Library:
    """A knowledge index over a vector store; what companies add stays apart."""

    def __init__(self, db: Database, store: VectorStore) -> None:
        self._db = db
        self._index = KnowledgeIndex(db, store, embedder=embed)

    def add(self, company: Company, passages: Sequence[str]) -> None:
        """Register a source and index its passages."""
        source = self._db.company(company.id).knowledge.register(
            name="House rules", type=KnowledgeSourceType.TEXT, agent_id=company.agent_id
        )
        vectors = embed(passages)
        self._index.index(company.id, source.id, [{"content": passage} for passage in passages], vectors)

    def search(self, company: Company, question: str, limit: int) -> list[tuple[float, str]]:
        """Find the passages of a company that come nearest to a question, with their scores."""
        found = self._index.search(company.id, question, limit, min_score=_LOWEST_SCORE)
        return [(hit.score, hit.chunk.content) for hit in found]
