"""How far the writing is: a bar in a terminal, a line now and then in a log."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["progress"]

_LINES = 4


@contextmanager
def progress(console: Console, turns: int) -> Generator[Callable[[int], None]]:
    """Show progress while the block runs, and give what tells of turns written."""
    if not console.is_interactive:
        yield _in_lines(console, turns)
        return
    columns = (
        TextColumn("writing   "),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("turns"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=turns)
        yield lambda written: bar.advance(task, written)


def _in_lines(console: Console, turns: int) -> Callable[[int], None]:
    """Tell of each quarter once; a log keeps no line that is drawn over."""
    written = told = 0
    started = perf_counter()

    def advance(more: int) -> None:
        nonlocal written, told
        written += more
        if (reached := written * _LINES // turns) > told and reached < _LINES:
            told = reached
            seconds = perf_counter() - started
            console.print(f"writing    {written:,} of {turns:,} turns, {seconds:.1f} s", highlight=False)

    return advance
