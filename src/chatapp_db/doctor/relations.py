"""What PostgreSQL keeps beside the rows: indexes, extensions, and what VACUUM and ANALYZE left to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import text

from chatapp_db.doctor.deployment import Deployment, our_tables
from chatapp_db.doctor.finding import Finding, Severity
from chatapp_db.migrations.extensions import SCHEMA, WANTED

__all__ = ["extensions", "indexes", "vacuum"]

# Twice what autovacuum waits for by default, among so many rows that it matters.
DEAD_ROWS = 10_000
DEAD_SHARE = 0.4
ANALYSED_FROM = 1_000
OVERDUE = 1.5  # times the age at which autovacuum comes by itself, even where it is switched off

_EXTENSIONS = text("""
SELECT name FROM pg_catalog.pg_available_extensions
 WHERE name = ANY (:wanted) AND installed_version IS NULL ORDER BY name
""")

# While somebody builds an index it is INVALID, too; whoever does so holds this lock, which all may see.
_INVALID = text("""
SELECT i.relname AS name, c.relname AS table_name,
       EXISTS (SELECT FROM pg_catalog.pg_constraint AS k WHERE k.conindid = i.oid) AS is_constraint
  FROM pg_catalog.pg_index AS x
  JOIN pg_catalog.pg_class AS i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_class AS c ON c.oid = x.indrelid
  JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = :schema AND c.relname = ANY (:tables)
   AND NOT (x.indisvalid AND x.indisready AND x.indislive)
   AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_locks AS l
        WHERE l.relation = c.oid AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted
          AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
 ORDER BY i.relname
""")

_ROWS = text("""
SELECT s.relname AS name, s.n_dead_tup AS dead, s.n_live_tup AS live,
       coalesce(s.last_analyze, s.last_autoanalyze) IS NULL AS never_analysed,
       pg_catalog.age(c.relfrozenxid)::bigint AS age,
       least(pg_catalog.current_setting('autovacuum_freeze_max_age')::bigint, (
           SELECT o.option_value::bigint FROM pg_catalog.pg_options_to_table(c.reloptions) AS o
            WHERE o.option_name = 'autovacuum_freeze_max_age')) AS oldest
  FROM pg_catalog.pg_stat_user_tables AS s JOIN pg_catalog.pg_class AS c ON c.oid = s.relid
 WHERE s.schemaname = :schema AND s.relname = ANY (:tables) ORDER BY s.relname
""")


def extensions(deployment: Deployment) -> Iterator[Finding]:
    """Find extensions that the server offers and nobody has enabled."""
    for (name,) in deployment.rows(_EXTENSIONS, wanted=list(WANTED)):
        mend = f'CREATE SCHEMA IF NOT EXISTS {SCHEMA}; CREATE EXTENSION "{name}" SCHEMA {SCHEMA}'
        what = "is offered by the server and not enabled; nothing depends on it"
        yield Finding("extension-missing", Severity.NOTE, f"extension {name}", what, mend)


def indexes(deployment: Deployment) -> Iterator[Finding]:
    """Find what a failed build left: written at every change, and never read."""
    from chatapp_db.schema import metadata

    ours = {index.name for table in metadata.tables.values() for index in table.indexes}
    for row in deployment.rows(_INVALID, schema=deployment.names.schema, tables=our_tables()):
        place = f'"{deployment.names.schema}"."{row.name}"'
        # PostgreSQL refuses to drop the index of a key.
        is_needed = row.is_constraint or row.name in ours
        mend = f"REINDEX INDEX CONCURRENTLY {place}" if is_needed else f"DROP INDEX {place}"
        what = f"is INVALID: every change of {row.table_name} writes it, and no statement reads it"
        yield Finding("index-invalid", Severity.ERROR, f"index {row.name}", what, mend)


def vacuum(deployment: Deployment) -> Iterator[Finding]:
    """Find tables that autovacuum does not keep up with."""
    for table in deployment.rows(_ROWS, schema=deployment.names.schema, tables=our_tables()):
        yield from _of_table(deployment, table)


def _of_table(deployment: Deployment, table: Any) -> Iterator[Finding]:
    place = deployment.table(table.name)
    if table.dead >= DEAD_ROWS and table.dead > DEAD_SHARE * table.live:
        what = f"{table.dead:,} dead rows beside {table.live:,}"
        mend = f"VACUUM (ANALYZE) {place}"
        yield Finding("vacuum-needed", Severity.WARNING, table.name, what, mend)
    if table.live >= ANALYSED_FROM and table.never_analysed:
        what = f"nobody has analysed its {table.live:,} rows: plans are guesses"
        yield Finding("analyze-needed", Severity.WARNING, table.name, what, f"ANALYZE {place}")
    if table.age > OVERDUE * table.oldest:
        what = f"its oldest transaction id is {table.age:,} old; at 2 billion the server stops to write"
        yield Finding("freeze-needed", Severity.ERROR, table.name, what, f"VACUUM (FREEZE) {place}")
