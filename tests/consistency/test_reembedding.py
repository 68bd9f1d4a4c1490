"""A new set grows beside the one that is searched, which answers all the while."""

from __future__ import annotations

import pytest

from chatapp_db.errors import Conflict, InvalidValue, NotFound
from tests.rows import new_company


@pytest.fixture
def collections():
    return ["first", "second"]


def statuses(step):
    return dict(step.rows("SELECT collection_name, status::text FROM chatapp_embedding_sets"))


async def assert_both_in_step(step, company_id):
    expected = step.in_database(company_id)
    for name in step.stores:
        assert await step.in_store(company_id, name) == expected, name


async def test_a_set_is_embedded_anew_switched_rolled_back_and_dropped(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b", "c")
    await step.drain()

    begun = await step.embeddings.begin_reembedding("better", collection="second")
    assert (begun.version, begun.status, begun.model) == (2, "building", "better")
    await step.write(company_id, source_id, "a", "B", "c", "d")
    assert await step.found(company_id, "a") != []
    with pytest.raises(Conflict, match="have not reached"):
        await step.embeddings.switch()
    await step.drain()
    await assert_both_in_step(step, company_id)

    assert (await step.embeddings.switch()).collection_name == "second"
    assert statuses(step) == {"first": "retiring", "second": "active"}
    active = await step.db.company(company_id).embedding_sets.active("default")
    assert active.collection_name == "second"

    await step.write(company_id, source_id, "a", "B", "c")
    await step.drain()
    await assert_both_in_step(step, company_id)
    assert (await step.embeddings.rollback()).collection_name == "first"
    assert statuses(step) == {"first": "active", "second": "retiring"}
    with pytest.raises(Conflict, match="is searched"):
        await step.embeddings.drop("first")

    await step.write(company_id, source_id, "z")
    assert (await step.embeddings.drop("second")).status == "dropped"
    # What waited for it is dropped, what waits for the other is not.
    assert len(step.waiting()) == 3
    await step.drain()
    assert step.waiting() == []
    assert await step.in_store(company_id, "second") == {}
    assert await step.in_store(company_id, "first") == step.in_database(company_id)


async def test_a_set_that_differs_is_not_switched_to(step):
    company_id = await new_company(step.db)
    _, ids = await step.source(company_id, "a", "b")
    await step.drain()
    await step.embeddings.begin_reembedding("better", collection="second")
    await step.drain()
    await step.stores["second"].delete(company_id, [ids[0]])
    with pytest.raises(Conflict, match="1 missing, 0 stale, 0 orphan"):
        await step.embeddings.switch()
    assert statuses(step) == {"first": "active", "second": "building"}
    await step.embeddings.reconcile(fix=True)
    await step.drain()
    await step.embeddings.switch()


async def test_a_dead_change_keeps_from_switching(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a", "poison", "c")
    await step.drain()
    step.model.fails["poison"] = ValueError("no")
    await step.embeddings.begin_reembedding("better", collection="second")
    assert (await step.drain()).dead == 1
    with pytest.raises(Conflict):
        await step.embeddings.switch()


async def test_beginning_goes_on_after_an_interruption(step):
    companies = [await new_company(step.db) for _ in range(3)]
    for company_id in companies:
        await step.source(company_id, "a", "b")
    await step.drain()

    def interrupted(_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await step.embeddings.begin_reembedding("better", collection="second", tell=interrupted)
    assert len(step.waiting()) == 2
    await step.drain()
    assert (await step.embeddings.begin_reembedding("better", collection="second")).version == 2
    assert len(step.waiting()) == 4
    await step.drain()
    await step.embeddings.switch()


async def test_each_set_is_embedded_by_the_model_it_is_of(step):
    company_id = await new_company(step.db)
    used = []

    def embedder(name):
        def blocking(texts):
            used.append((name, texts))
            return step.model(texts)

        async def awaited(texts):
            return blocking(texts)

        return step.world.pick(blocking, awaited)

    worker = step.worker({"model": embedder("model"), "better": embedder("better")})
    await worker.begin_reembedding("better", collection="second")
    await step.source(company_id, "a")
    await worker.sync_vectors()
    assert sorted(used) == [("better", ["a"]), ("model", ["a"])]


async def test_one_set_of_a_name_is_searched(step):
    await step.embeddings.register("model", collection="first")
    with pytest.raises(Conflict):
        await step.embeddings.register("model", collection="second")
    with pytest.raises(Conflict):
        await step.embeddings.register("another model", collection="first")
    with pytest.raises(InvalidValue):
        await step.embeddings.register("model")
    with pytest.raises(InvalidValue):
        await step.embeddings.register("model", collection="third")
    assert (await step.embeddings.register("model", collection="second", name="images")).version == 1
    assert statuses(step) == {"first": "active", "second": "active"}


@pytest.mark.parametrize(("verb", "arguments"), [("switch", []), ("rollback", []), ("drop", ["second"])])
async def test_where_there_is_no_set_for_a_verb_it_is_not_found(step, verb, arguments):
    with pytest.raises(NotFound):
        await getattr(step.embeddings, verb)(*arguments)
