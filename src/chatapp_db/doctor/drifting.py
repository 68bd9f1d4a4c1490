"""What has been changed by hand, and the statement that changes it back where there is one."""

from __future__ import annotations

import re

from chatapp_db.doctor.finding import Finding, Severity
from chatapp_db.migrations.check import Difference
from chatapp_db.migrations.names import Names

__all__ = ["drift"]

# Those have findings of their own, which no right to create is needed for.
_ELSEWHERE = {"role", "row security"}


def drift(differences: list[Difference], names: Names) -> list[Finding]:
    """Say what differs from this release, in words and, where it can be had, as SQL."""
    return [
        Finding(
            "drift",
            Severity.WARNING if one.kind == "comment" else Severity.ERROR,
            f"{one.kind} {one.name}",
            str(one).removeprefix(f"{one.kind} {one.name}: "),
            _mend(one, names),
        )
        for one in differences
        if not _is_elsewhere(one)
    ]


def _is_elsewhere(one: Difference) -> bool:
    if one.kind == "policy":
        # One that was altered is nowhere else.
        return one.expected is None or one.found is None
    return one.kind in _ELSEWHERE or (one.kind == "index" and (one.found or "").startswith("INVALID"))


def _mend(one: Difference, names: Names) -> str | None:
    table, _, name = one.name.partition(".")
    place, path = f'"{names.schema}".{table}', f'SET search_path = "{names.schema}", pg_temp; '
    if one.kind == "index":
        return _index(one, names.schema)
    if one.kind in {"check", "constraint"} and one.found is None:
        return f"{path}ALTER TABLE {place} ADD CONSTRAINT {name} {one.expected}"
    if one.kind in {"check", "constraint"} and one.expected is None:
        return f'ALTER TABLE {place} DROP CONSTRAINT "{name}"'
    if one.kind == "trigger":
        return _trigger(one, place, name, path)
    if one.kind == "policy":
        return _policy(table, name, names, path)
    return None


def _index(one: Difference, schema: str) -> str | None:
    if one.expected is None:
        return f'DROP INDEX CONCURRENTLY "{schema}"."{one.name}"'
    if one.found is None:
        place = re.sub(r" ON (chatapp_\w+)", rf' ON "{schema}".\1', one.expected, count=1)
        return place.replace(" INDEX ", " INDEX CONCURRENTLY ", 1)
    return None


def _trigger(one: Difference, place: str, name: str, path: str) -> str | None:
    if one.expected is None:
        return f'DROP TRIGGER "{name}" ON {place}'
    if one.found is None:
        return f"{path}{one.expected}"
    if one.found == f"DISABLED {one.expected}":
        return f"ALTER TABLE {place} ENABLE TRIGGER {name}"
    return None


def _policy(table: str, name: str, names: Names, path: str) -> str | None:
    from chatapp_db.schema import metadata
    from chatapp_db.schema.security import policies

    if table not in metadata.tables:
        return None
    written = dict(policies(metadata.tables[table], names.app_role, names.platform_role))
    return f'{path}DROP POLICY "{name}" ON {table}; {written[name]}' if name in written else None
