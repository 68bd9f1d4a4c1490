"""The side table in PostgreSQL: who may make it, its walls, its index, and the chunks it refers to."""

from __future__ import annotations

import asyncio
import random
import re
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from chatapp_db.address import engine_url
from chatapp_db.errors import (
    CollectionMismatch,
    ExtensionUnavailable,
    InvalidReference,
    InvalidValue,
    VectorStoreError,
    VectorStoreUnavailable,
)
from chatapp_db.execution.scope import Access
from chatapp_db.knowledge import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.vectors import Eq, Not, Or, Point, VectorStore, create_vector_store
from chatapp_db.vectors.engines import pgvector
from tests.contract.oracle import SOURCES
from tests.rows import new_company
from tests.worlds import Awaited, World, settled

QUERY = [1.0, 0.5, 0.5, 0.5]
CHUNKS = "chatapp_knowledge_chunks"


def of(url: str, **options: str) -> str:
    """Name a database as a vector store, with settings of its sessions."""
    text = url.replace("postgresql:", "pgvector:", 1)
    given = "%20".join(f"-c%20{name}%3D{value}" for name, value in options.items())
    return f"{text}{'&' if '?' in text else '?'}options={given}" if given else text


def table_of(store: Awaited) -> str:
    name: str = store.unwrap()._engine.inner._table.name
    return name


def a_point(vector: Any = QUERY, **fields: Any) -> Point:
    return Point(**{"chunk_id": uuid.uuid4(), "vector": vector, "source_id": SOURCES[0], **fields})


def as_role(url: str, role: str, company: uuid.UUID | None, *texts: str) -> list[Any]:
    """Run raw SQL as one of the roles, in a company's setting or in none; give the last one's rows."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [str(company or "")])
        connection.execute(f"SET LOCAL ROLE {role}")
        for text in texts:
            cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else [cursor.rowcount]


@pytest.fixture
def store(database_url: str, open_store: Callable[..., Awaited], runner: asyncio.Runner) -> Awaited:
    store = open_store(of(database_url))
    runner.run(settled(store.unwrap().ensure_collection()))
    return store


async def test_a_service_uses_the_table_that_the_migrating_login_made(
    login_url: Callable[[str], str], store: Awaited, open_store: Any, company: uuid.UUID
) -> None:
    service = open_store(of(login_url("service")), collection=store.unwrap().collection.name)
    await service.ensure_collection()
    point = a_point()
    await service.upsert(company, [point])
    assert [hit.chunk_id for hit in await service.search(company, QUERY)] == [point.chunk_id]
    assert await service.admin().count() == 1


async def test_a_service_that_may_not_make_the_table_is_told(
    login_url: Callable[[str], str], store: Awaited, open_store: Any
) -> None:
    service = open_store(of(login_url("service")), collection="absent")
    with pytest.raises(VectorStoreError, match="permission denied for schema"):
        await service.ensure_collection()


async def test_a_policy_hides_other_companies_where_no_condition_does(
    database_url: str, store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    ours, theirs = a_point(), a_point()
    await store.upsert(company, [ours])
    await store.upsert(other_company, [theirs])
    table = table_of(store)
    every = f"SELECT chunk_id FROM {table}"
    assert as_role(database_url, "chatapp_app", company, every) == [(ours.chunk_id,)]
    assert as_role(database_url, "chatapp_app", None, every) == []
    assert len(as_role(database_url, "chatapp_platform", None, every)) == 2
    for stolen in (
        f"INSERT INTO {table} SELECT '{other_company}', gen_random_uuid(), source_id, agent_id, content_hash,"
        f" revision, embedding, meta FROM {table}",
        f"UPDATE {table} SET company_id = '{other_company}'",
        f"TRUNCATE {table}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(database_url, "chatapp_app", company, stolen)
    for change in (f"UPDATE {table} SET revision = 9", f"DELETE FROM {table}"):
        assert as_role(database_url, "chatapp_app", company, change) == [1]
    assert len(as_role(database_url, "chatapp_platform", None, every)) == 1


async def test_the_condition_isolates_where_no_policy_does(
    database_url: str, store: Awaited, open_store: Any, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    bare = open_store(
        of(database_url), access=Access(rls="off"), collection=store.unwrap().collection.name
    )  # the superuser's own eyes
    chunk = uuid.uuid4()
    await bare.upsert(company, [a_point(chunk_id=chunk, content_hash="ours")])
    await bare.upsert(other_company, [a_point(chunk_id=chunk, content_hash="theirs", revision=9)])
    await bare.upsert(company, [a_point(chunk_id=chunk, content_hash="again")])
    tautology = Or(Eq("lang", "de"), Not(Eq("lang", "de")))
    for filter in (None, tautology):
        assert [hit.content_hash for hit in await bare.search(company, QUERY, filter=filter)] == ["again"]
        assert await bare.count(company, filter) == 1
    assert [point.content_hash for point in await bare.retrieve(company, [chunk])] == ["again"]
    await bare.delete(company, [chunk])
    assert (await bare.count(company), await bare.count(other_company)) == (0, 1)


async def test_an_index_search_goes_on_until_the_company_has_enough(
    database_url: str, open_store: Any, company: uuid.UUID, other_company: uuid.UUID, monkeypatch: Any
) -> None:
    monkeypatch.setattr(pgvector, "_EXACT_UP_TO", 0)
    # Without sorting only the vector index can give an order.
    store = open_store(of(database_url, enable_sort="off", enable_bitmapscan="off"))
    await store.ensure_collection()
    numbers = random.Random(7)
    scattered = [[numbers.gauss() for _ in range(4)] for _ in range(1020)]
    await store.upsert(other_company, map(a_point, scattered[:1000]))
    await store.upsert(company, map(a_point, scattered[1000:]))
    assert len(await store.search(company, QUERY, 20)) == 20
    monkeypatch.setattr(pgvector, "_BEFORE_SEARCH", ("SELECT 1", ()))
    assert len(await store.search(company, QUERY, 20)) < 20


async def test_the_settings_of_a_search_end_with_it(store: Awaited, company: uuid.UUID) -> None:
    calls = store.unwrap()._engine.inner._calls
    names = "current_setting('hnsw.iterative_scan', true), current_setting('hnsw.ef_search', true)"
    question = (f"SELECT {names}", ())
    await store.search(company, QUERY)
    assert await settled_run(calls, [pgvector._BEFORE_SEARCH, question]) == [("relaxed_order", "100")]
    assert await settled_run(calls, [question]) == [("off", "40")]


async def settled_run(calls: Any, messages: Any) -> Any:
    return await calls.run(messages)


async def test_a_small_company_is_searched_exactly_whatever_the_planner_thinks(
    database_url: str, open_store: Any, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    store = open_store(of(database_url, enable_sort="off", enable_bitmapscan="off"))
    await store.ensure_collection()
    await store.upsert(other_company, [a_point([1, 0.5, 0.5, number / 1e4]) for number in range(2000)])
    await store.upsert(company, [a_point([-1, number, 0, 0], revision=number) for number in range(300)])
    hits = await store.search(company, [-1, 7.1, 0, 0], 3)
    assert [hit.revision for hit in hits] == [7, 8, 6]


async def test_how_large_a_company_is_takes_no_more_than_is_asked(
    database_url: str, store: Awaited, company: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pgvector, "_EXACT_UP_TO", 100)
    numbers = random.Random(7)
    await store.upsert(company, [a_point([numbers.gauss() for _ in range(4)]) for _ in range(1500)])
    calls = store.unwrap()._engine.inner._calls
    asked: list[Any] = []
    run = calls.run
    monkeypatch.setattr(calls, "run", lambda texts, *rest: [asked.append(texts), run(texts, *rest)][1])
    await store.search(company, QUERY)

    ((before, _), (text, values)), *_ = reversed(asked)
    with psycopg.connect(database_url, cursor_factory=psycopg.RawCursor) as connection:
        connection.execute(before)
        connection.execute("SET LOCAL enable_sort = off")  # only the vector index gives an order then
        ((explained,),) = connection.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {text}", values).fetchall()
    assert max(rows_read(explained[0]["Plan"])) <= 101


def rows_read(plan: dict[str, Any]) -> Iterator[float]:
    """Give how many rows each node of a plan came to."""
    yield plan["Actual Rows"]
    for below in plan.get("Plans", ()):
        yield from rows_read(below)


@pytest.fixture
def trips(store: Awaited, tmp_path: Path) -> Generator[Callable[[], int]]:
    """Count the round trips since the last look, as libpq's trace of the wire shows them."""
    engine = store.unwrap()._engine.inner._calls._entrance.engine
    seen = 0
    with (tmp_path / "wire").open("w+b") as trace:

        @sa.event.listens_for(getattr(engine, "sync_engine", engine), "checkout")
        def follow(connection: Any, record: Any, proxy: Any) -> None:
            proxy.driver_connection.pgconn.trace(trace.fileno())

        def count() -> int:
            nonlocal seen
            total = len(re.findall(rb"\tReadyForQuery", (tmp_path / "wire").read_bytes()))
            new, seen = total - seen, total
            return new

        yield count


async def test_each_call_is_one_round_trip(
    store: Awaited, company: uuid.UUID, trips: Callable[[], int]
) -> None:
    calls = [
        lambda: store.upsert(company, [a_point() for _ in range(5)]),
        lambda: store.search(company, QUERY, filter=Eq("lang", "de")),
        lambda: store.scroll(company),
        lambda: store.count(company),
        lambda: store.delete_source(company, SOURCES[0]),
    ]
    await store.count(company)  # what a call sent is in the trace once the next one has begun
    for call in calls * 7:
        await call()
        assert trips() == 1


async def test_a_value_never_gets_into_the_text(store: Awaited, company: uuid.UUID) -> None:
    hostile = "' OR true) --\"}'::jsonb; %s $1"
    point = a_point(meta={"lang": hostile}, content_hash=hostile)
    await store.upsert(company, [point, a_point(meta={"lang": "de"})])
    hits = await store.search(company, QUERY, filter=Eq("lang", hostile))
    assert [(hit.chunk_id, hit.content_hash) for hit in hits] == [(point.chunk_id, hostile)]


async def test_numbers_come_back_as_they_went_in(store: Awaited, company: uuid.UUID) -> None:
    numbers = [1.0, 1e300, -1e22, 5e-324, 0.1]
    point = a_point(meta={"weight": numbers})
    await store.upsert(company, [point])
    [found] = await store.retrieve(company, [point.chunk_id])
    assert found.meta == {"weight": numbers}
    assert {type(number) for number in found.meta["weight"]} == {float}
    for number in numbers:
        assert await store.count(company, Eq("weight", number)) == 1


async def test_a_length_beyond_half_precision_is_refused_where_it_counts(
    database_url: str, store: Awaited, open_store: Any, company: uuid.UUID
) -> None:
    long = [1e5, 0, 0, 0]
    await store.upsert(company, [a_point(long)])
    assert [hit.score for hit in await store.search(company, long)] == pytest.approx([1.0])
    dot = open_store(of(database_url), distance="dot")
    await dot.ensure_collection()
    for call in (lambda: dot.upsert(company, [a_point(), a_point(long)]), lambda: dot.search(company, long)):
        with pytest.raises(InvalidValue, match="65504"):
            await call()
    assert await dot.count(company) == 0


# The chunks of the database.


class Index:
    def __init__(self, world: World, db: Awaited, store: Awaited) -> None:
        self.db = db
        self.of = world.bound(KnowledgeIndex, AsyncKnowledgeIndex, db, store)

    async def indexed(self, company: uuid.UUID) -> Any:
        source = await self.db.company(company).knowledge.register(name="Atlas", type="text")
        [row] = await self.of.index(company, source.id, [{"content": "Lima is in Peru"}], [QUERY])
        return row


async def test_a_deleted_chunk_takes_its_vector_along(
    world: World, db: Awaited, database_url: str, open_store: Any
) -> None:
    store = open_store(of(database_url), chunks_table=CHUNKS)
    await store.ensure_collection()
    index = Index(world, db, store)
    company = await new_company(db)
    row = await index.indexed(company)
    assert [found.chunk.id for found in await index.of.search(company, QUERY)] == [row.id]
    with psycopg.connect(database_url) as connection:
        connection.execute(f"DELETE FROM {CHUNKS} WHERE id = %s", [row.id])
    assert await store.count(company) == 0


async def test_a_chunk_that_is_not_there_or_another_companys_cannot_have_a_vector(
    world: World, db: Awaited, database_url: str, open_store: Any
) -> None:
    store = open_store(of(database_url), chunks_table=CHUNKS)
    await store.ensure_collection()
    owner, thief = await new_company(db), await new_company(db)
    row = await Index(world, db, store).indexed(owner)
    for company, chunk in ((owner, uuid.uuid4()), (thief, row.id)):
        with pytest.raises(InvalidReference):
            await store.upsert(company, [a_point(chunk_id=chunk)])


async def test_a_store_that_refers_to_chunks_is_not_taken_for_one_that_does_not(
    database_url: str, store: Awaited, open_store: Any
) -> None:
    name = store.unwrap().collection.name
    other = open_store(of(database_url), collection=name, chunks_table=CHUNKS)
    with pytest.raises(CollectionMismatch, match=f"refers to nothing, not {CHUNKS}"):
        await other.ensure_collection()


# The extension and the engine.


async def test_without_the_extension_a_dba_is_given_the_command(
    login_url: Callable[[str], str], open_store: Any, company: uuid.UUID
) -> None:
    store = open_store(of(login_url("service")))
    for call in (store.ensure_collection, lambda: store.search(company, QUERY)):
        with pytest.raises(ExtensionUnavailable, match="CREATE EXTENSION vector"):
            await call()


async def test_an_extension_may_live_in_a_schema_of_its_own(
    database_url: str, login_url: Callable[[str], str], open_store: Any, company: uuid.UUID
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute('CREATE SCHEMA "my ""types"""')
        connection.execute('CREATE EXTENSION vector SCHEMA "my ""types"""')
    await open_store(of(database_url), collection="elsewhere").ensure_collection()
    store = open_store(of(login_url("service")), collection="elsewhere")
    await store.upsert(company, [a_point()])
    assert len(await store.search(company, QUERY)) == 1


async def test_a_missing_index_is_made_again(database_url: str, store: Awaited) -> None:
    name = f"ix_{table_of(store).strip(chr(34))}_embedding"
    with psycopg.connect(database_url) as connection:
        connection.execute(f'DROP INDEX "{name}"')
    await store.ensure_collection()
    with psycopg.connect(database_url) as connection:
        assert connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f'"{name}"']).fetchone() == (True,)


async def test_a_services_own_engine_carries_the_store_and_stays_its_own(
    world: World, database_url: str, open_store: Any, company: uuid.UUID
) -> None:
    engine: Any = world.pick(sa.create_engine, create_async_engine)(engine_url(database_url))
    store = open_store(engine)
    await store.ensure_collection()
    await store.upsert(company, [a_point()])
    await store.close()
    connection = await settled(engine.connect())
    assert (await settled(connection.execute(sa.text("SELECT 1")))).scalar() == 1
    await settled(connection.close())
    await settled(engine.dispose())


def test_an_engine_of_the_other_world_is_refused(database_url: str) -> None:
    engine: Any = create_async_engine(engine_url(database_url))
    with pytest.raises(InvalidValue, match="AsyncEngine for AsyncVectorStore"):
        create_vector_store(engine, dimension=4)


async def test_a_database_that_is_not_there_is_unavailable(
    open_store: Any, company: uuid.UUID, tmp_path: Path
) -> None:
    store = open_store(f"pgvector:///chatapp?host={tmp_path}")
    for call in (store.ensure_collection, lambda: store.search(company, QUERY)):
        with pytest.raises(VectorStoreUnavailable) as raised:
            await call()
        assert raised.value.retryable


async def test_a_call_ends_within_its_time(
    database_url: str, store: Awaited, open_store: Any, company: uuid.UUID
) -> None:
    hasty = open_store(of(database_url), timeout=1, collection=store.unwrap().collection.name)
    with psycopg.connect(database_url) as connection:
        connection.execute(f"LOCK TABLE {table_of(store)}")
        with pytest.raises(VectorStoreUnavailable):
            await hasty.search(company, QUERY)


@pytest.mark.parametrize("name", ["a" * 35, "a" * 128])
def test_a_name_or_a_dimension_that_postgresql_would_refuse_is_refused(name: str) -> None:
    with pytest.raises(InvalidValue, match="collection"):
        create_vector_store("pgvector://", dimension=4, collection=name)
    with pytest.raises(InvalidValue, match="dimension"):
        create_vector_store("pgvector://", dimension=4001)


def test_a_password_is_not_shown() -> None:
    store: VectorStore = create_vector_store("pgvector://ada:hush@localhost/chatapp", dimension=4)
    assert "hush" not in repr(store)
    store.close()
