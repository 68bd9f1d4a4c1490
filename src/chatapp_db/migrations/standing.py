"""Where a schema stands, looked at from inside a migration, and who may not go on from there."""

from __future__ import annotations

import logging
from typing import Literal

from sqlalchemy import Connection

from chatapp_db.errors import SchemaAhead, UnknownRevision
from chatapp_db.migrations.report import Status, status_of
from chatapp_db.migrations.version import has_tables, version_inside

__all__ = ["OnAhead", "refuse_or_warn", "status_inside"]

log = logging.getLogger("chatapp_db.migrations")

OnAhead = Literal["warn", "raise"]


def status_inside(connection: Connection, schema: str) -> Status:
    """Read the status inside a transaction, which a missing table must not fail."""
    version = version_inside(connection, schema)
    found = version is None and has_tables(
        lambda statement: connection.exec_driver_sql(statement).fetchall(), schema
    )
    return status_of(version, has_tables=found)


def refuse_or_warn(found: Status, schema: str | None, on_ahead: OnAhead) -> None:
    """Let a schema at head pass, and one that is ahead with a warning.

    Raises UnknownRevision where nobody can tell what the schema is, and SchemaAhead on request.
    """
    if found.state in {"unknown", "foreign"}:
        raise UnknownRevision(found.message(schema))
    if found.state == "ahead":
        if on_ahead == "raise":
            raise SchemaAhead(found.message(schema))
        log.warning("%s", found.message(schema))
