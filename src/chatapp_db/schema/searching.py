"""Searching by words: the indexes, and for each the one function that may use it for a company.

A full-text condition is not leakproof, so that no index serves it below a policy: each function runs as the
platform role, above them, and its first condition is the company. It hands out ids and what orders them, no
content: rows are read below the policies like any others.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Index, text

from chatapp_db.schema.quoting import literal, name

__all__ = ["search_statements", "words_index"]

# A vector of words holds 1 MB: longer texts are found by their beginning, not refused. The company is one
# of the words, so that a search reads what it wrote and nobody else: no text has a word with a blank in it.
_WORDS = (
    "(to_tsvector('simple'::regconfig, left(content, 65536))"
    " || array_to_tsvector(ARRAY['company ' || company_id::text]))"
)


def words_index(table: str) -> Index:
    """Index the words of a table's content, each company's apart."""
    return Index(f"ix_{table}_search", text(_WORDS), postgresql_using="gin")


# What a company's rows are found by: the company as text, or the planner would read all of them by another
# index and intersect. A search of exclusions alone finds nothing: it would read all that was ever written.
_FOUND = """\
{row}.company_id::text = (select <schema>.chatapp_current_company())::text
      and (pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig,
                                  pg_catalog.left({row}.content, 65536))
           || pg_catalog.array_to_tsvector(array['company ' || {row}.company_id::text]))
          operator(pg_catalog.@@)
          (pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query)
           && pg_catalog.quote_literal(
                'company ' || (select <schema>.chatapp_current_company())::text)::pg_catalog.tsquery)
      and pg_catalog.querytree(
            pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query))
          not in ('', 'T')"""

# Newest first, from a key on.
_MESSAGES = f"""\
CREATE FUNCTION chatapp_search_messages(query text, before timestamptz, before_id uuid, most integer)
RETURNS TABLE (id uuid, created_at timestamptz)
LANGUAGE sql STABLE {{whose}} SET search_path = '' AS
$$ select m.id, m.created_at
     from <schema>.chatapp_messages as m
    where {_FOUND.format(row="m")}
      and (before is null or (m.created_at, m.id) < (before, before_id))
    order by m.created_at desc, m.id desc
    limit least(greatest(most, 1), 501) $$"""  # noqa: S608  # constants

# The best first, of the thousand newest: a rank has to read the words of whatever it ranks. Taken to give as
# many rows as PostgreSQL supposes of a function, it was joined by reading all chunks of the company.
_CHUNKS = f"""\
CREATE FUNCTION chatapp_search_chunks(query text, for_agent uuid, most integer)
RETURNS TABLE (id uuid, rank real)
LANGUAGE sql STABLE ROWS 25 {{whose}} SET search_path = '' AS
$$ select found.id,
          pg_catalog.ts_rank(
            pg_catalog.to_tsvector('pg_catalog.simple'::pg_catalog.regconfig,
                                   pg_catalog.left(found.content, 65536)),
            pg_catalog.websearch_to_tsquery('pg_catalog.simple'::pg_catalog.regconfig, query)) as rank
     from (select c.id, c.content
             from <schema>.chatapp_knowledge_chunks as c
            where {_FOUND.format(row="c")}
              and (for_agent is null or exists (
                    select from <schema>.chatapp_knowledge_sources as s
                     where s.company_id = (select <schema>.chatapp_current_company())
                       and s.id = c.source_id and (s.agent_id = for_agent or s.agent_id is null)))
            order by c.id desc
            limit 1000) as found
    order by rank desc, found.id desc
    limit least(greatest(most, 1), 501) $$"""  # noqa: S608  # constants

_SEARCHES = {
    "chatapp_search_messages(text, timestamptz, uuid, integer)": _MESSAGES,
    "chatapp_search_chunks(text, uuid, integer)": _CHUNKS,
}

# The schema is known to the search path alone, which the function itself does without.
_CREATE = """\
DO $do$ BEGIN
  EXECUTE replace($body$
{definition}
  $body$, '<schema>', pg_catalog.quote_ident(pg_catalog.current_schema()));
END $do$"""

# Whoever the schema's default privileges name, too: it is for the company's role alone.
_WITHDRAW = """\
DO $$ DECLARE whom text; BEGIN
  FOR whom IN
    SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
      FROM pg_proc AS p CROSS JOIN aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
     WHERE p.oid = to_regprocedure('{signature}') AND a.grantee <> p.proowner
  LOOP
    EXECUTE 'REVOKE ALL ON FUNCTION {signature} FROM ' || whom;
  END LOOP;
END $$"""

# An owner must be one who may create in the schema, at this moment and no longer. A login that may
# not take the role, and only wants to compare, goes without.
_GIVE = """\
DO $$ DECLARE
  home name := current_schema();
  login name := current_user;
  role_before text := current_setting('role');
  lacks boolean := NOT has_schema_privilege({role}, home, 'CREATE');
BEGIN
  IF lacks THEN
    EXECUTE 'GRANT CREATE ON SCHEMA ' || quote_ident(home) || ' TO ' || quote_ident({role});
  END IF;
  EXECUTE 'ALTER FUNCTION {signature} OWNER TO ' || quote_ident({role});
  IF {for_login} THEN
    PERFORM set_config('role', {role}, true);
    EXECUTE 'GRANT EXECUTE ON FUNCTION {signature} TO ' || quote_ident(login);
    PERFORM set_config('role', role_before, true);
  END IF;
  IF lacks THEN
    EXECUTE 'REVOKE CREATE ON SCHEMA ' || quote_ident(home) || ' FROM ' || quote_ident({role});
  END IF;
EXCEPTION WHEN insufficient_privilege THEN NULL;
END $$"""


def search_statements(app_role: str | None, platform_role: str | None) -> Iterator[str]:
    """Make each search and give it to the platform role; without one it runs as its caller, unindexed."""
    for signature, definition in _SEARCHES.items():
        whose = "SECURITY DEFINER" if platform_role else "SECURITY INVOKER"
        yield _CREATE.format(definition=definition.format(whose=whose))
        yield _WITHDRAW.format(signature=signature)
        if app_role is not None:
            yield f"GRANT EXECUTE ON FUNCTION {signature} TO {name(app_role)}"
        if platform_role is not None:
            for_login = "false" if app_role else "true"
            yield _GIVE.format(signature=signature, role=literal(platform_role), for_login=for_login)
