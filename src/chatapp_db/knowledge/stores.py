"""Which store holds a collection, and which embedder makes the vectors of a model."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from inspect import isawaitable
from typing import Any, TypeAlias, TypeVar

from chatapp_db.errors import InvalidValue
from chatapp_db.knowledge.embedder import AsyncEmbedder, Embedder
from chatapp_db.vectors import AsyncVectorStore, VectorStore

__all__ = ["Store", "Stores", "awaited"]

T = TypeVar("T")

Store: TypeAlias = VectorStore | AsyncVectorStore
AnyEmbedder: TypeAlias = Embedder | AsyncEmbedder


class Stores:
    """The stores of a service, by the name of their collection, and its embedders, by the name of a model.

    An embedder alone is for whichever model; with several, each set is embedded by the one of its model.
    """

    def __init__(
        self,
        stores: Store | Sequence[Store],
        embedders: AnyEmbedder | Mapping[str, AnyEmbedder] | None,
    ) -> None:
        given = stores if isinstance(stores, Sequence) else [stores]
        self._stores = {store.collection.name: store for store in given}
        if len(self._stores) < len(given):
            raise InvalidValue("stores", "two have collections of one name")
        self._embedders = embedders

    @property
    def collections(self) -> list[str]:
        """Name the collections that there is a store of."""
        return list(self._stores)

    def named(self, collection: str | None) -> str:
        """Name the collection that is meant, which is the only one if none is.

        Raises InvalidValue where there are several.
        """
        if collection is not None:
            return collection
        if len(self._stores) != 1:
            raise InvalidValue("collection", "several have a store, name one")
        return next(iter(self._stores))

    def __getitem__(self, collection: str) -> Store:
        """Give the store of a collection.

        Raises InvalidValue where there is none.
        """
        try:
            return self._stores[collection]
        except KeyError:
            raise InvalidValue("collection", f"there is no store of {collection!r}") from None

    def __contains__(self, collection: str) -> bool:
        return collection in self._stores

    def embedder(self, model: str) -> AnyEmbedder | None:
        """Give the embedder of a model, if there is one."""
        if isinstance(self._embedders, Mapping):
            return self._embedders.get(model)
        return self._embedders


async def awaited(value: T | Awaitable[T]) -> T:
    """Give what either kind of store or database answers: at once, or to be awaited."""
    answer: Any = value
    result: T = await answer if isawaitable(answer) else answer
    return result
