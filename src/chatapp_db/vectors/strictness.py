"""What every engine refuses alike, before anything is sent.

The engines differ in what they let through: one stores an infinity as NaN, which then ranks
first, another deletes everything for an empty selector. Here all of them become the strictest.
"""

from __future__ import annotations

import math
import uuid
from array import array
from collections.abc import Sequence
from typing import Final, cast

from chatapp_db.errors import InvalidValue

__all__ = [
    "MAX_LIMIT",
    "check_after",
    "check_chunk_ids",
    "check_company",
    "check_limit",
    "check_score",
    "check_timeout",
    "check_vector",
]

MAX_LIMIT: Final = 1000
# Outside these lengths a square is lost in float32, and engines stop normalising.
SHORTEST: Final = 1e-3
LONGEST: Final = 1e18


def check_company(company_id: object) -> uuid.UUID:
    """Refuse anything but a UUID as the company."""
    if not isinstance(company_id, uuid.UUID):
        raise InvalidValue("company_id", "must be a uuid.UUID")
    return company_id


def check_vector(vector: object, dimension: int, largest: float = math.inf) -> list[float]:
    """Give a vector back as the float32 numbers every engine will store.

    Raises InvalidValue for a wrong dimension, NaN, an infinity, a number too large for float32 or
    for the engine, and a vector that is zero, or so short or long that its cosine cannot be computed.
    """
    if isinstance(vector, str | bytes | bytearray | memoryview):
        raise InvalidValue("vector", "must be a sequence of numbers")
    try:
        numbers = array("f", cast("Sequence[float]", vector))
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidValue("vector", "must be a sequence of numbers") from error
    if len(numbers) != dimension:
        raise InvalidValue("vector", f"has {len(numbers)} dimensions, the collection has {dimension}")
    length = math.hypot(*numbers)
    if not math.isfinite(length):
        raise InvalidValue("vector", "holds a number that is not finite in float32")
    if not SHORTEST <= length <= LONGEST:
        raise InvalidValue("vector", f"must be between {SHORTEST:g} and {LONGEST:g} long, and not zero")
    if largest < length and largest < max(map(abs, numbers)):
        raise InvalidValue("vector", f"holds a number beyond {largest:g}, the engine's largest")
    return numbers.tolist()


def check_limit(name: str, limit: object) -> int:
    """Refuse a number of results that is not within 1 and 1000."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= MAX_LIMIT:
        raise InvalidValue(name, f"must be an integer from 1 to {MAX_LIMIT}")
    return limit


def check_score(min_score: object) -> float | None:
    """Refuse a threshold that is no finite number."""
    if min_score is None:
        return None
    if isinstance(min_score, bool) or not isinstance(min_score, int | float):
        raise InvalidValue("min_score", "must be a number")
    if not math.isfinite(min_score):
        raise InvalidValue("min_score", "must be finite")
    return float(min_score)


def check_after(after: object) -> uuid.UUID | None:
    """Refuse anything but what a page said to go on with."""
    if after is not None and not isinstance(after, uuid.UUID):
        raise InvalidValue("after", "must be the uuid.UUID of the page before")
    return after


def check_chunk_ids(chunk_ids: object) -> list[uuid.UUID]:
    """Refuse an empty selector, and anything in it that is no UUID."""
    if not isinstance(chunk_ids, list | tuple):
        raise InvalidValue("chunk_ids", "must be a list of UUIDs")
    ids = list(cast("Sequence[object]", chunk_ids))
    if not ids:
        raise InvalidValue("chunk_ids", "names no chunk: an empty selector is refused")
    if not all(isinstance(one, uuid.UUID) for one in ids):
        raise InvalidValue("chunk_ids", "must hold nothing but uuid.UUID")
    return list(dict.fromkeys(cast("list[uuid.UUID]", ids)))


def check_timeout(timeout: object) -> int:
    """Refuse a time limit below one second."""
    if isinstance(timeout, bool) or not isinstance(timeout, int) or timeout < 1:
        raise InvalidValue("timeout", "must be at least one second, in whole seconds")
    return timeout
