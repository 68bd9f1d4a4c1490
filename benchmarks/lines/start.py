"""What a service pays before its first answer: the import, and migrate() where there is nothing to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from tempfile import TemporaryDirectory

from benchmarks.figures import Differs, Figure, Goal
from benchmarks.measuring import Contender, compared, once
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage
from chatapp_db import Database, migrate

__all__ = ["measure"]

_IMPORT_GOAL = Goal(1.35)
_MIGRATE_GOAL = Goal(1.0)
_UNLOADED = ("alembic", "numpy", "qdrant_client")
_BASE = "import sqlalchemy.orm, psycopg"
_OURS = """
from chatapp_db import Database, migrate
Database("postgresql://localhost/none").company("00000000-0000-7000-8000-000000000001").agents"""
_TIMED = """
import sys, time
started = time.perf_counter()
{code}
print(time.perf_counter() - started, *(name for name in {unloaded} if name in sys.modules))"""


def measure(stage: Stage) -> Iterator[Figure]:
    """Import in new processes, then ask a database at head again and again."""
    with TemporaryDirectory() as folder:
        sides = {"sqlalchemy.orm, psycopg": _imported(_BASE, folder), OURS: _imported(_OURS, folder)}
        for side in sides.values():
            side(1)
        contenders = [Contender(name, side, 1) for name, side in sides.items()]
        for name, timed in compared(contenders, stage.effort).items():
            goal = _IMPORT_GOAL if name == OURS else None
            yield Figure.of("start", "import, and a first repository", name, timed, goal=goal)
    with Database(stage.database.url) as database:
        contenders = [Contender(OURS, once(lambda: migrate(database.engine)))]
        seconds = compared(contenders, stage.effort)[OURS].seconds
        yield Figure(
            "start",
            "migrate() at head, warm pool",
            OURS,
            seconds * 1000,
            unit="ms",
            goal=_MIGRATE_GOAL,
            microseconds=seconds * 1e6,
        )


def _imported(code: str, bytecode: str) -> Callable[[int], float]:
    """Make a block that imports in a process of its own, from bytecode as pip leaves it.

    Raises Differs where that loads what it should not.
    """
    program = _TIMED.format(code=code, unloaded=_UNLOADED)
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def block(_: int) -> float:
        done = subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True, env=environment
        )
        seconds, *loaded = done.stdout.split()
        if loaded:
            raise Differs(f"importing loads {', '.join(loaded)}")
        return float(seconds)

    return block
