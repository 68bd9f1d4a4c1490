"""Compares a live database with the metadata, also in what Alembic cannot see.

PostgreSQL prints a policy or a CHECK in its own words, and differently from release to release. So
what is expected is asked of the same server: the metadata is created in a schema of its own, read
back like the live one, and rolled back.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Connection, create_mock_engine, func, make_url, select, text

from chatapp_db.address import DRIVER
from chatapp_db.errors import NotPermitted
from chatapp_db.migrations.catalog import Catalog, Fact, read_catalog
from chatapp_db.migrations.exposure import withdraw_default_grants
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.source import Target, opened
from chatapp_db.migrations.transaction import Request, our_errors
from chatapp_db.migrations.version import create_version_table

__all__ = ["Difference", "check", "differences"]

_UNBOUND = text("""
SELECT w.role, CASE WHEN r.rolname IS NULL THEN NULL WHEN r.rolsuper THEN 'SUPERUSER' ELSE 'BYPASSRLS' END
  FROM unnest(CAST(:roles AS text[])) WITH ORDINALITY AS w (role, place)
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = w.role
 WHERE r.rolname IS NULL OR r.rolsuper OR r.rolbypassrls
 ORDER BY w.place
""")

# On a plain server this catalog is not there to be asked.
_IS_CITUS = text("SELECT pg_catalog.to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL")
_IS_DISTRIBUTED = text("""
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_dist_partition AS p
      JOIN pg_catalog.pg_class AS c ON c.oid = p.logicalrelid
      JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = :schema AND pg_catalog.starts_with(c.relname, 'chatapp_'))
""")

# A policy may ask for the company once for a statement, or as Citus needs it: no other way.
_ASKED_ONCE = "( SELECT chatapp_current_company() AS chatapp_current_company)"
_ASKED = "chatapp_current_company()"

_MAY_CREATE = text("""
SELECT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
       pg_catalog.format('GRANT CREATE ON DATABASE %I TO %I', pg_catalog.current_database(), current_user)
""")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that a database and this package do not agree on; None where one side has it not."""

    kind: str
    name: str
    expected: str | None
    found: str | None

    def __str__(self) -> str:
        if self.found is None:
            return f"{self.kind} {self.name}: missing, expected {self.expected}"
        if self.expected is None:
            return f"{self.kind} {self.name}: unexpected, found {self.found}"
        return f"{self.kind} {self.name}: expected {self.expected}, found {self.found}"


def check(
    database: Target,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
) -> list[Difference]:
    """List every difference between a live schema and this package; an empty list is a clean bill.

    It sees tables, columns, constraints, indexes and comments, and what Alembic does not: policies,
    forced row-level security, triggers, function bodies, CHECKs, enum labels, sequences, grants, INVALID
    indexes, and roles that no policy binds. Whatever hangs on one of our tables and is not ours is
    reported too.

    Needs CREATE on the database, for a schema that nobody else ever sees: it is rolled back.
    Raises NotPermitted, with the GRANT, without that right.
    """
    request = Request.of(schema, app_role, platform_role, lock_timeout)
    with our_errors(), opened(database) as source, request.open(source) as (connection, names):
        return differences(connection, names)


def differences(connection: Connection, names: Names, *, with_version: bool = True) -> list[Difference]:
    """Compare inside a transaction; without a role nothing else can be compared."""
    unbound = connection.execute(_UNBOUND, {"roles": list(names.roles)}).all()
    if unbound:
        return [Difference("role", role, "NOSUPERUSER NOBYPASSRLS", found) for role, found in unbound]
    live = read_catalog(connection, names.schema, names.roles)
    expected = _expected(connection, names, with_version=with_version)
    return _compared(expected, live)


def _is_distributed(connection: Connection, schema: str) -> bool:
    """Tell whether Citus holds a table of the schema."""
    if not connection.execute(_IS_CITUS).scalar_one():
        return False
    return bool(connection.execute(_IS_DISTRIBUTED, {"schema": schema}).scalar_one())


def _expected(connection: Connection, names: Names, *, with_version: bool) -> Catalog:
    """Create the metadata beside the live schema, read it, and take it back."""
    distributed = _is_distributed(connection, names.schema)
    may_create, grant = connection.execute(_MAY_CREATE).one()
    if not may_create:
        raise NotPermitted(f"check needs a schema of its own, which it rolls back; a DBA runs: {grant}")
    scratch = Names(f"chatapp_check_{secrets.token_hex(8)}", names.app_role, names.platform_role)
    savepoint = connection.begin_nested()
    try:
        connection.exec_driver_sql(f'CREATE SCHEMA "{scratch.schema}"')
        path = f'"{scratch.schema}", pg_temp'
        connection.execute(select(func.pg_catalog.set_config("search_path", path, True)))
        connection.exec_driver_sql(_script(names.app_role, names.platform_role, distributed=distributed))
        if with_version:
            create_version_table(connection, scratch)
        withdraw_default_grants(connection, scratch.schema)
        return _owned(read_catalog(connection, scratch.schema, scratch.roles), names.platform_role)
    finally:
        savepoint.rollback()


@cache
def _script(app_role: str | None, platform_role: str | None, *, distributed: bool) -> str:
    """Write all of the metadata as one text: one round trip instead of three hundred."""
    from chatapp_db.schema import metadata
    from chatapp_db.schema.distribution import adapting_statements
    from chatapp_db.schema.security import security_statements

    statements: list[str] = []
    dialect = make_url(f"{DRIVER}://").get_dialect()()

    def write(statement: Any, *_: object) -> None:
        statements.append(str(statement.compile(dialect=dialect)))

    metadata.create_all(create_mock_engine(f"{DRIVER}://", write), checkfirst=False)
    statements += security_statements(metadata, app_role=app_role, platform_role=platform_role)
    if distributed:
        statements += adapting_statements(metadata, app_role=app_role)
    return ";\n".join(statements)


def _owned(expected: Catalog, platform_role: str | None) -> Catalog:
    """Say whose functions above the policies are, for a login that could not give them away."""
    return {
        fact: platform_role if platform_role and fact.kind == "owner" else words
        for fact, words in expected.items()
    }


def _compared(expected: Catalog, live: Catalog) -> list[Difference]:
    """List what differs: of a table that is missing, the table alone; of what is the host's, nothing."""
    owners = {fact.owner for fact in expected}
    there = {fact.owner for fact in live} | {""}
    found = {
        fact
        for fact in expected.keys() | live.keys()
        if fact.owner in owners
        and _words(fact, expected) != _words(fact, live)
        # Whose a function is counts where both sides run it as its owner; else the function differs.
        and (fact.kind != "owner" or (fact in expected and fact in live))
    }
    return [
        Difference(fact.kind, fact.name, expected.get(fact), live.get(fact))
        for fact in sorted(found)
        if fact.owner in there or _is_whole(fact)
    ]


def _words(fact: Fact, catalog: Catalog) -> str | None:
    """Give what is compared of a fact: a policy is the same in both its forms."""
    words = catalog.get(fact)
    return words.replace(_ASKED_ONCE, _ASKED) if words and fact.kind == "policy" else words


def _is_whole(fact: Fact) -> bool:
    return fact.kind in {"table", "sequence", "function", "enum"}
