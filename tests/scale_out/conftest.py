"""A database that the plan for Citus was run on, with the two companies of the isolation tests in it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from chatapp_db import scale_out_plan
from chatapp_db.testing.server import Server
from tests.integration.test_round_trips import Filled
from tests.isolation.conftest import populations, untouched_url
from tests.isolation.population import populate
from tests.migrations.conftest import any_place, at_head, migrated_once, place, server_15, server_16
from tests.scale_out.stand_in import scale_out, stand_in_for_citus

__all__ = [
    "any_place",
    "at_head",
    "migrated_once",
    "place",
    "populations",
    "server_15",
    "server_16",
    "untouched_url",
]


@pytest.fixture(scope="session")
def filled(server: Server, chatapp_template: str) -> Generator[Any]:
    """Take the place of the plain database that the isolation tests are for."""
    name = server.create_database(chatapp_template)
    url = server.url.set(database=name).render_as_string(hide_password=False)
    stand_in_for_citus(url)
    scale_out(url, scale_out_plan())
    yield Filled(name, populate(url))
    server.drop_database(name)


@pytest.fixture(scope="session")
def plainly_filled(server: Server, chatapp_template: str) -> Generator[Any]:
    """The plain one."""
    name = server.create_database(chatapp_template)
    yield Filled(name, populate(server.url.set(database=name).render_as_string(hide_password=False)))
    server.drop_database(name)
