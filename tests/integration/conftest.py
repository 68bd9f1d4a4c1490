"""What several tests of the repositories ask for."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import psycopg
import pytest


@pytest.fixture
def raw(database_url: str) -> Generator[psycopg.Connection[Any]]:
    """The database as its superuser: the past cannot be written through the repositories."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection
