"""What is reported of a vector store that is behind, and of searches that notice."""

from __future__ import annotations

import pytest

from tests.consistency.conftest import vector_of
from tests.rows import new_company


async def test_a_search_is_one_span_and_its_engine_is_measured(step, reported):
    company_id = await new_company(step.db)
    reported.exporter.clear()
    await step.index.search(company_id, vector_of("a"))
    assert [span.name for span in reported.spans] == ["KnowledgeIndex.search"]
    measured = {
        (point.attributes.get("db.system.name"), point.attributes["db.operation.name"])
        for point in reported.points("db.client.operation.duration")
    }
    assert ("qdrant", "search") in measured


async def test_a_store_that_fails_is_measured_as_such(step, reported):
    company_id = await new_company(step.db)
    step.store.unwrap()._engine.inner.search = None
    with pytest.raises(TypeError):
        await step.index.search(company_id, vector_of("a"))
    errors = {point.attributes.get("error.type") for point in reported.points("db.client.operation.duration")}
    assert "interrupted" in errors
    assert reported.spans[-1].attributes["error.type"] == "TypeError"


async def test_hits_that_are_passed_over_are_counted(step, reported):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b")
    await step.drain()
    await step.write(company_id, source_id, "a", "other words")
    assert await step.found(company_id, "a") == ["a"]
    (point,) = reported.points("chatapp_db.vectors.stale_hits")
    assert point.value == 1


async def test_the_worker_tells_how_far_each_set_is_behind(step, reported):
    company_id = await new_company(step.db)
    await step.source(company_id, "a", "b")
    step.fail("upsert")
    reported.exporter.clear()
    await step.drain()
    assert "sync_vectors" not in reported.text()
    (waiting,) = reported.points("chatapp_db.vector_outbox.waiting")
    (age,) = reported.points("chatapp_db.vector_outbox.age")
    assert waiting.value == 2
    assert waiting.attributes["chatapp_db.embedding_set"]
    assert 0 < age.value < 60
    step.due()
    await step.drain()
    assert reported.points("chatapp_db.vector_outbox.waiting")[0].value == 0
    assert reported.points("chatapp_db.vector_outbox.age")[0].value == 0
