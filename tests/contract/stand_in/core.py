"""What both front ends speak for: collections in edge shards, strict mode, and failures on demand."""

from __future__ import annotations

import shutil
import threading
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import qdrant_edge as edge
from qdrant_client import models

from chatapp_db.vectors.engines import edge_wire

# A request may be this large, as a server is configured by default.
LARGEST_REQUEST = 32 * 1024 * 1024
LONGEST_HANG = 20.0


class Fault(NamedTuple):
    """How the next request is to fail."""

    status: int
    retry_after: int | None = None
    hangs: bool = False


class Refused(Exception):
    """An answer other than the one asked for."""

    def __init__(self, status: int, message: str, retry_after: int | None = None) -> None:
        self.status = status
        self.message = message
        self.retry_after = retry_after


class Kept(NamedTuple):
    folder: Path
    shard: edge.EdgeShard
    created: models.CreateCollection


class StandIn:
    def __init__(self, folder: Path, version: str, api_key: str | None) -> None:
        self.urls: dict[str, str] = {}
        self.version = version
        self.faults: deque[Fault] = deque()
        self.always: Fault | None = None
        self.requests: list[str] = []
        self.batches: list[int] = []
        self.largest = 0
        self.indexes: dict[str, dict[str, models.PayloadIndexInfo]] = {}
        self.queries: list[models.QueryRequest] = []
        self._folder = folder
        self._api_key = api_key
        self._kept: dict[str, Kept] = {}
        self._turn = threading.Lock()
        self._closing = threading.Event()

    def close(self) -> None:
        self._closing.set()
        self.forget()

    def forget(self) -> None:
        """Drop every collection: a shard takes tens of megabytes, however little is in it."""
        with self._turn:
            for kept in self._kept.values():
                kept.shard.close()
                shutil.rmtree(kept.folder)
            self._kept.clear()

    @contextmanager
    def request(self, call: str, api_key: str | None, size: int) -> Iterator[None]:
        """Let one request in, after the failures that were ordered."""
        self.requests.append(call)
        self.largest = max(self.largest, size)
        if self._api_key is not None and api_key != self._api_key:
            raise Refused(401, "told secret: invalid API key")
        if size > LARGEST_REQUEST:
            raise Refused(413, "told secret: too large")
        fault = self.faults.popleft() if self.faults else self.always
        if fault is not None:
            if fault.hangs:
                self._closing.wait(LONGEST_HANG)
            raise Refused(fault.status, "told secret", fault.retry_after)
        with self._turn:
            yield

    def created(self, name: str) -> models.CreateCollection:
        return self._kept[name].created

    def exists(self, name: str) -> bool:
        return name in self._kept

    def create(self, name: str, wanted: models.CreateCollection) -> None:
        if name in self._kept:
            raise Refused(409, f"collection {name} exists")
        vectors: Any = wanted.vectors
        config = edge_wire.creation(vectors, wanted.sparse_vectors or {})
        folder = self._folder / uuid.uuid4().hex
        self._kept[name] = Kept(folder, edge.EdgeShard.create(str(folder), config), wanted)
        self.indexes[name] = {}

    def describe(self, name: str) -> models.CollectionInfo:
        kept = self._shard(name)
        params = models.CollectionParams(
            vectors=kept.created.vectors, sparse_vectors=kept.created.sparse_vectors
        )
        config = models.CollectionConfig(
            params=params,
            hnsw_config=models.HnswConfig(m=0, ef_construct=100, full_scan_threshold=10000),
            optimizer_config=models.OptimizersConfig(default_segment_number=0, flush_interval_sec=5),
            wal_config=models.WalConfig(wal_capacity_mb=32, wal_segments_ahead=0),
        )
        return models.CollectionInfo(
            status=models.CollectionStatus.GREEN,
            optimizer_status=models.OptimizersStatusOneOf.OK,
            points_count=kept.shard.info().points_count,
            segments_count=1,
            config=config,
            payload_schema=self.indexes[name],
        )

    def index(self, name: str, path: str, schema: Any) -> None:
        tenant = isinstance(schema, models.KeywordIndexParams)
        self._shard(name).shard.update(edge_wire.index(path, schema))
        self.indexes[name][path] = models.PayloadIndexInfo(
            data_type=models.PayloadSchemaType.KEYWORD if tenant else schema,
            params=schema if tenant else None,
            points=0,
        )

    def update(self, name: str, operations: Sequence[Any]) -> None:
        upserted: list[models.PointsList] = [one.upsert for one in operations]
        strict = self._strict(name)
        self.batches.append(sum(len(one.points) for one in upserted))
        for one, operation in zip(upserted, operations, strict=True):
            if len(one.points) > strict.upsert_max_batchsize:
                raise Refused(400, "too many points")
            self._refuse_unindexed(name, one.update_filter)
            self._shard(name).shard.update(edge_wire.upsert(operation))

    def query(self, name: str, requests: Sequence[models.QueryRequest]) -> list[list[models.ScoredPoint]]:
        strict = self._strict(name)
        if len(requests) > strict.search_max_batchsize:
            raise Refused(400, "too many searches")
        for one in requests:
            self._refuse_query(name, one, strict.max_query_limit)
        self.queries += requests
        batch = edge.QueryBatchRequest([edge_wire.query(one) for one in requests])
        found = self._tried(lambda: self._shard(name).shard.query_batch(batch))
        return [[_scored(point) for point in points] for points in found]

    def scroll(
        self, name: str, wanted: models.Filter | None, limit: int, offset: Any
    ) -> tuple[list[models.Record], str | None]:
        if limit > self._strict(name).max_query_limit:
            raise Refused(400, "limit too large")
        self._refuse_unindexed(name, wanted)
        request = edge.ScrollRequest(
            offset=offset, limit=limit, filter=_translated(wanted), with_payload=True
        )
        records, following = self._shard(name).shard.scroll(request)
        found = [models.Record(id=str(one.id), payload=one.payload) for one in records]
        return found, None if following is None else str(following)

    def count(self, name: str, wanted: models.Filter | None) -> int:
        self._refuse_unindexed(name, wanted)
        request = edge.CountRequest(exact=True, filter=_translated(wanted))
        return self._shard(name).shard.count(request)

    def delete(self, name: str, wanted: models.Filter) -> None:
        self._refuse_unindexed(name, wanted)
        operation = edge.UpdateOperation.delete_points_by_filter(edge_wire.filter_of(wanted))
        self._shard(name).shard.update(operation)

    def _shard(self, name: str) -> Kept:
        if name not in self._kept:
            raise Refused(404, f"collection {name} does not exist")
        return self._kept[name]

    def _strict(self, name: str) -> Any:
        return self._shard(name).created.strict_mode_config

    def _refuse_query(self, name: str, request: Any, largest: int) -> None:
        nested = request.prefetch or []
        for one in [request, *nested]:
            if one.limit > largest:
                raise Refused(400, "limit too large")
            self._refuse_unindexed(name, one.filter)

    def _refuse_unindexed(self, name: str, wanted: models.Filter | None) -> None:
        """Strict mode: what a filter names must be indexed."""
        self._shard(name)
        missing = set(_named(wanted)) - self.indexes[name].keys()
        if missing:
            raise Refused(400, f"no index for {missing}")

    @staticmethod
    def _tried(work: Callable[[], Any]) -> Any:
        try:
            return work()
        except Exception as error:
            raise Refused(400, str(error)) from error


def _named(condition: Any) -> Iterable[str]:
    if isinstance(condition, models.Filter):
        for clause in (condition.must, condition.should, condition.must_not):
            for one in clause or []:  # type: ignore[union-attr]  # lists alone are sent
                yield from _named(one)
    elif isinstance(condition, models.IsEmptyCondition):
        yield condition.is_empty.key
    elif isinstance(condition, models.FieldCondition):
        yield condition.key


def _translated(wanted: models.Filter | None) -> edge.Filter | None:
    return None if wanted is None else edge_wire.filter_of(wanted)


def _scored(point: edge.ScoredPoint) -> models.ScoredPoint:
    return models.ScoredPoint(id=str(point.id), version=0, score=point.score, payload=point.payload)
