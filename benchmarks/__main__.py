"""The command line of the benchmarks: `python -m benchmarks --help`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.asked import Operation
from benchmarks.figures import Differs, Figure
from benchmarks.lines import LINES, measured
from benchmarks.machine import machine
from benchmarks.measuring import Effort
from benchmarks.peers import installed
from benchmarks.profiling import profiled
from benchmarks.run import Run
from benchmarks.stage import FULL, SMALL, Stage, running
from benchmarks.tables import Table, tables

console = Console()
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

_EFFORT = Effort(rounds=31, seconds=0.08)
_SMALL_EFFORT = Effort(rounds=3, seconds=0.005)

Small = Annotated[
    bool, typer.Option("--small", help="A hundredth of the data and few rounds: to see that it is right.")
]
Only = Annotated[list[str] | None, typer.Option(help=f"One line, and so on for several: {', '.join(LINES)}.")]
Rounds = Annotated[int | None, typer.Option(min=2, help="31 in the full run, 3 in the small one.")]
Json = Annotated[Path | None, typer.Option("--json", help="Keep the run in a file.")]


@app.callback(invoke_without_command=True)
def measure(
    context: typer.Context,
    *,
    small: Small = False,
    only: Only = None,
    rounds: Rounds = None,
    json: Json = None,
) -> None:
    """Measure the package next to psycopg by hand and to its peers.

    Ends with 1 where two sides that are compared answer differently; no figure makes it fail.
    """
    if context.invoked_subcommand is not None:
        return
    names = only or list(LINES)
    if unknown := set(names) - LINES.keys():
        raise typer.BadParameter(f"no such line: {', '.join(sorted(unknown))}")
    effort = _SMALL_EFFORT if small else _EFFORT
    effort = effort if rounds is None else replace(effort, rounds=rounds)
    with running(SMALL if small else FULL, effort) as stage:
        messages = stage.database.asked.messages
        console.print(f"[dim]{messages:,} messages")
        figures = _measured(names, stage)
        run = Run(machine(stage.version()), messages, effort.rounds, installed()[1], figures)
    if json is not None:
        run.write(json)
    _show(run)


@app.command()
def profile(
    operation: Annotated[Operation, typer.Argument(help="The call.")] = Operation.AGENT,
    *,
    small: Small = False,
) -> None:
    """Show where the time of a call goes."""
    with running(SMALL if small else FULL, _SMALL_EFFORT) as stage:
        profiled(stage, operation, console)


def _measured(names: Sequence[str], stage: Stage) -> list[Figure]:
    figures: list[Figure] = []
    for name in names:
        started = monotonic()
        try:
            figures += measured(name, stage)
        except Differs as error:
            console.print(f"{name}: {error}", style="red", markup=False)
            raise typer.Exit(1) from error
        console.print(f"[dim]{name}: {LINES[name]}, {monotonic() - started:.0f} s")
    return figures


def _show(run: Run) -> None:
    for table in tables(run.figures):
        console.print(_drawn(table))
    if run.skipped:
        console.print(f"[yellow]not installed, so not compared: {', '.join(run.skipped)}")


def _drawn(table: Table) -> RichTable:
    shown = RichTable(*table.header, title=table.title)
    colours = {None: "", True: "green", False: "red"}
    for row, verdict in zip(table.rows, table.verdicts, strict=True):
        shown.add_row(*row, style=colours[verdict])
    return shown


if __name__ == "__main__":
    warnings.filterwarnings("ignore", category=DeprecationWarning)  # the peers' own
    app()
