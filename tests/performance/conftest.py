"""Servers that hold a product's rows, filled once a run, and a company of either size there."""

from __future__ import annotations

from collections.abc import Generator

import psycopg
import pytest

from chatapp_db.migrations import migrate
from chatapp_db.testing.server import Server
from tests.performance.place import Place
from tests.performance.plans import Explaining
from tests.volume import Volume, company_id, fill

_VOLUME = Volume(conversations=300_000)
_VOLUMES = {"server": _VOLUME, "debian_server": _VOLUME.scaled(0.25)}


@pytest.fixture(scope="session", params=_VOLUMES)
def filled(request: pytest.FixtureRequest) -> Generator[psycopg.Connection]:
    """A service's connection to 1.5 million messages; on the oldest release's server there are fewer."""
    server: Server = request.getfixturevalue(request.param)
    with server.database() as url:
        migrate(url)
        fill(url, _VOLUMES[request.param])
        with psycopg.connect(server.login_url("service", url), autocommit=True) as connection:
            yield connection


@pytest.fixture(scope="session", params=["largest", "smallest"])
def place(request: pytest.FixtureRequest, filled: psycopg.Connection) -> Place:
    """The company that has the most of everything, or the one that has the least."""
    ids = [company_id(rank) for rank in (1, _VOLUME.companies)]
    return Place.of(filled, *(ids if request.param == "largest" else reversed(ids)))


@pytest.fixture
def explaining(filled: psycopg.Connection, place: Place) -> Explaining:
    return Explaining(filled, place.id, place.other_id)
