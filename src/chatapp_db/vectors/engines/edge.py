"""The edge engine: Qdrant's own, inside the process, its points in a folder.

What was acknowledged survives a killed process. Its calls hold the interpreter's lock, so the shard
is never optimised here: that takes seconds to minutes in which no thread of the service would run.
Without a graph a search reads the company's vectors one by one, which is exact.
"""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Awaitable, Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar, get_args

import qdrant_edge as edge

from chatapp_db.vectors.engine import (
    Capability,
    Collection,
    Comparison,
    Description,
    Found,
    PreparedQuery,
    Selection,
)
from chatapp_db.vectors.engines import edge_wire, layout
from chatapp_db.vectors.engines.edge_shard import EdgeFolder, failures
from chatapp_db.vectors.engines.wire import query_request, selected, upserts
from chatapp_db.vectors.points import Payload, PreparedPoint

__all__ = ["EdgeEngine", "connect", "connect_async"]

T = TypeVar("T")

Run: TypeAlias = Callable[[Callable[[], Any]], Awaitable[Any]]

_FLOAT32_BYTES: Final = 4
# Until it is flushed, the log that is read again at the next start grows with every write.
_FLUSH_AFTER_BYTES: Final = 32 * 1024 * 1024


def connect(folder: str, collection: Collection) -> EdgeEngine:
    """Use a folder from the caller's own thread; nothing is opened yet."""
    return EdgeEngine(EdgeFolder(Path(folder), collection), collection, _on_the_spot)


def connect_async(folder: str, collection: Collection) -> EdgeEngine:
    """Use a folder from an event loop, each call in a thread; nothing is opened yet."""
    return EdgeEngine(EdgeFolder(Path(folder), collection), collection, asyncio.to_thread)


async def _on_the_spot(work: Callable[[], T]) -> T:
    return work()


class EdgeEngine:
    """An Engine over a shard that is opened by the first call."""

    name = "edge"
    capabilities = frozenset[Capability](get_args(Capability))
    bytes_per_dimension = _FLOAT32_BYTES
    largest_number = math.inf

    def __init__(self, folder: EdgeFolder, collection: Collection, run: Run) -> None:
        self._folder = folder
        self._collection = collection
        self._keys = collection.keys
        self._run = run
        self._unflushed = 0

    async def ensure(self) -> None:
        """Make the shard and what indexes it lacks; compare what was there.

        Raises CollectionMismatch.
        """
        await self._run(self._ensure)

    def _ensure(self) -> None:
        shard = self._folder.shard(create=True)
        with failures("ensure"):
            compared = self._compared(shard)
            self._collection.refuse(compared.differences)
            schemas = layout.indexes(self._collection)
            for path in compared.missing:
                shard.update(edge_wire.index(path, schemas[path]))

    async def compare(self) -> Comparison:
        """Compare the indexes; the vectors are compared when the shard is opened.

        Raises CollectionMismatch.
        """
        compared: Comparison = await self._run(self._compare)
        return compared

    def _compare(self) -> Comparison:
        if not self._folder.exists():
            return Comparison(exists=False)
        shard = self._folder.shard()
        with failures("compare"):
            return self._compared(shard)

    def _compared(self, shard: edge.EdgeShard) -> Comparison:
        found = {path: edge_wire.indexed(index) for path, index in shard.info().payload_schema.items()}
        return layout.compared(self._collection, found)

    async def upsert(self, company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> None:
        """Write a batch; it is in the log of the shard when this returns."""
        await self._call("upsert", lambda shard: self._upsert(shard, company_id, points))

    def _upsert(self, shard: edge.EdgeShard, company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> None:
        for operation in upserts(company_id, points):
            shard.update(edge_wire.upsert(operation))
        self._unflushed += len(points) * self._collection.dimension * _FLOAT32_BYTES
        if self._unflushed >= _FLUSH_AFTER_BYTES:
            self._unflushed = 0
            shard.flush()

    async def search(self, queries: Sequence[PreparedQuery]) -> list[Found]:
        """Answer each query, all in one pass over the shard."""
        requests = [edge_wire.query(query_request(one, self._keys)) for one in queries]
        batch = edge.QueryBatchRequest(requests)
        answers = await self._call("search", lambda shard: shard.query_batch(batch))
        return [[(point.payload, point.score) for point in found] for found in answers]

    async def scroll(
        self, selection: Selection, limit: int, after: uuid.UUID | None
    ) -> tuple[list[Payload | None], uuid.UUID | None]:
        """Read points in the order of their ids."""
        request = edge.ScrollRequest(
            offset=after, limit=limit, filter=self._selected(selection), with_payload=True
        )
        records, following = await self._call("scroll", lambda shard: shard.scroll(request))
        payloads: list[Payload | None] = [record.payload for record in records]
        return payloads, None if following is None else uuid.UUID(str(following))

    async def count(self, selection: Selection) -> int:
        """Count exactly."""
        return await self._count(edge.CountRequest(exact=True, filter=self._selected(selection)))

    async def delete(self, selection: Selection) -> None:
        """Delete by a filter that always names the company."""
        operation = edge.UpdateOperation.delete_points_by_filter(self._selected(selection))
        await self._call("delete", lambda shard: shard.update(operation))

    async def count_all(self) -> int:
        """Count the points of all companies."""
        return await self._count(edge.CountRequest(exact=True))

    async def describe(self) -> Description:
        """Say which version it is and how many points there are."""
        points = await self._call("describe", lambda shard: shard.info().points_count)
        return Description(version("qdrant-edge-py"), points)

    async def close(self) -> None:
        """Write down what is in memory and let another process in."""
        await self._run(self._folder.close)

    async def _count(self, request: edge.CountRequest) -> int:
        return await self._call("count", lambda shard: shard.count(request))

    def _selected(self, selection: Selection) -> edge.Filter:
        return edge_wire.filter_of(selected(selection, self._keys))

    async def _call(self, name: str, work: Callable[[edge.EdgeShard], T]) -> T:
        def called() -> T:
            shard = self._folder.shard()
            with failures(name):
                return work(shard)

        result: T = await self._run(called)
        return result
