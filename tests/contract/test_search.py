"""A search may be one of many, look for unlike hits, or for words too; where an engine cannot, it says so."""

from __future__ import annotations

import asyncio
import dataclasses
import math
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatapp_db.errors import CollectionMismatch, InvalidValue, NotSupported, VectorStoreError
from chatapp_db.vectors import Eq, Filter, Point, Query, SparseVector
from tests.contract.oracle import COMPANIES, FILTERS, SOURCES, matches, points_of
from tests.contract.stand_in import StandIn, running_stand_in
from tests.worlds import Awaited, settled

QUERY = [1.0, 0.5, 0.5, 0.5]
POINTS = {company: points_of(number) for number, company in enumerate(COMPANIES)}
against_the_oracle = settings(
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
    max_examples=25,
)


def a_point(vector: Any = QUERY, words: dict[int, float] | None = None, **fields: Any) -> Point:
    sparse = None if words is None else SparseVector(list(words), list(words.values()))
    return Point(
        **{"chunk_id": uuid.uuid4(), "vector": vector, "source_id": SOURCES[0], "sparse": sparse, **fields}
    )


def words(*indices: int) -> SparseVector:
    return SparseVector(indices, [1.0] * len(indices))


def hashes(found: Any) -> list[str]:
    return [hit.content_hash for hit in found]


def expected(company: uuid.UUID, filter: Filter) -> set[str]:
    return {point.content_hash for point in POINTS[company] if matches(point, filter)}


# Several at once.


async def test_a_batch_answers_each_query_in_its_place(
    store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    vectors = [(1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0)]
    points = [
        a_point(vector, content_hash=str(number), meta={"page": number})
        for number, vector in enumerate(vectors)
    ]
    await store.upsert(company, points)
    await store.upsert(other_company, [a_point(vector, content_hash="theirs") for vector in vectors])
    queries = [Query(vectors[number % 3], 1) for number in range(20)]
    found = await store.search_batch(company, queries)
    assert [hashes(hits) for hits in found] == [[str(number % 3)] for number in range(20)]
    mixed = [
        Query(vectors[0], 3, filter=Eq("page", 2)),
        Query(vectors[0], 3, min_score=0.5),
        Query(vectors[1], 2, filter=Eq("page", 9)),
        Query(vectors[1], 3),
    ]
    found = await store.for_company(company).search_batch(mixed)
    assert [hashes(hits) for hits in found[:3]] == [["2"], ["0"], []]
    assert len(found[3]) == 3
    assert found[3] == await store.search(company, vectors[1], 3)
    assert await store.search_batch(company, []) == []


async def test_a_batch_is_refused_whole(store: Awaited, company: uuid.UUID) -> None:
    worded = Query(QUERY, sparse=words(1))
    for bad in (Query([1.0]), Query(QUERY, 0), Query(QUERY, diversity=2), worded, None):
        with pytest.raises(InvalidValue):
            await store.search_batch(company, [Query(QUERY), bad])


@pytest.fixture
def filled(store: Awaited, runner: asyncio.Runner) -> Any:
    """Three companies whose chunks have the same ids."""
    for company, points in POINTS.items():
        runner.run(settled(store.unwrap().upsert(company, points)))
    return store.unwrap()


@against_the_oracle
@given(filters=st.lists(FILTERS, min_size=2, max_size=4))
def test_hostile_filters_in_one_batch_do_not_mix(
    filled: Any, runner: asyncio.Runner, filters: list[Filter]
) -> None:
    company = COMPANIES[0]
    queries = [Query(QUERY, 100, filter=filter) for filter in filters]
    found = runner.run(settled(filled.search_batch(company, queries)))
    assert [set(hashes(hits)) for hits in found] == [expected(company, filter) for filter in filters]


# Unlike hits.

ALIKE = [(1, 0.02, 0, 0), (1, 0.01, 0, 0), (1, 0, 0, 0)]


async def test_diversity_prefers_what_is_unlike_the_hits_before(store: Awaited, company: uuid.UUID) -> None:
    if "diversity" not in store.unwrap().capabilities:
        with pytest.raises(NotSupported, match="pgvector cannot do this: diversity") as raised:
            await store.search(company, QUERY, diversity=0.5)
        assert raised.value.capability == "diversity"
        return
    unlike = a_point((1, 0, 1, 0), content_hash="unlike")
    await store.upsert(company, [*[a_point(vector, content_hash="alike") for vector in ALIKE], unlike])
    plain = await store.search(company, [1, 0, 0, 0], 2)
    assert hashes(plain) == ["alike", "alike"]
    diverse = await store.search(company, [1, 0, 0, 0], 2, diversity=0.9)
    assert hashes(diverse) == ["alike", "unlike"]
    assert [hit.score for hit in diverse] == pytest.approx([1.0, math.sqrt(0.5)], rel=1e-3)
    near = await store.search(company, [1, 0, 0, 0], 2, diversity=0.9, min_score=0.9)
    assert hashes(near) == ["alike", "alike"]


@pytest.mark.parametrize("diversity", [-0.1, 1.1, math.nan, math.inf, "0.5", True], ids=repr)
async def test_a_diversity_that_is_no_share_is_refused(
    store: Awaited, company: uuid.UUID, diversity: Any
) -> None:
    with pytest.raises(InvalidValue, match="diversity"):
        await store.search(company, QUERY, diversity=diversity)


# Words too.


keeps_words = pytest.mark.parametrize(
    "engine_url", ["memory", "edge", "grpc stand-in", "rest stand-in", "qdrant"], indirect=True
)


@pytest.fixture
def hybrid(
    request: pytest.FixtureRequest,
    engine_url: str,
    open_store: Callable[..., Awaited],
    runner: asyncio.Runner,
) -> Awaited:
    """An empty store that keeps words too."""
    store = open_store(engine_url, sparse=True)
    runner.run(settled(store.unwrap().ensure_collection()))
    return store


@keeps_words
async def test_a_hybrid_search_finds_by_vector_and_by_words(hybrid: Awaited, company: uuid.UUID) -> None:
    near = a_point((1, 0, 0, 0), content_hash="near")
    worded = a_point((-1, 0, 0, 0), {7: 2.0}, content_hash="worded")
    far = [a_point((0, 1, number, 0), {8: 1.0}, content_hash="far") for number in range(9)]
    await hybrid.upsert(company, [near, worded, *far])
    assert hashes(await hybrid.search(company, [1, 0, 0, 0], 2)) == ["near", "far"]
    hits = await hybrid.search(company, [1, 0, 0, 0], 2, sparse=words(7))
    assert sorted(hashes(hits)) == ["near", "worded"]
    [[first], plain] = await hybrid.search_batch(
        company, [Query([-1, 0, 0, 0], 1, sparse=words(7)), Query([1, 0, 0, 0], 1)]
    )
    assert (first.content_hash, first.score) == ("worded", pytest.approx(1.0))
    assert hashes(plain) == ["near"]


@keeps_words
async def test_a_word_is_as_rare_as_it_is_in_the_company(
    hybrid: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    """Were it counted among all companies, the second chunk would come first."""
    rare = a_point((1, 0.5, 0, 0), {1: 1.0}, content_hash="rare here")
    common = [a_point((1, 1 + number, 0, 0), {2: 1.0}, content_hash="common here") for number in range(20)]
    nearest = a_point((1, 0, 0, 0), content_hash="nearest")
    await hybrid.upsert(company, [rare, *common, nearest])
    alone = await hybrid.search(company, [1, 0, 0, 0], 1, sparse=words(1, 2))
    assert hashes(alone) == ["rare here"]
    await hybrid.upsert(other_company, [a_point(words={1: 1.0}) for _ in range(200)])
    assert await hybrid.search(company, [1, 0, 0, 0], 1, sparse=words(1, 2)) == alone


@keeps_words
async def test_words_do_not_reach_another_company(
    hybrid: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    chunk = uuid.uuid4()
    await hybrid.upsert(company, [a_point(words={3: 1.0}, chunk_id=chunk, content_hash="ours")])
    await hybrid.upsert(other_company, [a_point(words={3: 9.0}, chunk_id=chunk, content_hash="theirs")])
    assert hashes(await hybrid.search(company, QUERY, sparse=words(3))) == ["ours"]
    assert await hybrid.search(uuid.uuid4(), QUERY, sparse=words(3)) == []


@keeps_words
@against_the_oracle
@given(filter=FILTERS)
def test_a_hostile_filter_of_a_hybrid_search_reaches_what_the_oracle_says(
    worded: Any, runner: asyncio.Runner, filter: Filter
) -> None:
    company = COMPANIES[0]
    hits = runner.run(settled(worded.search(company, QUERY, 100, filter=filter, sparse=words(1, 2))))
    assert set(hashes(hits)) == expected(company, filter)


@pytest.fixture
def worded(hybrid: Awaited, runner: asyncio.Runner) -> Any:
    for company, points in POINTS.items():
        with_words = [
            dataclasses.replace(point, sparse=words(1 + number % 3)) for number, point in enumerate(points)
        ]
        runner.run(settled(hybrid.unwrap().upsert(company, with_words)))
    return hybrid.unwrap()


@keeps_words
async def test_a_chunk_written_again_without_words_loses_them(hybrid: Awaited, company: uuid.UUID) -> None:
    chunk = a_point((-1, 0, 0, 0), {5: 1.0}, content_hash="once")
    others = [a_point((1, 0, 0, 0)) for _ in range(8)]
    await hybrid.upsert(company, [chunk, *others])
    assert "once" in hashes(await hybrid.search(company, [1, 0, 0, 0], 2, sparse=words(5)))
    await hybrid.upsert(company, [dataclasses.replace(chunk, sparse=None)])
    assert "once" not in hashes(await hybrid.search(company, [1, 0, 0, 0], 2, sparse=words(5)))


BAD_WORDS: dict[str, Any] = {
    "no terms": SparseVector([], []),
    "unsorted": SparseVector([2, 1], [1, 1]),
    "twice": SparseVector([1, 1], [1, 1]),
    "negative": SparseVector([-1], [1]),
    "beyond 32 bits": SparseVector([2**32], [1]),
    "fractions": SparseVector([1.5], [1]),  # type: ignore[list-item]  # the refused case
    "lengths differ": SparseVector([1, 2], [1]),
    "nan": SparseVector([1], [math.nan]),
    "1e39": SparseVector([1], [1e39]),
    "texts": SparseVector("12", [1, 1]),  # type: ignore[arg-type]  # the refused case
    "no lists": SparseVector(1, 1),  # type: ignore[arg-type]  # the refused case
    "too many": SparseVector(range(10_001), [1] * 10_001),
    "a dict": {1: 1.0},
}


@pytest.mark.parametrize("sparse", BAD_WORDS.values(), ids=BAD_WORDS.keys())
async def test_words_that_cannot_be_compared_are_refused(
    open_store: Any, company: uuid.UUID, sparse: Any
) -> None:
    store = open_store("memory://", sparse=True)
    await store.ensure_collection()
    with pytest.raises(InvalidValue, match="sparse"):
        await store.upsert(company, [a_point(), a_point(sparse=sparse)])
    with pytest.raises(InvalidValue, match="sparse"):
        await store.search(company, QUERY, sparse=sparse)
    assert await store.count(company) == 0


async def test_what_words_have_no_meaning_with_is_refused(open_store: Any, company: uuid.UUID) -> None:
    store = open_store("memory://", sparse=True)
    await store.ensure_collection()
    with pytest.raises(InvalidValue, match="min_score: cannot be combined"):
        await store.search(company, QUERY, sparse=words(1), min_score=0.5)
    with pytest.raises(InvalidValue, match="diversity: cannot be combined"):
        await store.search(company, QUERY, sparse=words(1), diversity=0.5)
    plain = open_store("memory://")
    with pytest.raises(InvalidValue, match="without sparse=True"):
        await plain.search(company, QUERY, sparse=words(1))
    with pytest.raises(InvalidValue, match="without sparse=True"):
        await plain.upsert(company, [a_point(words={1: 1.0})])


async def test_a_database_keeps_no_words(open_store: Any, pgvector_url: str) -> None:
    with pytest.raises(NotSupported, match="hybrid"):
        open_store(pgvector_url, sparse=True)


@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("engine_url", ["edge", "grpc stand-in", "rest stand-in"], indirect=True)
async def test_a_collection_with_words_is_not_taken_for_one_without(
    open_store: Any, engine_url: str, sparse: bool
) -> None:
    first = open_store(engine_url, collection=f"words_{uuid.uuid4().hex[:8]}", sparse=sparse)
    await first.ensure_collection()
    await first.ensure_collection()
    other = open_store(engine_url, collection=first.unwrap().collection.name, sparse=not sparse)
    await first.close()
    with pytest.raises(CollectionMismatch, match="sparse vector"):
        await other.ensure_collection()


async def test_a_server_that_counts_words_among_all_companies_is_refused(
    open_store: Any, stand_in: StandIn, company: uuid.UUID
) -> None:
    made = open_store(stand_in.urls["grpc"], sparse=True)
    await made.ensure_collection()
    with running_stand_in("1.18.2") as old:
        store = open_store(old.urls["grpc"], sparse=True)
        for call in (store.ensure_collection, lambda: store.search(company, QUERY, sparse=words(1))):
            with pytest.raises(VectorStoreError, match=r"1\.18\.2 is too old: 1\.19\.0"):
                await call()
        await open_store(old.urls["grpc"]).ensure_collection()


async def test_a_hybrid_search_sends_the_company_in_every_part(
    open_store: Any, stand_in: StandIn, company: uuid.UUID
) -> None:
    store = open_store(stand_in.urls["rest"], sparse=True)
    await store.ensure_collection()
    stand_in.queries.clear()
    await store.search(company, QUERY, sparse=words(1), filter=Eq("lang", "de"))
    [query] = stand_in.queries
    wanted = [{"key": "company_id", "match": {"value": str(company)}}]
    parts: Any = query.prefetch
    for part in parts:
        assert part.filter.model_dump(exclude_none=True)["must"][:1] == wanted
        assert len(part.filter.must) == 2
    assert parts[1].params.idf.corpus.model_dump(exclude_none=True) == {"must": wanted}
