"""Whether server, schema, driver and clock fit this release."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
from sqlalchemy import text

from chatapp_db.doctor.deployment import Deployment
from chatapp_db.doctor.finding import Finding, Severity

__all__ = ["clock", "libraries", "schema", "server"]

OLDEST = 15
NEWEST = 18
SKEW = 5.0  # seconds; leases and invitations are judged by the server's clock, keys and days by ours

_STATES = {
    "ahead": ("schema-ahead", Severity.WARNING),
    "behind": ("schema-behind", Severity.ERROR),
    "unmanaged": ("schema-missing", Severity.ERROR),
    "unknown": ("schema-unknown", Severity.ERROR),
    "foreign": ("schema-unknown", Severity.ERROR),
}


def server(deployment: Deployment) -> Iterator[Finding]:
    """Compare the server's release with those that are supported."""
    release = deployment.server_version // 10000
    if release < OLDEST:
        what = f"PostgreSQL {release} is older than {OLDEST}, the oldest that is supported"
        yield Finding("server-too-old", Severity.ERROR, "server", what)
    elif release > NEWEST:
        what = f"PostgreSQL {release} is newer than {NEWEST}, the newest that this release was tested on"
        yield Finding("server-untested", Severity.WARNING, "server", what, "pip install --upgrade chatapp-db")


def schema(deployment: Deployment) -> Iterator[Finding]:
    """Compare the schema's revision with this package's."""
    status = deployment.status
    if status is not None and status.state in _STATES:
        code, severity = _STATES[status.state]
        remedy = status.remedy(deployment.names.schema)
        what = status.message(deployment.names.schema).removesuffix(f"; run: {remedy}")
        yield Finding(code, severity, f"schema {deployment.names.schema}", what, remedy)


def libraries(_: Deployment) -> Iterator[Finding]:
    """Make sure that libpq can send a call in one round trip."""
    if not psycopg.Pipeline.is_supported():
        what = f"libpq {psycopg.pq.version() // 10000} has no pipelines, which came with 14"
        yield Finding(
            "libpq-too-old", Severity.ERROR, "client", what, 'pip install --upgrade "psycopg[binary]"'
        )


def clock(deployment: Deployment) -> Iterator[Finding]:
    """Compare the server's clock with this machine's, less what the question took."""
    asked = _now()
    there: datetime = deployment.connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    skew = max((asked - there).total_seconds(), (there - _now()).total_seconds())
    if skew > SKEW:
        what = f"this machine's clock and the server's are {skew:.0f} s apart"
        yield Finding("clock-skew", Severity.WARNING, "clock", what)


def _now() -> datetime:
    return datetime.now(UTC)
