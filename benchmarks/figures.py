"""What a run finds out: figures with their goals, and the error that says two sides answered differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import Timed

__all__ = ["BASE", "Differs", "Figure", "Goal", "agree"]

BASE = "psycopg by hand"
"""What ratios are to: a prepared statement, tuples, no row-level security."""

_SHOWN = 400


@dataclass(frozen=True)
class Goal:
    """What a figure is to be: at most, or at least, a number."""

    limit: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Tell whether a figure reaches it."""
        return value >= self.limit if self.at_least else value <= self.limit

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.limit:g}"


@dataclass(frozen=True)
class Figure:
    """One number of a run: a ratio (in ``times``), a time, or a count."""

    line: str
    """The line of the benchmark that measured it."""
    subject: str
    """What was done."""
    contender: str
    """Who did it."""
    value: float
    unit: str = "times"
    world: str = ""
    """Blocking or asyncio, where it makes a difference."""
    goal: Goal | None = None
    spread: tuple[float, float] | None = None
    """The quartiles of the rounds."""
    microseconds: float | None = None
    """The time of one call; the median of the rounds."""

    @property
    def is_met(self) -> bool | None:
        """Tell whether the goal is met; None without a goal."""
        return None if self.goal is None else self.goal.met_by(self.value)

    @classmethod
    def of(
        cls, line: str, subject: str, by: str, timed: Timed, *, world: str = "", goal: Goal | None = None
    ) -> Figure:
        """Give the ratio that a contender was timed at."""
        return cls(
            line,
            subject,
            by,
            timed.ratio,
            world=world,
            goal=goal,
            spread=timed.spread,
            microseconds=timed.seconds * 1e6,
        )

    @classmethod
    def read(cls, fields: dict[str, Any]) -> Figure:
        """Read back what ``dataclasses.asdict`` wrote."""
        goal, spread = fields["goal"], fields["spread"]
        typed: dict[str, Any] = {"goal": goal and Goal(**goal), "spread": spread and tuple(spread)}
        return cls(**(fields | typed))


class Differs(Exception):
    """Two sides that are compared did not do the same."""


def agree(subject: str, results: dict[str, Any]) -> None:
    """Refuse to compare sides whose results differ.

    Raises Differs with both results, each cut short.
    """
    (first, expected), *others = results.items()
    for name, result in others:
        if result != expected:
            texts = (f"{who}: {repr(what)[:_SHOWN]}" for who, what in ((first, expected), (name, result)))
            raise Differs("\n  ".join([f"{subject} differs", *texts]))
