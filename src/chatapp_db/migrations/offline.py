"""Migrations as SQL text, for who may not or will not let a program change the schema."""

from __future__ import annotations

from chatapp_db.errors import InvalidValue
from chatapp_db.migrations.exposure import withdrawing
from chatapp_db.migrations.names import Names, lock_key
from chatapp_db.migrations.revisions import shipped
from chatapp_db.migrations.roles import creating, granting
from chatapp_db.migrations.transaction import check_names
from chatapp_db.migrations.version import VERSION_TABLE, version_table_statements

__all__ = ["grants", "plan"]

BASE = "base"
HEAD = "head"

_SETTINGS = """
SET LOCAL lock_timeout = '60s';
SET LOCAL statement_timeout = 0;
SET LOCAL search_path = "{schema}", pg_temp;
SELECT pg_catalog.pg_advisory_xact_lock({key});
"""

# A script is run by hand, perhaps twice, perhaps on another database than it was written for.
_GUARD = """
DO $guard$ BEGIN
    IF (SELECT max(version_num) FROM "{schema}".{table}) IS DISTINCT FROM '{revision}' THEN
        RAISE EXCEPTION 'schema {schema} is not at {revision}: this script is for another database';
    END IF;
END $guard$;
"""


def plan(
    *,
    from_: str | None = None,
    to: str = HEAD,
    schema: str = "public",
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
) -> str:
    """Write the SQL from one revision to another, for a DBA to run with ``psql -f``.

    One transaction, below the same lock as ``migrate()``: services that start meanwhile wait for it.
    It refuses to run on a schema that is not at ``from_`` (None: nothing is there yet). ``to`` earlier
    than ``from_``, or ``"base"``, takes back. The optional extensions are left to the DBA.

    Needs no database. Raises InvalidValue for a revision or a name that is none.
    """
    check_names(schema=schema, app_role=app_role, platform_role=platform_role)
    target = shipped()[-1] if to == HEAD else to
    _check_revisions(from_, target)
    names = Names(schema, app_role, platform_role)
    heading = f"-- chatapp_db, schema {schema}: from {from_ or 'nothing'} to {target}"
    if target == (from_ or BASE):
        return f"{heading}; nothing to do\n"
    parts = [heading, "BEGIN;", *_before(names, from_), *_between(names, from_, target), "COMMIT;"]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def grants(
    login: str,
    *,
    schema: str = "public",
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
) -> str:
    """Write what a DBA runs so that ``migrate()`` works for a login that may create no roles.

    Needs no database. Raises InvalidValue for a name that is none.
    """
    check_names(login=login, schema=schema, app_role=app_role, platform_role=platform_role)
    names = Names(schema, app_role, platform_role)
    statements = [*map(creating, names.roles), *(granting(role, login) for role in names.roles)]
    statements.append(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
    statements.append(f'GRANT USAGE, CREATE ON SCHEMA "{schema}" TO "{login}" WITH GRANT OPTION')
    return "".join(f"{statement};\n" for statement in statements)


def _check_revisions(from_: str | None, target: str) -> None:
    known = f"not a revision of this package ({', '.join(shipped())})"
    if from_ is not None and from_ not in shipped():
        raise InvalidValue("from_", known)
    if target not in shipped() and target != BASE:
        raise InvalidValue("to", f"{known}, not {HEAD!r} and not {BASE!r}")


def _before(names: Names, from_: str | None) -> list[str]:
    """Write what comes ahead of the revisions: lock, guard, and what they build on."""
    settings = _SETTINGS.format(schema=names.schema, key=lock_key(names.schema))
    if from_ is not None:
        return [settings, _GUARD.format(schema=names.schema, table=VERSION_TABLE, revision=from_)]
    statements = [*map(creating, names.roles), f'CREATE SCHEMA IF NOT EXISTS "{names.schema}"']
    statements += version_table_statements(names)
    return [settings, *(f"{statement};" for statement in statements)]


def _between(names: Names, from_: str | None, target: str) -> list[str]:
    """Write the revisions, then the version they lead to."""
    from chatapp_db.migrations.runner import written

    parts: list[str] = []
    for revision, statements in written(names, from_, target):
        parts += [f"-- revision {revision}", statements]
    table = f'"{names.schema}".{VERSION_TABLE}'
    if target == BASE:
        return [*parts, f"DROP TABLE {table};"]
    if from_ is None:
        parts.append(f"INSERT INTO {table} (version_num) VALUES ('{target}');")  # noqa: S608  # checked names
    else:
        parts.append(f"UPDATE {table} SET version_num = '{target}';")  # noqa: S608  # checked names
    return [*parts, f"{withdrawing(names.schema)};"]
