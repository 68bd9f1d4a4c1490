"""Search messages by their words: an index, and the one function that may use it for a company.

Revision 0002, after 0001.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import Operations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

INDEX = "ix_chatapp_messages_search"
# The company is one of the words, so that a search reads what the company said and nobody else: no text
# has a word with a blank in it.
ON_MESSAGES = (
    "USING gin ((to_tsvector('simple'::regconfig, left(content, 65536))"
    " || array_to_tsvector(ARRAY['company ' || company_id::text])))"
)

# Where the table has rows these are there already, built ahead of this revision's transaction.
CONCURRENTLY = {INDEX: ("chatapp_messages", ON_MESSAGES)}


def upgrade(op: Operations) -> None:
    options = op.get_context().opts
    if not options["indexes_are_built"]:
        op.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON chatapp_messages {ON_MESSAGES}")
    for statement in search(options["names"]):
        op.execute(statement)


def downgrade(op: Operations) -> None:
    op.execute(DROP)
    op.execute(f"DROP INDEX {INDEX}")


def search(names: Any) -> Iterator[str]:
    """Make the function, for the app role alone, and give it to the role that every policy lets read.

    Without a platform role there is nobody to give it to: it runs as its caller, below the policies,
    which finds the same without the index.
    """
    whose = "SECURITY DEFINER" if names.platform_role else "SECURITY INVOKER"
    yield FUNCTION.format(schema=f'"{names.schema}"', whose=whose)
    yield WITHDRAW
    if names.app_role:
        yield f'GRANT EXECUTE ON FUNCTION {SIGNATURE} TO "{names.app_role}"'
    if names.platform_role:
        is_login_caller = str(names.app_role is None).lower()
        yield GIVE.format(schema=names.schema, platform=names.platform_role, is_login_caller=is_login_caller)


SIGNATURE = "chatapp_search_messages(text, timestamptz, uuid, integer)"

# Newest first, from a key on. The company is compared as text, or the planner would read all of its
# messages by another index and intersect. A search of exclusions alone finds nothing: it would read all
# that the company ever said.
FUNCTION = """
CREATE FUNCTION chatapp_search_messages(query text, before timestamptz, before_id uuid, most integer)
RETURNS TABLE (id uuid, created_at timestamptz)
LANGUAGE sql STABLE {whose} SET search_path = '' AS
$$ select m.id, m.created_at
     from {schema}.chatapp_messages as m
    where m.company_id::text = (select {schema}.chatapp_current_company())::text
      and (pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig,
                                  pg_catalog.left(m.content, 65536))
           || pg_catalog.array_to_tsvector(array['company ' || m.company_id::text]))
          operator(pg_catalog.@@)
          (pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query)
           && pg_catalog.quote_literal(
                'company ' || (select {schema}.chatapp_current_company())::text)::pg_catalog.tsquery)
      and pg_catalog.querytree(
            pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query))
          not in ('', 'T')
      and (before is null or (m.created_at, m.id) < (before, before_id))
    order by m.created_at desc, m.id desc
    limit least(greatest(most, 1), 501) $$"""

# PUBLIC, and whoever a hosted server's default privileges name.
WITHDRAW = f"""
DO $do$ DECLARE
    whom text;
BEGIN
    FOR whom IN
        SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
          FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
         WHERE p.oid = to_regprocedure('{SIGNATURE}') AND a.grantee <> p.proowner
    LOOP
        EXECUTE 'REVOKE ALL ON FUNCTION {SIGNATURE} FROM ' || whom;
    END LOOP;
END $do$"""

# An owner must be one who may create in the schema, at this moment and no longer. A login that may not
# allow it goes without the index: below the policies the function finds the same.
GIVE = f"""
DO $do$ DECLARE
    login name := current_user;
    role_before text := current_setting('role');
    lacks boolean := NOT has_schema_privilege('{{platform}}', '{{schema}}', 'CREATE');
BEGIN
    IF lacks THEN
        EXECUTE 'GRANT CREATE ON SCHEMA "{{schema}}" TO "{{platform}}"';
    END IF;
    EXECUTE 'ALTER FUNCTION {SIGNATURE} OWNER TO "{{platform}}"';
    IF {{is_login_caller}} THEN
        PERFORM set_config('role', '{{platform}}', true);
        EXECUTE 'GRANT EXECUTE ON FUNCTION {SIGNATURE} TO ' || quote_ident(login);
        PERFORM set_config('role', role_before, true);
    END IF;
    IF lacks THEN
        EXECUTE 'REVOKE CREATE ON SCHEMA "{{schema}}" FROM "{{platform}}"';
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    EXECUTE 'ALTER FUNCTION {SIGNATURE} SECURITY INVOKER';
    RAISE WARNING 'searches of messages use no index: % may not GRANT CREATE ON SCHEMA {{schema}}', login;
END $do$"""

DROP = f"""
DO $do$ DECLARE
    role_before text := current_setting('role');
BEGIN
    PERFORM set_config('role', pg_get_userbyid(proowner), true)
       FROM pg_proc WHERE oid = to_regprocedure('{SIGNATURE}');
    EXECUTE 'DROP FUNCTION {SIGNATURE}';
    PERFORM set_config('role', role_before, true);
END $do$"""
