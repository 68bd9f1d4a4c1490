"""The figures of a run as tables, whatever they are then printed with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.figures import BASE, Figure

__all__ = ["Table", "tables"]

_LONG = 10_000
"""Microseconds that are better read as milliseconds."""


@dataclass(frozen=True)
class Table:
    """A title, a header, and rows of as many cells; a verdict is None, met or missed, for each row."""

    title: str
    header: list[str]
    rows: list[list[str]]
    verdicts: list[bool | None]


def tables(figures: Sequence[Figure]) -> list[Table]:
    """Put the calls of everybody side by side, and every other line below one another."""
    calls = [one for one in figures if one.line == "calls"]
    others = [one for one in figures if one.line != "calls"]
    worlds, lines = dict.fromkeys(one.world for one in calls), dict.fromkeys(one.line for one in others)
    return [
        *(_calls([one for one in calls if one.world == world], world) for world in worlds),
        *(_listed([one for one in others if one.line == line], line) for line in lines),
    ]


def _calls(figures: list[Figure], world: str) -> Table:
    subjects = list(dict.fromkeys(one.subject for one in figures))
    cells = {(one.contender, one.subject): one for one in figures}
    names = sorted(
        dict.fromkeys(one.contender for one in figures), key=lambda name: _total(cells, name, subjects)
    )
    rows = [[name, *(_cell(cells.get((name, subject))) for subject in subjects)] for name in names]
    goals = {one.subject: f"{one.goal}" for one in figures if one.goal}
    rows.append(["goal", *(goals.get(subject, "") for subject in subjects)])
    verdicts = [_all_met([cells.get((name, subject)) for subject in subjects]) for name in names]
    return Table(f"calls, {world}, in times of psycopg by hand", ["", *subjects], rows, [*verdicts, None])


def _total(cells: dict[tuple[str, str], Figure], name: str, subjects: list[str]) -> float:
    """Order by the mean of what a contender does; not everybody does everything."""
    own = [cells[name, subject].value for subject in subjects[:4] if (name, subject) in cells]
    return sum(own) / len(own)


def _listed(figures: list[Figure], line: str) -> Table:
    rows = [
        [
            ", ".join(filter(None, (one.subject, one.world))),
            one.contender,
            f"{_number(one.value)} {one.unit}",
            _time(one.microseconds),
            "" if one.goal is None else f"{one.goal}",
            _mark(one.is_met),
        ]
        for one in figures
    ]
    return Table(line, ["", "by", "", "a call", "goal", ""], rows, [one.is_met for one in figures])


def _cell(figure: Figure | None) -> str:
    if figure is None:
        return ""
    if figure.contender == BASE:
        return f"1 ({_time(figure.microseconds)})"
    return f"{_number(figure.value)} {_mark(figure.is_met)}".strip()


def _all_met(figures: Sequence[Figure | None]) -> bool | None:
    known = [one.is_met for one in figures if one is not None and one.is_met is not None]
    return all(known) if known else None


def _mark(is_met: bool | None) -> str:
    return "" if is_met is None else "✓" if is_met else "✗"


def _number(value: float) -> str:
    return f"{value:.0f}" if value == int(value) and value >= 1 else f"{value:.2f}"


def _time(microseconds: float | None) -> str:
    if microseconds is None:
        return ""
    in_milliseconds = microseconds >= _LONG
    return f"{microseconds / 1000:,.1f} ms" if in_milliseconds else f"{microseconds:,.0f} µs"
