"""Who watches what this package does: nobody, unless somebody asks to, and then it costs nothing.

A watcher is told of calls and counts, of nothing that was said. There is one for the process, so that a call
finds out by looking at one name.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

__all__ = ["Call", "Lag", "Watcher", "watch", "watcher"]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a public method, blocking or awaited: its name in both worlds, and what it was called on."""

    name: str
    target: Any


@dataclass(frozen=True, slots=True)
class Lag:
    """How far an embedding set is behind: changes that wait, that are dead, since when the first waits."""

    embedding_set: str
    waiting: int
    dead: int
    since: datetime | None


class Watcher(Protocol):
    """What is told, in the thread or event loop of whoever calls: it must not take long, nor raise."""

    def calling(self, call: Call) -> AbstractContextManager[None]:
        """Stand around a call."""
        ...

    def retried(self, work: str, error: BaseException) -> None:
        """Learn that work is tried again, and why."""
        ...

    def stored(self, call: Any) -> None:
        """Learn of a call of a vector store's engine, a StoreCall."""
        ...

    def stale(self, hits: int) -> None:
        """Learn how many hits of a search were passed over, as their chunks changed or are gone."""
        ...

    def lagging(self, sets: Sequence[Lag]) -> None:
        """Learn how far the vector stores are behind."""
        ...

    def relieved(self) -> None:
        """Learn that the watch is over."""
        ...


_watcher: Watcher | None = None


def watch(new: Watcher | None) -> None:
    """Let this one watch from now on in the place of another, or None nobody."""
    global _watcher
    before, _watcher = _watcher, new
    if before is not None:
        before.relieved()


def watcher() -> Watcher | None:
    """Give who watches."""
    return _watcher
