"""Many callers on a pool of five connections, next to psycopg's own pool doing the very same."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from benchmarks.figures import Differs, Figure, Goal
from benchmarks.measuring import Contender, World, compared, once
from benchmarks.peers import texts
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Database as Filled
from benchmarks.stage import Stage
from chatapp_db import AsyncDatabase, Database
from chatapp_db.execution.scope import DEFAULT_ACCESS, Prologue
from chatapp_db.schema.security import APP_ROLE
from tests.volume import company_id

__all__ = ["measure"]

_CALLS = 200
_THREADS = 16
_POOL: dict[str, Any] = {"min_size": 5, "max_size": 5, "open": False}
_OUR_POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 0}
_GOAL = Goal(0.9, at_least=True)
_SAME = "psycopg's pool, the same statements"
_BARE = "psycopg's pool, without a company or RLS"

Call = tuple[UUID, UUID]
"""A company, and the agent of it that is asked for."""

Sides = dict[str, Callable[[], None]]
"""What each side does to answer all calls; the first is what the others are compared with."""


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare throughputs; each caller looks whether it got what it asked for."""
    calls = _calls(stage)
    with _threaded(stage.database, calls) as sides:
        yield from _figures(stage, f"{_CALLS} calls of {_THREADS} threads", "blocking", sides)
    world = stage.worlds["asyncio"]
    with _awaited(stage.database, calls, world) as sides:
        yield from _figures(stage, f"{_CALLS} calls at once", "asyncio", sides)


def _calls(stage: Stage) -> list[Call]:
    """Ask for agents of all companies, each call of another company than the last."""
    text = "SELECT id FROM chatapp_agents WHERE company_id = %s ORDER BY id LIMIT 4"
    with stage.admin() as admin:
        companies = [company_id(rank) for rank in range(1, stage.volume.companies + 1)]
        agents = {company: admin.execute(text, [company]).fetchall() for company in companies}
    turns = [companies[place % len(companies)] for place in range(_CALLS)]
    return [
        (company, agents[company][place % len(agents[company])][0]) for place, company in enumerate(turns)
    ]


def _figures(stage: Stage, subject: str, world: str, sides: Sides) -> Iterator[Figure]:
    for call in sides.values():
        call()
    contenders = [Contender(name, once(call), 1) for name, call in sides.items()]
    for name, timed in compared(contenders, stage.effort).items():
        low, high = timed.spread
        yield Figure(
            "together",
            subject,
            name,
            1 / timed.ratio,
            unit="times the throughput",
            world=world,
            goal=_GOAL if name == OURS else None,
            spread=(1 / high, 1 / low),
            microseconds=timed.seconds * 1e6 / _CALLS,
        )


def _check(asked: Sequence[Call], got: Sequence[Call]) -> None:
    if list(asked) != list(got):
        raise Differs("a caller got what another one had asked for")


def _ids(row: Any) -> Call:
    return row[1], row[0]


def _opening(call: Call) -> tuple[Any, Sequence[Any]]:
    """Give what the package sends before a statement."""
    ((text, parameters),) = _PROLOGUE.single(call[0])
    return text, parameters


_PROLOGUE = Prologue(DEFAULT_ACCESS, APP_ROLE, "public")
_AGENT: Any = texts.numbered(texts.AGENT)
_BLOCKING: dict[str, Any] = _POOL | {"kwargs": {"autocommit": True, "cursor_factory": psycopg.RawCursor}}
_ASYNCIO: dict[str, Any] = _POOL | {"kwargs": {"autocommit": True, "cursor_factory": psycopg.AsyncRawCursor}}


@contextmanager
def _threaded(database: Filled, calls: list[Call]) -> Generator[Sides]:
    with (
        Database(database.service_url, **_OUR_POOL) as ours,
        ConnectionPool(database.service_url, **_BLOCKING) as same,
        ConnectionPool(database.url, **_BLOCKING) as bare,
        ThreadPoolExecutor(_THREADS) as threads,
    ):

        def by_package(call: Call) -> Call:
            row = ours.company(call[0]).agents.get(call[1])
            return row.company_id, row.id

        def by_hand(call: Call) -> Call:
            with same.connection() as connection, connection.pipeline():
                connection.execute(*_opening(call))
                return _ids(connection.execute(_AGENT, call).fetchone())

        def alone(call: Call) -> Call:
            with bare.connection() as connection:
                return _ids(connection.execute(_AGENT, call).fetchone())

        def all_of(one: Callable[[Call], Call]) -> Callable[[], None]:
            return lambda: _check(calls, list(threads.map(one, calls)))

        yield {_SAME: all_of(by_hand), OURS: all_of(by_package), _BARE: all_of(alone)}


@contextmanager
def _awaited(database: Filled, calls: list[Call], world: World) -> Generator[Sides]:
    ours = AsyncDatabase(database.service_url, **_OUR_POOL)
    same = AsyncConnectionPool(database.service_url, **_ASYNCIO)
    bare = AsyncConnectionPool(database.url, **_ASYNCIO)

    async def by_package(call: Call) -> Call:
        row = await ours.company(call[0]).agents.get(call[1])
        return row.company_id, row.id

    async def by_hand(call: Call) -> Call:
        async with same.connection() as connection, connection.pipeline():
            await connection.execute(*_opening(call))
            return _ids(await (await connection.execute(_AGENT, call)).fetchone())

    async def alone(call: Call) -> Call:
        async with bare.connection() as connection:
            return _ids(await (await connection.execute(_AGENT, call)).fetchone())

    def all_of(one: Callable[[Call], Awaitable[Call]]) -> Callable[[], None]:
        async def gathered() -> None:
            _check(calls, await asyncio.gather(*map(one, calls)))

        return lambda: world.settle(gathered())

    world.settle(same.open())
    world.settle(bare.open())
    yield {_SAME: all_of(by_hand), OURS: all_of(by_package), _BARE: all_of(alone)}
    for done in (ours, same, bare):
        world.settle(done.close())
