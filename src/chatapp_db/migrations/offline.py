"""Migrations as SQL text, for who may not or will not let a program change the schema."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from chatapp_db.errors import InvalidValue
from chatapp_db.migrations.exposure import withdrawing
from chatapp_db.migrations.names import Names, build_lock_key, lock_key
from chatapp_db.migrations.revisions import BASE, HEAD, shipped
from chatapp_db.migrations.roles import creating, granting
from chatapp_db.migrations.transaction import check_names
from chatapp_db.migrations.version import VERSION_TABLE, version_table_statements

if TYPE_CHECKING:
    from chatapp_db.migrations.indexes import Index
    from chatapp_db.migrations.runner import Written

__all__ = ["grants", "guard", "plan"]

_SETTINGS = """
SET LOCAL lock_timeout = '60s';
SET LOCAL statement_timeout = 0;
SET LOCAL search_path = "{schema}", pg_temp;
SELECT pg_catalog.pg_advisory_xact_lock({key});
DO $lock$ BEGIN
    IF NOT pg_catalog.pg_try_advisory_xact_lock({build_key}) THEN
        RAISE EXCEPTION 'an index of schema {schema} is being built: run this again when it is done';
    END IF;
END $lock$;
"""

# Outside of any transaction. The lock is polled: a build waits for every older transaction, and so
# for one that waits for the build.
_LOCK_TO_BUILD = """
SET lock_timeout = '60s';
SET statement_timeout = 0;
DO $lock$ BEGIN
    FOR attempt IN 1..300 LOOP
        IF pg_catalog.pg_try_advisory_lock({build_key}) THEN
            RETURN;
        END IF;
        COMMIT;
        PERFORM pg_catalog.pg_sleep(0.2);
    END LOOP;
    RAISE EXCEPTION 'another index of schema {schema} is being built: run this again when it is done';
END $lock$;
"""

_UNLOCK = "SELECT pg_catalog.pg_advisory_unlock({build_key});"

# A script is run by hand, perhaps twice, perhaps on another database than it was written for.
_GUARD = """\
DO $guard$ BEGIN
    IF (SELECT max(version_num) FROM "{schema}".{table}) IS DISTINCT FROM '{revision}' THEN
        RAISE EXCEPTION 'schema {schema} is not at {revision}: this script is for another database';
    END IF;
END $guard$"""


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
    Ahead of a revision that indexes a table with rows it is left, for CREATE INDEX CONCURRENTLY, and
    another begins: run such a script without ``psql --single-transaction``, and again if it fails.
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
    parts = [heading, *_stages(names, from_, target)]
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


def guard(schema: str, revision: str | None) -> str:
    """Write what ends a script with an error where the schema is not at the revision."""
    return _GUARD.format(schema=schema, table=VERSION_TABLE, revision=revision)


def _check_revisions(from_: str | None, target: str) -> None:
    known = f"not a revision of this package ({', '.join(shipped())})"
    if from_ is not None and from_ not in shipped():
        raise InvalidValue("from_", known)
    if target not in shipped() and target != BASE:
        raise InvalidValue("to", f"{known}, not {HEAD!r} and not {BASE!r}")


def _stages(names: Names, from_: str | None, target: str) -> Iterator[str]:
    """Write one transaction, or as many as there are indexes to be built between."""
    from chatapp_db.migrations.runner import written

    at, revisions = from_, list(written(names, from_, target))
    while revisions:
        ahead = revisions[0].ahead
        if ahead:
            yield from _building(names, at, ahead)
        count = next((n for n, later in enumerate(revisions[1:], 1) if later.ahead), len(revisions))
        together, revisions = revisions[:count], revisions[count:]
        to = together[-1].revision if revisions else target
        yield from ("BEGIN;", *_before(names, at), *_between(names, at, to, together), "COMMIT;")
        if ahead:
            yield _UNLOCK.format(build_key=build_lock_key(names.schema))
        at = to


def _building(names: Names, at: str | None, ahead: tuple[Index, ...]) -> Iterator[str]:
    """Write what is run outside of any transaction; what is half built from another run is dropped."""
    yield _LOCK_TO_BUILD.format(schema=names.schema, build_key=build_lock_key(names.schema))
    yield f"{guard(names.schema, at)};"
    for index in ahead:
        yield f"{index.dropping(names.schema)};"
        yield f"{index.creating(names.schema)};"


def _before(names: Names, from_: str | None) -> list[str]:
    """Write what comes ahead of the revisions: lock, guard, and what they build on."""
    settings = _SETTINGS.format(
        schema=names.schema, key=lock_key(names.schema), build_key=build_lock_key(names.schema)
    )
    if from_ is not None:
        return [settings, f"{guard(names.schema, from_)};"]
    statements = [*map(creating, names.roles), f'CREATE SCHEMA IF NOT EXISTS "{names.schema}"']
    statements += version_table_statements(names)
    return [settings, *(f"{statement};" for statement in statements)]


def _between(names: Names, from_: str | None, target: str, revisions: list[Written]) -> list[str]:
    """Write the revisions, then the version they lead to."""
    parts: list[str] = []
    for revision in revisions:
        parts += [f"-- revision {revision.revision}", revision.sql]
    table = f'"{names.schema}".{VERSION_TABLE}'
    if target == BASE:
        return [*parts, f"DROP TABLE {table};"]
    if from_ is None:
        parts.append(f"INSERT INTO {table} (version_num) VALUES ('{target}');")  # noqa: S608  # checked names
    else:
        parts.append(f"UPDATE {table} SET version_num = '{target}';")  # noqa: S608  # checked names
    return [*parts, f"{withdrawing(names.schema)};"]
