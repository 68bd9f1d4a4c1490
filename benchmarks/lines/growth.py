"""The same calls on a hundredth of the data, a tenth, and all of it: what is read does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace

from benchmarks.asked import Operation
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import compared
from benchmarks.peers import contender, opened
from benchmarks.peers.chatapp import Ours
from benchmarks.stage import Stage

__all__ = ["measure"]

_GOAL = Goal(1.3)
_CALLS = (Operation.APPEND, Operation.HISTORY, Operation.INBOX, Operation.AGENT)


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare the package with itself, on the same server."""
    world, databases = stage.worlds["blocking"], stage.growing
    with ExitStack() as stack:
        peers = [stack.enter_context(opened([Ours], database, world))[0] for database in databases]
        for operation in _CALLS:
            for database in databases:
                database.tidy()
            sizes = [
                replace(
                    contender(peer, operation, database.asked, world), name=_size(database.asked.messages)
                )
                for peer, database in zip(peers, databases, strict=True)
            ]
            for name, timed in compared(sizes, stage.effort).items():
                goal = _GOAL if name == sizes[-1].name else None
                yield Figure.of("growth", operation.label, name, timed, goal=goal)


def _size(messages: int) -> str:
    return f"{messages:,} messages"
