"""Whether row-level security is on, forced, and says what it should, by the catalog alone."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import text

from chatapp_db.doctor.deployment import Deployment, our_tables
from chatapp_db.doctor.finding import Finding, Severity

__all__ = ["policies", "row_security"]

_SECURITY = text("""
SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = :schema AND c.relname = ANY (:tables) ORDER BY c.relname
""")

_POLICIES = text("""
SELECT tablename AS table_name, policyname AS name, permissive = 'PERMISSIVE' AS permissive
  FROM pg_catalog.pg_policies
 WHERE schemaname = :schema AND tablename = ANY (:tables) ORDER BY tablename, policyname
""")


def row_security(deployment: Deployment) -> Iterator[Finding]:
    """Find tables whose policies bind nobody, or all but their owner."""
    for table in deployment.rows(_SECURITY, schema=deployment.names.schema, tables=our_tables()):
        place = deployment.table(table.name)
        if not table.enabled:
            mend = f"ALTER TABLE {place} ENABLE ROW LEVEL SECURITY"
            what = "row-level security is off: no policy binds anybody"
            yield Finding("rls-disabled", Severity.ERROR, table.name, what, mend)
        if not table.forced:
            mend = f"ALTER TABLE {place} FORCE ROW LEVEL SECURITY"
            what = "row-level security is not forced: it does not bind the owner"
            yield Finding("rls-not-forced", Severity.ERROR, table.name, what, mend)


def policies(deployment: Deployment) -> Iterator[Finding]:
    """Find policies that are not there, and strangers' that let more through; drift compares their words."""
    if not deployment.is_migrated:
        return
    expected = _expected(deployment)
    rows = deployment.rows(_POLICIES, schema=deployment.names.schema, tables=our_tables())
    found = {(row.table_name, row.name): row.permissive for row in rows}
    path = f'SET search_path = "{deployment.names.schema}", pg_temp'
    for (table, name), statement in expected.items():
        if (table, name) not in found:
            what = f"the policy {name} is missing: its command reaches no row"
            yield Finding("policy-missing", Severity.ERROR, table, what, f"{path}; {statement}")
    for (table, name), permissive in found.items():
        if permissive and (table, name) not in expected:
            what = f"the policy {name} is not ours, and lets more through"
            mend = f'DROP POLICY "{name}" ON {deployment.table(table)}'
            yield Finding("policy-foreign", Severity.ERROR, table, what, mend)


def _expected(deployment: Deployment) -> dict[tuple[str, str], str]:
    from chatapp_db.schema import metadata
    from chatapp_db.schema.security import policies as written

    names = deployment.names
    return {
        (table.name, name): statement
        for table in metadata.sorted_tables
        for name, statement in written(table, names.app_role, names.platform_role)
    }
