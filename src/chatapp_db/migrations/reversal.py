"""Takes revisions back, on purpose and by hand: no service calls it at its start."""

from __future__ import annotations

from datetime import timedelta

from chatapp_db.errors import InvalidValue
from chatapp_db.migrations.report import MigrationReport, Status
from chatapp_db.migrations.revisions import BASE, shipped
from chatapp_db.migrations.source import Target, opened
from chatapp_db.migrations.standing import refuse_or_warn, status_inside
from chatapp_db.migrations.transaction import Request, our_errors

__all__ = ["downgrade"]


def downgrade(
    database: Target,
    to: str,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
    statement_timeout: float | timedelta | None = None,
) -> MigrationReport:
    """Take the schema back to an earlier revision, or to nothing with ``"base"``: rows are lost with it.

    One transaction below the same lock as ``migrate()``. The two roles stay, they belong to the
    server, and so do the extensions. Give the role names that the schema was migrated with.

    Needs the owner of the tables. Raises InvalidValue for a revision that is not an earlier one of
    this package, SchemaAhead and UnknownRevision for a schema that this package does not know, and
    MigrationLockTimeout.
    """
    if to != BASE and to not in shipped():
        raise InvalidValue("to", f"not a revision of this package ({', '.join(shipped())}) and not {BASE!r}")
    request = Request.of(schema, app_role, platform_role, lock_timeout, statement_timeout)
    with our_errors(), opened(database) as source, request.locked(source) as (connection, names):
        before = status_inside(connection, names.schema)
        refuse_or_warn(before, schema, "raise")
        if _is_there(before, to):
            return MigrationReport(before.current, before.current, (), before.state)
        from chatapp_db.migrations import runner

        done = runner.downgrade(connection, names, to)
        if to == BASE:
            return MigrationReport(before.current, None, done, "unmanaged")
        return MigrationReport(before.current, to, done, "behind")


def _is_there(before: Status, to: str) -> bool:
    """Tell whether nothing is to be done; raises InvalidValue where it would be an upgrade."""
    if before.current == (None if to == BASE else to):
        return True
    if before.current is None or (to != BASE and to > before.current):
        raise InvalidValue("to", f"{to} is later than {before.current or 'nothing'}, where the schema is")
    return False
