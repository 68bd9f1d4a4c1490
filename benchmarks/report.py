"""What a run found, for the documentation: `python -m benchmarks.report FILE --svg PICTURE`, `--markdown`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from benchmarks.asked import Operation
from benchmarks.figures import BASE, Figure
from benchmarks.peers.chatapp import OURS
from benchmarks.run import Run
from benchmarks.tables import Table, tables

__all__ = ["draw", "markdown"]

_DRAWN = (Operation.APPEND, Operation.HISTORY, Operation.INBOX, Operation.AGENT)

# Grey that is read on white and on black; no background of its own.
_INK, _OTHERS, _OURS = "#7d8590", "#afb8c1", "#1f883d"
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": OURS,
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
}


def markdown(run: Run) -> str:
    """Write the tables, and what they were taken on."""
    facts = ", ".join(f"{name} {value}" for name, value in run.machine.items())
    taken = f"{run.messages:,} messages, {run.rounds} rounds; {facts}."
    return "\n\n".join([*map(_markdown, tables(run.figures)), taken])


def _markdown(table: Table) -> str:
    lines = [table.header, ["---", *["--:"] * (len(table.header) - 1)], *table.rows]
    return "\n".join([f"### {table.title}", "", *(f"| {' | '.join(line)} |" for line in lines)])


def draw(run: Run, file: Path) -> None:
    """Draw the calls of everybody: a row of panels for each world, a bar for each contender."""
    import matplotlib as library
    from matplotlib.figure import Figure as Picture

    calls = [one for one in run.figures if one.line == "calls" and one.contender != BASE]
    worlds = {world: _names(calls, world) for world in dict.fromkeys(one.world for one in calls)}
    heights = [len(names) for names in worlds.values()]
    matplotlib: Any = library
    with matplotlib.rc_context(_STYLE):
        picture: Any = Picture(figsize=(10, 0.8 * len(heights) + 0.26 * sum(heights)), layout="constrained")
        panels = picture.subplots(
            len(worlds), len(_DRAWN), sharey="row", squeeze=False, height_ratios=heights
        )
        for row, (world, names) in zip(panels, worlds.items(), strict=True):
            for panel, operation in zip(row, _DRAWN, strict=True):
                own = {
                    one.contender: one
                    for one in calls
                    if (one.world, one.subject) == (world, operation.label)
                }
                _panel(panel, [own.get(name) for name in names], names)
                panel.set_title(operation.label, fontsize=10, loc="left")
            row[0].set_ylabel(world, fontsize=10)
        picture.align_ylabels(panels[:, 0])
        picture.supxlabel("times psycopg by hand (the line), shorter is faster; dotted: the goal", fontsize=9)
        picture.savefig(file, transparent=True, metadata={"Date": None})


def _names(calls: list[Figure], world: str) -> list[str]:
    """Order the contenders of a world by the mean of what is drawn."""
    drawn = {operation.label for operation in _DRAWN}
    values: dict[str, list[float]] = {}
    for one in calls:
        if one.world == world and one.subject in drawn:
            values.setdefault(one.contender, []).append(one.value)
    return sorted(values, key=lambda name: -sum(values[name]) / len(values[name]))


def _panel(panel: Any, figures: list[Figure | None], names: list[str]) -> None:
    values = [0.0 if one is None else one.value for one in figures]
    colours = [_OURS if name == OURS else _OTHERS for name in names]
    bars = panel.barh(names, values, color=colours, height=0.66)
    panel.bar_label(bars, [f"{value:.2g}" if value < 1 else f"{value:.1f}" for value in values], padding=3)
    panel.axvline(1, color=_INK, linewidth=0.8, zorder=0)
    for one in figures:
        if one is not None and one.goal is not None:
            panel.axvline(one.goal.limit, color=_OURS, linewidth=1.2, linestyle=":", zorder=0)
    panel.set_xlim(0, max(values) * 1.22)
    panel.xaxis.set_visible(False)
    panel.tick_params(axis="y", length=0)
    panel.spines[:].set_visible(False)


def main(
    file: Annotated[Path, typer.Argument(help="What `python -m benchmarks --json` wrote.")],
    *,
    svg: Annotated[Path | None, typer.Option(help="Draw the calls into this file.")] = None,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print the tables.")] = False,
) -> None:
    """Draw a run, or print its tables."""
    run = Run.read(file)
    if svg is not None:
        draw(run, svg)
    if as_markdown or svg is None:
        typer.echo(markdown(run))


if __name__ == "__main__":
    typer.run(main)
