"""What comes out of telemetry, kept in memory."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from chatapp_db.telemetry import instrument, uninstrument

__all__ = ["Reported", "reporting"]


@dataclass
class Reported:
    """What came out."""

    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self.exporter.get_finished_spans())

    def points(self, name: str) -> list[Any]:
        return [point for metric, point in self._points() if metric == name]

    def text(self) -> str:
        metrics = [(name, dict(point.attributes)) for name, point in self._points()]
        return json.dumps([*(span.to_json() for span in self.spans), metrics])

    def _points(self) -> Iterator[tuple[str, Any]]:
        read = self.reader.get_metrics_data()
        for resource in read.resource_metrics if read else ():
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    yield from ((metric.name, point) for point in metric.data.data_points)


@contextmanager
def reporting() -> Generator[Reported]:
    """Report to memory for a while."""
    tracers, exporter, reader = TracerProvider(), InMemorySpanExporter(), InMemoryMetricReader()
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    instrument(tracer_provider=tracers, meter_provider=MeterProvider([reader]))
    try:
        yield Reported(exporter, reader)
    finally:
        uninstrument()
