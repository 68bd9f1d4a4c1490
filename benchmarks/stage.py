"""Where everything is measured: a server of its own, on it databases of known size, and logins to them."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import psycopg

from benchmarks.asked import Asked
from benchmarks.measuring import Asyncio, Effort, World
from chatapp_db.embedded import EmbeddedServer
from chatapp_db.migrations import migrate
from chatapp_db.testing.server import Server, server_folder
from tests.volume import Volume, fill

__all__ = ["FULL", "SMALL", "Database", "Stage", "connected", "running"]

FULL = Volume(conversations=300_000)
"""A year of fifty companies: 1.5 million messages."""

SMALL = FULL.scaled(0.01)

# A commit waits for no disk, so that calls are compared and not the machine's disk; no checkpoint and no
# vacuum falls into one side's block.
_SETTINGS = {
    "synchronous_commit": "off",
    "shared_buffers": "1GB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "dynamic_shared_memory_type": "mmap",
}


@dataclass(frozen=True)
class Database:
    """A filled database."""

    url: str
    """As a superuser, whom row-level security does not bind."""
    service_url: str
    """As a service logs in: as nobody special, with both roles to take."""
    asked: Asked

    def tidy(self) -> None:
        """Take away what writing has left behind, so that a line does not pay for the one before."""
        with connected(self.url) as connection:
            connection.execute("VACUUM chatapp_conversations, chatapp_messages")


def connected(url: str) -> Any:
    """Connect in autocommit; psycopg's own type takes SQL from literals only."""
    return psycopg.connect(url, autocommit=True)


class Stage:
    """What the lines share: the server, its databases, how much effort to make, and both worlds."""

    def __init__(self, server: Server, volume: Volume, effort: Effort, runner: asyncio.Runner) -> None:
        self._server = server
        self.volume = volume
        self.effort = effort
        self.worlds: dict[str, World] = {world.name: world for world in (World(), Asyncio(runner))}

    @cached_property
    def database(self) -> Database:
        """The one that calls are measured on."""
        return self._filled(self.volume)

    @cached_property
    def growing(self) -> list[Database]:
        """A hundredth of it, a tenth, and all."""
        few = replace(self.volume.scaled(0.009), companies=max(2, self.volume.companies // 10))
        return [self._filled(few), self._filled(self.volume.scaled(0.09)), self.database]

    def _filled(self, volume: Volume) -> Database:
        url = self._server.url.set(database=self._server.create_database()).render_as_string(
            hide_password=False
        )
        migrate(url)
        fill(url, volume)
        with connected(url) as connection:
            return Database(url, self._server.login_url("service", url), Asked.of(connection))

    def admin(self) -> Any:
        """Connect to the main database as superuser, to look and to ask by hand."""
        return connected(self.database.url)

    def version(self) -> str:
        """Give the version of the server."""
        with self.admin() as connection:
            found: str = connection.info.parameter_status("server_version")
            return found


@contextmanager
def running(volume: Volume, effort: Effort) -> Generator[Stage]:
    """Start the server in a temporary folder, in memory where there is room."""
    with (
        server_folder() as folder,
        asyncio.Runner() as runner,
        EmbeddedServer.start(folder, settings=_SETTINGS) as embedded,
    ):
        yield Stage(Server(embedded.url), volume, effort, runner)
