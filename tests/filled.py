"""A database of two companies with rows in every table, of which a test gets a copy."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

from chatapp_db.testing.server import Server
from tests.isolation.population import Populations, populate


@dataclass
class Filled:
    """The one that is copied: nobody writes to it."""

    name: str
    populations: Populations


@contextmanager
def filling(
    server: Server, template: str, before: Callable[[str], None] = lambda url: None
) -> Generator[Filled]:
    """Fill a copy of the template; ``before`` gets its URL while it is empty."""
    name = server.create_database(template)
    url = server.url.set(database=name).render_as_string(hide_password=False)
    before(url)
    yield Filled(name, populate(url))
    server.drop_database(name)
