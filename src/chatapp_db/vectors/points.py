"""Points: what goes into the store, what comes out of it, and how each is named.

Pure: no engine, no I/O. A payload holds identifiers, the revision, the content's hash and the
declared metadata; never content, which stays in PostgreSQL.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from chatapp_db.errors import InvalidValue, TenantIsolationError, VectorStoreError
from chatapp_db.identity import point_id
from chatapp_db.vectors.keys import Keys, MetaValue, check_text
from chatapp_db.vectors.sparse import SparseVector

__all__ = [
    "MAX_BATCH_POINTS",
    "Payload",
    "Point",
    "PointPage",
    "PreparedPoint",
    "SearchHit",
    "StoredPoint",
    "batches",
    "point_id",
    "prepare",
    "read_hits",
    "read_points",
]

MAX_BATCH_POINTS: Final = 256
MAX_BATCH_BYTES: Final = 4 * 1024 * 1024
MAX_PAYLOAD_BYTES: Final = 64 * 1024
_FRAMING_BYTES: Final = 128  # a point's id and tags, in protobuf as in JSON

Payload: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Point:
    """A chunk's vector as a service hands it over.

    A revision lower than the stored one is dropped by the store, so that a late writer cannot
    undo a newer one. ``meta`` may only hold declared keys. ``sparse`` holds the chunk's words, in a store
    that was made with ``sparse=True``.
    """

    chunk_id: uuid.UUID
    vector: Sequence[float]
    source_id: uuid.UUID
    agent_id: uuid.UUID | None = None
    revision: int = 0
    content_hash: str = ""
    meta: Mapping[str, MetaValue] = field(default_factory=dict[str, MetaValue])
    sparse: SparseVector | None = None


@dataclass(slots=True, kw_only=True)
class StoredPoint:
    """What the store knows of a chunk; the chunk itself is read from PostgreSQL."""

    chunk_id: uuid.UUID
    source_id: uuid.UUID
    agent_id: uuid.UUID | None = None
    revision: int
    content_hash: str
    meta: Mapping[str, object]


@dataclass(slots=True, kw_only=True)
class SearchHit(StoredPoint):
    """A found chunk; the higher its score, the nearer."""

    score: float = 0.0


P = TypeVar("P", bound=StoredPoint)


@dataclass(frozen=True, slots=True)
class PointPage:
    """Some points in the order of their ids; ``after`` fetches the next page, None says there is none."""

    points: list[StoredPoint]
    after: uuid.UUID | None


@dataclass(frozen=True, slots=True)
class PreparedPoint:
    """A point that passed every check, in the form that goes over the wire."""

    id: uuid.UUID
    vector: list[float]
    revision: int
    payload: Payload
    payload_bytes: int
    sparse: SparseVector | None = None

    def weighs(self, bytes_per_dimension: int) -> int:
        """Say how much room it takes in a request: twice its JSON is more than protobuf ever makes of it."""
        terms = 0 if self.sparse is None else len(self.sparse.indices)
        # An index takes no more room than a number.
        numbers = len(self.vector) + 2 * terms
        return numbers * bytes_per_dimension + 2 * self.payload_bytes + _FRAMING_BYTES


def prepare(
    company_id: uuid.UUID, point: Point, vector: list[float], sparse: SparseVector | None, keys: Keys
) -> PreparedPoint:
    """Turn a point with checked vectors into what is sent.

    Raises InvalidValue for metadata that was not declared or is too large, and for a field of
    the wrong type.
    """
    chunk_id = _identifier("chunk_id", point.chunk_id)
    meta = {_declared(name, keys): keys.stored(name, value) for name, value in point.meta.items()}
    payload: dict[str, Any] = {
        "company_id": str(company_id),
        "chunk_id": str(chunk_id),
        "source_id": str(_identifier("source_id", point.source_id)),
        "revision": keys.canonical("revision", point.revision),
        "content_hash": check_text("content_hash", point.content_hash),
        "meta": meta,
    }
    if point.agent_id is not None:
        payload["agent_id"] = str(_identifier("agent_id", point.agent_id))
    size = _size(payload)
    return PreparedPoint(point_id(company_id, chunk_id), vector, point.revision, payload, size, sparse)


def _identifier(name: str, value: object) -> uuid.UUID:
    if not isinstance(value, uuid.UUID):
        raise InvalidValue(name, "must be a uuid.UUID")
    return value


def _declared(name: str, keys: Keys) -> str:
    if name not in keys.declared:
        raise InvalidValue("meta", f"{name!r} is not declared for this store")
    return name


def _size(payload: Payload) -> int:
    try:
        size = len(msgspec.json.encode(payload))
    except (TypeError, UnicodeEncodeError) as error:
        raise InvalidValue("point", "a field is not of its type") from error
    if size > MAX_PAYLOAD_BYTES:
        raise InvalidValue("meta", f"is larger than {MAX_PAYLOAD_BYTES} bytes")
    return size


def batches(points: Iterable[PreparedPoint], bytes_per_dimension: int) -> Iterator[list[PreparedPoint]]:
    """Cut points into requests that no server refuses for their size."""
    batch: list[PreparedPoint] = []
    room = MAX_BATCH_BYTES
    for point in points:
        size = point.weighs(bytes_per_dimension)
        if batch and (len(batch) == MAX_BATCH_POINTS or size > room):
            yield batch
            batch, room = [], MAX_BATCH_BYTES
        batch.append(point)
        room -= size
    if batch:
        yield batch


def read_points(company_id: uuid.UUID, payloads: Iterable[Payload | None], keys: Keys) -> list[StoredPoint]:
    """Read stored points back.

    Raises TenantIsolationError for a point that is not this company's, whatever it is.
    """
    whose = str(company_id)
    return [_read(StoredPoint, whose, payload, keys) for payload in payloads]


def read_hits(
    company_id: uuid.UUID, found: Iterable[tuple[Payload | None, float]], keys: Keys
) -> list[SearchHit]:
    """Read found points back.

    Raises TenantIsolationError for a point that is not this company's, whatever it is.
    """
    whose, hits = str(company_id), list[SearchHit]()
    for payload, score in found:
        hit = _read(SearchHit, whose, payload, keys)
        hit.score = score
        hits.append(hit)
    return hits


def _read(kind: type[P], whose: str, payload: Payload | None, keys: Keys) -> P:
    """Build a point at once: for a page of hits the ids alone took longer than the engine's answer."""
    if payload is None or payload.get("company_id") != whose:
        raise TenantIsolationError("the vector store returned a point that is not this company's")
    try:
        point = msgspec.convert(payload, kind)
    except msgspec.ValidationError as error:
        raise VectorStoreError(f"the vector store returned a point that nobody wrote: {error}") from error
    point.meta = keys.read(point.meta)
    return point
