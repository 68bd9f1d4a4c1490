"""Sparse vectors: the words of a chunk or a question as numbers, made by the caller's own BM25."""

from __future__ import annotations

import math
import operator
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from chatapp_db.errors import InvalidValue

__all__ = ["SparseVector", "check_sparse"]

MAX_TERMS: Final = 10_000
_LARGEST_INDEX: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Terms, by ascending index, with their weights.

    How rare a term is belongs to no weight: the engine multiplies by that, as it is among the company's
    own chunks.
    """

    indices: Sequence[int]
    values: Sequence[float]


def check_sparse(sparse: object, *, kept: bool) -> SparseVector | None:
    """Give a sparse vector back as the float32 numbers every engine will store.

    Raises InvalidValue for indices that do not ascend from 0 or more, a weight that is not finite, a
    vector without terms or with more than 10,000, lists of different lengths, and any in a store that
    keeps none.
    """
    if sparse is None:
        return None
    if not isinstance(sparse, SparseVector):
        raise InvalidValue("sparse", "must be a SparseVector")
    if not kept:
        raise InvalidValue("sparse", "this store was made without sparse=True")
    indices, values = _indices(sparse.indices), _weights(sparse.values)
    if len(indices) != len(values):
        raise InvalidValue("sparse", f"has {len(indices)} indices and {len(values)} values")
    return SparseVector(indices, values)


def _indices(given: object) -> list[int]:
    try:
        indices = [operator.index(index) for index in _iterable(given)]
    except TypeError as error:
        raise InvalidValue("sparse", "indices must be a list of integers") from error
    if not 1 <= len(indices) <= MAX_TERMS:
        raise InvalidValue("sparse", f"must hold 1 to {MAX_TERMS} terms; where there is none, leave it out")
    ascend = all(one < following for one, following in pairwise(indices))
    if not ascend or indices[0] < 0 or indices[-1] > _LARGEST_INDEX:
        raise InvalidValue("sparse", f"indices must ascend, from 0 or more to {_LARGEST_INDEX} or less")
    return indices


def _weights(given: object) -> list[float]:
    try:
        weights = array("f", _iterable(given)).tolist()
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue("sparse", "values must be a list of numbers") from error
    if not all(map(math.isfinite, weights)):
        raise InvalidValue("sparse", "holds a number that is not finite in float32")
    return weights


def _iterable(given: Any) -> Iterable[Any]:
    if isinstance(given, str | bytes | bytearray):
        raise TypeError
    numbers: Iterable[Any] = given
    return numbers
