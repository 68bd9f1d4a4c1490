"""Points of chunks: what of a chunk goes into a store, and the form in which a vector waits for it."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from chatapp_db.vectors import Point
from chatapp_db.vectors.operations import VectorOperations

__all__ = ["as_point", "declared", "packed", "unpacked"]


def declared(store: VectorOperations, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Take of a chunk's metadata what filters may name; a null is as good as nothing."""
    return {name: metadata[name] for name in store.collection.keys.declared if metadata.get(name) is not None}


def as_point(
    store: VectorOperations,
    chunk: Any,
    vector: Sequence[float],
    *,
    source_id: UUID,
    agent_id: UUID | None,
    revision: int,
) -> Point:
    """Make the point of a chunk, whichever row the chunk was read as."""
    return Point(
        chunk_id=chunk.id,
        vector=vector,
        source_id=source_id,
        agent_id=agent_id,
        revision=revision,
        content_hash=chunk.content_hash,
        meta=declared(store, chunk.metadata),
    )


def packed(vector: Sequence[float]) -> bytes:
    """Write a vector as float32 numbers, the least significant byte first."""
    return _little_endian(array("f", vector)).tobytes()


def unpacked(embedding: bytes) -> list[float]:
    """Read what ``packed`` wrote."""
    return _little_endian(array("f", embedding)).tolist()


def _little_endian(numbers: array[float]) -> array[float]:
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
