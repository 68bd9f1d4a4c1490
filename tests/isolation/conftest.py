"""A database of two companies with rows in every table, copied for each test."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from chatapp_db.testing.server import Server
from tests.filled import Filled
from tests.isolation.calling import Caller
from tests.isolation.population import KEYS, Populations


@pytest.fixture
def database_url(server: Server, filled: Filled) -> Generator[str]:
    """In this folder every database has the two companies in it."""
    with server.database(filled.name) as url:
        yield url


@pytest.fixture
def populations(filled: Filled) -> Populations:
    return filled.populations


@pytest.fixture(scope="session")
def untouched_url(server: Server, filled: Filled) -> Generator[str]:
    """One database for all tests that keep nothing of what they write."""
    with server.database(filled.name) as url:
        yield url


@pytest.fixture(params=["every wall", "predicates alone"])
def caller(request, world, login_url, database_url, populations):
    """Once as a service does it, once as superuser: below no policy, as nobody's role."""
    if request.param == "every wall":
        return Caller(world.open(login_url("service"), keys=KEYS), populations)
    return Caller(world.open(database_url, rls="off", keys=KEYS), populations)
