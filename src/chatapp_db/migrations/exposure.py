"""Takes back what a hosted PostgreSQL grants on every new object of an exposed schema.

Supabase gives its web roles all rights on tables and functions made in ``public``; row-level
security would still hold, but nothing of ours is meant for them.
"""

from __future__ import annotations

from sqlalchemy import Connection

__all__ = ["withdraw_default_grants", "withdrawing"]

# One statement for both: migrate() runs it, a DBA's script holds it.
_WITHDRAW = """
DO $$ DECLARE
    web name;
    thing text;
BEGIN
    FOR web IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
        FOR thing IN
            SELECT pg_catalog.format('TABLE %%I.%%I', n.nspname, c.relname)
              FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = '{schema}' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
               AND pg_catalog.starts_with(c.relname, 'chatapp_')
               AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
            UNION ALL
            SELECT pg_catalog.format('FUNCTION %%s', p.oid::pg_catalog.regprocedure)
              FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
             WHERE n.nspname = '{schema}' AND pg_catalog.starts_with(p.proname, 'chatapp_')
               AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
        LOOP
            EXECUTE 'REVOKE ALL ON ' || thing || ' FROM ' || pg_catalog.quote_ident(web);
        END LOOP;
    END LOOP;
END $$
"""


def withdraw_default_grants(connection: Connection, schema: str) -> None:
    """Revoke everything on what is ours from the web roles, where there are such roles."""
    connection.exec_driver_sql(_WITHDRAW.format(schema=schema))


def withdrawing(schema: str) -> str:
    """Write the same as SQL, for a script that no driver reads."""
    return _WITHDRAW.format(schema=schema).replace("%%", "%").strip()
