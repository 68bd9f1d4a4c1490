"""Vectors written and searched by each engine's plain client, and by this package over the same engine.

Plain means as one writes it who knows one company at a time and trusts every argument: no check of a
vector, no role, no condition on a write.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import psycopg
import qdrant_edge as edge
from qdrant_client import QdrantClient, models

from chatapp_db.vectors import Point, VectorStore, create_vector_store

__all__ = ["ENGINES", "Client", "Ours", "Place", "plain"]

ENGINES = ("edge", "pgvector", "memory", "qdrant")
_NAME = "benchmark"
_VECTOR = "dense"
_TABLE = "plain_vectors"


class Place:
    """Where an engine keeps its points: a folder, a database, a server, or this process."""

    def __init__(self, engine: str, dimension: int, folder: Path, database: str, server: str | None) -> None:
        self.engine = engine
        self.dimension = dimension
        self.folder = folder
        self.database = database
        self.server = server

    def url(self) -> str:
        """Say it as this package takes it."""
        urls = {
            "edge": f"edge://{self.folder}/ours",
            "pgvector": self.database.replace("postgresql:", "pgvector:", 1),
            "memory": "memory://",
            "qdrant": str(self.server),
        }
        return urls[self.engine]


class Client(ABC):
    """One side of a comparison."""

    @abstractmethod
    def write(self, company_id: UUID, points: Sequence[Point]) -> None:
        """Write new points of one company, and return once they can be found."""

    @abstractmethod
    def nearest(self, company_id: UUID, vector: Sequence[float], k: int) -> list[str]:
        """Give the chunks of a company that are nearest."""

    @abstractmethod
    def close(self) -> None:
        """Give back what was taken."""


class Ours(Client):
    """This package."""

    def __init__(self, place: Place) -> None:
        options: dict[str, Any] = {"collection": f"{_NAME}_ours", "chunks_table": None, "timeout": 60}
        self._store: VectorStore = create_vector_store(place.url(), dimension=place.dimension, **options)
        self._store.ensure_collection()

    def write(self, company_id: UUID, points: Sequence[Point]) -> None:
        self._store.upsert(company_id, points)

    def nearest(self, company_id: UUID, vector: Sequence[float], k: int) -> list[str]:
        return [str(hit.chunk_id) for hit in self._store.search(company_id, vector, k)]

    def close(self) -> None:
        self._store.close()


def plain(place: Place) -> Client:
    """Open the engine's own client."""
    if place.engine == "edge":
        return _PlainEdge(place)
    if place.engine == "pgvector":
        return _PlainPgvector(place)
    return _PlainQdrant(place)


def _payload(company_id: UUID, point: Point) -> dict[str, Any]:
    return {
        "company_id": str(company_id),
        "chunk_id": str(point.chunk_id),
        "source_id": str(point.source_id),
        "revision": point.revision,
        "content_hash": point.content_hash,
        "meta": {},
    }


class _PlainEdge(Client):
    def __init__(self, place: Place) -> None:
        place.folder.mkdir(parents=True, exist_ok=True)
        vectors = {_VECTOR: edge.EdgeVectorParams(size=place.dimension, distance=edge.Distance.Cosine)}
        self._shard = edge.EdgeShard.create(str(place.folder / "plain"), edge.EdgeConfig(vectors=vectors))
        tenant = edge.KeywordIndexParams(is_tenant=True)
        self._shard.update(edge.UpdateOperation.create_field_index("company_id", tenant))

    def write(self, company_id: UUID, points: Sequence[Point]) -> None:
        written = [
            edge.Point(
                str(uuid5(company_id, str(one.chunk_id))),
                {_VECTOR: list(one.vector)},
                _payload(company_id, one),
            )
            for one in points
        ]
        self._shard.update(edge.UpdateOperation.upsert_points(written))

    def nearest(self, company_id: UUID, vector: Sequence[float], k: int) -> list[str]:
        of_company = edge.FieldCondition("company_id", match=edge.MatchValue(str(company_id)))
        request = edge.QueryRequest(
            limit=k,
            query=edge.Query.Nearest(list(vector), using=_VECTOR),
            filter=edge.Filter(must=[of_company]),
            with_payload=True,
        )
        return [str((hit.payload or {})["chunk_id"]) for hit in self._shard.query(request)]

    def close(self) -> None:
        self._shard.flush()
        self._shard.close()


class _PlainQdrant(Client):
    def __init__(self, place: Place) -> None:
        in_memory = place.server is None
        self._client = (
            QdrantClient(":memory:") if in_memory else QdrantClient(url=place.server, prefer_grpc=True)
        )
        params = models.VectorParams(size=place.dimension, distance=models.Distance.COSINE)
        self._client.create_collection(
            _NAME,
            vectors_config={_VECTOR: params},
            hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        )
        if not in_memory:
            schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
            self._client.create_payload_index(_NAME, "company_id", schema)

    def write(self, company_id: UUID, points: Sequence[Point]) -> None:
        written = [
            models.PointStruct(
                id=str(uuid5(company_id, str(one.chunk_id))),
                vector={_VECTOR: list(one.vector)},
                payload=_payload(company_id, one),
            )
            for one in points
        ]
        self._client.upsert(_NAME, written, wait=True)

    def nearest(self, company_id: UUID, vector: Sequence[float], k: int) -> list[str]:
        of_company = models.FieldCondition(key="company_id", match=models.MatchValue(value=str(company_id)))
        found = self._client.query_points(
            _NAME, query=list(vector), using=_VECTOR, query_filter=models.Filter(must=[of_company]), limit=k
        )
        return [str((hit.payload or {})["chunk_id"]) for hit in found.points]

    def close(self) -> None:
        self._client.delete_collection(_NAME)
        self._client.close()


class _PlainPgvector(Client):
    """A table of its own; what a search sets is set for the connection, once."""

    def __init__(self, place: Place) -> None:
        self._connection: Any = psycopg.connect(place.database, autocommit=True)
        self._connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
        self._connection.execute(f"DROP TABLE IF EXISTS {_TABLE}")
        self._connection.execute(
            f"CREATE TABLE {_TABLE} (company_id uuid, chunk_id uuid, source_id uuid, content_hash text,"
            f" revision bigint, embedding halfvec({place.dimension}), meta jsonb,"
            " PRIMARY KEY (company_id, chunk_id))"
        )
        self._connection.execute(f"CREATE INDEX ON {_TABLE} USING hnsw (embedding halfvec_cosine_ops)")
        self._connection.execute(f"CREATE INDEX ON {_TABLE} (company_id, source_id)")
        self._connection.execute(
            "SET hnsw.iterative_scan = 'relaxed_order'; SET hnsw.ef_search = 100;"
            " SET plan_cache_mode = 'force_custom_plan'"
        )

    def write(self, company_id: UUID, points: Sequence[Point]) -> None:
        columns = (
            [one.chunk_id for one in points],
            [one.source_id for one in points],
            [one.content_hash for one in points],
            [_text(one.vector) for one in points],
        )
        self._connection.execute(
            f"INSERT INTO {_TABLE}"
            " SELECT %s, chunk_id, source_id, content_hash, 0, embedding::halfvec, '{}'"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::text[], %s::text[])"
            " AS given (chunk_id, source_id, content_hash, embedding)",
            (company_id, *columns),
            prepare=True,
        )

    def nearest(self, company_id: UUID, vector: Sequence[float], k: int) -> list[str]:
        found = self._connection.execute(
            f"SELECT chunk_id, source_id, content_hash, revision, meta FROM {_TABLE} WHERE company_id = %s"
            f" ORDER BY embedding <=> %s::halfvec LIMIT {k}",
            (company_id, _text(vector)),
            prepare=True,
        )
        return [str(row[0]) for row in found]

    def close(self) -> None:
        self._connection.close()


def _text(vector: Sequence[float]) -> str:
    return f"[{','.join([f'{number:.6g}' for number in vector])}]"
