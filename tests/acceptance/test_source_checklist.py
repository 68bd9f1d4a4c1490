"""The validation checklist of the source document, one test a line, on a database that migrate() made."""

from __future__ import annotations

from uuid import uuid4

import psycopg
import pytest

from chatapp_db.errors import ExtensionUnavailable, InvalidReference, NotFound
from chatapp_db.migrations import migrate
from chatapp_db.schema import metadata
from chatapp_db.seeding import aseed, seed
from chatapp_db.vectors import Point, create_vector_store
from tests.rows import new_agent, new_company, new_conversation, new_customer
from tests.unit.test_schema_source import INDEXED, SOURCE_COLUMNS
from tests.worlds import settled, unwrapped


def rows(url: str, query: str, *parameters: object) -> list[tuple]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query, parameters).fetchall()


def test_all_tables_created_successfully(database_url):
    found = rows(
        database_url, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE 'chatapp%%'"
    )
    expected = {f"chatapp_{name}" for name in SOURCE_COLUMNS}
    assert len(expected) == 18
    assert expected <= {name for (name,) in found}


async def test_foreign_key_relationships_work_correctly(db):
    company = await new_company(db)
    other = await new_company(db)
    agent, customer = await new_agent(db, company), await new_customer(db, company)
    conversation = await db.company(company).conversations.open(agent_id=agent, customer_id=customer)
    assert (conversation.agent_id, conversation.customer_id) == (agent, customer)
    for stranger in (uuid4(), await new_agent(db, other)):
        with pytest.raises(InvalidReference):
            await db.company(company).conversations.open(agent_id=stranger, customer_id=customer)


def test_indexes_are_created(database_url):
    found = rows(
        database_url,
        "SELECT c.relname, array_agg(a.attname::text ORDER BY k.position) FROM pg_index AS i"
        " JOIN pg_class AS c ON c.oid = i.indrelid"
        " CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position)"
        " JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number"
        " WHERE i.indisvalid GROUP BY i.indexrelid, c.relname",
    )
    for table, columns in INDEXED:
        leading = [names[: len(columns)] for name, names in found if name == f"chatapp_{table}"]
        assert columns in leading, f"{table} ({', '.join(columns)})"


def test_vector_extension_enabled_and_working(database_url):
    company, near, far = uuid4(), uuid4(), uuid4()
    url = database_url.replace("postgresql:", "pgvector:", 1)
    with create_vector_store(url, dimension=3, chunks_table=None) as store:
        try:
            store.ensure_collection()
        except ExtensionUnavailable:
            pytest.skip("this server does not offer pgvector")
        store.upsert(company, [Point(far, [0, 1, 0], uuid4()), Point(near, [1, 0.1, 0], uuid4())])
        assert [hit.chunk_id for hit in store.search(company, [1, 0, 0])] == [near, far]
        assert store.search(uuid4(), [1, 0, 0]) == []


def test_migrations_generate_without_errors(empty_database_url):
    first = migrate(empty_database_url)
    assert first.applied
    assert migrate(empty_database_url).applied == ()


async def test_seed_data_inserts_correctly(db, world):
    sow = world.pick(seed, aseed)
    await settled(sow(unwrapped(db), dev=True))
    async with db.platform("look at the seed") as platform:
        assert {plan.slug for plan in (await platform.plans.page()).items} == {
            "free", "starter", "professional", "enterprise",
        }  # fmt: skip
        assert await platform.packages.count() == 4
        assert (await platform.users.by_email("dev@chatapp.invalid")).company_id is None


async def test_multi_tenant_queries_work(db):
    mine, theirs = await new_company(db), await new_company(db)
    own, foreign = await new_conversation(db, mine), await new_conversation(db, theirs)
    scope = db.company(mine)
    assert [item.id for item in (await scope.conversations.inbox()).items] == [own]
    assert (await scope.conversations.get(own)).company_id == mine
    with pytest.raises(NotFound):
        await scope.conversations.get(foreign)


def test_the_checklist_speaks_of_every_table_of_ours():
    assert {f"chatapp_{name}" for name in SOURCE_COLUMNS} <= set(metadata.tables)
