"""Points are written, found, read and deleted alike on every engine."""

from __future__ import annotations

import math
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from chatapp_db.errors import InvalidValue
from chatapp_db.vectors import Eq, Exists, Not, Or, Point, SearchHit, StoredPoint
from tests.contract.oracle import AGENTS, BERLIN, SOURCES
from tests.worlds import Awaited, World


def a_point(vector: Any = (1, 0, 0, 0), **fields: Any) -> Point:
    return Point(**{"chunk_id": uuid.uuid4(), "vector": vector, "source_id": SOURCES[0], **fields})


async def test_a_hit_carries_what_was_put_in(store: Awaited, company: uuid.UUID) -> None:
    time = datetime(2026, 5, 1, 12, 0, 0, 1, tzinfo=BERLIN)
    meta = {"lang": ["de", "en"], "page": 7, "weight": 1, "public": True, "published": time}
    point = a_point(agent_id=AGENTS[0], revision=3, content_hash="abc", meta=meta)
    await store.upsert(company, [point])
    expected = {
        "chunk_id": point.chunk_id,
        "source_id": SOURCES[0],
        "agent_id": AGENTS[0],
        "revision": 3,
        "content_hash": "abc",
        "meta": meta,
    }
    [hit] = await store.search(company, [2, 0, 0, 0])
    assert hit == SearchHit(**expected, score=hit.score)
    assert hit.score == pytest.approx(1.0)
    assert hit.meta["published"].tzinfo == UTC
    assert isinstance(hit.meta["weight"], float)
    assert await store.retrieve(company, [point.chunk_id]) == [StoredPoint(**expected)]


async def test_hits_come_best_first_down_to_the_score_asked_for(store: Awaited, company: uuid.UUID) -> None:
    vectors = [(1, 0, 0, 0), (1, 1, 0, 0), (0, 1, 0, 0), (-1, 0, 0, 0)]
    await store.upsert(company, [a_point(vector, content_hash=str(vector)) for vector in vectors])
    hits = await store.search(company, [1, 0, 0, 0], 4)
    assert [hit.content_hash for hit in hits] == [str(vector) for vector in vectors]
    near = await store.search(company, [1, 0, 0, 0], 4, min_score=0.5)
    assert [hit.score for hit in near] == pytest.approx([1.0, math.sqrt(0.5)])
    assert len(await store.search(company, [1, 0, 0, 0], 2)) == 2


async def test_a_dot_product_store_scores_by_length_too(
    engine_url: str, open_store: Any, company: uuid.UUID
) -> None:
    store = open_store(engine_url, distance="dot")
    await store.ensure_collection()
    await store.upsert(company, [a_point((2, 0, 0, 0))])
    [hit] = await store.search(company, [3, 0, 0, 0])
    assert hit.score == pytest.approx(6.0)


async def test_an_older_revision_never_replaces_a_newer(store: Awaited, company: uuid.UUID) -> None:
    new = a_point(revision=2, content_hash="new")
    late = a_point(chunk_id=new.chunk_id, revision=1, content_hash="late")
    other = a_point(revision=1, content_hash="other")
    await store.upsert(company, [new])
    await store.upsert(company, [late, other])
    found = await store.retrieve(company, [other.chunk_id, new.chunk_id])
    assert [point.content_hash for point in found] == ["other", "new"]


async def test_the_same_or_a_newer_revision_replaces(store: Awaited, company: uuid.UUID) -> None:
    first = a_point(revision=1, content_hash="first", meta={"lang": "de"})
    for revision, content_hash in [(1, "again"), (2, "newer")]:
        again = a_point((0, 1, 0, 0), chunk_id=first.chunk_id, revision=revision, content_hash=content_hash)
        await store.upsert(company, [first])
        await store.upsert(company, [again])
        [hit] = await store.search(company, [0, 1, 0, 0])
        assert (hit.content_hash, hit.meta) == (content_hash, {})
        assert hit.score == pytest.approx(1.0)


async def test_company_wide_knowledge_is_found_beside_an_agents_own(
    store: Awaited, company: uuid.UUID
) -> None:
    agents = [None, AGENTS[0], AGENTS[1]]
    await store.upsert(company, [a_point(agent_id=agent, content_hash=str(agent)) for agent in agents])
    visible = Or(Eq("agent_id", AGENTS[0]), Not(Exists("agent_id")))
    hits = await store.search(company, [1, 0, 0, 0], filter=visible)
    assert {hit.agent_id for hit in hits} == {None, AGENTS[0]}


async def test_deleting_a_source_leaves_the_others(store: Awaited, company: uuid.UUID) -> None:
    kept = a_point(source_id=SOURCES[1])
    await store.upsert(company, [a_point(), a_point(), kept])
    await store.delete_source(company, SOURCES[0])
    assert [point.chunk_id for point in (await store.scroll(company)).points] == [kept.chunk_id]


async def test_ids_delete_and_retrieve_in_the_order_given(store: Awaited, company: uuid.UUID) -> None:
    points = [a_point() for _ in range(5)]
    ids = [point.chunk_id for point in points]
    await store.upsert(company, points)
    await store.delete(company, ids[:2])
    found = await store.retrieve(company, [ids[4], ids[0], ids[2], ids[4]])
    assert [point.chunk_id for point in found] == [ids[4], ids[2]]


async def test_pages_show_every_point_once(store: Awaited, company: uuid.UUID) -> None:
    points = [a_point() for _ in range(7)]
    await store.upsert(company, points)
    seen: list[uuid.UUID] = []
    page = await store.scroll(company, limit=3)
    seen += [point.chunk_id for point in page.points]
    while page.after is not None:
        page = await store.scroll(company, limit=3, after=page.after)
        seen += [point.chunk_id for point in page.points]
    assert sorted(seen) == sorted(point.chunk_id for point in points)


async def test_a_bound_view_is_one_company(
    store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    ours, theirs = store.for_company(company), store.for_company(other_company)
    point = a_point()
    await ours.upsert([point])
    await theirs.delete([point.chunk_id])
    assert [hit.chunk_id for hit in await ours.search([1, 0, 0, 0], 1)] == [point.chunk_id]
    assert await theirs.count() == 0


async def test_a_purge_takes_one_company_whole(
    store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    await store.upsert(company, [a_point() for _ in range(3)])
    await store.upsert(other_company, [a_point()])
    assert await store.admin().count() == 4
    assert await store.admin().purge_company(company) == 3
    assert await store.admin().count() == await store.count(other_company) == 1


@pytest.mark.slow
async def test_a_large_purge_goes_in_bounded_batches(
    engine_url: str, world: World, store: Awaited, company: uuid.UUID, monkeypatch: Any
) -> None:
    other_company = uuid.uuid4()
    many = 100_000 if world.blocking and engine_url.startswith(("edge:", "pgvector:")) else 5_000
    vectors = [(1, number, 2, 3) for number in range(100)]
    await store.upsert(company, (a_point(vectors[number % 100]) for number in range(many)))
    await store.upsert(other_company, [a_point()])
    engine = store.unwrap()._engine
    delete, batches = engine.delete, []

    def watched(selection: Any) -> Any:
        batches.append(len(selection.chunk_ids))
        return delete(selection)

    monkeypatch.setattr(engine, "delete", watched)
    assert await store.admin().purge_company(company) == sum(batches) == many
    assert max(batches) == 1000
    assert (await store.count(company), await store.count(other_company)) == (0, 1)


BAD_VECTORS: dict[str, Any] = {
    "too short": [1.0] * 3,
    "too long": [1.0] * 5,
    "empty": [],
    "nan": [math.nan, 1, 1, 1],
    "inf": [math.inf, 1, 1, 1],
    "-inf and inf": [math.inf, -math.inf, 1, 1],
    "1e39": [1e39, 1, 1, 1],
    "10**400": [10**400, 1, 1, 1],
    "zero": [0, 0, 0, 0],
    "zero in float32": [1e-46, 0, 0, 0],
    "length lost in float32": [1e-5, 0, 0, 0],
    "length infinite in float32": [3e38, 3e38, 3e38, 3e38],
    "text": "abcd",
    "bytes": b"\0" * 16,
    "texts": ["1", "2", "3", "4"],
    "none": None,
    "nested": [[1.0], [1.0], [1.0], [1.0]],
}


@pytest.mark.parametrize("vector", BAD_VECTORS.values(), ids=BAD_VECTORS.keys())
async def test_a_vector_that_cannot_be_compared_is_refused(
    store: Awaited, company: uuid.UUID, vector: Any
) -> None:
    with pytest.raises(InvalidValue, match="vector"):
        await store.upsert(company, [a_point(), a_point(vector)])
    with pytest.raises(InvalidValue, match="vector"):
        await store.search(company, vector)
    assert await store.count(company) == 0


BAD_FIELDS: dict[str, dict[str, Any]] = {
    "chunk id as text": {"chunk_id": "9"},
    "source id as text": {"source_id": str(SOURCES[0])},
    "no source": {"source_id": None},
    "agent id as text": {"agent_id": "9"},
    "revision true": {"revision": True},
    "revision float": {"revision": 1.0},
    "revision beyond a double": {"revision": 2**53},
    "hash of no type": {"content_hash": object()},
    "hash as a number": {"content_hash": 1},
    "hash with a lone surrogate": {"content_hash": "\ud800"},
    "hash with NUL": {"content_hash": "a\0"},
    "undeclared meta": {"meta": {"content": "secret"}},
    "meta named company": {"meta": {"company_id": "x"}},
    "meta of another kind": {"meta": {"page": "7"}},
    "meta none": {"meta": {"page": None}},
    "meta nan": {"meta": {"weight": math.nan}},
    "meta naive time": {"meta": {"published": datetime(2026, 1, 1)}},  # noqa: DTZ001  # the refused case
    "meta NUL": {"meta": {"lang": "a\0"}},
    "meta surrogate": {"meta": {"lang": "\udfff"}},
    "meta too long": {"meta": {"lang": "x" * 1025}},
    "meta too many": {"meta": {"page": [1] * 257}},
    "meta too large": {"meta": {"lang": ["x" * 1024] * 100}},
}


@pytest.mark.parametrize("fields", BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
async def test_a_point_with_a_bad_field_is_refused_with_its_batch(
    store: Awaited, company: uuid.UUID, fields: dict[str, Any]
) -> None:
    with pytest.raises(InvalidValue):
        await store.upsert(company, [a_point(), a_point(**fields)])
    assert await store.count(company) == 0


async def test_a_chunk_twice_in_one_call_is_refused(store: Awaited, company: uuid.UUID) -> None:
    point = a_point()
    with pytest.raises(InvalidValue, match="twice"):
        await store.upsert(company, [point, point])


@pytest.mark.parametrize("k", [0, -1, 1001, 1.5, True, None, "5"], ids=repr)
async def test_a_number_of_hits_out_of_bounds_is_refused(store: Awaited, company: uuid.UUID, k: Any) -> None:
    with pytest.raises(InvalidValue, match="k:"):
        await store.search(company, [1, 0, 0, 0], k)


@pytest.mark.parametrize("min_score", [math.nan, math.inf, "0.5", True], ids=repr)
async def test_a_threshold_that_is_no_number_is_refused(
    store: Awaited, company: uuid.UUID, min_score: Any
) -> None:
    with pytest.raises(InvalidValue, match="min_score"):
        await store.search(company, [1, 0, 0, 0], min_score=min_score)


async def test_callers_at_the_same_time_do_not_disturb_each_other(
    store: Awaited, world: World, company: uuid.UUID
) -> None:
    callers = 16 if world.blocking else 50

    def write(number: int) -> Any:
        mine = uuid.uuid5(company, str(number))
        return lambda: store.upsert(mine, [a_point(content_hash=str(number)) for _ in range(20)])

    await world.together(*[write(number) for number in range(callers)])
    for number in range(callers):
        hits = await store.search(uuid.uuid5(company, str(number)), [1, 0, 0, 0], 100)
        assert [hit.content_hash for hit in hits] == [str(number)] * 20
