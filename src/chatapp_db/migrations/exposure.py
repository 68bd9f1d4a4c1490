"""Takes back what a hosted PostgreSQL grants on every new object of an exposed schema.

Supabase gives its web roles all rights on tables and functions made in ``public``; row-level
security would still hold, but nothing of ours is meant for them.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

__all__ = ["withdraw_default_grants"]

_WEB_ROLES = ("anon", "authenticated")

_PRESENT = text("SELECT rolname FROM pg_catalog.pg_roles WHERE rolname = ANY (:roles)")

_OURS = text(r"""
SELECT pg_catalog.format('TABLE %I.%I', n.nspname, c.relname)
  FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
 WHERE n.nspname = :schema AND c.relkind IN ('r', 'p', 'v', 'm') AND c.relname LIKE 'chatapp\_%'
   AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
UNION ALL
SELECT pg_catalog.format('FUNCTION %s', p.oid::pg_catalog.regprocedure)
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
 WHERE n.nspname = :schema AND p.proname LIKE 'chatapp\_%'
   AND pg_catalog.pg_has_role(p.proowner, 'USAGE')
""")


def withdraw_default_grants(connection: Connection, schema: str) -> None:
    """Revoke everything on our tables and functions from the web roles, where there are such roles."""
    roles = connection.execute(_PRESENT, {"roles": list(_WEB_ROLES)}).scalars().all()
    if not roles:
        return
    for thing in connection.execute(_OURS, {"schema": schema}).scalars().all():
        connection.exec_driver_sql(f"REVOKE ALL ON {thing} FROM {', '.join(sorted(roles))}")
