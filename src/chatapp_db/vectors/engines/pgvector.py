"""The pgvector engine: a side table in the database itself, behind the same three walls as the others.

A search says how far the index goes on looking: by default it stops after the first candidates, and
where a policy thins those out it would find less than there is, or nothing.
"""

from __future__ import annotations

import inspect
import json
import math
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Engine as SqlEngine
from sqlalchemy.ext.asyncio import AsyncEngine

from chatapp_db.address import engine_url
from chatapp_db.errors import ExtensionUnavailable, InvalidValue, NotSupported, VectorStoreError
from chatapp_db.execution.entrance import Entrance
from chatapp_db.execution.exchange import Message
from chatapp_db.execution.pool import adopted, async_engine, blocking_engine
from chatapp_db.execution.scope import Access
from chatapp_db.execution.wire import ASYNCIO, BLOCKING
from chatapp_db.vectors.engine import (
    Capability,
    Collection,
    Comparison,
    Description,
    Distance,
    Found,
    PreparedQuery,
    Selection,
)
from chatapp_db.vectors.engines.calls import Calls, Record
from chatapp_db.vectors.engines.side_table import (
    DESCRIPTION,
    EXTENSION,
    FACTS,
    LARGEST_HALF,
    SideTable,
    extension_schema,
    quoted,
)
from chatapp_db.vectors.engines.sql_filter import Values, where
from chatapp_db.vectors.points import Payload, PreparedPoint

__all__ = ["PgvectorEngine", "connect", "connect_async"]

_TEXT_BYTES: Final = 10
_EXACT_UP_TO: Final = 1000
# The index gives what it meets first; below a filter the nearest are surely among a few more.
_FILTERED_CANDIDATES: Final = 4
_SIGNS: Final[Mapping[Distance, str]] = {"cosine": "<=>", "dot": "<#>"}
_ARRAYS: Final = ("chunk_id", "source_id", "agent_id", "content_hash", "revision")
_PAYLOAD: Final = f"company_id, {', '.join(_ARRAYS)}, meta"
# A plan for any company would do for none; a bitmap is made of all its entries, where a few are enough.
_BEFORE_SEARCH: Final[Message] = (
    "SELECT set_config('hnsw.iterative_scan', 'relaxed_order', true),"
    " set_config('hnsw.ef_search', '100', true), set_config('plan_cache_mode', 'force_custom_plan', true),"
    " set_config('enable_bitmapscan', 'off', true)",
    (),
)


def connect(
    source: object, collection: Collection, access: Access, *, chunks_table: str | None, timeout: int
) -> PgvectorEngine:
    """Use a database, by its URL or by a service's own Engine, from the caller's own thread."""
    table = SideTable(collection, chunks_table)
    if isinstance(source, SqlEngine):
        adopted(source, {})
        return PgvectorEngine(Entrance(BLOCKING, source, access), collection, table, None)
    engine = blocking_engine(engine_url(_url(source)), {"connect_timeout": timeout})
    return PgvectorEngine(Entrance(BLOCKING, engine, access), collection, table, engine.dispose)


def connect_async(
    source: object, collection: Collection, access: Access, *, chunks_table: str | None, timeout: int
) -> PgvectorEngine:
    """Use a database, by its URL or by a service's own AsyncEngine, from an event loop."""
    table = SideTable(collection, chunks_table)
    if isinstance(source, AsyncEngine):
        adopted(source.sync_engine, {})
        return PgvectorEngine(Entrance(ASYNCIO, source, access), collection, table, None)
    engine = async_engine(engine_url(_url(source)), {"connect_timeout": timeout})
    return PgvectorEngine(Entrance(ASYNCIO, engine, access), collection, table, engine.dispose)


def _url(source: object) -> str:
    if not isinstance(source, str):
        kinds = "an Engine for VectorStore, an AsyncEngine for AsyncVectorStore"
        raise InvalidValue("url", f"a URL is wanted, or {kinds}, not {type(source).__name__}")
    return source


class PgvectorEngine:
    """An Engine over a table that has a row for each chunk.

    The numbers are kept in half precision; for the cosine a vector is brought to length 1 before.
    """

    name = "pgvector"
    capabilities = frozenset[Capability]({"batch"})
    bytes_per_dimension = _TEXT_BYTES

    def __init__(
        self,
        entrance: Entrance,
        collection: Collection,
        table: SideTable,
        dispose: Callable[[], Any] | None,
    ) -> None:
        if collection.sparse:
            raise NotSupported("hybrid", self.name)
        self._access = entrance.access
        self._calls = Calls(entrance)
        self._collection = collection
        self._keys = collection.keys
        self._table = table
        self._dispose = dispose
        self._extension: str | None = None

    @property
    def largest_number(self) -> float:
        """Say what half precision holds; of a cosine's vectors only the direction is kept."""
        return math.inf if self._collection.distance == "cosine" else LARGEST_HALF

    async def ensure(self) -> None:
        """Make the table and what it lacks; compare what was there.

        A login that may not make tables is enough where nothing is missing. Raises CollectionMismatch,
        ExtensionUnavailable.
        """
        if not await self._calls.run([(EXTENSION, ())]):
            await self._enable()
        extension = await self._schema()
        facts = await self._facts()
        self._collection.refuse(self._table.differences(facts))
        if not self._table.is_complete(facts):
            await self._calls.build(self._table.creation(extension, self._access))
            self._collection.refuse(self._table.differences(await self._facts()))

    async def compare(self) -> Comparison:
        """Compare the table and its index; raises ExtensionUnavailable."""
        await self._schema()
        return self._table.compared(await self._facts())

    async def _enable(self) -> None:
        try:
            await self._calls.build(["CREATE EXTENSION IF NOT EXISTS vector"])
        except VectorStoreError as error:
            reason = "pgvector is not enabled, and this login may not do it, or the server does not have it"
            raise ExtensionUnavailable(f"{reason}: CREATE EXTENSION vector") from error

    async def _facts(self) -> Record | None:
        return next(iter(await self._calls.run([(FACTS, [self._table.name])])), None)

    async def _schema(self) -> str:
        if self._extension is None:
            self._extension = extension_schema(await self._calls.run([(EXTENSION, ())]))
        return self._extension

    async def upsert(self, company_id: uuid.UUID, points: Sequence[PreparedPoint]) -> None:
        """Write a batch in one statement, in the order of its keys so that writers never lock crosswise."""
        extension = quoted(await self._schema())
        rows = sorted(points, key=lambda point: str(point.payload["chunk_id"]))
        columns = [[point.payload.get(name) for point in rows] for name in _ARRAYS]
        embeddings = [self._written(point.vector) for point in rows]
        metas = [json.dumps(point.payload["meta"]) for point in rows]
        text = _upsert(self._table.name, extension)
        await self._calls.run([(text, [company_id, *columns, embeddings, metas])], company_id)

    async def search(self, queries: Sequence[PreparedQuery]) -> list[Found]:
        """Answer each query in one statement: exactly in a small company, by the index in a large one."""
        extension = quoted(await self._schema())
        values = Values()
        texts = [
            f"(SELECT {number}, found.* FROM ({self._search(query, extension, values)}) AS found)"  # noqa: S608  # names of ours alone
            for number, query in enumerate(queries)
        ]
        text = " UNION ALL ".join(texts)
        records = await self._calls.run([_BEFORE_SEARCH, (text, values)], queries[0].selection.company_id)
        answers: list[Found] = [[] for _ in queries]
        nearest = 1.0 if self._collection.distance == "cosine" else 0.0
        for number, *record in records:
            least = queries[int(number)].min_score
            score = nearest - record[-1]
            if least is None or score >= least:
                answers[int(number)].append((_payload(record), score))
        return answers

    def _search(self, query: PreparedQuery, extension: str, values: Values) -> str:
        selection = query.selection
        return _search(
            self._table.name,
            condition=where(selection, self._keys, values),
            distance=f"embedding OPERATOR({extension}.{_SIGNS[self._collection.distance]})"
            f" {values.bound(self._written(query.vector))}::{extension}.halfvec",
            limit=query.k,
            candidates=query.k if selection.filter is None else _FILTERED_CANDIDATES * query.k,
        )

    async def scroll(
        self, selection: Selection, limit: int, after: uuid.UUID | None
    ) -> tuple[list[Payload | None], uuid.UUID | None]:
        """Read points in the order of their chunks."""
        values = Values()
        condition = where(selection, self._keys, values)
        if after is not None:
            condition += f" AND chunk_id >= {values.bound(after)}"
        text = (
            f"SELECT {_PAYLOAD} FROM {self._table.name}"  # noqa: S608  # names of ours alone
            f" WHERE {condition} ORDER BY chunk_id LIMIT {limit + 1}"
        )
        records = await self._calls.run([(text, values)], selection.company_id)
        payloads: list[Payload | None] = [_payload(record) for record in records[:limit]]
        return payloads, records[limit][1] if len(records) > limit else None

    async def count(self, selection: Selection) -> int:
        """Count exactly."""
        values = Values()
        text = f"SELECT count(*) FROM {self._table.name} WHERE {where(selection, self._keys, values)}"  # noqa: S608  # names of ours alone
        ((count,),) = await self._calls.run([(text, values)], selection.company_id)
        return int(count)

    async def delete(self, selection: Selection) -> None:
        """Delete by a condition that always names the company."""
        values = Values()
        text = f"DELETE FROM {self._table.name} WHERE {where(selection, self._keys, values)}"  # noqa: S608  # names of ours alone
        await self._calls.run([(text, values)], selection.company_id)

    async def count_all(self) -> int:
        """Count the points of all companies."""
        text = f"SELECT count(*) FROM {self._table.name}"  # noqa: S608  # a name of ours alone
        ((count,),) = await self._calls.run([(text, ())], platform=True)
        return int(count)

    async def describe(self) -> Description:
        """Say which version of the extension it is and about how many rows there are, by the statistics."""
        [(extension, exists, rows)] = await self._calls.run([(DESCRIPTION, [self._table.name])])
        if extension is None:
            return Description(problem="pgvector is not enabled in this database")
        return Description(extension, rows, problem=None if exists else "there is no such collection")

    async def close(self) -> None:
        """Close connections; those of a service's own Engine are its own matter."""
        ended = None if self._dispose is None else self._dispose()
        if inspect.isawaitable(ended):
            await ended

    def _written(self, vector: Sequence[float]) -> str:
        """Write a vector as pgvector reads it; six digits are more than half precision keeps."""
        length = math.hypot(*vector) if self._collection.distance == "cosine" else 1.0
        return f"[{','.join([f'{number / length:.6g}' for number in vector])}]"


def _upsert(table: str, extension: str) -> str:
    written = (*_ARRAYS[1:], "embedding", "meta")
    replaced = ", ".join(f"{column} = excluded.{column}" for column in written)
    return (
        f"INSERT INTO {table} AS stored (company_id, chunk_id, {', '.join(written)})"  # noqa: S608  # names of ours alone
        f" SELECT $1, chunk_id, {', '.join(_ARRAYS[1:])}, embedding::{extension}.halfvec, meta FROM unnest("
        "$2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::bigint[], $7::text[], $8::jsonb[]"
        f") AS given (chunk_id, {', '.join(written)}) ON CONFLICT (company_id, chunk_id) DO UPDATE"
        f" SET {replaced} WHERE stored.company_id = $1 AND stored.revision <= excluded.revision"
    )


def _search(table: str, *, condition: str, distance: str, limit: int, candidates: int) -> str:
    """Write a search whose way does not hang on statistics, which a table lacks while it is filled.

    The half that is not wanted is never begun. ``OFFSET 0`` keeps the exact one off the vector index;
    the other takes its candidates in nearly the right order, hence the sort at the end.
    """
    return (
        f"WITH company AS MATERIALIZED (SELECT count(*) > {_EXACT_UP_TO} AS is_large FROM"  # noqa: S608  # names of ours alone
        f" (SELECT FROM {table} WHERE company_id = $1 LIMIT {_EXACT_UP_TO + 1}) AS few),"
        f" nearest AS MATERIALIZED ((SELECT {_PAYLOAD}, {distance} AS distance"
        f" FROM (SELECT * FROM {table} WHERE {condition} OFFSET 0) AS own"
        f" WHERE NOT (SELECT is_large FROM company) ORDER BY distance LIMIT {limit})"
        f" UNION ALL (SELECT {_PAYLOAD}, {distance} AS distance FROM {table}"
        f" WHERE (SELECT is_large FROM company) AND {condition} ORDER BY distance LIMIT {candidates}))"
        f" SELECT * FROM nearest ORDER BY distance, chunk_id LIMIT {limit}"
    )


def _payload(record: Sequence[Any]) -> Payload:
    company_id, chunk_id, source_id, agent_id, content_hash, revision, meta, *_ = record
    return {
        "company_id": str(company_id),
        "chunk_id": str(chunk_id),
        "source_id": str(source_id),
        "agent_id": None if agent_id is None else str(agent_id),
        "content_hash": content_hash,
        "revision": revision,
        "meta": meta,
    }
