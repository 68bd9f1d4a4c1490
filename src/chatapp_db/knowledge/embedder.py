"""What a service plugs in to turn texts into vectors: any model, here or far away."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable, Sequence
from inspect import isawaitable
from typing import Protocol, TypeAlias

from chatapp_db.errors import InvalidValue
from chatapp_db.vectors.strictness import check_vector

__all__ = ["AsyncEmbedder", "Embedder", "Vectors", "embedded"]

Vectors: TypeAlias = Iterable[Iterable[float]]
"""A vector for each text, in their order: lists, rows of a float32 array, or a generator of either."""


class Embedder(Protocol):
    """A callable that gives a vector for each of a list of texts; its errors reach the caller as they are."""

    def __call__(self, texts: list[str], /) -> Vectors: ...  # noqa: D102  # the class says it


class AsyncEmbedder(Protocol):
    """A callable that is awaited for a vector for each of a list of texts."""

    def __call__(self, texts: list[str], /) -> Awaitable[Vectors]: ...  # noqa: D102  # the class says it


async def embedded(
    embedder: Embedder | AsyncEmbedder, texts: Sequence[str], dimension: int
) -> list[list[float]]:
    """Embed texts, and refuse what no store could hold; for no texts the embedder is not called.

    Raises InvalidValue for another number of vectors than of texts, and for a vector of another dimension,
    with NaN, an infinity, or of no length.
    """
    if not texts:
        return []
    given = embedder(list(texts))
    vectors = [check_vector(one, dimension) for one in (await given if isawaitable(given) else given)]
    if len(vectors) != len(texts):
        raise InvalidValue("embedder", f"gave {len(vectors)} vectors for {len(texts)} texts")
    return vectors
