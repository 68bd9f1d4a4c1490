"""How often a call waits for the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.asked import Operation
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import World
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage
from chatapp_db import AsyncDatabase, Database, MessageRole
from tests.wire import round_trips
from tests.worlds import Awaited

__all__ = ["measure"]

_IN_A_SCOPE = 3
"""Calls in one transaction; opening and committing it are two trips more."""


def measure(stage: Stage) -> Iterator[Figure]:
    """Count on the wire, blocking and asyncio."""
    for world in stage.worlds.values():
        kind: Any = Database if world.name == "blocking" else AsyncDatabase
        db = Awaited(kind(stage.database.service_url, pool_size=1, max_overflow=0))
        yield from _run(world, _counted(stage, db, world))


def _run(world: World, counting: Any) -> list[Figure]:
    """Run what awaits a database of either kind; nothing suspends where it is a blocking one."""
    if world.name == "asyncio":
        figures: list[Figure] = world.settle(counting)
        return figures
    try:
        counting.send(None)
    except StopIteration as done:
        return list(done.value)
    raise RuntimeError("a blocking database suspended")


async def _counted(stage: Stage, db: Awaited, world: World) -> list[Figure]:
    asked = stage.database.asked
    company = db.company(asked.company_id)
    calls: dict[Operation, Callable[[], Any]] = {
        Operation.APPEND: lambda: company.messages.append(asked.open[0], role=MessageRole.USER, content="."),
        Operation.HISTORY: lambda: company.messages.history(asked.long[0]),
        Operation.INBOX: company.conversations.inbox,
        Operation.AGENT: lambda: company.agents.get(asked.agents[0]),
    }
    counts: dict[str, tuple[int, int]] = {}
    with TemporaryDirectory() as folder, round_trips(db, Path(folder) / "wire") as trips:
        await company.agents.count()
        trips.since()
        for operation, call in calls.items():
            await call()
            counts[operation.label] = trips.since(), 1
        async with db.tenant(asked.company_id) as tenant:
            for _ in range(_IN_A_SCOPE):
                await tenant.agents.get(asked.agents[0])
        counts[f"a scope of {_IN_A_SCOPE} calls"] = trips.since(), _IN_A_SCOPE + 2
    await db.close()
    return [
        Figure("trips", subject, OURS, count, unit="trips", world=world.name, goal=Goal(most))
        for subject, (count, most) in counts.items()
    ]
