"""What is reported of each call, and in which words."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from time import perf_counter
from typing import Any, Final

from opentelemetry.metrics import MeterProvider, get_meter
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, TracerProvider, get_tracer
from sqlalchemy import URL
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chatapp_db.execution.watching import Call, Lag
from chatapp_db.telemetry.meters import Meters

__all__ = ["Reporting"]

_NAME: Final = "chatapp_db"
_SCHEMA: Final = "https://opentelemetry.io/schemas/1.44.0"
_PORT: Final = 5432

# An engine's name in the words of the conventions; what runs in the process has none there.
_SYSTEMS: Final = {"qdrant": "qdrant", "pgvector": "postgresql", "edge": "qdrant", "memory": "qdrant"}

_ENDLESS: Final = "sync_vectors"
"""A worker's call may never end, and nor would its span; its parts are reported."""

Attributes = dict[str, str | int]


class Reporting:
    """A watcher that reports to OpenTelemetry."""

    def __init__(self, tracer_provider: TracerProvider | None, meter_provider: MeterProvider | None) -> None:
        self._tracer = get_tracer(_NAME, tracer_provider=tracer_provider, schema_url=_SCHEMA)
        self._meters = Meters(get_meter(_NAME, meter_provider=meter_provider, schema_url=_SCHEMA))

    @contextmanager
    def calling(self, call: Call) -> Generator[None]:
        """Make a span of a call; one of the database is measured too, a vector store's by its engine."""
        if call.name.endswith(_ENDLESS):
            yield
            return
        engine = _engine_of(call.target)
        place = _place(call.target, engine)
        attributes: Attributes = {"db.operation.name": call.name, **place}
        if engine is not None:
            self._meters.pool(engine, attributes)
        began = perf_counter()
        with self._tracer.start_as_current_span(
            call.name,
            kind=SpanKind.CLIENT if place else SpanKind.INTERNAL,
            attributes={**attributes, **_company(call.target)},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                failure = _failure(error)
                attributes |= failure
                _mark(span, failure)
                if engine is not None and isinstance(error.__cause__, PoolTimeout):
                    self._meters.timed_out(engine)
                raise
            finally:
                if place:
                    self._meters.duration.record(perf_counter() - began, attributes)

    def retried(self, work: str, error: BaseException) -> None:
        """Count a try after the first."""
        self._meters.retries.add(1, {"code.function.name": work, **_failure(error)})

    def stored(self, call: Any) -> None:
        """Measure a call of a vector store's engine."""
        engine: str = call.engine
        operation: str = call.operation
        attributes: Attributes = {
            "db.system.name": _SYSTEMS.get(engine, engine),
            "db.operation.name": operation,
        }
        if call.outcome != "ok":
            attributes["error.type"] = call.outcome
        self._meters.duration.record(call.seconds, attributes)
        if call.retries:
            self._meters.retries.add(call.retries, attributes)

    def stale(self, hits: int) -> None:
        """Count hits that were passed over."""
        self._meters.stale_hits.add(hits)

    def lagging(self, sets: Sequence[Lag]) -> None:
        """Keep how far the stores are behind."""
        self._meters.lag(sets)

    def relieved(self) -> None:
        """Look at no pool any more: who watches next does."""
        self._meters.leave_pools()


def _mark(span: Span, failure: Mapping[str, str | int]) -> None:
    span.set_status(Status(StatusCode.ERROR))
    span.set_attributes(dict(failure))


def _failure(error: BaseException) -> Attributes:
    """Name an error by its class and, where the server told it, PostgreSQL's code; its words stay here."""
    kind = type(error)
    found: Attributes = {"error.type": f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")}
    code = getattr(error.__cause__, "sqlstate", None)
    return found | ({"db.response.status_code": str(code)} if code else {})


def _engine_of(target: Any) -> Any:
    """Give the engine that a target's calls go through; a session's is its host's to report."""
    way_in = getattr(target, "_carrier", None) or getattr(target, "_entrance", None)
    return getattr(way_in, "engine", None)


def _company(target: Any) -> Attributes:
    company = getattr(target, "_company_id", None)
    return {} if company is None else {"chatapp_db.company.id": str(company)}


def _place(target: Any, engine: Any) -> Attributes:
    if engine is not None:
        return _address(engine.url)
    return {"db.system.name": "postgresql"} if hasattr(target, "_carrier") else {}


@lru_cache(maxsize=64)
def _address(url: URL) -> Attributes:
    hosts = url.host or url.query.get("host") or ""
    host = hosts if isinstance(hosts, str) else hosts[0]
    place: Attributes = {"db.system.name": "postgresql"}
    if url.database:
        place["db.namespace"] = url.database
    if host:
        place["server.address"] = host
    if url.port and url.port != _PORT:
        place["server.port"] = url.port
    return place
