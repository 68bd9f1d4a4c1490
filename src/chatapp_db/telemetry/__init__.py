"""Spans and metrics by OpenTelemetry's conventions for databases; the extra ``otel``.

``instrument()`` turns them on for everything this process does through this package.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatapp_db.errors import MissingExtra
from chatapp_db.execution.watching import watch

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["instrument", "uninstrument"]


def instrument(
    *, tracer_provider: TracerProvider | None = None, meter_provider: MeterProvider | None = None
) -> None:
    """Make a span of every call of a public method, and count it; by the global providers, unless given.

    A span bears the name of the method (``MessageRepository.append``), the database's address and name, the
    company's id and, where the call failed, the class of the error and PostgreSQL's code; never what was
    written, asked or found, nor an error's words. Metrics bear no company.

    Raises MissingExtra without the extra ``otel``.
    """
    try:
        from chatapp_db.telemetry.reporting import Reporting
    except ModuleNotFoundError as error:
        if not str(error.name).startswith("opentelemetry"):
            raise
        raise MissingExtra("otel", "telemetry") from error
    watch(Reporting(tracer_provider, meter_provider))


def uninstrument() -> None:
    """Report nothing from now on."""
    watch(None)
