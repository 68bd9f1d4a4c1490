"""Our selections and points in Qdrant's words."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from qdrant_client import models

from chatapp_db.vectors.engine import PreparedQuery, Selection
from chatapp_db.vectors.filters import And, Eq, Exists, Filter, In, Not, Or, Range
from chatapp_db.vectors.keys import Keys
from chatapp_db.vectors.points import PreparedPoint, point_id
from chatapp_db.vectors.sparse import SparseVector

__all__ = ["SPARSE", "VECTOR", "query_request", "selected", "upserts"]

VECTOR: Final = "dense"
SPARSE: Final = "bm25"


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
    vector: dict[str, Any] = {VECTOR: point.vector}
    if point.sparse is not None:
        vector[SPARSE] = _sparse(point.sparse)
    return models.PointStruct(id=str(point.id), vector=vector, payload=dict(point.payload))


def _sparse(sparse: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(sparse.indices), values=list(sparse.values))


def query_request(query: PreparedQuery, keys: Keys) -> models.QueryRequest:
    """Ask for the nearest points; the query is always a vector, never the id of a point."""
    wanted = selected(query.selection, keys)
    if query.sparse is not None:
        return _fused(query, query.sparse, wanted)
    nearest: models.Query = models.NearestQuery(nearest=query.vector)
    if query.diversity is not None:
        mmr = models.Mmr(diversity=query.diversity, candidates_limit=query.candidates)
        nearest = models.NearestQuery(nearest=query.vector, mmr=mmr)
    return models.QueryRequest(
        query=nearest,
        using=VECTOR,
        filter=wanted,
        limit=query.k,
        score_threshold=query.min_score,
        with_payload=True,
    )


def _fused(query: PreparedQuery, sparse: SparseVector, wanted: models.Filter) -> models.QueryRequest:
    """Fuse two searches by rank, each of them the company's.

    How rare a term is, is counted among the company's points, whatever the caller's filter leaves of
    them: the whole collection's counts would let other companies change these scores.
    """
    corpus = models.Filter(must=[company_condition(query.selection.company_id)])
    by_vector = models.Prefetch(
        query=models.NearestQuery(nearest=query.vector), using=VECTOR, filter=wanted, limit=query.candidates
    )
    by_words = models.Prefetch(
        query=models.NearestQuery(nearest=_sparse(sparse)),
        using=SPARSE,
        filter=wanted,
        limit=query.candidates,
        params=models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus)),
    )
    return models.QueryRequest(
        prefetch=[by_vector, by_words],
        query=models.FusionQuery(fusion=models.Fusion.RRF),
        limit=query.k,
        with_payload=True,
    )


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
