"""What PostgreSQL itself holds of a schema, in words that two schemas can be compared by."""

from __future__ import annotations

import psycopg

# One query for each kind of thing: its name, and all there is to say about it.
_KINDS = {
    "column": """
        SELECT c.relname || '.' || a.attname,
               concat_ws(' ', format_type(a.atttypid, a.atttypmod),
                         row_number() OVER (PARTITION BY c.oid ORDER BY a.attnum), a.attnotnull,
                         a.attgenerated, a.attidentity, pg_get_expr(d.adbin, d.adrelid),
                         a.attcollation::regcollation)
          FROM ours AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
          LEFT JOIN pg_attrdef AS d ON d.adrelid = c.oid AND d.adnum = a.attnum
         WHERE c.relkind = 'r'""",
    "table": """
        SELECT c.relname, concat_ws(' ', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.relpersistence,
                                    c.reloptions::text)
          FROM ours AS c""",
    "constraint": """
        SELECT c.relname || '.' || k.conname, concat_ws(' ', k.convalidated, pg_get_constraintdef(k.oid))
          FROM ours AS c JOIN pg_constraint AS k ON k.conrelid = c.oid""",
    "index": """
        SELECT c.relname || '.' || i.indexrelid::regclass,
               concat_ws(' ', x.indisvalid, pg_get_indexdef(i.indexrelid))
          FROM ours AS c JOIN pg_index AS i ON i.indrelid = c.oid
          JOIN pg_index AS x ON x.indexrelid = i.indexrelid""",
    "trigger": """
        SELECT c.relname || '.' || t.tgname, concat_ws(' ', t.tgenabled, pg_get_triggerdef(t.oid))
          FROM ours AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal""",
    "policy": """
        SELECT tablename || '.' || policyname, concat_ws(' ', permissive, roles::text, cmd, qual, with_check)
          FROM pg_policies WHERE schemaname = current_schema()""",
    "function": """
        SELECT p.oid::regprocedure::text, pg_get_functiondef(p.oid)
          FROM pg_proc AS p WHERE p.pronamespace = current_schema()::regnamespace""",
    "enum": """
        SELECT t.typname, string_agg(e.enumlabel, ' ' ORDER BY e.enumsortorder)
          FROM pg_type AS t JOIN pg_enum AS e ON e.enumtypid = t.oid
         WHERE t.typnamespace = current_schema()::regnamespace GROUP BY t.typname""",
    "grant": """
        SELECT c.relname, (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(c.relacl) AS x)
          FROM ours AS c WHERE c.relacl IS NOT NULL
        UNION ALL
        SELECT c.relname || '.' || a.attname, a.attacl::text
          FROM ours AS c JOIN pg_attribute AS a ON a.attrelid = c.oid WHERE a.attacl IS NOT NULL
        UNION ALL
        SELECT p.oid::regprocedure::text,
               (SELECT string_agg(x::text, ' ' ORDER BY x::text) FROM unnest(p.proacl) AS x)
          FROM pg_proc AS p WHERE p.pronamespace = current_schema()::regnamespace""",
    "comment": """
        SELECT c.relname || coalesce('.' || a.attname, ''), d.description
          FROM ours AS c JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
          LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0""",
}

_OURS = """
WITH ours AS (
    SELECT * FROM pg_class WHERE relnamespace = current_schema()::regnamespace
)"""


def catalog(url: str, *, schema: str = "public", but: str = "chatapp_db_version") -> dict[str, str]:
    """Read everything in a schema, but for what belongs to one table.

    The schema's own name is left out of the words.
    """
    found: dict[str, str] = {}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'SET search_path TO "{schema}"')
        for kind, query in _KINDS.items():
            for name, description in connection.execute(_OURS + query).fetchall():
                if but not in name:
                    plain = str(description).replace(f"{schema}.", "").replace(f'"{schema}".', "")
                    found[f"{kind} {name}"] = plain
    return found


def differences(one: dict[str, str], other: dict[str, str]) -> dict[str, tuple[str | None, str | None]]:
    """Say what the two do not agree on."""
    return {
        name: (one.get(name), other.get(name))
        for name in sorted(one.keys() | other.keys())
        if one.get(name) != other.get(name)
    }
