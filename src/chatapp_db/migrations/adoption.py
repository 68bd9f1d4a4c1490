"""Marks a schema as migrated that was made another way: restored, copied, or run from SQL."""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import Connection

from chatapp_db.errors import SchemaOutOfDate
from chatapp_db.migrations.check import differences
from chatapp_db.migrations.exposure import withdraw_default_grants
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.report import MigrationReport, Status
from chatapp_db.migrations.roles import ensure_roles
from chatapp_db.migrations.source import Target, opened
from chatapp_db.migrations.standing import refuse_or_warn, status_inside
from chatapp_db.migrations.transaction import Request, our_errors
from chatapp_db.migrations.version import create_version_table, write_version

__all__ = ["adopt"]

log = logging.getLogger("chatapp_db.migrations")

_SHOWN = 10


def adopt(
    database: Target,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
) -> MigrationReport:
    """Mark an existing schema as migrated to this package's head, once ``check()`` finds it equal.

    For tables without a revision and for a revision that nobody knows. A schema at head is left alone.

    Needs what ``check()`` and ``migrate()`` need. Raises SchemaOutOfDate with the first differences,
    and for a schema with nothing to adopt; SchemaAhead, RolesMissing, MigrationLockTimeout.
    """
    request = Request.of(schema, app_role, platform_role, lock_timeout)
    with our_errors(), opened(database) as source, request.locked(source) as (connection, names):
        before = status_inside(connection, names.schema)
        if before.state not in {"foreign", "unknown"}:
            return _left_alone(before, schema)
        ensure_roles(connection, names)
        _require_equal(connection, names)
        create_version_table(connection, names)
        write_version(connection, names, before.head)
        withdraw_default_grants(connection, names.schema)
        report = MigrationReport(before.current, before.head, (), "current")
    log.info("schema %s: %s", names.schema, report)
    return report


def _left_alone(before: Status, schema: str | None) -> MigrationReport:
    """Return for a schema at head; what is behind is migrated, not adopted."""
    if before.pending:
        raise SchemaOutOfDate(before.message(schema))
    refuse_or_warn(before, schema, "raise")
    return MigrationReport(before.current, before.current, (), before.state)


def _require_equal(connection: Connection, names: Names) -> None:
    found = differences(connection, names, with_version=False)
    if found:
        shown = [str(difference).partition("\n")[0] for difference in found[:_SHOWN]]
        more = [f"and {len(found) - _SHOWN} more"] if len(found) > _SHOWN else []
        raise SchemaOutOfDate(
            "not adopted, the schema is not this package's; list all with: "
            f"chatapp-db check --schema {names.schema}\n" + "\n".join([*shown, *more])
        )
