"""How our collection is laid out in Qdrant, and in what an existing one differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from qdrant_client import models

from chatapp_db.vectors.engine import Collection, Comparison, Distance
from chatapp_db.vectors.engines.wire import SPARSE, VECTOR
from chatapp_db.vectors.keys import Kind
from chatapp_db.vectors.points import MAX_BATCH_POINTS
from chatapp_db.vectors.query import MAX_BATCH_QUERIES
from chatapp_db.vectors.strictness import MAX_LIMIT

__all__ = [
    "IndexSchema",
    "compared",
    "creation",
    "index_differences",
    "indexes",
    "named_vectors",
    "sparse_vectors",
    "vector_differences",
    "vectors",
]

IndexSchema: TypeAlias = models.PayloadSchemaType | models.KeywordIndexParams

_DISTANCES: Final[Mapping[Distance, models.Distance]] = {
    "cosine": models.Distance.COSINE,
    "dot": models.Distance.DOT,
}
_INDEXES: Final[Mapping[Kind, models.PayloadSchemaType]] = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "uuid": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
    "boolean": models.PayloadSchemaType.BOOL,
    "datetime": models.PayloadSchemaType.DATETIME,
}


def vectors(collection: Collection) -> dict[str, models.VectorParams]:
    """Describe the named vector."""
    params = models.VectorParams(
        size=collection.dimension, distance=_DISTANCES[collection.distance], on_disk=True
    )
    return {VECTOR: params}


def sparse_vectors(collection: Collection) -> dict[str, models.SparseVectorParams]:
    """Describe the named sparse vector, if there is one; the engine weighs its terms by their rarity."""
    return {SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)} if collection.sparse else {}


def creation(collection: Collection) -> dict[str, Any]:
    """Say how a server creates the collection.

    ``m=0`` with ``payload_m``: a graph for each company instead of one over all of them. Strict
    mode refuses a filter on a key that has no index.
    """
    return {
        "vectors_config": vectors(collection),
        "sparse_vectors_config": sparse_vectors(collection) or None,
        "hnsw_config": models.HnswConfigDiff(m=0, payload_m=16),
        "on_disk_payload": True,
        "strict_mode_config": models.StrictModeConfig(
            enabled=True,
            unindexed_filtering_retrieve=False,
            unindexed_filtering_update=False,
            max_query_limit=MAX_LIMIT,
            upsert_max_batchsize=MAX_BATCH_POINTS,
            search_max_batchsize=MAX_BATCH_QUERIES,
        ),
    }


def indexes(collection: Collection) -> dict[str, IndexSchema]:
    """List the payload indexes; the company's lays its points side by side on disk."""
    tenant = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
    declared = {path: _INDEXES[kind] for path, kind in collection.keys.paths().items()}
    return {"company_id": tenant, **declared}


def named_vectors(
    found: models.CollectionInfo,
) -> tuple[models.VectorParams | None, models.SparseVectorParams | None]:
    """Read how the named vectors of an existing collection were made, the dense and the sparse one."""
    existing = found.config.params.vectors
    dense = existing.get(VECTOR) if isinstance(existing, dict) else None
    return dense, (found.config.params.sparse_vectors or {}).get(SPARSE)


def compared(
    collection: Collection, found: Mapping[str, models.PayloadIndexInfo], differences: Sequence[str] = ()
) -> Comparison:
    """Compare the payload indexes of an existing collection, beside what differs of it otherwise."""
    missing = [path for path in indexes(collection) if path not in found]
    return Comparison(True, [*differences, *index_differences(collection, found)], missing)


def vector_differences(
    collection: Collection, params: models.VectorParams | None, sparse: models.SparseVectorParams | None
) -> list[str]:
    """Compare the vectors of an existing collection with what is expected."""
    if params is None:
        return [f"it has no vector named {VECTOR!r}"]
    differences: list[str] = []
    if params.size != collection.dimension:
        differences.append(f"its dimension is {params.size}, not {collection.dimension}")
    if params.distance != _DISTANCES[collection.distance]:
        differences.append(f"its distance is {params.distance.value.lower()}, not {collection.distance}")
    return differences + _sparse_differences(collection, sparse)


def _sparse_differences(collection: Collection, found: models.SparseVectorParams | None) -> list[str]:
    """Compare both ways: a store that knows of no sparse vector would write points without theirs."""
    if found is None:
        return [f"it has no sparse vector named {SPARSE!r}"] if collection.sparse else []
    if not collection.sparse:
        return [f"it has a sparse vector named {SPARSE!r}, the store was made without sparse=True"]
    if found.modifier != models.Modifier.IDF:
        return [f"its sparse vector {SPARSE!r} is not weighed by IDF"]
    return []


def index_differences(collection: Collection, found: Mapping[str, models.PayloadIndexInfo]) -> list[str]:
    """Compare the payload indexes that exist; those that are missing are made, not reported."""
    differences: list[str] = []
    for path, schema in indexes(collection).items():
        existing = found.get(path)
        if existing is None:
            continue
        tenant = isinstance(schema, models.KeywordIndexParams)
        kind = models.PayloadSchemaType.KEYWORD if tenant else schema
        if existing.data_type != kind:
            differences.append(f"its index on {path} is of {existing.data_type.value}, not {kind}")
        elif tenant and not getattr(existing.params, "is_tenant", None):
            differences.append(f"its index on {path} is not marked is_tenant")
    return differences
