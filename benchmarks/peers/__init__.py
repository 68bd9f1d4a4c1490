"""The peers: each does the same four calls, written as a good user of its library would write them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack, contextmanager
from importlib import import_module
from typing import Any

from benchmarks.asked import Asked, Operation
from benchmarks.measuring import Contender, World
from benchmarks.peers.peer import Peer
from benchmarks.stage import Database

__all__ = ["Peer", "contender", "installed", "opened"]

_PEERS = {
    "asyncpg": "asyncpg",
    "core": "sqlalchemy",
    "orm": "sqlalchemy",
    "advanced_alchemy": "advanced_alchemy",
    "sqlmodel": "sqlmodel",
    "django": "django",
    "piccolo": "piccolo",
}
"""The modules here, each with the library it needs."""


def installed() -> tuple[list[type[Peer]], list[str]]:
    """Give the peers whose library is installed, and the names of those whose is not."""
    found: list[type[Peer]] = []
    missing: list[str] = []
    for module, library in _PEERS.items():
        try:
            loaded: Any = import_module(f"benchmarks.peers.{module}")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != library:
                raise
            missing.append(library)
        else:
            found.append(loaded.PEER)
    return found, missing


@contextmanager
def opened(kinds: Sequence[type[Peer]], database: Database, world: World) -> Generator[list[Peer]]:
    """Connect peers of one world to a database; they disconnect at the end."""
    with ExitStack() as stack:
        peers: list[Peer] = []
        for kind in kinds:
            peer = kind(database.service_url if kind.is_bound else database.url, database.asked.company_id)
            world.settle(peer.open())
            stack.callback(_closed, peer, world)
            peers.append(peer)
        yield peers


def contender(peer: Peer, operation: Operation, asked: Asked, world: World) -> Contender:
    """Let a peer make one kind of call."""
    return Contender(peer.name, world.block(getattr(peer, operation), asked.arguments(operation)))


def _closed(peer: Peer, world: World) -> None:
    world.settle(peer.close())
