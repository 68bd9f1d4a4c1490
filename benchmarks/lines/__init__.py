"""The lines of the benchmark: each a module whose ``measure`` gives its figures."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from benchmarks.figures import Figure
from benchmarks.stage import Stage

__all__ = ["LINES", "measured"]

LINES = {
    "calls": "the four calls, next to psycopg by hand and to the peers",
    "policies": "what row-level security costs",
    "trips": "round trips on the wire",
    "lists": "the open inbox, its counts, and the search of messages",
    "days": "a day added up for every company",
    "bulk": "a transcript that comes all at once",
    "telemetry": "that a call can be watched, and that it is",
    "together": "many callers on a pool of five connections",
    "start": "the import, and migrate() at head",
    "growth": "the same calls as the data grows",
    "vectors": "vectors on each engine, next to its plain client",
}
"""The names of the lines in the order they run, and what each is about."""


def measured(name: str, stage: Stage) -> Iterator[Figure]:
    """Measure one line.

    Raises Differs where two sides that are compared answer differently.
    """
    stage.database.tidy()
    line: Any = import_module(f"benchmarks.lines.{name}")
    yield from line.measure(stage)
