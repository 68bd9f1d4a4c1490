"""What the store asks of an engine; the engines themselves live in ``engines``, each loaded when used."""

from __future__ import annotations

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, get_args

from chatapp_db.errors import CollectionMismatch, InvalidValue
from chatapp_db.vectors.filters import Filter
from chatapp_db.vectors.keys import Keys
from chatapp_db.vectors.points import Payload, PreparedPoint
from chatapp_db.vectors.sparse import SparseVector
from chatapp_db.vectors.strictness import MAX_LIMIT

__all__ = [
    "Capability",
    "Collection",
    "Comparison",
    "Description",
    "Distance",
    "Engine",
    "Found",
    "PreparedQuery",
    "Selection",
]

Distance: TypeAlias = Literal["cosine", "dot"]
Capability: TypeAlias = Literal["batch", "diversity", "hybrid"]
"""What not every engine can: several searches in one request, MMR, dense and sparse vectors fused."""

Found: TypeAlias = list[tuple[Payload | None, float]]

MAX_DIMENSION: Final = 65536
_CANDIDATES: Final = 4
_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection for all companies: its name, its vectors, the keys that filters may name.

    ``sparse`` says that a point may carry its words as a sparse vector.

    Raises InvalidValue for a name, dimension or distance that some engine would refuse.
    """

    name: str
    dimension: int
    distance: Distance
    keys: Keys
    sparse: bool = False

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidValue("collection", "must be 1 to 128 letters, digits, '_' or '-'")
        if isinstance(self.dimension, bool) or not 1 <= self.dimension <= MAX_DIMENSION:
            raise InvalidValue("dimension", f"must be an integer from 1 to {MAX_DIMENSION}")
        if self.distance not in get_args(Distance):
            raise InvalidValue("distance", f"must be one of {', '.join(get_args(Distance))}")

    def refuse(self, differences: Sequence[str]) -> None:
        """Raise CollectionMismatch for what an engine found to be different."""
        if differences:
            raise CollectionMismatch(f"collection {self.name!r}: {'; '.join(differences)}")


@dataclass(frozen=True, slots=True)
class Comparison:
    """How an existing collection compares: in what it differs, and what ``ensure`` would add to it."""

    exists: bool
    differences: Sequence[str] = ()
    missing: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Selection:
    """Points of one company: all of them, or those that a filter or a list of ids picks out.

    The company has no default and the filter is one that ``resolve`` has checked.
    """

    company_id: uuid.UUID
    filter: Filter | None = None
    chunk_ids: Sequence[uuid.UUID] | None = None


@dataclass(frozen=True, slots=True)
class PreparedQuery:
    """A query that passed every check."""

    selection: Selection
    vector: list[float]
    k: int
    min_score: float | None
    sparse: SparseVector | None
    diversity: float | None

    @property
    def candidates(self) -> int:
        """Say how many points are looked at before they are fused, or thinned out for diversity."""
        return min(_CANDIDATES * self.k, MAX_LIMIT)


@dataclass(frozen=True, slots=True)
class Description:
    """What an engine says of itself: its version, about how many points it has, what is wrong."""

    version: str | None = None
    points: int | None = None
    problem: str | None = None


class Engine(Protocol):
    """A vector database, asked only with checked values.

    A blocking engine answers on the spot and never suspends; an asyncio engine may. Every failure
    of the driver leaves it as VectorStoreUnavailable or VectorStoreError.
    """

    @property
    def name(self) -> str:
        """Name the engine, in errors and to whoever watches."""
        ...

    @property
    def capabilities(self) -> frozenset[Capability]:
        """Say what it can of what not every engine can."""
        ...

    @property
    def bytes_per_dimension(self) -> int:
        """Say how much room one number of a vector takes in a request."""
        ...

    @property
    def largest_number(self) -> float:
        """Say how large a number of a vector may be, either side of zero."""
        ...

    async def ensure(self) -> None:
        """Create the collection if it is absent, else compare it.

        Raises CollectionMismatch.
        """
        ...

    async def compare(self) -> Comparison:
        """Compare the collection with what is expected, and change nothing."""
        ...

    async def upsert(self, company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> None:
        """Write a batch of points, each unless a higher revision is stored."""
        ...

    async def search(self, queries: Sequence[PreparedQuery]) -> list[Found]:
        """Answer queries of one company in one request: for each what was found, best first."""
        ...

    async def scroll(
        self, selection: Selection, limit: int, after: uuid.UUID | None
    ) -> tuple[list[Payload | None], uuid.UUID | None]:
        """Read points in the order of their ids, and where the next page begins."""
        ...

    async def count(self, selection: Selection) -> int:
        """Count exactly."""
        ...

    async def delete(self, selection: Selection) -> None:
        """Delete, and return once the points can no longer be found."""
        ...

    async def count_all(self) -> int:
        """Count the points of all companies."""
        ...

    async def describe(self) -> Description:
        """Say which version it is and about how many points all companies have, within the timeout."""
        ...

    async def close(self) -> None:
        """Give connections back."""
        ...
