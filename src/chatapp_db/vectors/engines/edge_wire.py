"""Qdrant's words for a server, put into those of the same engine inside the process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

import numpy
import qdrant_edge as edge
from qdrant_client import models

from chatapp_db.vectors.engines.layout import IndexSchema

__all__ = ["Condition", "creation", "filter_of", "index", "indexed", "query", "upsert"]

Condition: TypeAlias = "edge.FieldCondition | edge.IsEmptyCondition | edge.HasIdCondition | edge.Filter"

_DISTANCES: Final = {
    models.Distance.COSINE: edge.Distance.Cosine,
    models.Distance.DOT: edge.Distance.Dot,
}
_INDEXES: Final = {
    models.PayloadSchemaType.KEYWORD: edge.PayloadSchemaType.Keyword,
    models.PayloadSchemaType.INTEGER: edge.PayloadSchemaType.Integer,
    models.PayloadSchemaType.FLOAT: edge.PayloadSchemaType.Float,
    models.PayloadSchemaType.BOOL: edge.PayloadSchemaType.Bool,
    models.PayloadSchemaType.DATETIME: edge.PayloadSchemaType.Datetime,
}


# What the server takes where nothing is said; here it has to be said.
_RRF_K: Final = 2


def creation(
    vectors: dict[str, models.VectorParams], sparse_vectors: dict[str, models.SparseVectorParams]
) -> edge.EdgeConfig:
    """Say how a shard is created."""
    params = {
        name: edge.EdgeVectorParams(size=one.size, distance=_DISTANCES[one.distance])
        for name, one in vectors.items()
    }
    # The one modifier there is: how rare a term is.
    sparse = {name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf) for name in sparse_vectors}
    return edge.EdgeConfig(vectors=params, sparse_vectors=sparse)


def index(path: str, schema: IndexSchema) -> edge.UpdateOperation:
    """Index what filters name."""
    if isinstance(schema, models.KeywordIndexParams):
        return edge.UpdateOperation.create_field_index(
            path, edge.KeywordIndexParams(is_tenant=schema.is_tenant)
        )
    return edge.UpdateOperation.create_field_index(path, _INDEXES[schema])


def indexed(found: edge.PayloadIndexInfo) -> models.PayloadIndexInfo:
    """Read an index back in the words of the server."""
    kinds = [kind for kind, edges in _INDEXES.items() if edges == found.data_type]
    params = found.params
    tenant = isinstance(params, edge.KeywordIndexParams) and params.is_tenant
    return models.PayloadIndexInfo(
        data_type=kinds[0] if kinds else models.PayloadSchemaType.TEXT,
        params=models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=tenant),
        points=found.points,
    )


def upsert(operation: models.UpsertOperation) -> edge.UpdateOperation:
    """Write points under the operation's condition."""
    wanted = cast("models.PointsList", operation.upsert)
    points = [edge.Point(one.id, _vectors(one.vector), one.payload) for one in wanted.points]
    condition = cast("models.Filter", wanted.update_filter)
    return edge.UpdateOperation.upsert_points(points, condition=filter_of(condition))


def _vectors(named: object) -> Any:
    return {name: _vector(one) for name, one in cast("dict[str, object]", named).items()}


def _vector(one: object) -> Any:
    return edge.SparseVector(one.indices, one.values) if isinstance(one, models.SparseVector) else one


def query(request: models.QueryRequest) -> edge.QueryRequest:
    """Search for what is nearest, or fuse several such searches by rank."""
    prefetches = cast("list[models.Prefetch]", request.prefetch or [])
    return edge.QueryRequest(
        limit=cast("int", request.limit),
        query=_scoring(request.query, request.using),
        prefetches=[_prefetch(one) for one in prefetches],
        filter=None if request.filter is None else filter_of(request.filter),
        score_threshold=request.score_threshold,
        with_payload=True,
    )


def _prefetch(wanted: models.Prefetch) -> edge.Prefetch:
    return edge.Prefetch(
        limit=cast("int", wanted.limit),
        query=_scoring(wanted.query, wanted.using),
        filter=filter_of(cast("models.Filter", wanted.filter)),
        params=_params(wanted.params),
    )


def _scoring(query: object, using: str | None) -> edge.Query | edge.Mmr | edge.Fusion:
    match query:
        case models.NearestQuery(nearest=nearest, mmr=None):
            return edge.Query.Nearest(_vector(nearest), using=using)
        case models.NearestQuery(nearest=nearest, mmr=models.Mmr() as mmr):
            relevance = 1.0 - cast("float", mmr.diversity)
            return edge.Mmr(_vector(nearest), relevance, cast("int", mmr.candidates_limit), using=using)
        case models.FusionQuery(fusion=models.Fusion.RRF):
            return cast("edge.Fusion", edge.Fusion.Rrf(k=_RRF_K))
        case _:
            raise TypeError(f"{type(query).__name__} is not among our queries")


def _params(params: models.SearchParams | None) -> edge.SearchParams | None:
    if params is None or not isinstance(params.idf, models.IdfCorpusParams):
        return None
    return edge.SearchParams(idf=edge.IdfParams(corpus=filter_of(params.idf.corpus)))


def filter_of(wanted: models.Filter) -> edge.Filter:
    """Translate condition by condition, so that what is nested stays nested."""
    return edge.Filter(
        must=_conditions(wanted.must),
        should=_conditions(wanted.should),
        must_not=_conditions(wanted.must_not),
    )


def _conditions(conditions: Any) -> list[Any] | None:
    return None if conditions is None else [_condition(one) for one in conditions]


def _condition(condition: object) -> Condition:
    match condition:
        case models.Filter():
            return filter_of(condition)
        case models.FieldCondition(key=key, match=match, range=None):
            return edge.FieldCondition(key, match=_match(match))
        case models.FieldCondition(key=key, range=bounds):
            return edge.FieldCondition(key, range=_range(bounds))
        case models.IsEmptyCondition(is_empty=field):
            return edge.IsEmptyCondition(field.key)
        case models.HasIdCondition(has_id=ids):
            return edge.HasIdCondition(set(ids))
        case _:
            raise TypeError(f"{type(condition).__name__} is not among our conditions")


def _match(match: object) -> edge.MatchValue | edge.MatchAny:
    if isinstance(match, models.MatchAny):
        return edge.MatchAny(cast("list[str]", match.any))
    value = cast("models.MatchValue", match).value
    # Python's own True would be taken for the integer 1, which no boolean equals.
    return edge.MatchValue(cast("bool", numpy.bool_(value)) if isinstance(value, bool) else value)


def _range(bounds: object) -> edge.RangeFloat | edge.RangeDateTime:
    names: Sequence[str] = ("gt", "gte", "lt", "lte")
    given = {name: getattr(bounds, name) for name in names}
    if any(isinstance(bound, datetime) for bound in given.values()):
        texts = {name: bound.isoformat() for name, bound in given.items() if bound is not None}
        return edge.RangeDateTime(**texts)
    return edge.RangeFloat(**given)
