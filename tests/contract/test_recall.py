"""What an engine finds among real vectors is what comparing with every one of them finds."""

from __future__ import annotations

import os
import time
from collections.abc import Generator

import pytest

from chatapp_db.vectors import Point, VectorStore, create_vector_store
from tests.real_data import DIMENSION, Company, companies, needed

K = 10
QUERIES = 40
"""Asked of each company, spread over its texts."""
FEW = 1_500
"""Points that the engine in memory is asked to hold, of the smallest companies."""
LEAST_RECALL = 0.99

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def everybody() -> list[Company]:
    needed()
    return companies()


@pytest.fixture(scope="module", params=["memory", "edge", "pgvector", "qdrant"])
def url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if request.param == "memory":
        return "memory://"
    if request.param == "edge":
        return f"edge://{tmp_path_factory.mktemp('recall')}/vectors"
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture(scope="module")
def shelved(url: str, everybody: list[Company]) -> Generator[tuple[VectorStore, list[Company]]]:
    """A store with the vectors of all companies, which are of one size only in a test."""
    held = everybody if url != "memory://" else few_of(everybody)
    store = create_vector_store(
        url,
        dimension=DIMENSION,
        collection=f"recall_{os.getpid()}_{time.time_ns()}",
        chunks_table=None,
        api_key=os.environ.get("CHATAPP_QDRANT_API_KEY"),
        timeout=60,
    )
    with store:
        store.ensure_collection()
        for company in held:
            source = company.chunk_id(0)
            points = (Point(company.chunk_id(n), vector, source) for n, vector in enumerate(company.vectors))
            store.upsert(company.id, points)
        yield store, held


def few_of(everybody: list[Company]) -> list[Company]:
    held: list[Company] = []
    for company in reversed(everybody):
        if sum(len(one.texts) for one in [*held, company]) <= FEW:
            held.append(company)
    return held


def test_the_sizes_of_the_companies_are_skewed(everybody):
    sizes = [len(company.texts) for company in everybody]
    assert sizes[0] > sum(sizes) / 2
    assert sizes[0] > 80 * sizes[-1]


def test_every_company_finds_its_nearest_ten(shelved):
    store, held = shelved
    recalls = {company.id: recall(store, company) for company in held}
    assert len(recalls) > 5
    assert {id: found for id, found in recalls.items() if found < LEAST_RECALL} == {}


def recall(store: VectorStore, company: Company) -> float:
    """Tell how many of the nearest ten are found; one that is as near as the tenth counts as well."""
    found = 0
    step = max(1, len(company.texts) // QUERIES)
    asked = range(0, step * QUERIES, step)[: len(company.texts)]
    for place in asked:
        vector = company.vectors[place]
        near = company.nearest(vector, K)
        hits = store.search(company.id, vector.tolist(), K)
        tenth = float(company.vectors[near[-1]] @ vector)
        ties = {company.chunk_id(n) for n in (company.vectors @ vector >= tenth - 1e-6).nonzero()[0].tolist()}
        found += len(ties & {hit.chunk_id for hit in hits})
    return found / (K * len(asked))
