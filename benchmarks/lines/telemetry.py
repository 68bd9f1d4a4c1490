"""What it costs that a call can be watched: where nobody does, and where somebody does."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from uuid import UUID

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from benchmarks.asked import Asked, Operation
from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, World, compared
from benchmarks.stage import Stage
from chatapp_db import Database
from chatapp_db.execution.operation import finish
from chatapp_db.repositories import AgentRepository
from chatapp_db.telemetry import instrument, uninstrument

__all__ = ["measure"]

_NOTHING = "as if nobody could watch"
_OFF = "off"
_GOAL = Goal(1.02)


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare a call by id with its bare body, with nobody watching, and with the two ways to watch."""
    asked, world = stage.database.asked, World()
    with Database(stage.database.service_url) as database:

        def call(id: UUID) -> Any:
            return database.company(asked.company_id).agents.get(id)

        def body(id: UUID) -> Any:
            return finish(AgentRepository.get(database.company(asked.company_id).agents, id))

        sides: dict[str, tuple[Callable[..., Any], Callable[[], AbstractContextManager[None]]]] = {
            _NOTHING: (body, nullcontext),
            _OFF: (call, nullcontext),
            "on, without a provider": (call, _reporting),
            "on, kept in memory": (call, _kept),
        }
        (given,) = next(asked.arguments(Operation.AGENT))
        answers = {name: _within(watched, made, given) for name, (made, watched) in sides.items()}
        agree(Operation.AGENT.label, answers)
        contenders = [Contender(name, _block(world, asked, *side)) for name, side in sides.items()]
        for name, timed in compared(contenders, stage.effort).items():
            goal = _GOAL if name == _OFF else None
            yield Figure.of("telemetry", Operation.AGENT.label, name, timed, goal=goal)


def _within(watched: Callable[[], AbstractContextManager[None]], made: Callable[..., Any], id: UUID) -> Any:
    with watched():
        return made(id)


def _block(
    world: World, asked: Asked, made: Callable[..., Any], watched: Callable[[], AbstractContextManager[None]]
) -> Callable[[int], float]:
    block = world.block(made, asked.arguments(Operation.AGENT))

    def timed(count: int) -> float:
        with watched():
            return block(count)

    return timed


@contextmanager
def _reporting(**providers: Any) -> Generator[None]:
    instrument(**providers)
    try:
        yield
    finally:
        uninstrument()


@contextmanager
def _kept() -> Generator[None]:
    tracers = TracerProvider()
    tracers.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
    with _reporting(tracer_provider=tracers, meter_provider=MeterProvider([InMemoryMetricReader()])):
        yield
