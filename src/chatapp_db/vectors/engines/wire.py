"""Our selections and points in Qdrant's words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from qdrant_client import models

from chatapp_db.vectors.engine import Selection
from chatapp_db.vectors.filters import And, Eq, Exists, Filter, In, Not, Or, Range
from chatapp_db.vectors.keys import Keys
from chatapp_db.vectors.points import PreparedPoint, point_id

__all__ = ["VECTOR", "selected", "upserts"]

VECTOR: Final = "dense"


def selected(selection: Selection, keys: Keys) -> models.Filter:
    """Say which points are meant, the company's condition always outermost.

    The caller's filter is nested below it and never merged: inside one list of ``must``,
    ``should`` or ``min_should`` it could widen what the company's condition narrows.
    """
    must: list[models.Condition] = [company_condition(selection.company_id)]
    if selection.filter is not None:
        must.append(models.Filter(must=[_condition(selection.filter, keys)]))
    if selection.chunk_ids is not None:
        ids = [str(point_id(selection.company_id, one)) for one in selection.chunk_ids]
        must.append(models.HasIdCondition(has_id=list(ids)))
    return models.Filter(must=must)


def company_condition(company_id: uuid.UUID) -> models.FieldCondition:
    """Name the company's points."""
    return models.FieldCondition(key="company_id", match=models.MatchValue(value=str(company_id)))


def upserts(company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> list[models.UpsertOperation]:
    """Write points under the condition that the stored one is this company's and not newer.

    The condition belongs to an operation, so there is one operation for each revision.
    """
    by_revision = groupby(sorted(points, key=_revision), key=_revision)
    return [
        models.UpsertOperation(
            upsert=models.PointsList(
                points=[_point(point) for point in group], update_filter=_not_newer(company_id, revision)
            )
        )
        for revision, group in by_revision
    ]


def _revision(point: PreparedPoint) -> int:
    return point.revision


def _not_newer(company_id: uuid.UUID, revision: int) -> models.Filter:
    stored = models.FieldCondition(key="revision", range=models.Range(lte=revision))
    return models.Filter(must=[company_condition(company_id), stored])


def _point(point: PreparedPoint) -> models.PointStruct:
    return models.PointStruct(id=str(point.id), vector={VECTOR: point.vector}, payload=dict(point.payload))


def _condition(filter: Filter, keys: Keys) -> models.Condition:
    match filter:
        case And(conditions=conditions):
            return models.Filter(must=[_condition(one, keys) for one in conditions])
        case Or(conditions=conditions):
            return models.Filter(should=[_condition(one, keys) for one in conditions])
        case Not(condition=condition):
            return models.Filter(must_not=[_condition(condition, keys)])
        case _:
            return _field(filter, keys)


def _field(filter: Eq | In | Range | Exists, keys: Keys) -> models.Condition:
    match filter:
        case Exists(key=key):
            absent = models.IsEmptyCondition(is_empty=models.PayloadField(key=keys.path(key)))
            return models.Filter(must_not=[absent])
        case Eq(key=key, value=value):
            return _equal(keys.path(key), value)
        case In(key=key, values=values):
            return _one_of(keys.path(key), values)
        case Range(key=key):
            return _within(keys.path(key), filter)


def _equal(path: str, value: Any) -> models.Condition:
    """Compare by equality; Qdrant has none for floats and times, so these are a range of one value."""
    if isinstance(value, datetime):
        return models.FieldCondition(key=path, range=models.DatetimeRange(gte=value, lte=value))
    if isinstance(value, float):
        return models.FieldCondition(key=path, range=models.Range(gte=value, lte=value))
    return models.FieldCondition(key=path, match=models.MatchValue(value=value))


def _one_of(path: str, values: Sequence[Any]) -> models.Condition:
    """Compare with several; Qdrant's own form takes text and integers only."""
    if isinstance(values[0], datetime | float | bool):
        return models.Filter(should=[_equal(path, value) for value in values])
    return models.FieldCondition(key=path, match=models.MatchAny(any=list(values)))


def _within(path: str, bounds: Range) -> models.Condition:
    given: dict[str, Any] = {"gt": bounds.gt, "gte": bounds.gte, "lt": bounds.lt, "lte": bounds.lte}
    if any(isinstance(bound, datetime) for bound in given.values()):
        return models.FieldCondition(key=path, range=models.DatetimeRange(**given))
    return models.FieldCondition(key=path, range=models.Range(**given))
