"""Reconciling finds every difference between PostgreSQL and the store, no other, and has it mended."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chatapp_db.vectors import Point
from tests.consistency.conftest import vector_of
from tests.rows import new_agent, new_company


async def reconciled(step, *args, **options):
    (report,) = await step.embeddings.reconcile(*args, **options)
    return report.missing, report.stale, report.orphan, report.queued


async def test_what_is_in_step_has_no_difference(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a", "b")
    await step.drain()
    assert await reconciled(step) == (0, 0, 0, 0)


async def test_what_waits_is_no_difference(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b")
    assert await reconciled(step) == (0, 0, 0, 0)
    await step.drain()
    await step.write(company_id, source_id, "A")
    assert await reconciled(step) == (0, 0, 0, 0)


async def test_every_kind_of_difference_is_found_and_mended(step):
    company_id, other = await new_company(step.db), await new_company(step.db)
    agent_id = await new_agent(step.db, company_id)
    source_id, ids = await step.source(company_id, "missing", "stale", "fine")
    moved, _ = await step.source(company_id, "now another agent's")
    await step.source(other, "theirs")
    await step.drain()

    await step.store.delete(company_id, [ids[0]])
    step.rows("UPDATE chatapp_knowledge_chunks SET content = 's', content_hash = 's' WHERE id = %s", ids[1])
    await step.db.company(company_id).knowledge.update(moved, agent_id=agent_id)
    await step.store.upsert(company_id, [Point(uuid4(), vector_of("orphan"), source_id)])

    assert await reconciled(step) == (1, 2, 1, 0)
    assert await reconciled(step, str(other)) == (0, 0, 0, 0)
    assert step.waiting() == []
    assert await reconciled(step, company_id, fix=True) == (1, 2, 1, 4)
    assert await reconciled(step) == (0, 0, 0, 0)
    await step.drain()
    assert step.waiting() == []
    assert await reconciled(step) == (0, 0, 0, 0)
    assert await step.in_store(company_id) == step.in_database(company_id)
    (point,) = [p for p in (await step.store.scroll(company_id)).points if p.source_id == moved]
    assert point.agent_id == agent_id


async def test_metadata_that_filters_may_name_is_compared(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a", "b")
    await step.drain()
    step.rows("UPDATE chatapp_knowledge_chunks SET metadata = '{\"page\": 3}' WHERE content = 'a'")
    step.rows("UPDATE chatapp_knowledge_chunks SET metadata = '{\"heading\": \"x\"}' WHERE content = 'b'")
    assert await reconciled(step, fix=True) == (0, 1, 0, 1)
    await step.drain()
    assert await reconciled(step) == (0, 0, 0, 0)


BACK = "SELECT setval('chatapp_vector_revision', last_value - 1000) FROM chatapp_vector_revision"


async def test_what_is_ahead_of_a_database_that_was_taken_back_is_made_anew(step):
    company_id, other = await new_company(step.db), await new_company(step.db)
    source_id, _ = await step.source(company_id, "same", "older")
    await step.drain()
    step.rows(BACK)
    await step.source(other, "theirs")
    await step.write(company_id, source_id, "same", "newer")
    await step.drain()
    # The store has dropped what it takes for an older change.
    assert await step.in_store(company_id) != step.in_database(company_id)
    (report,) = await step.embeddings.reconcile()
    assert str(report) == "0 missing, 1 stale, 0 orphan, 2 ahead"
    assert not report.is_clean
    (report,) = await step.embeddings.reconcile(fix=True)
    assert (report.ahead, report.queued) == (2, 2)
    await step.drain()
    assert await step.in_store(company_id) == step.in_database(company_id)
    await step.write(company_id, source_id, "same again", "newer")
    await step.drain()
    assert await step.in_store(company_id) == step.in_database(company_id)
    (report,) = await step.embeddings.reconcile()
    assert report.is_clean


async def test_a_change_that_waits_does_not_hide_a_vector_that_is_ahead(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "older")
    await step.drain()
    step.rows(BACK)
    await step.write(company_id, source_id, "newer")
    (report,) = await step.embeddings.reconcile(fix=True)
    assert (str(report), report.queued) == ("0 missing, 0 stale, 0 orphan, 1 ahead", 0)
    await step.drain()
    assert await step.in_store(company_id) == step.in_database(company_id)


async def test_many_pages_are_walked(step, monkeypatch):
    monkeypatch.setattr("chatapp_db.knowledge.reconciling._PAGE", 3)
    companies = [await new_company(step.db) for _ in range(4)]
    for company_id in companies:
        source_id, ids = await step.source(company_id, *map(str, range(10)))
        await step.drain()
        await step.store.delete(company_id, ids[::2])
        await step.store.upsert(company_id, [Point(uuid4(), vector_of("o"), source_id) for _ in range(7)])
    told = []
    (report,) = await step.embeddings.reconcile(tell=lambda report: told.append(report.companies))
    assert (report.missing, report.stale, report.orphan) == (20, 0, 28)
    assert told == [1, 2, 3, 4]


@pytest.mark.parametrize("call", ["retrieve", "scroll"])
async def test_what_changes_under_its_eyes_is_no_difference(step, call):
    """At the first look a chunk is in one of the two only; a moment later the other has heard of it."""
    company_id = await new_company(step.db)
    source_id, ids = await step.source(company_id, "a", "b")
    await step.drain()
    engine = step.store.unwrap()._engine
    working = engine.scroll

    async def meanwhile(*arguments):
        engine.scroll = working
        found = await working(*arguments)
        await step.write(company_id, source_id, "a")
        await step.drain()
        return found

    async def before(*arguments):
        engine.scroll = working
        await step.write(company_id, source_id, "a")
        await step.drain()
        return await working(*arguments)

    if call == "retrieve":
        # The second call is that of the chunks.
        async def skip(*arguments):
            engine.scroll = before
            return await working(*arguments)

        engine.scroll = skip
    else:
        engine.scroll = meanwhile
    assert await reconciled(step) == (0, 0, 0, 0)
    assert set(await step.in_store(company_id)) == {ids[0]}
