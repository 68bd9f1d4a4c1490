"""A store on each engine in each world; every test gets a collection of its own."""

from __future__ import annotations

import asyncio
import itertools
import os
import uuid
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

from chatapp_db.testing.server import Server
from chatapp_db.vectors import create_async_vector_store, create_vector_store
from tests.contract.oracle import KEYS
from tests.contract.real_server import real_server
from tests.contract.stand_in import StandIn, running_stand_in
from tests.worlds import Awaited, World, settled

DIMENSION = 4
_numbers = itertools.count()


@pytest.fixture(scope="session")
def stood_in() -> Generator[StandIn]:
    with running_stand_in() as running:
        yield running


@pytest.fixture
def stand_in(stood_in: StandIn) -> Generator[StandIn]:
    """The run's own server, without what earlier tests made."""
    yield stood_in
    stood_in.forget()


@pytest.fixture(scope="session")
def qdrant_url() -> Generator[str]:
    with real_server() as url:
        yield url


@pytest.fixture
def edge_url(tmp_path: Path) -> str:
    """A folder of the test's own."""
    return f"edge://{tmp_path}/vectors"


@pytest.fixture(scope="session")
def pgvector_url(server: Server, chatapp_template: str) -> Generator[str]:
    """A migrated database for every collection of the run."""
    with server.database(chatapp_template) as url:
        yield url.replace("postgresql:", "pgvector:", 1)


@pytest.fixture(params=["memory", "edge", "pgvector", "grpc stand-in", "rest stand-in", "qdrant"])
def engine_url(request: pytest.FixtureRequest) -> str:
    if request.param == "memory":
        return "memory://"
    if request.param.endswith("stand-in"):
        return request.getfixturevalue("stand_in").urls[request.param.split()[0]]
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
def open_store(world: World, runner: asyncio.Runner) -> Generator[Callable[..., Awaited]]:
    """Open stores; they and their collections are gone after the test."""
    opened: list[Any] = []

    def open_one(url: str, **options: Any) -> Awaited:
        create = world.pick(create_vector_store, create_async_vector_store)
        options.setdefault("dimension", DIMENSION)
        options.setdefault("collection", f"test_{os.getpid()}_{next(_numbers)}")
        options.setdefault("api_key", os.environ.get("CHATAPP_QDRANT_API_KEY"))
        options.setdefault("chunks_table", None)
        opened.append(create(url, keys=KEYS, **options))
        return Awaited(opened[-1])

    yield open_one
    for store in opened:
        runner.run(settled(store.close()))


@pytest.fixture
def store(
    request: pytest.FixtureRequest,
    engine_url: str,
    open_store: Callable[..., Awaited],
    runner: asyncio.Runner,
) -> Generator[Awaited]:
    """An empty store whose collection is made."""
    store = open_store(engine_url)
    runner.run(settled(store.unwrap().ensure_collection()))
    yield store
    if request.node.callspec.params["engine_url"] == "qdrant":
        engine = store.unwrap()._engine.inner
        runner.run(engine._client.delete_collection(engine._name))


@pytest.fixture
def company() -> uuid.UUID:
    return uuid.uuid4()


@pytest.fixture
def other_company() -> uuid.UUID:
    return uuid.uuid4()
