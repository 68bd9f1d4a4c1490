"""The name of a chunk's point in the vector store: one rule for who stores chunks and who stores vectors."""

from __future__ import annotations

from uuid import UUID, uuid5

__all__ = ["point_id"]


def point_id(company_id: UUID, chunk_id: UUID) -> UUID:
    """Name a chunk's point.

    The company is part of the name: another company that names the same chunk addresses a
    different point.
    """
    return uuid5(company_id, str(chunk_id))
