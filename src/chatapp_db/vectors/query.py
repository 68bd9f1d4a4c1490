"""What a search asks for: as a caller writes it, and as an engine gets it."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from chatapp_db.errors import InvalidValue
from chatapp_db.vectors.engine import Collection, PreparedQuery, Selection
from chatapp_db.vectors.filters import Filter, resolve
from chatapp_db.vectors.sparse import SparseVector, check_sparse
from chatapp_db.vectors.strictness import check_limit, check_score, check_vector

__all__ = ["MAX_BATCH_QUERIES", "Query", "prepare_query"]

# So many of the widest vectors, written as JSON, are still below the 32 MiB that a server takes.
MAX_BATCH_QUERIES: Final = 16


@dataclass(frozen=True, slots=True)
class Query:
    """The ``k`` chunks that are wanted, best first.

    With ``sparse`` it is a hybrid search: the nearest by the vector and the best by its words, fused by
    their ranks (RRF), so that a score then says a rank and takes no ``min_score``. ``diversity``, from 0 to
    1, prefers chunks that are unlike those already chosen (MMR); a hit keeps its similarity as score.
    """

    vector: Sequence[float]
    k: int = 10
    filter: Filter | None = None
    min_score: float | None = None
    sparse: SparseVector | None = None
    diversity: float | None = None


def prepare_query(
    company_id: uuid.UUID, query: Query, collection: Collection, largest_number: float
) -> PreparedQuery:
    """Turn a query into what an engine gets.

    Raises InvalidValue for what no engine could answer, or none could answer together.
    """
    if not isinstance(query, Query):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue("queries", "must hold nothing but Query")
    _check_combination(query)
    wanted = None if query.filter is None else resolve(query.filter, collection.keys)
    return PreparedQuery(
        selection=Selection(company_id, filter=wanted),
        vector=check_vector(query.vector, collection.dimension, largest_number),
        k=check_limit("k", query.k),
        min_score=check_score(query.min_score),
        sparse=check_sparse(query.sparse, kept=collection.sparse),
        diversity=_check_diversity(query.diversity),
    )


def _check_diversity(diversity: object) -> float | None:
    """Refuse a diversity that is not from 0 to 1."""
    if diversity is None:
        return None
    if isinstance(diversity, bool) or not isinstance(diversity, int | float):
        raise InvalidValue("diversity", "must be a number")
    if not math.isfinite(diversity) or not 0 <= diversity <= 1:
        raise InvalidValue("diversity", "must be from 0 to 1")
    return float(diversity)


def _check_combination(query: Query) -> None:
    """Refuse what has no meaning together with a search by words."""
    if query.sparse is not None and query.diversity is not None:
        raise InvalidValue("diversity", "cannot be combined with sparse")
    if query.sparse is not None and query.min_score is not None:
        raise InvalidValue("min_score", "cannot be combined with sparse: a fused score says a rank")
