"""Whoever deletes chunks, by whatever statement, leaves behind what the vector stores have to forget."""

from __future__ import annotations

import psycopg
import pytest

from tests.rows import new_company

WAITING = """
    SELECT o.change::text, o.subject_id FROM chatapp_vector_outbox AS o
      JOIN chatapp_embedding_sets AS s ON s.id = o.embedding_set_id
     ORDER BY s.version, o.change, o.subject_id"""


def run(url, statement, *parameters):
    with psycopg.connect(url, autocommit=True) as connection:
        found = connection.execute(statement, parameters)
        return found.fetchall() if found.description else []


@pytest.fixture
def sets(database_url):
    """A set of each status; all but the dropped one are written."""
    run(
        database_url,
        """
        INSERT INTO chatapp_embedding_sets
               (name, version, model, dimensions, distance, backend, collection_name, status)
        SELECT 'default', n, 'm', 2, 'cosine', 'edge', 'c' || n, status
          FROM unnest(enum_range(NULL::chatapp_embedding_set_status)) WITH ORDINALITY AS s (status, n)""",
    )
    return 3


async def source_of(db, company_id, *contents):
    knowledge = db.company(company_id).knowledge
    source = await knowledge.register(name="Atlas", type="text")
    replaced = await knowledge.replace_chunks(source.id, [{"content": content} for content in contents])
    return source.id, [chunk.id for chunk in replaced.chunks]


async def deleted_only(url):
    return [row for row in run(url, WAITING) if row[0] != "upsert"]


async def test_chunks_that_a_shorter_text_no_longer_has_leave_tombstones(db, database_url, sets):
    company_id = await new_company(db)
    source_id, (_, *gone) = await source_of(db, company_id, "a", "b", "c")
    await db.company(company_id).knowledge.replace_chunks(source_id, [{"content": "a"}])
    assert await deleted_only(database_url) == [("delete", id) for id in sorted(gone)] * sets


async def test_a_deleted_source_leaves_one_row_for_all_its_chunks(db, database_url, sets):
    company_id = await new_company(db)
    source_id, _ = await source_of(db, company_id, "a", "b", "c")
    await source_of(db, company_id, "another source")
    await db.company(company_id).knowledge.delete(source_id)
    assert await deleted_only(database_url) == [("purge_source", source_id)] * sets


@pytest.mark.parametrize("login", ["superuser", "service as the company", "service as the platform"])
async def test_raw_sql_leaves_them_too(db, login_url, database_url, sets, login):
    company_id = await new_company(db)
    source_id, chunk_ids = await source_of(db, company_id, "a", "b")
    url = database_url if login == "superuser" else login_url("service")
    with psycopg.connect(url) as connection:
        if login.startswith("service"):
            role = "chatapp_app" if login.endswith("company") else "chatapp_platform"
            connection.execute(f"SET ROLE {role}")
            connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [str(company_id)])
        # Nothing of ours is on the search path of whoever is neither.
        connection.execute("SET LOCAL search_path TO pg_catalog")
        deleted = connection.execute("DELETE FROM public.chatapp_knowledge_chunks")
        assert deleted.rowcount == 2
    assert await deleted_only(database_url) == [("delete", id) for id in sorted(chunk_ids)] * sets
    run(database_url, "DELETE FROM chatapp_knowledge_sources WHERE id = %s", source_id)
    assert await deleted_only(database_url) == [("delete", id) for id in sorted(chunk_ids)] * sets


async def test_a_rollback_takes_them_back(db, database_url, sets):
    company_id = await new_company(db)
    source_id, _ = await source_of(db, company_id, "a")
    with pytest.raises(RuntimeError):
        async with db.tenant(company_id) as tenant:
            await tenant.knowledge.delete(source_id)
            raise RuntimeError("undo it")
    assert await deleted_only(database_url) == []


async def test_where_no_set_is_written_there_is_nothing_to_forget(db, database_url):
    company_id = await new_company(db)
    source_id, _ = await source_of(db, company_id, "a")
    await db.company(company_id).knowledge.delete(source_id)
    assert run(database_url, WAITING) == []


async def test_what_is_leased_is_left_to_its_worker(db, database_url, sets):
    """The row is another change now, so that the worker does not end it; nobody else takes it meanwhile."""
    company_id = await new_company(db)
    source_id, (chunk_id,) = await source_of(db, company_id, "a")
    run(
        database_url,
        """
        INSERT INTO chatapp_vector_outbox (company_id, embedding_set_id, subject_id, change, revision,
                                           available_at, lease_token, attempts)
        SELECT %s, id, %s, 'upsert', 1, now() + interval '1 hour', gen_random_uuid(), 1
          FROM chatapp_embedding_sets WHERE status = 'active'
            ON CONFLICT (company_id, subject_id, embedding_set_id) DO UPDATE
           SET available_at = excluded.available_at, lease_token = excluded.lease_token, revision = 1""",
        company_id,
        chunk_id,
    )
    await db.company(company_id).knowledge.replace_chunks(source_id, [])
    (row,) = run(
        database_url,
        """
        SELECT change::text, revision > 1, available_at > now() + interval '59 minutes', attempts
          FROM chatapp_vector_outbox WHERE lease_token IS NOT NULL""",
    )
    assert row == ("delete", True, True, 0)
