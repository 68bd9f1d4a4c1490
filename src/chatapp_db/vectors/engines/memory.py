"""The memory engine: qdrant-client's local mode, for tests and up to about 5,000 points.

It is written in Python and not thread-safe, so one lock is held around every call. Its calls never
suspend, hence blocking and asyncio stores share it; payload indexes, strict mode and the graph
have no effect in it and are not asked for.
"""

from __future__ import annotations

import threading
from importlib.metadata import version

from qdrant_client import QdrantClient

from chatapp_db.vectors.engine import Collection, Comparison, Description
from chatapp_db.vectors.engines import layout
from chatapp_db.vectors.engines.client import face
from chatapp_db.vectors.engines.qdrant import QdrantEngine

__all__ = ["MemoryEngine"]


class MemoryEngine(QdrantEngine):
    """An Engine whose points live and die with it."""

    name = "memory"

    def __init__(self, collection: Collection) -> None:
        client = face(QdrantClient(location=":memory:"), turn=threading.Lock())
        super().__init__(client, collection, grpc=True)

    async def ensure(self) -> None:
        """Create the collection, or compare its vectors."""
        if not await self._client.collection_exists(self._name):
            await self._client.create_collection(
                self._name,
                vectors_config=layout.vectors(self._collection),
                sparse_vectors_config=layout.sparse_vectors(self._collection),
            )
        self._collection.refuse((await self._compared()).differences)

    async def _compared(self) -> Comparison:
        """Compare the vectors; it has no indexes."""
        found = await self._client.get_collection(self._name)
        return Comparison(True, layout.vector_differences(self._collection, *layout.named_vectors(found)))

    async def describe(self) -> Description:
        """Say which version it is and how many points there are."""
        return Description(version("qdrant-client"), await self.count_all())

    async def _refuse_old_server(self) -> None:
        """There is none."""
