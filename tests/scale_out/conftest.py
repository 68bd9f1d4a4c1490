"""A database that the plan for Citus was run on, with the two companies of the isolation tests in it."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from chatapp_db import scale_out_plan
from chatapp_db.testing.server import Server
from tests.filled import Filled, filling
from tests.isolation.conftest import populations, untouched_url
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
def filled(server: Server, chatapp_template: str) -> Generator[Filled]:
    """Take the place of the plain database that the isolation tests are for."""

    def distribute(url: str) -> None:
        stand_in_for_citus(url)
        scale_out(url, scale_out_plan())

    with filling(server, chatapp_template, distribute) as filled:
        yield filled


@pytest.fixture(scope="session")
def plainly_filled(server: Server, chatapp_template: str) -> Generator[Filled]:
    """The plain one."""
    with filling(server, chatapp_template) as filled:
        yield filled
