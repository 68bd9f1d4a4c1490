"""The vector stores and embedders that a command works with, as its options name them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, get_args

import typer

from chatapp_db.errors import InvalidValue

if TYPE_CHECKING:
    from chatapp_db.database import Database
    from chatapp_db.knowledge import Embedder, Embeddings
    from chatapp_db.rows import EmbeddingSetRow
    from chatapp_db.vectors import VectorStore

__all__ = [
    "ApiKey",
    "EmbedderNames",
    "MetadataKeys",
    "StoreUrl",
    "embeddings_of",
    "open_stores",
    "store_of",
]

StoreUrl = Annotated[
    str,
    typer.Option(
        "--store",
        envvar="CHATAPP_VECTOR_URL",
        metavar="URL",
        help="The vector store: qdrant://host:6334, https://host:6333, edge:///folder or pgvector://host/name.",
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(envvar="CHATAPP_VECTOR_API_KEY", metavar="KEY", help="Of the store; safer in the variable."),
]
MetadataKeys = Annotated[
    list[str] | None,
    typer.Option(
        "--key",
        metavar="NAME:KIND",
        help="A key of the metadata, as the services declare it; as often as there are keys.",
    ),
]
EmbedderNames = Annotated[
    list[str] | None,
    typer.Option(
        "--embedder",
        metavar="[MODEL=]MODULE:NAME",
        help="A callable that takes a list of texts and gives a vector for each; of one model, or of any.",
    ),
]


def embeddings_of(db: Database, stores: list[Any], names: list[str] | None) -> Embeddings:
    """Work on the embeddings in these stores, with the embedders of these names."""
    from chatapp_db.knowledge import Embeddings

    return Embeddings(db, stores, _embedders(names))


def store_of(
    url: str, keys: list[str] | None, api_key: str | None, *, collection: str, dimension: int, distance: Any
) -> VectorStore:
    """Make the store of a collection."""
    from chatapp_db.vectors import create_vector_store

    return create_vector_store(
        url, dimension=dimension, distance=distance, collection=collection, keys=_keys(keys), api_key=api_key
    )


@contextmanager
def open_stores(
    db: Database, url: str, keys: list[str] | None, api_key: str | None
) -> Generator[list[VectorStore]]:
    """Make a store for each embedding set that is written, and close them at the end."""
    sets: list[EmbeddingSetRow] = db.platform_calls("open vector stores").embedding_sets.live()
    with ExitStack() as opened:
        yield [
            opened.enter_context(
                store_of(
                    url,
                    keys,
                    api_key,
                    collection=each.collection_name,
                    dimension=each.dimensions,
                    distance=str(each.distance),
                )
            )
            for each in sets
        ]


def _embedders(names: list[str] | None) -> Embedder | Mapping[str, Embedder] | None:
    """Import embedders: one for any model, or each for its own.

    Raises InvalidValue for one that cannot be imported.
    """
    found = [_embedder(name) for name in names or ()]
    if len(found) == 1 and not found[0][0]:
        return found[0][1]
    if not all(model for model, _ in found):
        raise InvalidValue("embedder", "of several, each names its model: MODEL=MODULE:NAME")
    return dict(found) if found else None


def _embedder(text: str) -> tuple[str, Embedder]:
    model, _, place = text.rpartition("=")
    module, _, name = place.partition(":")
    try:
        embedder: Embedder = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InvalidValue("embedder", f"{place!r} cannot be imported: {error}") from error
    return model, embedder


def _keys(pairs: list[str] | None) -> dict[str, Any]:
    from chatapp_db.vectors import KeyKind

    keys: dict[str, Any] = {}
    for pair in pairs or ():
        name, _, kind = pair.partition(":")
        if kind not in get_args(KeyKind):
            raise InvalidValue("key", f"{name!r} is one of {', '.join(get_args(KeyKind))}")
        keys[name] = kind
    return keys
