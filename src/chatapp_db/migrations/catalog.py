"""What PostgreSQL itself holds of our tables, in words by which two schemas can be compared.

Names are printed as the search path sees them, and owners as "owner": neither the schema nor who
made it is part of the words. Positions of columns, storage parameters and grants to roles of
others that the schema's default privileges give are the host's affair and left out.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sqlalchemy import Connection, text

__all__ = ["Catalog", "Fact", "read_catalog"]


class Fact(NamedTuple):
    """One thing of a schema: its kind, the table, type or function it belongs to, and its name."""

    kind: str
    owner: str
    name: str


Catalog = dict[Fact, str]

_OURS = r"""
WITH here AS (SELECT oid, nspacl, nspowner FROM pg_namespace WHERE nspname = :schema),
ours AS (
    SELECT c.* FROM pg_class AS c JOIN here ON here.oid = c.relnamespace
     WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relname LIKE 'chatapp\_%'
),
sequences AS (
    SELECT c.*, s.* FROM pg_class AS c JOIN here ON here.oid = c.relnamespace
      JOIN pg_sequence AS s ON s.seqrelid = c.oid WHERE c.relname LIKE 'chatapp\_%'
),
columns AS (
    SELECT c.relname, c.relowner, a.* FROM ours AS c
      JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
),
functions AS (
    SELECT p.*, p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')' AS signature
      FROM pg_proc AS p JOIN here ON here.oid = p.pronamespace WHERE p.proname LIKE 'chatapp\_%'
),
types AS (
    SELECT t.* FROM pg_type AS t JOIN here ON here.oid = t.typnamespace WHERE t.typtype = 'e'
),
main AS (SELECT relowner AS owner FROM ours WHERE relname = 'chatapp_companies'),
granted AS (
    SELECT relname AS object, relname AS name, relowner AS owner, relnamespace AS namespace,
           'r' AS type, coalesce(relacl, acldefault('r', relowner)) AS acl FROM ours
    UNION ALL
    SELECT relname, relname, relowner, relnamespace, 'S', coalesce(relacl, acldefault('s', relowner))
      FROM sequences
    UNION ALL
    SELECT relname, relname || '.' || attname, relowner, 0, 'r', attacl FROM columns
    UNION ALL
    SELECT proname, signature, proowner, pronamespace, 'f', coalesce(proacl, acldefault('f', proowner))
      FROM functions
    UNION ALL
    SELECT typname, typname, typowner, typnamespace, 'T', coalesce(typacl, acldefault('T', typowner))
      FROM types
    UNION ALL
    SELECT '', 'the schema', nspowner, 0, 'n', nspacl FROM here
),
privileges AS (
    SELECT g.object, g.name, g.type, a.grantee, a.privilege_type, a.is_grantable,
           CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE r.rolname END AS role,
           EXISTS (
               SELECT FROM pg_default_acl AS d, aclexplode(d.defaclacl) AS x
                WHERE d.defaclrole = g.owner AND d.defaclnamespace IN (0, g.namespace)
                  AND d.defaclobjtype::text = g.type AND x.grantee = a.grantee
                  AND x.privilege_type = a.privilege_type
           ) AS by_default
      FROM granted AS g CROSS JOIN aclexplode(g.acl) AS a LEFT JOIN pg_roles AS r ON r.oid = a.grantee
     WHERE a.grantee NOT IN (g.owner, (SELECT owner FROM main))
)"""

# For each kind of thing: what it belongs to, its name, and all there is to say about it. The first
# decides the types: as `name`, the rest would be cut off after 63 bytes.
_KINDS = (
    """
    SELECT 'table', c.relname::text, c.relname::text, concat_ws(' ',
           CASE c.relkind WHEN 'r' THEN 'table' ELSE 'relation of kind ' || c.relkind::text END,
           CASE c.relpersistence WHEN 'u' THEN 'UNLOGGED' WHEN 't' THEN 'TEMPORARY' END,
           CASE WHEN c.relowner <> (SELECT owner FROM main) THEN 'of another owner' END)
      FROM ours AS c""",
    """
    SELECT 'sequence', s.relname, s.relname, concat_ws(' ',
           format_type(s.seqtypid, NULL), 'INCREMENT', s.seqincrement, 'MAXVALUE', s.seqmax,
           CASE WHEN s.seqcycle THEN 'CYCLE' END,
           CASE WHEN s.relowner <> (SELECT owner FROM main) THEN 'of another owner' END)
      FROM sequences AS s""",
    """
    SELECT 'row security', c.relname, c.relname, concat_ws(' ',
           CASE WHEN c.relrowsecurity THEN 'enabled' ELSE 'not enabled' END,
           CASE WHEN c.relforcerowsecurity THEN 'forced' ELSE 'not forced' END)
      FROM ours AS c""",
    """
    SELECT 'column', c.relname, c.relname || '.' || c.attname, concat_ws(' ',
           format_type(c.atttypid, c.atttypmod),
           CASE WHEN c.attcollation <> t.typcollation
                THEN 'COLLATE ' || c.attcollation::regcollation::text END,
           CASE WHEN c.attnotnull THEN 'NOT NULL' END,
           CASE WHEN c.attidentity <> '' THEN 'IDENTITY ' || c.attidentity::text END,
           CASE WHEN c.attgenerated <> '' THEN 'GENERATED ' || c.attgenerated::text END,
           'DEFAULT ' || pg_get_expr(d.adbin, d.adrelid))
      FROM columns AS c JOIN pg_type AS t ON t.oid = c.atttypid
      LEFT JOIN pg_attrdef AS d ON d.adrelid = c.attrelid AND d.adnum = c.attnum""",
    """
    SELECT CASE k.contype WHEN 'c' THEN 'check' ELSE 'constraint' END,
           c.relname, c.relname || '.' || k.conname, concat_ws(' ', pg_get_constraintdef(k.oid),
           CASE WHEN EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
                THEN 'DISABLED' END)
      FROM ours AS c JOIN pg_constraint AS k ON k.conrelid = c.oid
     WHERE k.contype <> 'n' OR NOT k.convalidated""",
    """
    SELECT 'index', c.relname, i.relname, concat_ws(' ',
           CASE WHEN NOT (x.indisvalid AND x.indisready AND x.indislive) THEN 'INVALID' END,
           pg_get_indexdef(i.oid, 0, true))
      FROM ours AS c JOIN pg_index AS x ON x.indrelid = c.oid JOIN pg_class AS i ON i.oid = x.indexrelid""",
    """
    SELECT 'trigger', c.relname, c.relname || '.' || t.tgname, concat_ws(' ',
           CASE t.tgenabled WHEN 'O' THEN NULL WHEN 'D' THEN 'DISABLED'
                            ELSE 'ENABLED ' || t.tgenabled::text END,
           pg_get_triggerdef(t.oid, true))
      FROM ours AS c JOIN pg_trigger AS t ON t.tgrelid = c.oid AND NOT t.tgisinternal""",
    """
    SELECT 'rule', c.relname, c.relname || '.' || r.rulename, pg_get_ruledef(r.oid)
      FROM ours AS c JOIN pg_rewrite AS r ON r.ev_class = c.oid AND r.rulename <> '_RETURN'""",
    """
    SELECT 'policy', c.relname, c.relname || '.' || p.polname, concat_ws(' ',
           CASE WHEN NOT p.polpermissive THEN 'RESTRICTIVE' END,
           'FOR ' || CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'
                                   WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
           'TO ' || (SELECT string_agg(
                            CASE o.role WHEN 0 THEN 'PUBLIC' WHEN c.relowner THEN 'owner'
                                        ELSE pg_get_userbyid(o.role) END, ', ' ORDER BY o.role)
                       FROM unnest(p.polroles) AS o (role)),
           'USING (' || pg_get_expr(p.polqual, p.polrelid) || ')',
           'WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
      FROM ours AS c JOIN pg_policy AS p ON p.polrelid = c.oid""",
    """
    SELECT 'function', p.proname, p.signature, concat_ws(' ',
           'RETURNS ' || pg_get_function_result(p.oid), 'LANGUAGE ' || l.lanname,
           CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
           CASE p.proparallel WHEN 's' THEN 'PARALLEL SAFE' WHEN 'r' THEN 'PARALLEL RESTRICTED' END,
           CASE WHEN p.proisstrict THEN 'STRICT' END, CASE WHEN p.proleakproof THEN 'LEAKPROOF' END,
           CASE WHEN p.prosecdef THEN 'SECURITY DEFINER' END,
           CASE WHEN p.proowner <> (SELECT owner FROM main) AND NOT p.prosecdef
                THEN 'OWNER ' || pg_get_userbyid(p.proowner) END,
           'SET ' || array_to_string(p.proconfig, ', '),
           coalesce(pg_get_function_sqlbody(p.oid), 'AS ' || p.prosrc))
      FROM functions AS p JOIN pg_language AS l ON l.oid = p.prolang""",
    """
    SELECT 'owner', p.proname, p.signature,
           CASE WHEN p.proowner = (SELECT owner FROM main) THEN 'owner' ELSE pg_get_userbyid(p.proowner) END
      FROM functions AS p WHERE p.prosecdef""",
    """
    SELECT 'enum', t.typname, t.typname, string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder)
      FROM types AS t JOIN pg_enum AS e ON e.enumtypid = t.oid GROUP BY t.typname""",
    """
    SELECT 'grant', object, name || ' to ' || role, string_agg(
           privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
           ', ' ORDER BY privilege_type)
      FROM privileges
     WHERE role = ANY (:roles)
        OR type <> 'n' AND (NOT by_default OR role IN ('PUBLIC', 'anon', 'authenticated'))
     GROUP BY object, name, role""",
    """
    SELECT 'comment', c.relname, c.relname || coalesce('.' || a.attname, ''), d.description
      FROM ours AS c JOIN pg_description AS d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass
      LEFT JOIN columns AS a ON a.attrelid = c.oid AND a.attnum = d.objsubid""",
)

# One statement, so that what it reads is of one moment: a migration may commit in between.
_EVERYTHING = text(_OURS + " UNION ALL ".join(f"{kind}\n" for kind in _KINDS))


def read_catalog(connection: Connection, schema: str, roles: tuple[str, ...]) -> Catalog:
    """Read all that belongs to our tables, sequences, types and functions in a schema.

    The schema has to be first on the search path. ``roles`` are those that the tables are granted to.
    """
    found = connection.execute(_EVERYTHING, {"schema": schema, "roles": list(roles)})
    # A function with an empty search path names its schema in its body, where nobody prints it for us.
    qualifier = re.compile(rf'(?:\b{re.escape(schema)}|"{re.escape(schema)}")\.(?=chatapp_)')
    return {
        Fact(kind, owner, name): qualifier.sub("", words) if kind == "function" else words
        for kind, owner, name, words in found
    }
