"""Qdrant's words for a server, put into those of the same engine inside the process."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias, cast

import numpy
import qdrant_edge as edge
from qdrant_client import models

from chatapp_db.vectors.engines.layout import IndexSchema

__all__ = ["Condition", "creation", "filter_of", "index", "indexed", "upsert"]

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


def creation(vectors: dict[str, models.VectorParams]) -> edge.EdgeConfig:
    """Say how a shard is created."""
    params = {
        name: edge.EdgeVectorParams(size=one.size, distance=_DISTANCES[one.distance])
        for name, one in vectors.items()
    }
    return edge.EdgeConfig(vectors=params)


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
    points = [edge.Point(one.id, cast("Any", one.vector), one.payload) for one in wanted.points]
    condition = cast("models.Filter", wanted.update_filter)
    return edge.UpdateOperation.upsert_points(points, condition=filter_of(condition))


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
