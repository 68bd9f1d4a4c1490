"""The rules by which tables can be distributed, asked of the catalog: each rule lists its offenders."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

import psycopg
import pytest

from chatapp_db.execution.scope import VERSION_TABLE
from chatapp_db.schema import metadata
from chatapp_db.schema.distribution import Placement, placement_of
from tests.migrations.conftest import Place, fresh_place
from tests.migrations.test_metadata_matches import create_from_metadata

LONGEST_NAME = 54  # Citus appends the number of the shard, and PostgreSQL cuts off after 63

PLACED = ", ".join(f"('{table.name}', '{placement_of(table)}')" for table in metadata.sorted_tables)

# The columns of keys as an array of names: an expression has none.
_SETUP = f"""
CREATE TEMP VIEW placed AS
SELECT c.oid, c.relname::text AS name, c.relkind, v.place
  FROM pg_class AS c JOIN (VALUES {PLACED}) AS v (name, place) ON v.name = c.relname
 WHERE c.relnamespace = 'public'::regnamespace;

CREATE TEMP VIEW keys AS
SELECT p.*, i.relname::text AS key, x.indisunique, x.indisprimary, x.indisexclusion, array(
       SELECT coalesce(a.attname::text, '(expression)')
         FROM unnest(x.indkey[: x.indnkeyatts - 1]) WITH ORDINALITY AS k (number, place)
         LEFT JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attnum = k.number
        ORDER BY k.place) AS columns
  FROM placed AS p JOIN pg_index AS x ON x.indrelid = p.oid JOIN pg_class AS i ON i.oid = x.indexrelid;

CREATE TEMP VIEW references_ AS
SELECT p.name, p.place, k.conname::text AS key, k.confdeltype, k.confupdtype, r.place AS to_place,
       array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY AS n (number, place)
               JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attnum = n.number ORDER BY n.place) AS own,
       array(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY AS n (number, place)
               JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = n.number ORDER BY n.place)
       AS theirs
  FROM placed AS p JOIN pg_constraint AS k ON k.conrelid = p.oid AND k.contype = 'f'
  JOIN placed AS r ON r.oid = k.confrelid;
"""

RULES = {
    "a table has a place": f"""
        SELECT relname FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'f', 'm', 'v')
           AND relname LIKE 'chatapp\\_%' AND relname <> '{VERSION_TABLE}'
           AND relname NOT IN (SELECT name FROM placed)""",
    "a table is a plain one": """
        SELECT name FROM placed WHERE relkind <> 'r' OR oid IN (SELECT inhrelid FROM pg_inherits)""",
    "every table has a primary key": """
        SELECT name FROM placed WHERE oid NOT IN (SELECT oid FROM keys WHERE indisprimary)""",
    "a primary key is the company, then the id": """
        SELECT key FROM keys WHERE place = 'distributed' AND indisprimary AND columns <> '{company_id,id}'""",
    "a unique key begins with the company": """
        SELECT key FROM keys
         WHERE place = 'distributed' AND (indisunique OR indisexclusion)
           AND columns[1] IS DISTINCT FROM 'company_id'""",
    "the company is a uuid, and always there": """
        SELECT p.name
          FROM placed AS p LEFT JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attname = 'company_id'
         WHERE p.place = 'distributed'
           AND (a.attnotnull AND a.atttypid = 'uuid'::regtype AND a.attgenerated = '') IS NOT TRUE""",
    "between companies' tables the company refers to the company": """
        SELECT key FROM references_
         WHERE place = 'distributed' AND to_place = 'distributed'
           AND (own[1], theirs[1]) <> ('company_id', 'company_id')""",
    "nothing is set to null by a reference": """
        SELECT key FROM references_ WHERE confdeltype NOT IN ('a', 'c') OR confupdtype <> 'a'""",
    "only companies' tables refer to companies' tables": """
        SELECT key FROM references_ WHERE to_place = 'distributed' AND place <> 'distributed'""",
    "nothing but the trail is the coordinator's own": """
        SELECT key FROM references_ WHERE to_place = 'coordinator' AND place <> 'coordinator'""",
    "no column counts": """
        SELECT p.name || '.' || a.attname
          FROM placed AS p JOIN pg_attribute AS a ON a.attrelid = p.oid AND a.attnum > 0
          LEFT JOIN pg_attrdef AS d ON d.adrelid = p.oid AND d.adnum = a.attnum
         WHERE a.attidentity <> '' OR pg_get_expr(d.adbin, d.adrelid) LIKE '%nextval%'""",
    "a name leaves room for a shard's number": f"""
        SELECT name FROM (
            SELECT name FROM placed UNION ALL SELECT key FROM keys
             UNION ALL SELECT conname FROM pg_constraint JOIN placed ON placed.oid = conrelid
                        WHERE contype <> 'n'
        ) AS names WHERE octet_length(name) > {LONGEST_NAME}""",
}

_BY_ID = "CREATE UNIQUE INDEX by_id ON chatapp_agents (id);"

BREAKS = {
    "a table has a place": "CREATE TABLE chatapp_news (id int)",
    "a table is a plain one": "CREATE TABLE top (LIKE chatapp_usage_counters);"
    "ALTER TABLE chatapp_usage_counters INHERIT top",
    "every table has a primary key": "ALTER TABLE chatapp_embedding_sets"
    " DROP CONSTRAINT pk_chatapp_embedding_sets",
    "a primary key is the company, then the id": "ALTER TABLE chatapp_usage_counters"
    " DROP CONSTRAINT pk_chatapp_usage_counters,"
    " ADD CONSTRAINT pk_chatapp_usage_counters PRIMARY KEY (company_id, id, created_at)",
    "a unique key begins with the company": "CREATE UNIQUE INDEX mine ON chatapp_agents (id, company_id)",
    "the company is a uuid, and always there": "ALTER TABLE chatapp_vector_outbox"
    " DROP CONSTRAINT pk_chatapp_vector_outbox, ADD PRIMARY KEY (id);"
    "ALTER TABLE chatapp_vector_outbox ALTER company_id DROP NOT NULL",
    "between companies' tables the company refers to the company": f"{_BY_ID}"
    "ALTER TABLE chatapp_vector_outbox ADD FOREIGN KEY (subject_id) REFERENCES chatapp_agents (id)",
    "nothing is set to null by a reference": "ALTER TABLE chatapp_webhook_deliveries"
    " ADD FOREIGN KEY (company_id) REFERENCES chatapp_companies (id) ON DELETE SET NULL",
    "only companies' tables refer to companies' tables": "ALTER TABLE chatapp_users ADD agent_id uuid,"
    " ADD FOREIGN KEY (company_id, agent_id) REFERENCES chatapp_agents (company_id, id)",
    "nothing but the trail is the coordinator's own": "ALTER TABLE chatapp_users ADD line uuid,"
    " ADD FOREIGN KEY (line) REFERENCES chatapp_audit_logs (id)",
    "no column counts": "ALTER TABLE chatapp_messages ADD number bigserial",
    "a name leaves room for a shard's number": f"CREATE INDEX {'i' * (LONGEST_NAME + 1)}"
    " ON chatapp_agents (company_id)",
}
"""What breaks a rule; where it cannot but break another, that is one of the same key."""

BROKEN_TOO = {
    "the company is a uuid, and always there": {
        "a primary key is the company, then the id",
        "a unique key begins with the company",
    },
    "between companies' tables the company refers to the company": {"a unique key begins with the company"},
}


def offenders(connection: psycopg.Connection) -> dict[str, list[str]]:
    found = {rule: [name for (name,) in connection.execute(query)] for rule, query in RULES.items()}
    return {rule: names for rule, names in found.items() if names}


@pytest.fixture(scope="module", params=["migrated", "from the metadata"])
def place(request, server) -> Generator[Place]:
    with fresh_place(server) as place, server.database() as empty_url:
        place.migrate()
        if request.param == "from the metadata":
            create_from_metadata(place, empty_url, place.names)
        is_migrated = request.param == "migrated"
        yield place if is_migrated else replace(place, url=empty_url)


@pytest.fixture
def catalog(place) -> Generator[psycopg.Connection]:
    with psycopg.connect(place.url) as connection:
        connection.execute(_SETUP)
        yield connection
        connection.rollback()


def test_every_table_can_be_distributed(catalog):
    assert offenders(catalog) == {}
    (tables, keys, references) = catalog.execute(
        "SELECT (SELECT count(*) FROM placed), (SELECT count(*) FROM keys),"
        " (SELECT count(*) FROM references_)"
    ).fetchone()
    assert tables == len(metadata.tables)
    assert keys > tables
    assert references == sum(len(table.foreign_key_constraints) for table in metadata.tables.values())


@pytest.mark.parametrize("rule", RULES)
def test_what_breaks_a_rule_is_found_by_it(catalog, rule):
    catalog.execute(BREAKS[rule])

    assert offenders(catalog).keys() == {rule} | BROKEN_TOO.get(rule, set())


def test_all_three_places_are_taken():
    assert {placement_of(table) for table in metadata.sorted_tables} == {*Placement}
