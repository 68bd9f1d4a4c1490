"""A company reaches its own points and no others, whatever it asks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from qdrant_client import models

from chatapp_db.errors import InvalidValue, TenantIsolationError
from chatapp_db.vectors import And, Eq, Exists, Filter, In, Not, Or, Point, Range, point_id
from chatapp_db.vectors.engines.memory import MemoryEngine
from tests.contract.oracle import COMPANIES, FILTERS, PLAIN, SOURCES, matches, points_of
from tests.worlds import Awaited, settled

QUERY = [1.0, 0.5, 0.5, 0.5]
POINTS = {company: points_of(number) for number, company in enumerate(COMPANIES)}
against_the_oracle = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def expected(company: uuid.UUID, filter: Filter) -> set[str]:
    return {point.content_hash for point in POINTS[company] if matches(point, filter)}


def hashes(found: Sequence[Any]) -> set[str]:
    return {point.content_hash for point in found}


@pytest.fixture
def filled(store: Awaited, runner: asyncio.Runner) -> Any:
    """Three companies whose chunks have the same ids."""
    for company, points in POINTS.items():
        runner.run(settled(store.unwrap().upsert(company, points)))
    return store.unwrap()


@against_the_oracle
@given(filter=FILTERS)
def test_a_hostile_filter_reaches_what_the_oracle_says(
    filled: Any, runner: asyncio.Runner, filter: Filter
) -> None:
    for company in COMPANIES[:2]:
        wanted = expected(company, filter)
        assert hashes(runner.run(settled(filled.search(company, QUERY, 100, filter=filter)))) == wanted
        assert hashes(runner.run(settled(filled.scroll(company, filter=filter))).points) == wanted
        assert runner.run(settled(filled.count(company, filter))) == len(wanted)


def test_each_kind_of_condition_means_what_the_oracle_says(filled: Any, runner: asyncio.Runner) -> None:
    company = COMPANIES[0]
    for filter in (*PLAIN, *map(Not, PLAIN)):
        found = runner.run(settled(filled.scroll(company, filter=filter))).points
        assert (filter, hashes(found)) == (filter, expected(company, filter))


@settings(against_the_oracle, max_examples=30)
@given(filter=FILTERS)
def test_a_hostile_delete_spares_the_other_companies(
    filled: Any, runner: asyncio.Runner, filter: Filter
) -> None:
    attacker, *victims = COMPANIES
    runner.run(settled(filled.delete(attacker, filter)))
    for victim in victims:
        assert runner.run(settled(filled.count(victim))) == len(POINTS[victim])
    left = {point.content_hash for point in POINTS[attacker]} - expected(attacker, filter)
    assert hashes(runner.run(settled(filled.scroll(attacker))).points) == left
    runner.run(settled(filled.upsert(attacker, POINTS[attacker])))


HOSTILE: list[Any] = [
    Eq("company_id", str(COMPANIES[1])),
    Not(Eq("company_id", str(COMPANIES[0]))),
    Exists("company_id"),
    In("company_id", [str(company) for company in COMPANIES]),
    Eq("chunk_id", COMPANIES[1]),
    Eq("meta.lang", "de"),
    Eq("lang].company_id", "de"),
    Eq("lang[]", "de"),
    Eq("", "de"),
    Eq(["lang"], "de"),  # type: ignore[arg-type]  # what an attacker sends
    Or(Eq("lang", "de"), models.Filter()),  # type: ignore[arg-type]  # what an attacker sends
    models.Filter(should=[]),
    {"must_not": []},
    "company_id",
    And(),
    Or(),
    Not(And()),
    In("lang", []),
    Range("page"),
]


@pytest.mark.parametrize("filter", HOSTILE, ids=repr)
async def test_what_is_no_filter_of_ours_is_refused(store: Awaited, filter: Any) -> None:
    company = COMPANIES[0]
    with pytest.raises(InvalidValue):
        await store.search(company, QUERY, filter=filter)
    with pytest.raises(InvalidValue):
        await store.count(company, filter)
    with pytest.raises(InvalidValue):
        await store.delete(company, filter)


@pytest.mark.parametrize("selector", [None, [], (), "", b"", {}, [None], ["x"], [1], 0, ..., set()], ids=repr)
async def test_an_empty_or_senseless_selector_deletes_nothing(
    store: Awaited, company: uuid.UUID, selector: Any
) -> None:
    point = Point(uuid.uuid4(), QUERY, SOURCES[0])
    await store.upsert(company, [point])
    with pytest.raises(InvalidValue):
        await store.delete(company, selector)
    assert await store.count(company) == 1


async def test_the_same_chunk_id_is_another_point_in_each_company(
    store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    chunk = uuid.uuid4()
    await store.upsert(company, [Point(chunk, [1, 0, 0, 0], SOURCES[0], content_hash="ours")])
    await store.upsert(other_company, [Point(chunk, [1, 0, 0, 0], SOURCES[0], content_hash="theirs")])
    assert point_id(company, chunk) != point_id(other_company, chunk)
    assert hashes(await store.search(company, [1, 0, 0, 0])) == {"ours"}
    assert hashes(await store.retrieve(other_company, [chunk])) == {"theirs"}


async def test_another_companys_ids_delete_and_find_nothing(
    store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    chunk = uuid.uuid4()
    await store.upsert(company, [Point(chunk, QUERY, SOURCES[0])])
    await store.delete(other_company, [chunk, point_id(company, chunk)])
    await store.delete_source(other_company, SOURCES[0])
    assert await store.retrieve(other_company, [chunk, point_id(company, chunk)]) == []
    assert await store.count(company) == 1


async def test_a_cursor_of_another_company_shows_none_of_its_points(
    store: Awaited, company: uuid.UUID, other_company: uuid.UUID
) -> None:
    chunk = uuid.uuid4()
    await store.upsert(company, [Point(chunk, QUERY, SOURCES[0])])
    page = await store.scroll(other_company, after=point_id(company, chunk))
    assert page.points == []


async def test_a_foreign_point_from_a_faulty_engine_is_not_passed_on(
    open_store: Any, company: uuid.UUID, other_company: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store("memory://")
    await store.ensure_collection()
    await store.upsert(other_company, [Point(uuid.uuid4(), QUERY, SOURCES[0])])
    for module in ("qdrant", "wire"):
        monkeypatch.setattr(
            f"chatapp_db.vectors.engines.{module}.selected", lambda selection, keys: models.Filter()
        )
    assert isinstance(store.unwrap()._engine.inner, MemoryEngine)
    with pytest.raises(TenantIsolationError):
        await store.search(company, QUERY)
    with pytest.raises(TenantIsolationError):
        await store.scroll(company)
    with pytest.raises(TenantIsolationError):
        await store.retrieve(company, [uuid.uuid4()])


@pytest.mark.parametrize("company", [None, "", str(COMPANIES[0]), 1, b"x" * 16], ids=repr)
async def test_a_company_is_a_uuid_and_nothing_else(store: Awaited, company: Any) -> None:
    calls = [
        lambda: store.search(company, QUERY),
        lambda: store.upsert(company, []),
        lambda: store.scroll(company),
        lambda: store.count(company),
        lambda: store.retrieve(company, [uuid.uuid4()]),
        lambda: store.delete(company, [uuid.uuid4()]),
        lambda: store.delete_source(company, SOURCES[0]),
        lambda: store.admin().purge_company(company),
    ]
    for call in calls:
        with pytest.raises(InvalidValue, match="company_id"):
            await call()
