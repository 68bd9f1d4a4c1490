"""Whether a vector store answers, and its collection is laid out as the embeddings need it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from chatapp_db.doctor.deployment import only_reading
from chatapp_db.doctor.finding import Finding, Severity
from chatapp_db.errors import (
    CollectionMismatch,
    ExtensionUnavailable,
    StoreInUse,
    VectorStoreError,
    VectorStoreUnavailable,
)
from chatapp_db.migrations.source import Target, opened
from chatapp_db.migrations.transaction import Request, our_errors
from chatapp_db.repositories.base import table_of
from chatapp_db.repositories.embeddings.outbox import is_live
from chatapp_db.vectors import AsyncVectorStore, VectorStore
from chatapp_db.vectors.engine import Comparison

__all__ = ["EmbeddingCollection", "embedding_collections", "of_store", "of_store_awaited"]

_LOCK_TIMEOUT = 5.0
_ENSURE = "store.ensure_collection()"


@dataclass(frozen=True, slots=True)
class EmbeddingCollection:
    """The collection of an embedding set that is written: what a store of it is made with."""

    name: str
    dimensions: int
    distance: str


def embedding_collections(
    database: Target, *, schema: str | None = None, app_role: str | None = "chatapp_app"
) -> list[EmbeddingCollection]:
    """Read which collections are written, in a transaction that cannot write itself; of no schema, none."""
    from chatapp_db.schema import EmbeddingSet

    table = table_of(EmbeddingSet)
    request = Request.of(schema, app_role, None, _LOCK_TIMEOUT)
    with (
        our_errors(),
        opened(database) as source,
        request.open(source) as (connection, _),
        only_reading(connection),
    ):
        if connection.execute(sa.select(sa.func.to_regclass(table.name))).scalar() is None:
            return []
        if app_role:
            connection.execute(sa.select(sa.func.set_config("role", app_role, True)))
        columns = table.c.collection_name, table.c.dimensions, table.c.distance
        found = connection.execute(sa.select(*columns).where(is_live()).order_by(table.c.name))
        return [EmbeddingCollection(name, size, str(distance)) for name, size, distance in found]


def of_store(store: VectorStore) -> list[Finding]:
    """Look at one store."""
    try:
        compared = store.compare_collection()
    except VectorStoreError as error:
        return [_failed(store.collection.name, error)]
    return list(_differences(store.collection.name, compared))


async def of_store_awaited(store: AsyncVectorStore) -> list[Finding]:
    """Look at one store, awaited."""
    try:
        compared = await store.compare_collection()
    except VectorStoreError as error:
        return [_failed(store.collection.name, error)]
    return list(_differences(store.collection.name, compared))


def _differences(name: str, compared: Comparison) -> Iterator[Finding]:
    where = f"collection {name}"
    if not compared.exists:
        yield Finding("collection-missing", Severity.ERROR, where, "is not there", _ENSURE)
        return
    for difference in compared.differences:
        mend = "chatapp-db vectors reembed begin MODEL --collection NEW --dimension N"
        yield Finding("collection-mismatch", Severity.ERROR, where, difference, mend)
    for missing in compared.missing:
        yield Finding(
            "collection-index-missing", Severity.ERROR, where, f"has no index on {missing}", _ENSURE
        )


def _failed(name: str, error: VectorStoreError) -> Finding:
    where = f"collection {name}"
    if isinstance(error, StoreInUse):
        return Finding("store-in-use", Severity.NOTE, where, "another process has it open: not looked at")
    if isinstance(error, VectorStoreUnavailable):
        return Finding("store-unreachable", Severity.ERROR, where, str(error))
    if isinstance(error, CollectionMismatch):
        return next(_differences(name, Comparison(True, [str(error)])))
    if isinstance(error, ExtensionUnavailable):
        return Finding("extension-unavailable", Severity.ERROR, where, str(error), "CREATE EXTENSION vector")
    return Finding("store-refuses", Severity.ERROR, where, str(error))
