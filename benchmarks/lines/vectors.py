"""Vectors on each engine, next to its plain client: written, searched by company size, what memory holds."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from uuid import UUID

from benchmarks.clients import ENGINES, Client, Ours, Place, plain
from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, compared, once
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import FULL, Stage
from chatapp_db.testing.server import server_folder
from chatapp_db.vectors import Point

__all__ = ["measure"]

_PLAIN = "the plain client"
_GOAL = Goal(1.15)
_DIMENSION = 384
_SIZES = (10_000, 2_000, 200)
"""Points of a company; the engine in memory, which is for tests, holds a tenth."""
_BATCH = 256
_K = 10
_ASKED = 200
_KILOBYTES = 1024
_STATUS = Path("/proc/self/status")


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare one engine after the other; Qdrant's server only where CHATAPP_QDRANT_URL names one."""
    server = os.environ.get("CHATAPP_QDRANT_URL")
    part = stage.volume.conversations / FULL.conversations
    with server_folder() as folder:
        for engine in ENGINES:
            if engine == "qdrant" and server is None:
                continue
            place = Place(
                engine, _DIMENSION, folder, stage.database.url, server if engine == "qdrant" else None
            )
            shrunk = part / 10 if engine == "memory" else part
            yield from _measured(place, [max(2 * _K, round(size * shrunk)) for size in _SIZES], stage)


def _measured(place: Place, sizes: Sequence[int], stage: Stage) -> Iterator[Figure]:
    companies = {UUID(int=rank): size for rank, size in enumerate(sizes, start=1)}
    with ExitStack() as stack:
        clients: dict[str, Client] = {
            _PLAIN: stack.enter_context(closing(plain(place))),
            OURS: stack.enter_context(closing(Ours(place))),
        }
        for company_id, size in companies.items():
            for client in clients.values():
                _load(client, company_id, size)
        for company_id, size in companies.items():
            yield from _searched(place.engine, clients, company_id, size, stage)
        yield from _written(place.engine, clients, UUID(int=len(companies) + 1), stage)
    if place.engine in {"edge", "memory"} and _STATUS.exists():
        yield from _footprints(place, max(sizes))


def _load(client: Client, company_id: UUID, size: int) -> None:
    points = islice(_points(company_id), size)
    while batch := list(islice(points, _BATCH)):
        client.write(company_id, batch)


def _written(engine: str, clients: dict[str, Client], company_id: UUID, stage: Stage) -> Iterator[Figure]:
    """Write batch after batch of one more company, side by side."""
    contenders = [
        Contender(name, once(partial(_write_batch, client, company_id, _points(company_id))), 1)
        for name, client in clients.items()
    ]
    for name, timed in compared(contenders, stage.effort).items():
        goal = _GOAL if name == OURS else None
        yield Figure.of("vectors", f"{engine}: {_BATCH} points written", name, timed, goal=goal)
        rate = round(_BATCH / timed.seconds)
        yield Figure("vectors", f"{engine}: written", name, rate, unit="points a second")


def _write_batch(client: Client, company_id: UUID, points: Iterator[Point]) -> None:
    client.write(company_id, list(islice(points, _BATCH)))


def _searched(
    engine: str, clients: dict[str, Client], company_id: UUID, size: int, stage: Stage
) -> Iterator[Figure]:
    subject = f"{engine}: the nearest {_K} of {size:,}"
    asked = list(islice(_points(company_id), min(size, _ASKED)))
    agree(subject, {name: _recognises(client, company_id, asked[:20]) for name, client in clients.items()})
    queries = [list(point.vector) for point in asked]
    contenders = [
        Contender(name, once(partial(_ask, client, company_id, iter(queries * 1_000))))
        for name, client in clients.items()
    ]
    for name, timed in compared(contenders, stage.effort).items():
        yield Figure.of("vectors", subject, name, timed, goal=_GOAL if name == OURS else None)
    for name, client in clients.items():
        for share, seconds in _slow(client, company_id, queries).items():
            yield Figure("vectors", f"{subject}, {share}", name, seconds * 1000, unit="ms")


def _recognises(client: Client, company_id: UUID, asked: Sequence[Point]) -> bool:
    """Tell whether points are found by their own vectors; an approximate index may miss one or another."""
    found = [str(point.chunk_id) in client.nearest(company_id, point.vector, _K) for point in asked]
    return sum(found) > len(asked) / 2


def _ask(client: Client, company_id: UUID, queries: Iterator[list[float]]) -> None:
    client.nearest(company_id, next(queries), _K)


def _slow(client: Client, company_id: UUID, queries: Sequence[list[float]]) -> dict[str, float]:
    """Time call by call: what half of them take at most, and what nineteen of twenty do."""
    times: list[float] = []
    for query in queries:
        started = perf_counter()
        client.nearest(company_id, query, _K)
        times.append(perf_counter() - started)
    twentieths = quantiles(times, n=20, method="inclusive")
    return {"p50": twentieths[9], "p95": twentieths[18]}


def _footprints(place: Place, count: int) -> Iterator[Figure]:
    """Load in processes of their own: what a process has taken once it does not give back."""
    for number, name in enumerate((_PLAIN, OURS)):
        alone = Place(place.engine, place.dimension, place.folder / f"alone{number}", place.database, None)
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
            taken = process.submit(_footprint, alone, count, ours=name == OURS).result()
        yield Figure("vectors", f"{place.engine}: memory of {count:,} points", name, taken, unit="MB")


def _footprint(place: Place, count: int, *, ours: bool) -> float:
    """Give the megabytes by which this process has grown at most."""
    client = Ours(place) if ours else plain(place)
    _load(client, UUID(int=2), _BATCH)
    before = _peak()
    _load(client, UUID(int=1), count)
    grown = _peak() - before
    client.close()
    return grown


def _peak() -> float:
    """Read what Linux counts for this program; what ``getrusage`` counts is at least its parent's."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _KILOBYTES
    raise LookupError("VmHWM")


def _points(company_id: UUID) -> Iterator[Point]:
    """Make points that gather around themes, as those of texts do; each time the same."""
    dice = random.Random(company_id.int)
    themes = [[dice.gauss(0, 1) for _ in range(_DIMENSION)] for _ in range(20)]
    place = 0
    while True:
        place += 1
        vector = [number + dice.gauss(0, 0.6) for number in dice.choice(themes)]
        yield Point(UUID(int=company_id.int << 32 | place), vector, company_id, content_hash="d" * 64)
