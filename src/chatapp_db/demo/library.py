"""The companies' knowledge: passages indexed with the demo's embedder, and found again."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from chatapp_db.database import Database
from chatapp_db.demo.embedder import DIMENSION, embed
from chatapp_db.demo.writing import Company
from chatapp_db.knowledge import KnowledgeIndex
from chatapp_db.schema import KnowledgeSourceType
from chatapp_db.vectors import create_vector_store

__all__ = ["Library"]

_LOWEST_SCORE = 0.05


class Library:
    """A knowledge index over vectors in memory; what companies add stays apart."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._store = create_vector_store("memory://", dimension=DIMENSION)
        self._index = KnowledgeIndex(db, self._store)

    def add(self, company: Company, passages: Sequence[str]) -> None:
        """Register a source and index its passages."""
        self._store.ensure_collection()
        source = self._db.company(company.id).knowledge.register(
            name="House rules", type=KnowledgeSourceType.TEXT, agent_id=company.agent_id
        )
        vectors = [embed(passage) for passage in passages]
        self._index.index(company.id, source.id, [{"content": passage} for passage in passages], vectors)

    def search(self, company: Company, question: str, limit: int) -> list[tuple[float, str]]:
        """Find the passages of a company that come nearest to a question, with their scores."""
        found = self._index.search(company.id, embed(question), limit, min_score=_LOWEST_SCORE)
        return [(hit.score, hit.chunk.content) for hit in found]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()
