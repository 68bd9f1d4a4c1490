"""The worker brings every change to the store, once what the chunk is by then is known."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from chatapp_db.errors import InvalidValue, VectorStoreError, VectorStoreUnavailable
from tests.consistency.conftest import vector_of
from tests.rows import new_agent, new_company


async def assert_in_step(step, *company_ids):
    assert step.waiting() == []
    for company_id in company_ids:
        assert await step.in_store(company_id) == step.in_database(company_id)


async def test_chunks_without_vectors_are_embedded_by_the_worker(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a", "b", "c")
    assert await step.found(company_id, "a") == []
    report = await step.drain()
    assert (report.stored, report.deleted, report.batches) == (3, 0, 1)
    assert sorted(step.model.texts) == ["a", "b", "c"]
    assert (await step.found(company_id, "b"))[0] == "b"
    await assert_in_step(step, company_id)


async def test_content_that_is_the_same_is_not_queued(step):
    company_id = await new_company(step.db)
    source_id, ids = await step.source(company_id, "a", "b")
    await step.drain()
    await step.write(company_id, source_id, "a", "B")
    assert step.waiting() == [("upsert", ids[1])]
    await step.drain()
    assert step.model.texts.count("a") == 1
    await assert_in_step(step, company_id)


async def test_changed_metadata_reaches_the_store(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a")
    await step.drain()
    await step.index.add_chunks(company_id, source_id, [{"content": "a", "metadata": {"page": 7}}])
    await step.drain()
    (point,) = (await step.store.scroll(company_id)).points
    assert point.meta == {"page": 7}


async def test_a_newer_change_takes_the_place_of_one_that_waits(step):
    company_id = await new_company(step.db)
    source_id, (id,) = await step.source(company_id, "a")
    await step.write(company_id, source_id, "b")
    assert step.waiting() == [("upsert", id)]
    await step.drain()
    assert step.model.texts == ["b"]
    await step.write(company_id, source_id, "c")
    await step.write(company_id, source_id)
    assert step.waiting() == [("delete", id)]
    await step.drain()
    await assert_in_step(step, company_id)


async def test_brought_vectors_are_found_at_once_and_wait_for_nobody(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id)
    contents = ["a", "b"]
    await step.index.add_chunks(
        company_id,
        source_id,
        [{"content": each} for each in contents],
        [vector_of(each) for each in contents],
    )
    assert (await step.found(company_id, "a"))[0] == "a"
    await assert_in_step(step, company_id)
    assert step.model.texts == []


async def test_brought_vectors_are_stored_by_the_worker_where_their_writer_could_not(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id)
    step.fail("upsert")
    await step.index.add_chunks(company_id, source_id, [{"content": "a"}], [vector_of("a")])
    # For as long as the lease, the writer may still do it.
    assert (await step.drain()).batches == 0
    step.due()
    await step.drain()
    assert step.model.texts == []
    assert await step.found(company_id, "a") == ["a"]
    await assert_in_step(step, company_id)


async def test_a_brought_vector_of_older_content_is_not_stored(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id)
    step.fail("upsert")
    await step.index.add_chunks(company_id, source_id, [{"content": "a"}], [vector_of("a")])
    step.rows("UPDATE chatapp_knowledge_chunks SET content = 'b', content_hash = 'hash of b'")
    step.due()
    await step.drain()
    assert step.model.texts == ["b"]
    await assert_in_step(step, company_id)


async def test_a_deleted_source_is_gone_from_the_store_at_once(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b")
    await step.source(company_id, "of another source")
    await step.drain()
    await step.index.delete_source(company_id, source_id)
    assert len(await step.in_store(company_id)) == 1
    assert step.waiting() == [("purge_source", source_id)]
    await step.drain()
    await assert_in_step(step, company_id)


async def test_a_source_that_is_deleted_while_the_store_is_down_is_purged_by_the_worker(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b")
    await step.drain()
    step.fail("delete")
    await step.index.delete_source(company_id, source_id)
    assert await step.found(company_id, "a") == []
    assert len(await step.in_store(company_id)) == 2
    await step.drain()
    await assert_in_step(step, company_id)


async def test_a_company_is_purged_once_it_has_no_chunks(step):
    company_id, other = await new_company(step.db), await new_company(step.db)
    await step.source(company_id, "a")
    await step.source(other, "theirs")
    await step.drain()
    async with step.db.platform("erase a company") as platform:
        await platform.vector_outbox.purge_company(company_id)
    assert (await step.drain()).postponed == 1
    step.rows("DELETE FROM chatapp_knowledge_chunks WHERE company_id = %s", company_id)
    step.due()
    await step.drain()
    await assert_in_step(step, company_id, other)
    assert len(await step.in_store(other)) == 1


@pytest.mark.parametrize("store_url", ["memory://", "edge://{folder}"])
async def test_of_an_erased_company_the_worker_leaves_no_point(step):
    company_id, other = await new_company(step.db), await new_company(step.db)
    await step.source(company_id, "a", "b")
    await step.source(other, "theirs")
    await step.drain()
    await step.db.privacy.erase_company(company_id)
    assert step.waiting() == [("purge_company", company_id)]
    assert len(await step.in_store(company_id)) == 2
    await step.drain()
    assert await step.in_store(company_id) == {}
    assert step.waiting() == []
    await assert_in_step(step, other)


async def test_what_is_stored_while_a_company_is_erased_is_deleted_after_it(step):
    """A worker that has read a chunk stores its vector after another one has purged the company."""
    company_id = await new_company(step.db)
    await step.source(company_id, "a")
    engine = step.store.unwrap()._engine
    storing, other = engine.upsert, step.worker()

    async def late(*arguments):
        engine.upsert = storing
        await step.db.privacy.erase_company(company_id)
        await step.drain(other)
        return await storing(*arguments)

    engine.upsert = late
    await step.drain()
    await step.drain()
    assert await step.in_store(company_id) == {}
    assert step.waiting() == []


@pytest.mark.parametrize("call", ["upsert", "delete"])
async def test_an_outage_postpones_and_kills_nothing(step, call):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b", "c")
    if call == "delete":
        await step.drain()
        await step.write(company_id, source_id, "a")
    step.fail(call, times=30)
    for attempt in range(1, 31):
        report = await step.drain()
        assert (report.stored, report.deleted, report.dead, report.batches) == (0, 0, 0, 1), attempt
        step.due()
    await step.drain()
    await assert_in_step(step, company_id)


async def test_a_pause_grows_and_is_never_shorter_than_the_store_asks(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a")
    pauses = []
    for _ in range(3):
        step.fail("upsert")
        await step.drain()
        pauses += step.rows("SELECT available_at - now() FROM chatapp_vector_outbox")[0]
        step.due()
    assert timedelta(0) < pauses[0] < timedelta(seconds=1) < pauses[2] <= timedelta(seconds=4)
    asks = VectorStoreUnavailable("too many requests")
    asks.retry_after = 1000.0
    step.fail("upsert", asks)
    await step.drain()
    ((pause, error),) = step.rows("SELECT available_at - now(), last_error FROM chatapp_vector_outbox")
    assert timedelta(seconds=990) < pause <= timedelta(seconds=1000)
    assert error == "VectorStoreUnavailable: too many requests"


async def test_what_alone_is_refused_dies_alone(step):
    company_id = await new_company(step.db)
    _, ids = await step.source(company_id, "good", "poison", "fine", "well")
    step.model.fails["poison"] = ValueError("this text is too long")
    report = await step.drain()
    assert (report.stored, report.dead, report.postponed) == (3, 1, 0)
    assert sorted(await step.found(company_id, "good")) == ["fine", "good", "well"]
    assert step.waiting() == [("upsert", ids[1])]
    assert (await step.drain()).batches == 0
    (backlog,) = await step.embeddings.backlog()
    assert (backlog.dead, backlog.waiting, backlog.last_error) == (1, 0, "ValueError: this text is too long")
    step.model.fails.clear()
    assert await step.embeddings.retry_dead() == 1
    await step.drain()
    await assert_in_step(step, company_id)


async def test_a_new_content_of_a_dead_chunk_is_alive(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "good", "poison")
    step.model.fails["poison"] = ValueError("no")
    assert (await step.drain()).dead == 1
    await step.write(company_id, source_id, "good", "cured")
    await step.drain()
    await assert_in_step(step, company_id)


async def test_what_is_all_refused_is_not_what_is_to_blame(step):
    company_id = await new_company(step.db)
    await step.source(company_id, *(str(n) for n in range(100)))
    calls = []
    step.fail("upsert", VectorStoreError("no such collection"), times=1000)
    engine = step.store.unwrap()._engine
    failing = engine.upsert

    async def counted(*arguments):
        calls.append(arguments)
        return await failing(*arguments)

    engine.upsert = counted
    report = await step.drain()
    assert (report.dead, report.postponed) == (0, 100)
    assert len(calls) < 30


async def test_what_cannot_be_embedded_waits(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a")
    nobody = step.worker(embedders=None)
    assert (await step.drain(nobody)).postponed == 1
    (backlog,) = await step.embeddings.backlog()
    assert (backlog.waiting, backlog.failing, backlog.dead) == (1, 1, 0)
    assert "there is none for 'model'" in backlog.last_error
    step.due()
    await step.drain()
    await assert_in_step(step, company_id)


async def test_a_strangers_error_is_tried_again_and_in_the_end_is_a_refusal(step):
    company_id = await new_company(step.db)
    await step.source(company_id, "a")
    step.model.fails["a"] = RuntimeError("rate limit")
    for _ in range(9):
        assert (await step.drain()).postponed == 1
        step.due()
    assert (await step.drain()).dead == 1


async def test_the_backlog_tells_how_many_wait_and_since_when(step):
    company_id = await new_company(step.db)
    (backlog,) = await step.embeddings.backlog()
    assert (backlog.waiting, backlog.oldest_at, backlog.dead) == (0, None, 0)
    await step.source(company_id, "a", "b")
    (backlog,) = await step.embeddings.backlog()
    assert (backlog.collection_name, backlog.status, backlog.waiting) == ("first", "active", 2)
    assert datetime.now(UTC) - backlog.oldest_at < timedelta(minutes=1)


async def test_a_chunk_that_changes_while_it_is_stored_waits_again(step):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a")
    engine = step.store.unwrap()._engine
    working = engine.upsert

    async def meanwhile(*arguments):
        engine.upsert = working
        await working(*arguments)
        await step.write(company_id, source_id, "b")
        # Nobody else takes it while this worker is at it.
        assert step.rows("SELECT available_at > now() FROM chatapp_vector_outbox") == [(True,)]

    engine.upsert = meanwhile
    report = await step.drain()
    assert report.stored == 2
    await assert_in_step(step, company_id)
    assert step.model.texts == ["a", "b"]


@pytest.mark.parametrize("whole_source", [True, False])
async def test_a_chunk_that_is_deleted_while_it_is_stored_is_deleted_there_too(step, whole_source):
    company_id = await new_company(step.db)
    await step.source(company_id, "a", "b")
    engine = step.store.unwrap()._engine
    working = engine.upsert

    async def meanwhile(*arguments):
        engine.upsert = working
        if whole_source:
            step.rows("DELETE FROM chatapp_knowledge_sources")
            # Another worker is quicker with the purge than this one with its upsert.
            await step.drain(step.worker())
        else:
            step.rows("DELETE FROM chatapp_knowledge_chunks WHERE content = 'b'")
        await working(*arguments)

    engine.upsert = meanwhile
    await step.drain()
    await assert_in_step(step, company_id)
    assert len(await step.in_store(company_id)) == (0 if whole_source else 1)


async def test_a_worker_for_ever_stops_when_it_is_told(step):
    company_id = await new_company(step.db)
    stop = step.world.pick(threading.Event, asyncio.Event)()
    seen = []

    def tell(report):
        seen.append(report.stored)
        stop.set()

    await step.source(company_id, "a")
    report = await step.embeddings.sync_vectors(poll=0.01, stop=stop, tell=tell)
    assert seen == [1]
    assert report.stored == 1


@pytest.mark.parametrize("batch_size", [0, 1001, True, "5"])
async def test_a_batch_size_that_is_none_is_refused(step, batch_size):
    with pytest.raises(InvalidValue):
        await step.embeddings.sync_vectors(batch_size=batch_size)


async def test_many_batches_and_companies_come_out_right(step):
    companies = [await new_company(step.db) for _ in range(3)]
    for company_id in companies:
        await step.source(company_id, *(f"{company_id} {n}" for n in range(10)))
    report = await step.embeddings.sync_vectors(batch_size=7)
    assert (report.stored, report.batches) == (30, 5)
    await assert_in_step(step, *companies)


OPEN = """
    SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND xact_start IS NOT NULL AND pid <> pg_backend_pid()"""


async def test_no_transaction_is_open_while_the_store_or_the_embedder_is_called(step):
    company_id = await new_company(step.db)
    engine, open_ones, held = step.store.unwrap()._engine, [], []
    pool = step.db.unwrap().engine.pool

    def look():
        open_ones.append(step.rows(OPEN)[0][0])
        held.append(pool.checkedout())

    for name in ("upsert", "delete", "scroll"):
        working = getattr(engine, name)

        async def watched(*arguments, working=working):
            look()
            return await working(*arguments)

        setattr(engine, name, watched)
    embed = step.model.__call__

    def embedding(texts):
        look()
        return embed(texts)

    async def awaited(texts):
        return embedding(texts)

    worker = step.worker(step.world.pick(embedding, awaited))
    source_id, _ = await step.source(company_id, "a", "b")
    await step.drain(worker)
    await step.write(company_id, source_id, "a")
    await step.drain(worker)
    await step.index.add_chunks(company_id, source_id, [{"content": "c"}], [vector_of("c")])
    await worker.reconcile()
    await step.index.delete_source(company_id, source_id)
    async with step.db.tenant(company_id):
        assert step.rows(OPEN) == [(1,)]
    assert len(held) >= 8
    assert set(held) == set(open_ones) == {0}


async def test_agents_and_sources_are_those_of_the_chunk(step):
    company_id = await new_company(step.db)
    agent_id = await new_agent(step.db, company_id)
    source_id, _ = await step.source(company_id, "a", agent_id=agent_id)
    await step.drain()
    (point,) = (await step.store.scroll(company_id)).points
    assert (point.agent_id, point.source_id) == (agent_id, source_id)


async def test_a_change_for_a_collection_without_a_store_waits_for_another_worker(step):
    company_id = await new_company(step.db)
    step.rows(
        """
        INSERT INTO chatapp_embedding_sets (name, version, model, dimensions, distance, backend,
                                            collection_name)
        VALUES ('default', 2, 'm', 4, 'cosine', 'elsewhere', %s)""",
        str(uuid4()),
    )
    await step.source(company_id, "a")
    assert (await step.drain()).stored == 1
    assert len(step.waiting()) == 1
