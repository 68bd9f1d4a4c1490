"""Search knowledge chunks by their words: an index, and the one function that may use it for a company.

Revision 0005, after 0004.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import Operations

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEX = "ix_chatapp_knowledge_chunks_search"
# The company is one of the words, so that a search reads what is the company's and nobody else's: no text
# has a word with a blank in it.
ON_CHUNKS = (
    "USING gin ((to_tsvector('simple'::regconfig, left(content, 65536))"
    " || array_to_tsvector(ARRAY['company ' || company_id::text])))"
)

# Where the table has rows these are there already, built ahead of this revision's transaction.
CONCURRENTLY = {INDEX: ("chatapp_knowledge_chunks", ON_CHUNKS)}


def upgrade(op: Operations) -> None:
    options = op.get_context().opts
    if not options["indexes_are_built"]:
        op.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON chatapp_knowledge_chunks {ON_CHUNKS}")
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


SIGNATURE = "chatapp_search_chunks(text, uuid, integer)"

# The best first, of the thousand newest: a rank has to read the words of whatever it ranks. Taken to give as
# many rows as PostgreSQL supposes of a function, it was joined by reading all chunks of the company. That
# one is compared as text, or the planner would read them by another index and intersect. A search of
# exclusions alone finds nothing: it would read all that the company ever wrote.
FUNCTION = """
CREATE FUNCTION chatapp_search_chunks(query text, for_agent uuid, most integer)
RETURNS TABLE (id uuid, rank real)
LANGUAGE sql STABLE ROWS 25 {whose} SET search_path = '' AS
$$ select found.id,
          pg_catalog.ts_rank(
            pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig,
                                   pg_catalog.left(found.content, 65536)),
            pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query)) as rank
     from (select c.id, c.content
             from {schema}.chatapp_knowledge_chunks as c
            where c.company_id::text = (select {schema}.chatapp_current_company())::text
      and (pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig,
                                  pg_catalog.left(c.content, 65536))
           || pg_catalog.array_to_tsvector(array['company ' || c.company_id::text]))
          operator(pg_catalog.@@)
          (pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query)
           && pg_catalog.quote_literal(
                'company ' || (select {schema}.chatapp_current_company())::text)::pg_catalog.tsquery)
      and pg_catalog.querytree(
            pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query))
          not in ('', 'T')
              and (for_agent is null or exists (
                    select from {schema}.chatapp_knowledge_sources as s
                     where s.company_id = (select {schema}.chatapp_current_company())
                       and s.id = c.source_id and (s.agent_id = for_agent or s.agent_id is null)))
            order by c.id desc
            limit 1000) as found
    order by rank desc, found.id desc
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
    RAISE WARNING 'searches of knowledge use no index: % may not GRANT CREATE ON SCHEMA {{schema}}', login;
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
