"""Knowledge: sources are registered once, their chunks are replaced all at once."""

from __future__ import annotations

import threading
import time
from hashlib import sha256
from uuid import uuid4, uuid5

import psycopg
import pytest

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.repositories.knowledge.passages import incoming, replace
from chatapp_db.schema import KnowledgeSourceStatus, KnowledgeSourceType
from tests.rows import new_agent, new_company

MANY = 70_000
DIGEST = "d" * 64


async def new_source(db, company_id, **values):
    return await db.company(company_id).knowledge.register(
        **{"name": "Returns", "type": KnowledgeSourceType.TEXT, **values}
    )


def passages(*contents):
    return [{"content": content} for content in contents]


def contents(chunks):
    return [chunk.content for chunk in chunks]


async def test_the_same_content_is_registered_once_for_an_agent(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    first = await new_source(db, company_id, content_hash=DIGEST)
    again = await new_source(db, company_id, content_hash=DIGEST, name="Another name")
    of_agent = await new_source(db, company_id, content_hash=DIGEST, agent_id=agent_id)
    assert again == first
    assert of_agent.id != first.id
    assert (await new_source(db, company_id, content_hash=DIGEST, agent_id=agent_id)).id == of_agent.id
    assert await db.company(company_id).knowledge.count() == 2


async def test_sources_without_a_content_hash_are_all_different(db):
    company_id = await new_company(db)
    assert (await new_source(db, company_id)).id != (await new_source(db, company_id)).id


async def test_two_companies_may_register_the_same_content(db):
    left, right = await new_company(db), await new_company(db)
    ids = {(await new_source(db, company, content_hash=DIGEST)).id for company in (left, right)}
    assert len(ids) == 2


async def test_a_source_that_failed_may_be_registered_anew(db, database_url):
    company_id = await new_company(db)
    failed = await new_source(db, company_id, content_hash=DIGEST)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE chatapp_knowledge_sources SET status = 'error'")
    assert (await new_source(db, company_id, content_hash=DIGEST)).id != failed.id


async def test_a_source_takes_no_agent_of_another_company(db):
    company_id, other = await new_company(db), await new_company(db)
    agent_id = await new_agent(db, other)
    with pytest.raises(InvalidReference):
        await new_source(db, company_id, agent_id=agent_id)


async def test_a_source_is_changed_but_not_into_another(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    source = await new_source(db, company_id, content_hash=DIGEST)
    await new_source(db, company_id, content_hash=DIGEST, agent_id=agent_id)
    knowledge = db.company(company_id).knowledge
    assert (await knowledge.update(source.id, name="Refunds")).name == "Refunds"
    with pytest.raises(Conflict):
        await knowledge.update(source.id, agent_id=agent_id)
    with pytest.raises(InvalidValue):
        await knowledge.update(source.id, status="ready")


async def test_chunks_are_stored_in_order_and_named_for_the_vector_store(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    assert source.status is KnowledgeSourceStatus.PROCESSING
    given = [{"content": "One", "metadata": {"page": 1}, "token_count": 3}, {"content": "Two"}]
    company = db.company(company_id)
    replaced = await company.knowledge.replace_chunks(source.id, given)
    one, two = replaced.chunks
    assert [one.chunk_index, two.chunk_index] == [0, 1]
    assert (one.metadata, one.token_count, two.metadata, two.token_count) == ({"page": 1}, 3, {}, 0)
    assert one.content_hash == sha256(b"One").hexdigest()
    assert one.qdrant_id == uuid5(company_id, str(one.id))
    assert await company.knowledge_chunks.get(two.id) == two
    now = await company.knowledge.get(source.id)
    assert (now.status, now.updated_at) == (KnowledgeSourceStatus.READY, replaced.replaced_at)


async def test_a_replacement_keeps_the_chunks_that_stay(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    knowledge = db.company(company_id).knowledge
    before = await knowledge.replace_chunks(source.id, passages("a", "b", "c", "d"))
    after = await knowledge.replace_chunks(source.id, passages("a", "B", "c"))
    assert contents(after.chunks) == ["a", "B", "c"]
    assert [after.chunks[0], after.chunks[2]] == [before.chunks[0], before.chunks[2]]
    assert after.chunks[1].id == before.chunks[1].id
    assert after.chunks[1].updated_at > before.chunks[1].updated_at
    assert after.replaced_at > before.replaced_at
    page = await db.company(company_id).knowledge_chunks.of_source(source.id)
    assert page.items == after.chunks


async def test_a_chunk_of_the_same_content_takes_its_new_metadata(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    knowledge = db.company(company_id).knowledge
    (before,) = (await knowledge.replace_chunks(source.id, passages("a"))).chunks
    given = [{"content": "a", "metadata": {"page": 2}, "token_count": 5}]
    (after,) = (await knowledge.replace_chunks(source.id, given)).chunks
    assert (after.id, after.metadata, after.token_count) == (before.id, {"page": 2}, 5)


async def test_a_source_can_be_emptied_and_filled_again(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    knowledge = db.company(company_id).knowledge
    await knowledge.replace_chunks(source.id, passages("a", "b"))
    assert (await knowledge.replace_chunks(source.id, [])).chunks == []
    assert await db.company(company_id).knowledge_chunks.count() == 0
    assert contents((await knowledge.replace_chunks(source.id, passages("c"))).chunks) == ["c"]


async def test_chunks_are_replaced_in_the_transaction_that_registers_their_source(db):
    company_id = await new_company(db)
    async with db.tenant(company_id) as tenant:
        source = await tenant.knowledge.register(name="Returns", type="text")
        await tenant.knowledge.replace_chunks(source.id, passages("a", "b"))
        replaced = await tenant.knowledge.replace_chunks(source.id, passages("b"))
    assert contents(replaced.chunks) == ["b"]
    assert await db.company(company_id).knowledge_chunks.count() == 1


async def test_two_replacements_at_once_are_never_mixed(db, database_url):
    """The other one is under way when ours begins, so ours sees neither its chunks nor their end."""
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    knowledge = db.company(company_id).knowledge
    await knowledge.replace_chunks(source.id, passages("old"))
    with psycopg.connect(database_url) as other:
        other.execute("UPDATE chatapp_knowledge_sources SET updated_at = clock_timestamp()")
        other.execute(
            "INSERT INTO chatapp_knowledge_chunks (company_id, source_id, qdrant_id, content, chunk_index)"
            " SELECT company_id, id, gen_random_uuid(), 'theirs', n"
            " FROM chatapp_knowledge_sources, generate_series(1, 5) n"
        )
        waiting = threading.Thread(target=commit_when_somebody_waits, args=[other, database_url])
        waiting.start()
        replaced = await knowledge.replace_chunks(source.id, passages("a", "b"))
        waiting.join()
    assert contents(replaced.chunks) == ["a", "b"]
    assert contents((await db.company(company_id).knowledge_chunks.of_source(source.id)).items) == ["a", "b"]


def commit_when_somebody_waits(connection, url):
    with psycopg.connect(url, autocommit=True) as watcher:
        for _ in range(500):
            waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            if watcher.execute(waits).fetchone()[0]:
                break
            time.sleep(0.01)
    connection.commit()


async def test_many_chunks_are_replaced_and_read_at_once(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    company = db.company(company_id)
    replaced = await company.knowledge.replace_chunks(source.id, passages(*map(str, range(MANY))))
    assert contents(replaced.chunks) == [str(number) for number in range(MANY)]
    ids = [chunk.id for chunk in reversed(replaced.chunks)]
    assert [chunk.id for chunk in await company.knowledge_chunks.by_ids(ids)] == ids


def test_what_stays_is_told_from_what_changes_by_hash(database_url):
    """A nested loop over both took minutes for 70,000 chunks."""
    statement = replace()
    arguments = {"company_id": uuid4(), "source_id": uuid4(), **incoming(uuid4(), passages("a"))}
    with psycopg.connect(database_url) as connection:
        cursor = psycopg.RawCursor(connection)
        plan = cursor.execute(f"EXPLAIN {statement.text}", statement.bind(arguments)).fetchall()
    assert "hashed SubPlan" in str(plan)


async def test_chunks_of_a_source_come_in_pages(db):
    company_id = await new_company(db)
    source, other = await new_source(db, company_id), await new_source(db, company_id)
    company = db.company(company_id)
    await company.knowledge.replace_chunks(source.id, passages("a", "b", "c"))
    first = await company.knowledge_chunks.of_source(source.id, limit=2)
    second = await company.knowledge_chunks.of_source(source.id, limit=2, cursor=first.next_cursor)
    assert contents(first.items + second.items) == ["a", "b", "c"]
    assert second.next_cursor is None
    with pytest.raises(InvalidCursor):
        await company.knowledge_chunks.of_source(other.id, limit=2, cursor=first.next_cursor)


async def test_deleting_a_source_deletes_its_chunks(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    company = db.company(company_id)
    await company.knowledge.replace_chunks(source.id, passages("a"))
    await company.knowledge.delete(source.id)
    assert await company.knowledge_chunks.count() == 0
    with pytest.raises(NotFound):
        await company.knowledge.delete(source.id)


async def test_another_company_finds_neither_source_nor_chunks(db):
    company_id, other = await new_company(db), await new_company(db)
    source = await new_source(db, company_id)
    replaced = await db.company(company_id).knowledge.replace_chunks(source.id, passages("secret"))
    stranger = db.company(other)
    for call in (
        stranger.knowledge.get,
        stranger.knowledge.delete,
        lambda source_id: stranger.knowledge.replace_chunks(source_id, passages("mine now")),
        lambda source_id: stranger.knowledge.replace_chunks(source_id, []),
    ):
        with pytest.raises(NotFound):
            await call(source.id)
    assert await stranger.knowledge_chunks.by_ids([replaced.chunks[0].id]) == []
    assert (await stranger.knowledge_chunks.of_source(source.id)).items == []
    assert (await db.company(company_id).knowledge_chunks.of_source(source.id)).items == replaced.chunks


@pytest.mark.parametrize(
    "chunks",
    [
        "text",
        None,
        {"content": "a"},
        ["text"],
        [{}],
        [{"content": None}],
        [{"content": "a\0b"}],
        [{"content": "\ud800"}],
        [{"content": "x" * 100_001}],
        [{"content": "a", "contents": "b"}],
        [{"content": "a", "metadata": {"page": float("nan")}}],
        [{"content": "a", "token_count": 2**31}],
        [{"content": "a", "token_count": True}],
    ],
    ids=lambda chunks: repr(chunks)[:40],
)
async def test_what_is_no_list_of_passages_is_refused(db, chunks):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    async with db.tenant(company_id) as tenant:
        with pytest.raises(InvalidValue):
            await tenant.knowledge.replace_chunks(source.id, chunks)
        assert await tenant.knowledge_chunks.count() == 0


@pytest.mark.parametrize("ids", [None, "abc", [str(uuid4())], [None]])
async def test_what_is_no_list_of_ids_is_refused(db, ids):
    with pytest.raises(InvalidValue):
        await db.company(uuid4()).knowledge_chunks.by_ids(ids)


async def test_workers_at_once_claim_different_sources_the_oldest_first(db):
    company_id = await new_company(db)
    made = [(await new_source(db, company_id)).id for _ in range(3)]
    await new_source(db, await new_company(db))
    async with db.tenant(company_id) as one:
        assert [source.id for source in await one.knowledge.claim_pending()] == made[:1]
        async with db.tenant(company_id) as other:
            assert [source.id for source in await other.knowledge.claim_pending(5)] == made[1:]
            await other.knowledge.mark_ready(made[1])
        await one.knowledge.mark_error(made[0], "not a PDF")
    left = await db.company(company_id).knowledge.claim_pending(5)
    assert [source.id for source in left] == made[2:]


async def test_a_source_goes_through_its_life(db):
    company_id = await new_company(db)
    knowledge = db.company(company_id).knowledge
    source = await new_source(db, company_id)
    failed = await knowledge.mark_error(source.id, "not a PDF")
    assert (failed.status, failed.error_message) == (KnowledgeSourceStatus.ERROR, "not a PDF")
    again = await knowledge.reprocess(source.id)
    assert (again.status, again.error_message) == (KnowledgeSourceStatus.PROCESSING, None)
    await knowledge.mark_error(source.id, "too long")
    ready = await knowledge.mark_ready(source.id)
    assert (ready.status, ready.error_message) == (KnowledgeSourceStatus.READY, None)
    stranger = db.company(await new_company(db)).knowledge
    for call in (stranger.mark_ready, stranger.reprocess, lambda one: stranger.mark_error(one, "mine")):
        with pytest.raises(NotFound):
            await call(source.id)


async def test_a_source_that_failed_comes_back_unless_its_content_did(db):
    company_id = await new_company(db)
    knowledge = db.company(company_id).knowledge
    failed = await new_source(db, company_id, content_hash=DIGEST)
    await knowledge.mark_error(failed.id, "not a PDF")
    await new_source(db, company_id, content_hash=DIGEST)
    for verb in (knowledge.reprocess, knowledge.mark_ready):
        with pytest.raises(Conflict, match="content"):
            await verb(failed.id)


async def test_an_agent_answers_from_its_own_sources_and_the_companys(db):
    company_id = await new_company(db)
    mine, other = await new_agent(db, company_id), await new_agent(db, company_id)
    made = {owner: await new_source(db, company_id, agent_id=owner) for owner in (None, mine, other)}
    tenant = db.company(company_id)
    assert (await tenant.knowledge.for_agent(mine)).items == [made[mine], made[None]]
    assert (await tenant.knowledge.for_agent(uuid4())).items == [made[None]]
    first = await tenant.knowledge.for_agent(mine, limit=1)
    second = await tenant.knowledge.for_agent(mine, limit=1, cursor=first.next_cursor)
    assert first.items + second.items == [made[mine], made[None]]
    with pytest.raises(InvalidCursor):
        await tenant.knowledge.for_agent(other, cursor=first.next_cursor)
    for source in made.values():
        await tenant.knowledge.replace_chunks(source.id, passages("Parcels return in 30 days"))
    found = await tenant.knowledge_chunks.keyword_search("PARCELS", agent_id=mine)
    assert [chunk.source_id for chunk in found] == [made[mine].id, made[None].id]
    assert len(await tenant.knowledge_chunks.keyword_search("parcels")) == 3


async def test_chunks_are_found_by_their_words_the_best_first(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    texts = ["a blue door", "a green door and a green gate", "green paint, green brush, green hands", "plain"]
    await db.company(company_id).knowledge.replace_chunks(source.id, passages(*texts))
    chunks = db.company(company_id).knowledge_chunks
    assert contents(await chunks.keyword_search("GREEN")) == texts[2:0:-1]
    assert contents(await chunks.keyword_search("green", limit=1)) == texts[2:3]
    assert contents(await chunks.keyword_search('"blue door" or plain')) != []
    assert contents(await chunks.keyword_search("green -door")) == texts[2:3]
    assert await chunks.keyword_search("-door") == []
    assert await db.company(await new_company(db)).knowledge_chunks.keyword_search("plain") == []


async def test_words_of_chunks_are_looked_at_as_they_are_now(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    tenant = db.company(company_id)
    await tenant.knowledge.replace_chunks(source.id, passages("old words"))
    await tenant.knowledge.replace_chunks(source.id, passages("new words"))
    assert await tenant.knowledge_chunks.keyword_search("old") == []
    assert contents(await tenant.knowledge_chunks.keyword_search("words")) == ["new words"]


async def test_bad_words_for_knowledge_are_refused_and_the_scope_goes_on(db):
    company_id = await new_company(db)
    source = await new_source(db, company_id)
    async with db.tenant(company_id) as tenant:
        for message in (None, "", "a\0", "\ud800", "a" * 2001):
            with pytest.raises(InvalidValue, match="message"):
                await tenant.knowledge.mark_error(source.id, message)
        for query in (None, "", "a\0", "\ud800", "a" * 201):
            with pytest.raises(InvalidValue, match="query"):
                await tenant.knowledge_chunks.keyword_search(query)
        for limit in (0, 501, True, "1"):
            with pytest.raises(InvalidValue, match="limit"):
                await tenant.knowledge.claim_pending(limit)
        for agent_id in (None, "1"):
            with pytest.raises(InvalidValue, match="agent_id"):
                await tenant.knowledge.for_agent(agent_id)
        assert await tenant.knowledge.get(source.id) == source
