"""The metrics, each with its unit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry.metrics import CallbackOptions, Meter, Observation
from sqlalchemy.pool import Pool, QueuePool

from chatapp_db.execution.watching import Lag

__all__ = ["Meters"]

_SECONDS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
"""What the conventions advise for a database's calls."""

_NAMING: Final = ("db.system.name", "db.namespace", "server.address", "server.port")


class Meters:
    """What is counted and measured; a pool is looked at from its first call on, as long as it lives."""

    def __init__(self, meter: Meter) -> None:
        self.duration = meter.create_histogram(
            "db.client.operation.duration",
            "s",
            "How long a call took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.retries = meter.create_counter("chatapp_db.retries", "{try}", "Tries after the first.")
        self.stale_hits = meter.create_counter(
            "chatapp_db.vectors.stale_hits", "{hit}", "Hits passed over: their chunks changed or are gone."
        )
        self._waiting = meter.create_gauge(
            "chatapp_db.vector_outbox.waiting", "{change}", "Changes that wait for a vector store."
        )
        self._dead = meter.create_gauge(
            "chatapp_db.vector_outbox.dead", "{change}", "Changes that were given up."
        )
        self._age = meter.create_gauge(
            "chatapp_db.vector_outbox.age", "s", "How long the first of them has waited."
        )
        meter.create_observable_up_down_counter(
            "db.client.connection.count", [self._connections], "{connection}", "Connections of a pool."
        )
        meter.create_observable_up_down_counter(
            "db.client.connection.max", [self._most], "{connection}", "As many as a pool may open."
        )
        self._timeouts = meter.create_counter(
            "db.client.connection.timeouts", "{timeout}", "Calls for which no connection became free in time."
        )
        self._pools: WeakKeyDictionary[Pool, Mapping[str, str | int]] = WeakKeyDictionary()

    def pool(self, engine: Any, attributes: Mapping[str, str | int]) -> None:
        """Look at an engine's pool from now on."""
        pool = _pool_of(engine)
        if pool not in self._pools:
            named = {name: attributes[name] for name in _NAMING if name in attributes}
            self._pools[pool] = {**named, "db.client.connection.pool.name": _name(named)}

    def leave_pools(self) -> None:
        """Look at no pool any more."""
        self._pools.clear()

    def timed_out(self, engine: Any) -> None:
        """Count a call for which no connection became free in time."""
        self._timeouts.add(1, self._pools[_pool_of(engine)])

    def lag(self, sets: Sequence[Lag]) -> None:
        """Keep how far each embedding set is behind."""
        now = datetime.now(UTC)
        for one in sets:
            name = {"chatapp_db.embedding_set": one.embedding_set}
            self._waiting.set(one.waiting, name)
            self._dead.set(one.dead, name)
            self._age.set(0 if one.since is None else (now - one.since).total_seconds(), name)

    def _connections(self, _: CallbackOptions) -> Iterator[Observation]:
        for pool, attributes in self._counted():
            states = {"idle": pool.checkedin(), "used": pool.checkedout()}
            for state, count in states.items():
                yield Observation(count, {**attributes, "db.client.connection.state": state})

    def _most(self, _: CallbackOptions) -> Iterator[Observation]:
        for pool, attributes in self._counted():
            beyond = pool._max_overflow  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]  # it has no public name
            if beyond >= 0:
                yield Observation(pool.size() + beyond, attributes)

    def _counted(self) -> Iterator[tuple[QueuePool, Mapping[str, str | int]]]:
        """Leave out the kinds of pools that count nothing."""
        return ((pool, named) for pool, named in list(self._pools.items()) if isinstance(pool, QueuePool))


def _pool_of(engine: Any) -> Pool:
    pool: Pool = getattr(engine, "sync_engine", engine).pool
    return pool


def _name(named: Mapping[str, str | int]) -> str:
    return "/".join(str(named[name]) for name in ("server.address", "db.namespace") if name in named)
