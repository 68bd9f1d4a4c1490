"""The Qdrant engine: a server spoken to by gRPC or REST, blocking or asyncio."""

from __future__ import annotations

import copy
import math
import re
import time
import uuid
from collections.abc import Sequence
from typing import Final, get_args

from qdrant_client import AsyncQdrantClient, QdrantClient, models

from chatapp_db.errors import VectorStoreError, VectorStoreUnavailable
from chatapp_db.vectors.address import Address
from chatapp_db.vectors.engine import (
    Capability,
    Collection,
    Comparison,
    Description,
    Found,
    PreparedQuery,
    Selection,
)
from chatapp_db.vectors.engines import layout
from chatapp_db.vectors.engines.client import face, hurried
from chatapp_db.vectors.engines.wire import query_request, selected, upserts
from chatapp_db.vectors.points import Payload, PreparedPoint

__all__ = ["QdrantEngine", "connect", "connect_async"]

OLDEST_SERVER: Final = (1, 17, 1)  # older ones ignore the condition of an upsert
OLDEST_HYBRID_SERVER: Final = (1, 19, 0)  # older ones ignore among whose points a term is rare
_FLOAT32_BYTES: Final = 4
_JSON_BYTES: Final = 22


def connect(address: Address, collection: Collection) -> QdrantEngine:
    """Speak to a server and wait for its answers; nothing is sent yet."""
    client = QdrantClient(**address.client_arguments())
    return QdrantEngine(face(client), collection, grpc=address.grpc, timeout=address.timeout)


def connect_async(address: Address, collection: Collection) -> QdrantEngine:
    """Speak to a server from an event loop; nothing is sent yet."""
    client = AsyncQdrantClient(**address.client_arguments())
    return QdrantEngine(face(client), collection, grpc=address.grpc, timeout=address.timeout)


class QdrantEngine:
    """An Engine over a client that has the face of AsyncQdrantClient."""

    name = "qdrant"
    capabilities = frozenset[Capability](get_args(Capability))
    largest_number = math.inf

    def __init__(
        self, client: AsyncQdrantClient, collection: Collection, *, grpc: bool, timeout: float = math.inf
    ) -> None:
        self._client = client
        self._timeout = timeout
        self._collection = collection
        self._name = collection.name
        self._is_new_enough = False
        self._keys = collection.keys
        self.bytes_per_dimension = _FLOAT32_BYTES if grpc else _JSON_BYTES

    def within(self, seconds: int) -> QdrantEngine:
        """Give the same engine with less time for each request."""
        engine = copy.copy(self)
        engine._client = hurried(self._client, seconds)  # noqa: SLF001  # a copy of its own
        return engine

    async def ensure(self) -> None:
        """Create the collection and what indexes it lacks; compare what was there.

        Raises CollectionMismatch, VectorStoreError for a server that is too old.
        """
        await self._refuse_old_server()
        await self._create_if_absent()
        compared = await self._compared()
        self._collection.refuse(compared.differences)
        schemas = layout.indexes(self._collection)
        for path in compared.missing:
            await self._client.create_payload_index(self._name, path, field_schema=schemas[path], wait=True)

    async def compare(self) -> Comparison:
        """Compare vectors and indexes.

        Raises VectorStoreError for a server that is too old.
        """
        await self._refuse_old_server()
        if not await self._client.collection_exists(self._name):
            return Comparison(exists=False)
        return await self._compared()

    async def _compared(self) -> Comparison:
        found = await self._client.get_collection(self._name)
        differences = layout.vector_differences(self._collection, *layout.named_vectors(found))
        return layout.compared(self._collection, found.payload_schema, differences)

    async def _refuse_old_server(self) -> None:
        if self._is_new_enough:
            return
        wanted = OLDEST_HYBRID_SERVER if self._collection.sparse else OLDEST_SERVER
        version = (await self._client.info()).version
        numbers = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
        if numbers is None or tuple(map(int, numbers.groups())) < wanted:
            oldest = ".".join(map(str, wanted))
            raise VectorStoreError(f"Qdrant {version} is too old: {oldest} or newer is needed")
        self._is_new_enough = True

    async def _create_if_absent(self) -> None:
        if await self._client.collection_exists(self._name):
            return
        try:
            await self._client.create_collection(self._name, **layout.creation(self._collection))
        except VectorStoreError:
            # Two replicas start at once: the one that came second finds it made.
            if not await self._client.collection_exists(self._name):
                raise

    async def upsert(self, company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> None:
        """Write a batch in one request."""
        operations = upserts(company_id, points)
        await self._client.batch_update_points(self._name, update_operations=operations, wait=True)

    async def search(self, queries: Sequence[PreparedQuery]) -> list[Found]:
        """Answer each query, all in one request; by words only where the server keeps companies apart."""
        if any(query.sparse is not None for query in queries):
            await self._refuse_old_server()
        requests = [query_request(query, self._keys) for query in queries]
        responses = await self._client.query_batch_points(self._name, requests)
        return [[(point.payload, point.score) for point in response.points] for response in responses]

    async def scroll(
        self, selection: Selection, limit: int, after: uuid.UUID | None
    ) -> tuple[list[Payload | None], uuid.UUID | None]:
        """Read points in the order of their ids."""
        records, following = await self._client.scroll(
            self._name,
            scroll_filter=selected(selection, self._keys),
            limit=limit,
            offset=None if after is None else str(after),
            with_payload=True,
        )
        payloads: list[Payload | None] = [record.payload for record in records]
        return payloads, None if following is None else uuid.UUID(str(following))

    async def count(self, selection: Selection) -> int:
        """Count exactly."""
        wanted = selected(selection, self._keys)
        return (await self._client.count(self._name, count_filter=wanted, exact=True)).count

    async def delete(self, selection: Selection) -> None:
        """Delete by a filter that always names the company."""
        selector = models.FilterSelector(filter=selected(selection, self._keys))
        await self._client.delete(self._name, points_selector=selector, wait=True)

    async def count_all(self) -> int:
        """Count the points of all companies."""
        return (await self._client.count(self._name, exact=True)).count

    async def describe(self) -> Description:
        """Say which version it is and about how many points there are, both within the timeout."""
        began = time.monotonic()
        version = (await self._client.info()).version
        left = self._timeout - (time.monotonic() - began)
        if left < 1:
            return Description(version, problem="the vector store answers slowly")
        client = self._client if left == math.inf else hurried(self._client, int(left))
        try:
            points = (await client.count(self._name, exact=False)).count
        except VectorStoreUnavailable:
            raise
        except VectorStoreError as error:
            return Description(version, problem=str(error))
        return Description(version, points)

    async def close(self) -> None:
        """Give connections back."""
        await self._client.close()
