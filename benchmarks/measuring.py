"""Times that can be compared: blocks of calls, side by side, in random order, round by round."""

from __future__ import annotations

import asyncio
import gc
import random
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from typing import Any

__all__ = ["Asyncio", "Contender", "Effort", "Timed", "World", "compared", "once"]

_WARM_UP = 12
"""Calls before anything counts: psycopg prepares at the sixth, and the server then settles on a plan."""

_QUARTERS = 4


@dataclass(frozen=True)
class Effort:
    """How long to look: how many rounds, and the seconds that one contender has in each."""

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Contender:
    """One side of a comparison; ``block`` makes so many calls and gives the seconds that one took."""

    name: str
    block: Callable[[int], float]
    most: int | None = None
    """The calls of a block, where a call is an effort of its own."""


@dataclass(frozen=True)
class Timed:
    """What became of one side: ratios to the first contender's time in the same round, and its own time."""

    ratio: float
    spread: tuple[float, float]
    seconds: float


def compared(contenders: Sequence[Contender], effort: Effort) -> dict[str, Timed]:
    """Time the contenders against the first of them."""
    counts = {one.name: _calls(one, effort) for one in contenders}
    times: dict[str, list[float]] = {one.name: [] for one in contenders}
    shuffled = list(contenders)
    gc.collect()
    gc.freeze()  # else every side pays for collecting what the other sides' libraries keep
    for _ in range(effort.rounds):
        random.shuffle(shuffled)
        for one in shuffled:
            times[one.name].append(one.block(counts[one.name]))
    gc.unfreeze()
    base = times[contenders[0].name]
    return {name: _timed(own, base) for name, own in times.items()}


def _calls(contender: Contender, effort: Effort) -> int:
    """Find how many calls fill the time of a block."""
    if contender.most is not None:
        return contender.most
    contender.block(_WARM_UP)
    return max(1, round(effort.seconds / contender.block(_WARM_UP)))


def _timed(own: list[float], base: list[float]) -> Timed:
    ratios = [mine / theirs for mine, theirs in zip(own, base, strict=True)]
    low, middle, high = quantiles(ratios, n=_QUARTERS, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Timed(middle, (low, high), median(own))


def once(call: Callable[[], object]) -> Callable[[int], float]:
    """Make a block of a call that is long enough to be timed alone."""

    def block(count: int) -> float:
        started = perf_counter()
        for _ in range(count):
            call()
        return (perf_counter() - started) / count

    return block


class World:
    """Where calls are made; the blocking world, which just makes them."""

    name = "blocking"

    def settle(self, value: Any) -> Any:
        """Give what a call comes to."""
        return value

    def block(self, call: Callable[..., Any], arguments: Iterator[tuple[Any, ...]]) -> Callable[[int], float]:
        """Make a block of a call; each time it takes the next arguments, outside the time."""

        def block(count: int) -> float:
            batch = [next(arguments) for _ in range(count)]
            started = perf_counter()
            for given in batch:
                call(*given)
            return (perf_counter() - started) / count

        return block


class Asyncio(World):
    """Where calls are awaited, all of them on one loop."""

    name = "asyncio"

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner

    def settle(self, value: Any) -> Any:
        return self._runner.run(value) if asyncio.iscoroutine(value) else value

    def block(self, call: Callable[..., Any], arguments: Iterator[tuple[Any, ...]]) -> Callable[[int], float]:
        async def block(count: int) -> float:
            batch = [next(arguments) for _ in range(count)]
            started = perf_counter()
            for given in batch:
                await call(*given)
            return (perf_counter() - started) / count

        def run(count: int) -> float:
            timed: Coroutine[Any, Any, float] = block(count)
            return self._runner.run(timed)

        return run
