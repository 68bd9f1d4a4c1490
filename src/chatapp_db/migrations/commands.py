"""The calls of a service at its start: migrate, verify, status.

``migrate()`` looks first and works second: a schema at head costs one SELECT, no lock and no
import of Alembic. The work is one transaction below one lock, so that it is done or never was.
"""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Literal

import psycopg
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from chatapp_db.errors import InvalidValue, MigrationLockTimeout, SchemaAhead, SchemaOutOfDate
from chatapp_db.execution.failures import translate
from chatapp_db.migrations.exposure import withdraw_default_grants
from chatapp_db.migrations.extensions import enable_extensions
from chatapp_db.migrations.lock import Patience, local_settings, take_lock
from chatapp_db.migrations.names import Names, checked_name
from chatapp_db.migrations.report import MigrationReport, Status
from chatapp_db.migrations.revisions import Version, pending, shipped, state_of
from chatapp_db.migrations.roles import ensure_roles
from chatapp_db.migrations.source import Target, opened, sqlstate
from chatapp_db.migrations.version import create_version_table, read_version, version_inside

__all__ = ["OnAhead", "migrate", "status", "verify"]

log = logging.getLogger("chatapp_db.migrations")

OnAhead = Literal["warn", "raise"]


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
    SchemaAhead for an unknown revision, and for a newer one with ``on_ahead="raise"``,
    InvalidValue for arguments, Unavailable when the database cannot be reached.
    """
    _check_names(schema=schema, app_role=app_role, platform_role=platform_role)
    patience = Patience.of(lock_timeout, statement_timeout)
    with _our_errors(), opened(database) as source:
        version = read_version(source, schema)
        if state_of(version) in {"current", "ahead"}:
            return _nothing_to_apply(version, on_ahead)
        with source.transaction() as connection:
            names = Names(schema or _first_schema(connection), app_role, platform_role)
            with local_settings(connection, names.schema, patience):
                take_lock(connection, names.schema)
                return _upgrade(connection, names, on_ahead)


def status(database: Target, *, schema: str | None = None) -> Status:
    """Read where the schema stands beside this package; needs SELECT on the version table alone."""
    _check_names(schema=schema)
    with _our_errors(), opened(database) as source:
        version = read_version(source, schema)
    state = state_of(version)
    revision = version.revision if version else None
    return Status(revision, shipped()[-1], () if state == "ahead" else pending(revision), state)


def verify(database: Target, *, schema: str | None = None, on_ahead: OnAhead = "warn") -> Status:
    """Make sure that somebody else has migrated, for a login that may not; changes nothing.

    Raises SchemaOutOfDate, whose message is the command to run, and SchemaAhead as migrate() does.
    """
    found = status(database, schema=schema)
    if found.state == "ahead":
        _ahead(found.current, on_ahead)
    if found.pending:
        option = f" --schema {schema}" if schema else ""
        raise SchemaOutOfDate(
            f"the database is at {found.current or 'nothing'}, this package needs {found.head}; "
            f"run: chatapp-db migrate{option}"
        )
    return found


def _upgrade(connection: Connection, names: Names, on_ahead: OnAhead) -> MigrationReport:
    """Do the work, after a second look: whoever held the lock before may have done it."""
    before = version_inside(connection, names.schema)
    if state_of(before) in {"current", "ahead"}:
        return _nothing_to_apply(before, on_ahead)
    from chatapp_db.migrations.runner import upgrade

    _ensure_schema(connection, names.schema)
    ensure_roles(connection, names)
    enable_extensions(connection)
    create_version_table(connection, names)
    applied = upgrade(connection, names)
    withdraw_default_grants(connection, names.schema)
    report = MigrationReport(before.revision if before else None, applied[-1], applied, "current")
    log.info("schema %s: %s", names.schema, report)
    return report


def _nothing_to_apply(version: Version | None, on_ahead: OnAhead) -> MigrationReport:
    revision = version.revision if version else None
    state = state_of(version)
    if state == "ahead":
        _ahead(revision, on_ahead)
    return MigrationReport(revision, revision, (), state)


def _ahead(revision: str | None, on_ahead: OnAhead) -> None:
    message = f"the database is at {revision}, newer than this package's {shipped()[-1]}; nothing was changed"
    if on_ahead == "raise":
        raise SchemaAhead(message)
    log.warning("%s", message)


def _first_schema(connection: Connection) -> str:
    schema = connection.execute(text("SELECT pg_catalog.current_schema()")).scalar()
    if schema is None:
        raise InvalidValue("schema", "no schema of the search path exists; name one")
    return checked_name("schema", schema)


def _ensure_schema(connection: Connection, schema: str) -> None:
    """Create the schema if it is missing; IF NOT EXISTS would ask for the right to in any case."""
    exists = text("SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = :schema)")
    if not connection.execute(exists, {"schema": schema}).scalar():
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')


def _check_names(**names: str | None) -> None:
    for field, name in names.items():
        if name is not None:
            checked_name(field, name)


@contextmanager
def _our_errors() -> Generator[None, None, None]:
    """Raise errors of this package alone, from the driver's."""
    try:
        yield
    except (SQLAlchemyError, psycopg.Error) as error:
        if sqlstate(error) == "55P03":
            raise MigrationLockTimeout(
                "a lock was not to be had in time; nothing was changed, try again"
            ) from error
        raise translate(error) from error
