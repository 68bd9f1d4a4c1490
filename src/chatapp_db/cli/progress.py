"""The bar that shows how far a long command is."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["progress"]


@contextmanager
def progress(doing: str, things: str) -> Generator[Callable[[int | None, int], None]]:
    """Show a bar in a terminal while the block runs, and nothing in a log; give what moves it.

    That takes how many things there are, None for who knows, and how many are done.
    """
    columns = (
        TextColumn(doing),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn(things),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_interactive) as bar:
        task = bar.add_task("", total=None)
        yield lambda total, completed: bar.update(task, total=total, completed=completed)
