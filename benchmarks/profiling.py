"""Where the time of a call goes: its functions by their own time, shared out over the libraries."""

from __future__ import annotations

import cProfile
import pstats
from collections import defaultdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.asked import Operation
from benchmarks.peers.chatapp import Ours
from benchmarks.stage import Stage

__all__ = ["profiled"]

_CALLS = 5_000
_SHOWN = 25


def profiled(stage: Stage, operation: Operation, console: Console) -> None:
    """Profile a call; under the profiler it takes longer, but the shares are telling."""
    asked = stage.database.asked
    peer = Ours(stage.database.service_url, asked.company_id)
    peer.open()
    arguments, call = asked.arguments(operation), getattr(peer, operation)
    for _ in range(_CALLS // 10):
        call(*next(arguments))
    with cProfile.Profile() as profile:
        for _ in range(_CALLS):
            call(*next(arguments))
    peer.close()
    found: Any = pstats.Stats(profile)
    shares: dict[str, float] = defaultdict(float)
    table = Table("", "own time a call", "calls", "function", title=operation.label)
    for (file, line, name), (_, calls, own, *_) in sorted(found.stats.items(), key=lambda it: -it[1][2]):
        library = _library(file)
        shares[library] += own
        if table.row_count < _SHOWN:
            where = f"{library}: {name}" + (f" ({Path(file).name}:{line})" if line else "")
            table.add_row(
                f"{own / found.total_tt:.0%}", f"{own / _CALLS * 1e6:.1f} µs", f"{calls / _CALLS:g}", where
            )
    console.print(table)
    for library, own in sorted(shares.items(), key=lambda share: -share[1]):
        console.print(f"{own / found.total_tt:5.0%}  {library}")


def _library(file: str) -> str:
    """Name the distribution a function is of; what has no file is Python's own or a driver's."""
    parts = Path(file).parts
    for name in ("chatapp_db", "psycopg", "sqlalchemy", "msgspec", "pydantic", "benchmarks"):
        if name in parts:
            return name
    return (
        "built in (the driver's C, waiting for the server)"
        if not Path(file).is_absolute()
        else "Python's library"
    )
