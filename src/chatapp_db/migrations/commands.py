"""The calls of a service at its start: migrate, verify, status.

``migrate()`` looks first and works second: a schema at head costs one SELECT, no lock and no
import of Alembic. The work is one transaction below one lock, so that it is done or never was.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from sqlalchemy import Connection, text

from chatapp_db.errors import InvalidValue, SchemaOutOfDate
from chatapp_db.migrations.exposure import withdraw_default_grants
from chatapp_db.migrations.extensions import enable_extensions
from chatapp_db.migrations.indexes import Index, build
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.report import MigrationReport, Status, status_of
from chatapp_db.migrations.revisions import State
from chatapp_db.migrations.roles import ensure_roles
from chatapp_db.migrations.source import Source, Target, opened
from chatapp_db.migrations.standing import OnAhead, refuse_or_warn, status_inside
from chatapp_db.migrations.transaction import Request, check_names, our_errors
from chatapp_db.migrations.version import create_version_table, has_tables, read_version

__all__ = ["OnAhead", "migrate", "status", "verify"]

log = logging.getLogger("chatapp_db.migrations")

_NO_TRANSACTION = (
    "a pending revision builds an index CONCURRENTLY, which no transaction may; nothing was changed: "
    "migrate with a URL, an engine, or a connection that is in no transaction"
)

_TO_DO: frozenset[State] = frozenset({"unmanaged", "behind"})


def migrate(
    database: Target,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
    statement_timeout: float | timedelta | None = None,
    on_ahead: OnAhead = "warn",
) -> MigrationReport:
    """Bring the schema to this package's head; every replica may call it at every start.

    It waits for another migration of the same schema, at most ``lock_timeout`` (seconds), and for
    any other lock as long. A connection that is in a transaction is used and left open: its owner
    commits. ``schema`` is the first one of the connection's search path unless named, and is
    created if it is missing. ``app_role=None`` leaves the tables to their owner alone.

    Needs the right to create in the schema, and CREATEROLE unless the roles are there and granted.

    Raises MigrationLockTimeout (retryable, nothing changed), RolesMissing with the SQL for a DBA,
    UnknownRevision where nobody can tell what the schema is, SchemaAhead for a newer one with
    ``on_ahead="raise"``, InvalidValue for arguments, Unavailable when the database cannot be reached.
    """
    request = Request.of(schema, app_role, platform_role, lock_timeout, statement_timeout)
    with our_errors(), opened(database) as source:
        found = status_of(read_version(source, schema), has_tables=False)
        if found.state not in _TO_DO:
            return _nothing_to_apply(found, schema, on_ahead)
        return _stepwise(request, source, on_ahead)


def status(database: Target, *, schema: str | None = None) -> Status:
    """Read where the schema stands beside this package; needs SELECT on the version table alone."""
    check_names(schema=schema)
    with our_errors(), opened(database) as source:
        version = read_version(source, schema)
        if version is not None:
            return status_of(version, has_tables=True)
        with source.reading() as execute:
            return status_of(None, has_tables=has_tables(execute, schema))


def verify(database: Target, *, schema: str | None = None, on_ahead: OnAhead = "warn") -> Status:
    """Make sure that somebody else has migrated, for a login that may not; changes nothing.

    Raises SchemaOutOfDate, whose message is the command to run, and UnknownRevision and SchemaAhead
    as migrate() does.
    """
    found = status(database, schema=schema)
    if found.pending:
        raise SchemaOutOfDate(found.message(schema))
    refuse_or_warn(found, schema, on_ahead)
    return found


def _stepwise(request: Request, source: Source, on_ahead: OnAhead) -> MigrationReport:
    """Migrate in one transaction, but for the indexes of filled tables, built between two of them."""
    is_held = source.is_held()
    before: str | None = None
    applied: tuple[str, ...] = ()
    while True:
        with request.locked(source) as (connection, names):
            # A second look: whoever held the lock before may have done it.
            found = status_inside(connection, names.schema)
            before = before if applied else found.current
            if found.state not in _TO_DO:
                refuse_or_warn(found, request.schema, on_ahead)
                return MigrationReport(before, found.current, applied, found.state)
            done, missing = _upgrade(connection, names)
            applied += done
            if not missing:
                return _reported(names, MigrationReport(before, applied[-1], applied, "current"))
            if is_held:
                raise InvalidValue("connection", _NO_TRANSACTION)
        build(source, names, missing, request.patience)


def _upgrade(connection: Connection, names: Names) -> tuple[tuple[str, ...], tuple[Index, ...]]:
    from chatapp_db.migrations.runner import upgrade

    _ensure_schema(connection, names.schema)
    ensure_roles(connection, names)
    enable_extensions(connection)
    create_version_table(connection, names)
    outcome = upgrade(connection, names)
    withdraw_default_grants(connection, names.schema)
    return outcome


def _reported(names: Names, report: MigrationReport) -> MigrationReport:
    log.info("schema %s: %s", names.schema, report)
    return report


def _nothing_to_apply(found: Status, schema: str | None, on_ahead: OnAhead) -> MigrationReport:
    refuse_or_warn(found, schema, on_ahead)
    return MigrationReport(found.current, found.current, (), found.state)


def _ensure_schema(connection: Connection, schema: str) -> None:
    """Create the schema if it is missing; IF NOT EXISTS would ask for the right to in any case."""
    exists = text("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = :schema)")
    if not connection.execute(exists, {"schema": schema}).scalar():
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')
