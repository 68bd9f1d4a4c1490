"""One migration at a time for each schema, by a lock that ends with its transaction.

A lock of the session would not survive a pooler in transaction mode, and a killed process would
leave it behind.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, func, select
from sqlalchemy.exc import DBAPIError

from chatapp_db.errors import MigrationLockTimeout
from chatapp_db.migrations.names import build_lock_key, lock_key
from chatapp_db.migrations.source import sqlstate

__all__ = ["take_build_lock", "take_lock"]

log = logging.getLogger("chatapp_db.migrations")


def take_lock(connection: Connection, schema: str) -> None:
    """Wait until no other process migrates this schema.

    Raises MigrationLockTimeout when that takes too long; it never goes on without the lock.
    """
    key = lock_key(schema)
    if connection.execute(select(func.pg_catalog.pg_try_advisory_xact_lock(key))).scalar():
        return
    log.info("another process is migrating schema %s: waiting for it", schema)
    try:
        connection.execute(select(func.pg_catalog.pg_advisory_xact_lock(key)))
    except DBAPIError as error:
        if sqlstate(error) not in {"55P03", "57014"}:  # lock_timeout, statement_timeout
            raise
        raise MigrationLockTimeout(
            f"another migration of schema {schema} did not end in time; nothing was changed, try again"
        ) from error


def take_build_lock(connection: Connection, schema: str) -> bool:
    """Try the lock of who builds an index, which is never waited for, and tell whether it was free."""
    key = build_lock_key(schema)
    return bool(connection.execute(select(func.pg_catalog.pg_try_advisory_xact_lock(key))).scalar())
