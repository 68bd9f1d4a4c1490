"""The version table: which revision a schema is at.

Its ``number`` is generated from the revision's id, so that Alembic, which writes ids alone, keeps it
true. The number is what tells a newer revision from an unknown one.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, text

from chatapp_db.execution.scope import VERSION_TABLE
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.revisions import Version
from chatapp_db.migrations.source import Execute, Source, sqlstate

__all__ = [
    "VERSION_TABLE",
    "create_version_table",
    "drop_version_table",
    "has_tables",
    "read_version",
    "version_inside",
    "version_table_statements",
    "write_version",
]

# Unqualified, and therefore the first one on the search path, which has to be in its first schema:
# what a schema further down holds is another installation.
_IN_FIRST_SCHEMA = f"""
SELECT v.version_num, v.number
  FROM {VERSION_TABLE} AS v
  JOIN pg_catalog.pg_class AS c ON c.oid = v.tableoid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = pg_catalog.current_schema()
"""  # noqa: S608  # a constant

# Every other table of ours hangs on this one, in every release.
_ROOT = "chatapp_companies"

_MISSING = {"42P01", "3F000"}  # undefined_table, invalid_schema_name


def read_version(source: Source, schema: str | None) -> Version | None:
    """Read where a schema stands, or None where nothing of ours is.

    One statement, which waits for no lock of a migration under way.
    """
    try:
        with source.reading() as execute:
            return _version(execute(_IN_FIRST_SCHEMA if schema is None else _in_schema(schema)))
    except Exception as error:
        if sqlstate(error) in _MISSING:
            return None
        raise


def version_inside(connection: Connection, schema: str) -> Version | None:
    """Read the same inside a transaction, which a missing table must not fail."""
    if not _has_table(connection, schema):
        return None
    return _version(connection.exec_driver_sql(_in_schema(schema)).fetchall())


def has_tables(execute: Execute, schema: str | None) -> bool:
    """Tell whether tables of ours are there, whatever the version table says."""
    place = f"'\"{schema}\"'" if schema else "pg_catalog.quote_ident(pg_catalog.current_schema())"
    return bool(execute(f"SELECT pg_catalog.to_regclass({place} || '.{_ROOT}') IS NOT NULL")[0][0])


def create_version_table(connection: Connection, names: Names) -> None:
    """Create the version table unless it is there; both roles read it at every start-up."""
    if not _has_table(connection, names.schema):
        for statement in version_table_statements(names):
            connection.exec_driver_sql(statement)


def version_table_statements(names: Names) -> list[str]:
    """Write the version table as SQL, with its one policy and its grants."""
    table = f'"{names.schema}".{VERSION_TABLE}'
    statements = [
        f"""
        CREATE TABLE {table} (
            version_num text NOT NULL CONSTRAINT pk_{VERSION_TABLE} PRIMARY KEY,
            number integer NOT NULL GENERATED ALWAYS AS (version_num::integer) STORED
        )""",
        f"COMMENT ON TABLE {table} IS 'The revision this schema is at; written by chatapp_db.migrate()'",
        f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
        f"REVOKE ALL ON {table} FROM PUBLIC",
    ]
    if names.roles:
        roles = ", ".join(f'"{role}"' for role in names.roles)
        statements.append(f"CREATE POLICY version_select ON {table} FOR SELECT TO {roles} USING (true)")
        statements.append(f"GRANT SELECT ON {table} TO {roles}")
    return statements


def write_version(connection: Connection, names: Names, revision: str) -> None:
    """Set the revision by hand, for a schema that did not come to it by migrating."""
    table = f'"{names.schema}".{VERSION_TABLE}'
    connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  # a checked name
    connection.execute(text(f"INSERT INTO {table} (version_num) VALUES (:revision)"), {"revision": revision})  # noqa: S608  # a checked name


def drop_version_table(connection: Connection, names: Names) -> None:
    """Drop the version table of a schema that was taken back to nothing."""
    connection.exec_driver_sql(f'DROP TABLE "{names.schema}".{VERSION_TABLE}')


def _in_schema(schema: str) -> str:
    return f'SELECT version_num, number FROM "{schema}".{VERSION_TABLE}'  # noqa: S608  # a checked name


def _has_table(connection: Connection, schema: str) -> bool:
    found = connection.exec_driver_sql(
        f"SELECT pg_catalog.to_regclass('\"{schema}\".{VERSION_TABLE}') IS NOT NULL"
    )
    return bool(found.scalar())


def _version(rows: Any) -> Version | None:
    return Version(str(rows[0][0]), int(rows[0][1])) if rows else None
