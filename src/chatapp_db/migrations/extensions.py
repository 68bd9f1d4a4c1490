"""The optional extensions: enabled where the server offers them and this login may.

Nothing depends on them, so nothing about them may fail a migration.
"""

from __future__ import annotations

import logging

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

__all__ = ["SCHEMA", "WANTED", "enable_extensions"]

log = logging.getLogger("chatapp_db.migrations")

SCHEMA = "extensions"
WANTED = ("uuid-ossp", "pg_trgm")

# Offered by the server, in no schema yet, and within this login's rights: a superuser's, or, for a
# trusted extension, those of whoever may create in the database.
_PROBE = text("""
SELECT e.name
  FROM pg_catalog.pg_available_extensions AS e
  JOIN pg_catalog.pg_available_extension_versions AS v ON v.name = e.name AND v.version = e.default_version
  JOIN pg_catalog.pg_roles AS me ON me.rolname = current_user
  LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = :schema
 WHERE e.name = ANY (:wanted)
   AND e.installed_version IS NULL
   AND (me.rolsuper OR (
         v.trusted
         AND pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE')
         AND (n.oid IS NULL OR pg_catalog.has_schema_privilege(n.oid, 'CREATE'))))
 ORDER BY e.name
""")


def enable_extensions(connection: Connection) -> None:
    """Enable what can be enabled, each below a savepoint of its own."""
    found = connection.execute(_PROBE, {"schema": SCHEMA, "wanted": list(WANTED)}).scalars().all()
    for extension in found:
        try:
            with connection.begin_nested():
                _enable(connection, extension)
        except DBAPIError as error:
            log.warning("extension %s was not enabled: %s", extension, type(error.orig).__name__)


def _enable(connection: Connection, extension: str) -> None:
    exists = text("SELECT pg_catalog.to_regnamespace(:schema) IS NOT NULL")
    if not connection.execute(exists, {"schema": SCHEMA}).scalar():
        connection.exec_driver_sql(f"CREATE SCHEMA {SCHEMA}")
    connection.exec_driver_sql(f'CREATE EXTENSION IF NOT EXISTS "{extension}" SCHEMA {SCHEMA}')
