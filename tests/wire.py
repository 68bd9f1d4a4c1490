"""How often a database waits for its server: libpq's own trace of the wire, counted."""

from __future__ import annotations

import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.worlds import Awaited

__all__ = ["RoundTrips", "round_trips"]


class RoundTrips:
    """The round trips since the last look."""

    def __init__(self, trace: Path, descriptor: int) -> None:
        self._trace, self._descriptor = trace, descriptor
        self._seen = 0

    def since(self) -> int:
        os.fsync(self._descriptor)
        total = len(re.findall(rb"\tReadyForQuery", self._trace.read_bytes()))
        new, self._seen = total - self._seen, total
        return new


@contextmanager
def round_trips(db: Awaited, trace: Path) -> Generator[RoundTrips]:
    """Count the round trips of a Database or an AsyncDatabase whose pool is one connection."""
    engine = getattr(db.unwrap().engine, "sync_engine", db.unwrap().engine)
    with trace.open("w+b") as file:

        def follow(_connection: Any, _record: Any, proxy: Any) -> None:
            proxy.driver_connection.pgconn.trace(file.fileno())

        sa.event.listen(engine, "checkout", follow)
        yield RoundTrips(trace, file.fileno())
        sa.event.remove(engine, "checkout", follow)
