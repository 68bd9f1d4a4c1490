"""Somebody who calls a search as SQL, and what they may try to get in its way."""

from __future__ import annotations

import re

import psycopg

from tests.migrations.filled import HARBOUR

TRICKS = f"""
CREATE FUNCTION {{where}}.chatapp_current_company() RETURNS uuid LANGUAGE sql
    AS $$ SELECT '{HARBOUR}'::uuid $$;
CREATE FUNCTION {{where}}.websearch_to_tsquery(regconfig, text) RETURNS tsquery LANGUAGE sql
    AS $$ SELECT 'parcel'::tsquery $$;
CREATE FUNCTION {{where}}.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR {{where}}.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = {{where}}.always);
CREATE TABLE {{where}}.chatapp_messages (LIKE public.chatapp_messages);
CREATE TABLE {{where}}.chatapp_knowledge_chunks (LIKE public.chatapp_knowledge_chunks);
CREATE TABLE {{where}}.chatapp_knowledge_sources (LIKE public.chatapp_knowledge_sources);
CREATE DOMAIN {{where}}.regconfig AS text
"""


class Searcher:
    """Somebody who calls a search as the app role, for a company or for none."""

    def __init__(self, place, company=None, role=None, schema="public"):
        self.connection = psycopg.connect(place.url)
        self.connection.execute(f"SET ROLE {role or place.app_role}")
        if company:
            self.connection.execute("SELECT set_config('chatapp.company_id', %s, false)", [company])
        self.schema = schema

    def __enter__(self):
        return self

    def __exit__(self, *_raised):
        self.connection.close()

    def call(self, function, *arguments):
        places = ", ".join(["%s"] * len(arguments))
        return self.connection.execute(
            f"SELECT * FROM {self.schema}.{function}({places})", arguments
        ).fetchall()

    def plan_of(self, function, arguments):
        """Run a function's body with the plan for any values, which EXPLAIN of a call does not show."""
        about = "SELECT prosrc, proargnames, oidvectortypes(proargtypes) FROM pg_proc WHERE proname = %s"
        ((body, names, types),) = self.connection.execute(about, [function]).fetchall()
        for place, name in enumerate(names[: len(arguments)], start=1):
            body = re.sub(rf"\b{name}\b", f"${place}", body)
        self.connection.execute(f"PREPARE body ({types}) AS {body}")
        self.connection.execute("SET plan_cache_mode = force_generic_plan")
        given = psycopg.ClientCursor(self.connection).mogrify(", ".join(["%s"] * len(arguments)), arguments)
        (((plan,),),) = self.connection.execute(
            f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE body ({given})"
        ).fetchall()
        return plan["Plan"]


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
