"""The collection is made once, as designed, and never silently used when it differs."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from qdrant_client import models

from chatapp_db.errors import CollectionMismatch, VectorStoreError
from chatapp_db.vectors import Point
from chatapp_db.vectors.points import MAX_BATCH_BYTES
from tests.contract.oracle import SOURCES
from tests.contract.stand_in import StandIn, running_stand_in
from tests.worlds import Awaited, World

QUERY = [1.0, 0.5, 0.5, 0.5]


@pytest.fixture(params=["grpc", "rest"])
def front(request: pytest.FixtureRequest) -> str:
    return request.param


async def test_ensuring_twice_and_at_once_changes_nothing(
    store: Awaited, world: World, company: uuid.UUID
) -> None:
    await store.upsert(company, [Point(uuid.uuid4(), QUERY, SOURCES[0])])
    await world.together(*[store.ensure_collection] * 4)
    assert await store.count(company) == 1


async def test_every_difference_is_listed(engine_url: str, store: Awaited, open_store: Any) -> None:
    engine = store.unwrap()._engine.inner
    other = open_store(engine_url, collection=engine._collection.name, dimension=8, distance="dot")
    if engine_url == "memory://":
        other.unwrap()._engine.inner._client = engine._client
    if engine_url.startswith("edge:"):
        await store.close()
    with pytest.raises(CollectionMismatch, match=r"dimension is 4, not 8; its distance is cosine, not dot"):
        await other.ensure_collection()


async def test_a_collection_is_compared_before_and_after_it_is_made_and_not_made_by_that(
    engine_url: str, open_store: Any
) -> None:
    store = open_store(engine_url, collection=f"compared_{uuid.uuid4().hex[:8]}")
    assert not (await store.compare_collection()).exists
    assert not (await store.compare_collection()).exists
    await store.ensure_collection()
    compared = await store.compare_collection()
    assert (compared.exists, list(compared.differences), list(compared.missing)) == (True, [], [])


async def test_a_store_without_its_collection_is_an_error_and_no_empty_list(
    engine_url: str, open_store: Any, company: uuid.UUID
) -> None:
    store = open_store(engine_url, collection=f"absent_{uuid.uuid4().hex[:8]}")
    with pytest.raises(VectorStoreError):
        await store.search(company, QUERY)


async def test_a_server_gets_the_collection_of_the_design(
    open_store: Any, stand_in: StandIn, front: str
) -> None:
    store = open_store(stand_in.urls[front])
    await store.ensure_collection()
    name = store.unwrap().collection.name
    created, indexes = stand_in.created(name), stand_in.indexes[name]
    assert (created.hnsw_config.m, created.hnsw_config.payload_m) == (0, 16)
    assert created.strict_mode_config.enabled
    assert not created.strict_mode_config.unindexed_filtering_retrieve
    assert not created.strict_mode_config.unindexed_filtering_update
    assert indexes["company_id"].params.is_tenant
    assert {path: index.data_type.value for path, index in indexes.items()} == {
        "company_id": "keyword",
        "source_id": "keyword",
        "agent_id": "keyword",
        "revision": "integer",
        "meta.lang": "keyword",
        "meta.page": "integer",
        "meta.weight": "float",
        "meta.public": "bool",
        "meta.published": "datetime",
    }


async def test_a_missing_index_is_made_and_a_different_one_refused(
    open_store: Any, stand_in: StandIn, front: str
) -> None:
    store = open_store(stand_in.urls[front])
    await store.ensure_collection()
    indexes = stand_in.indexes[store.unwrap().collection.name]
    del indexes["source_id"]
    await store.ensure_collection()
    assert "source_id" in indexes
    plain = models.PayloadIndexInfo(data_type=models.PayloadSchemaType.KEYWORD, points=0)
    indexes["company_id"] = indexes["meta.page"] = plain
    with pytest.raises(
        CollectionMismatch, match=r"company_id is not marked.*meta\.page is of keyword, not integer"
    ):
        await store.ensure_collection()


async def test_a_comparison_lists_differences_and_what_is_missing_and_mends_neither(
    open_store: Any, stand_in: StandIn, front: str
) -> None:
    store = open_store(stand_in.urls[front])
    await store.ensure_collection()
    indexes = stand_in.indexes[store.unwrap().collection.name]
    del indexes["source_id"]
    indexes["company_id"] = models.PayloadIndexInfo(data_type=models.PayloadSchemaType.KEYWORD, points=0)
    compared = await store.compare_collection()
    assert compared.differences == ["its index on company_id is not marked is_tenant"]
    assert compared.missing == ["source_id"]
    assert "source_id" not in indexes


async def test_requests_stay_below_the_limits_of_a_server(
    open_store: Any, stand_in: StandIn, front: str, company: uuid.UUID
) -> None:
    large = {"grpc": [126, 4], "rest": [23] * 5 + [15]}[front]
    for dimension, points, expected in [(4, 600, [256, 256, 88]), (8192, 130, large)]:
        store = open_store(stand_in.urls[front], dimension=dimension)
        await store.ensure_collection()
        stand_in.batches.clear()
        stand_in.largest = 0
        vector = [0.5] * dimension
        await store.upsert(
            company,
            (Point(uuid.uuid4(), vector, SOURCES[0], revision=number % 3) for number in range(points)),
        )
        assert stand_in.batches == expected
        assert stand_in.largest <= MAX_BATCH_BYTES


@pytest.mark.parametrize("version", ["1.16.3", "0.1.0", "unknown"])
async def test_a_server_that_ignores_our_conditions_is_refused(open_store: Any, version: str) -> None:
    with running_stand_in(version) as stand_in:
        store = open_store(stand_in.urls["grpc"])
        with pytest.raises(VectorStoreError, match="too old"):
            await store.ensure_collection()
