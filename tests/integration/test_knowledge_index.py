"""The knowledge index finds what PostgreSQL has, of one company, and nothing else."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from uuid import uuid4

import pytest

from chatapp_db.errors import InvalidValue, NotFound, VectorStoreUnavailable
from chatapp_db.knowledge import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.vectors import Eq, Point, create_async_vector_store, create_vector_store
from tests.rows import new_agent, new_company
from tests.worlds import Awaited, settled

DATA = Path(__file__).parents[3] / "shared" / "data"
KEYS = {"page": "integer", "flow": "keyword"}
EAST, NORTH, NORTHEAST = [1.0, 0.0], [0.0, 1.0], [0.8, 0.6]


class Index:
    """The index under test, the database and the store below it."""

    def __init__(self, world, db, dimension):
        create = world.pick(create_vector_store, create_async_vector_store)
        store = create("memory://", dimension=dimension, keys=KEYS)
        self.world, self.db, self.store = world, db, Awaited(store)
        self.of = Awaited(world.pick(KnowledgeIndex, AsyncKnowledgeIndex)(db.unwrap(), store))

    async def source(self, company_id, **values):
        return await self.db.company(company_id).knowledge.register(name="Atlas", type="text", **values)

    async def indexed(self, company_id, passages, **values):
        """Index a source whose passages are given with their vectors."""
        source = await self.source(company_id, **values)
        await self.reindex(company_id, source.id, passages)
        return source.id

    async def reindex(self, company_id, source_id, passages):
        chunks = [{"content": content} for content in passages]
        return await self.of.index(company_id, source_id, chunks, list(passages.values()))

    async def found(self, company_id, vector, k=10, **options):
        return [one.chunk.content for one in await self.of.search(company_id, vector, k, **options)]

    def fail_next(self, call):
        """Let a call to the engine fail once, as an outage would."""
        engine = self.store.unwrap()._engine
        working = getattr(engine, call)

        async def fail(*_args):
            setattr(engine, call, working)
            raise VectorStoreUnavailable("the store is down")

        setattr(engine, call, fail)


@pytest.fixture
def dimension():
    return 2


@pytest.fixture
def index(world, db, runner, dimension):
    index = Index(world, db, dimension)
    runner.run(settled(index.store.unwrap().ensure_collection()))
    yield index
    runner.run(settled(index.store.unwrap().close()))


async def test_the_nearest_chunks_come_first_with_their_content(db, index):
    company_id = await new_company(db)
    await index.indexed(company_id, {"north": NORTH, "east": EAST, "northeast": NORTHEAST})
    found = await index.of.search(str(company_id), EAST, 2)
    assert [one.chunk.content for one in found] == ["east", "northeast"]
    assert [one.score for one in found] == pytest.approx([1.0, 0.8], abs=1e-6)
    assert found[0].chunk == await db.company(company_id).knowledge_chunks.get(found[0].chunk.id)


async def test_a_company_finds_nothing_of_another(db, index):
    company_id, other = await new_company(db), await new_company(db)
    await index.indexed(company_id, {"theirs": EAST})
    assert await index.found(other, EAST) == []
    await index.indexed(other, {"ours": NORTH})
    assert await index.found(other, EAST) == ["ours"]


async def test_a_hit_that_names_another_companys_chunk_shows_nothing(db, index):
    """Even a store that was written wrongly cannot make a company read another's row."""
    company_id, other = await new_company(db), await new_company(db)
    source_id = await index.indexed(company_id, {"secret": EAST})
    (chunk,) = (await db.company(company_id).knowledge_chunks.of_source(source_id)).items
    forged = Point(chunk.id, EAST, source_id, content_hash=chunk.content_hash)
    await index.store.upsert(other, [forged])
    assert len(await index.store.search(other, EAST)) == 1
    assert await index.found(other, EAST) == []


async def test_another_companys_source_is_neither_indexed_nor_deleted(db, index):
    company_id, other = await new_company(db), await new_company(db)
    source_id = await index.indexed(company_id, {"theirs": EAST})
    with pytest.raises(NotFound):
        await index.reindex(other, source_id, {"mine": EAST})
    with pytest.raises(NotFound):
        await index.of.delete_source(other, source_id)
    assert await index.found(company_id, EAST) == ["theirs"]
    assert await index.store.count(other) == 0


async def test_indexing_again_leaves_no_vector_of_before(db, index):
    company_id = await new_company(db)
    source_id = await index.indexed(company_id, {"a": EAST, "b": NORTH, "c": NORTHEAST})
    await index.indexed(company_id, {"another source": NORTH})
    await index.reindex(company_id, source_id, {"a": NORTHEAST, "B": EAST})
    assert await index.found(company_id, EAST) == ["B", "a", "another source"]
    assert await index.store.count(company_id, Eq("source_id", source_id)) == 2
    await index.reindex(company_id, source_id, {})
    assert await index.store.count(company_id) == 1


async def test_what_was_changed_or_deleted_in_postgresql_alone_is_not_found(db, index):
    company_id = await new_company(db)
    source_id = await index.indexed(company_id, {"kept": EAST, "changed": EAST, "deleted": EAST})
    passages = [{"content": "kept"}, {"content": "unlike its vector"}]
    await db.company(company_id).knowledge.replace_chunks(source_id, passages)
    assert await index.found(company_id, EAST) == ["kept"]
    await db.company(company_id).knowledge.delete(source_id)
    assert await index.found(company_id, EAST) == []


async def test_vectors_without_a_chunk_do_not_crowd_out_those_that_have_one(db, index):
    company_id = await new_company(db)
    await index.indexed(company_id, {"farther": NORTHEAST})
    orphans = [Point(uuid4(), EAST, uuid4()) for _ in range(60)]
    await index.store.upsert(company_id, orphans)
    assert await index.found(company_id, EAST, 1) == ["farther"]


@pytest.mark.parametrize("call", ["upsert", "delete"])
async def test_an_outage_while_indexing_is_healed_by_indexing_again(db, index, call):
    company_id = await new_company(db)
    source_id = await index.indexed(company_id, {"a": EAST, "b": NORTH, "c": NORTHEAST})
    index.fail_next(call)
    with pytest.raises(VectorStoreUnavailable):
        await index.reindex(company_id, source_id, {"a": EAST, "B": NORTHEAST})
    assert await index.found(company_id, EAST) in (["a"], ["a", "B"])
    await index.reindex(company_id, source_id, {"a": EAST, "B": NORTHEAST})
    assert await index.found(company_id, EAST) == ["a", "B"]
    assert await index.store.count(company_id) == 2


async def test_an_outage_while_deleting_is_healed_by_deleting_again(db, index):
    company_id = await new_company(db)
    source_id = await index.indexed(company_id, {"a": EAST})
    index.fail_next("delete")
    with pytest.raises(VectorStoreUnavailable):
        await index.of.delete_source(company_id, source_id)
    assert await index.found(company_id, EAST) == []
    with pytest.raises(NotFound):
        await index.of.delete_source(company_id, source_id)
    assert await index.store.count(company_id) == 0
    assert await db.company(company_id).knowledge_chunks.count() == 0


async def test_a_store_that_is_down_is_no_empty_answer(db, index):
    company_id = await new_company(db)
    index.fail_next("search")
    with pytest.raises(VectorStoreUnavailable):
        await index.found(company_id, EAST)


async def test_no_connection_is_held_while_the_store_is_called(db, index):
    company_id = await new_company(db)
    engine, held = index.store.unwrap()._engine, []
    for name in ("upsert", "search", "delete"):
        working = getattr(engine, name)

        async def counted(*arguments, working=working):
            held.append(db.unwrap().engine.pool.checkedout())
            return await working(*arguments)

        setattr(engine, name, counted)
    source_id = await index.indexed(company_id, {"a": EAST})
    await index.found(company_id, EAST)
    await index.of.delete_source(company_id, source_id)
    assert held == [0, 0, 0, 0]


async def test_a_search_is_narrowed_by_agent_source_and_declared_metadata(db, index):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    of_agent = await index.indexed(company_id, {"of the agent": EAST}, agent_id=agent_id)
    source = await index.source(company_id)
    chunks = [
        {"content": "page 1", "metadata": {"page": 1, "heading": "not declared"}},
        {"content": "no page"},
    ]
    await index.of.index(company_id, source.id, chunks, [EAST, NORTH])
    assert await index.found(company_id, EAST, filter=Eq("agent_id", agent_id)) == ["of the agent"]
    assert await index.found(company_id, EAST, filter=Eq("source_id", of_agent)) == ["of the agent"]
    assert await index.found(company_id, EAST, filter=Eq("page", 1)) == ["page 1"]
    assert await index.found(company_id, EAST, filter=Eq("source_id", source.id), min_score=0.5) == ["page 1"]
    with pytest.raises(InvalidValue):
        await index.found(company_id, EAST, filter=Eq("company_id", company_id))


@pytest.mark.parametrize(
    ("metadata", "vectors"),
    [
        ({}, []),
        ({}, [EAST, EAST]),
        ({}, None),
        ({}, [[1.0]]),
        ({}, [[0.0, 0.0]]),
        ({}, [[float("nan"), 1.0]]),
        ({"page": "one"}, [EAST]),
    ],
)
async def test_what_the_store_would_refuse_is_refused_before_anything_is_written(
    db, index, metadata, vectors
):
    company_id = await new_company(db)
    source = await index.source(company_id)
    with pytest.raises(InvalidValue):
        await index.of.index(company_id, source.id, [{"content": "a", "metadata": metadata}], vectors)
    assert await db.company(company_id).knowledge_chunks.count() == 0


@pytest.mark.parametrize("k", [0, 1001, True, "5"])
async def test_a_number_of_results_that_is_none_is_refused(index, k):
    with pytest.raises(InvalidValue):
        await index.of.search(uuid4(), EAST, k)


@pytest.mark.parametrize("dimension", [384])
async def test_passages_of_real_guidelines_are_found_by_their_own_vectors(db, index):
    if not DATA.is_dir():
        pytest.skip(f"the real data is not here ({DATA}); a clone of the project does not have it")
    numpy = pytest.importorskip("numpy")
    with gzip.open(DATA / "abcd_chunks.jsonl.gz", "rt", encoding="utf-8") as lines:
        passages = [json.loads(line) for line in lines]
    vectors = numpy.load(DATA / "abcd_chunks.minilm384.f16.npy").astype("float32")
    halves = {await new_company(db): range(start, len(passages), 2) for start in (0, 1)}
    for company_id, numbers in halves.items():
        source = await index.source(company_id)
        chunks = [
            {"content": passages[n]["text"], "metadata": {"flow": passages[n]["flow"]}} for n in numbers
        ]
        await index.of.index(company_id, source.id, chunks, vectors[numbers])
    for company_id, numbers in halves.items():
        own = vectors[numbers]
        for n in list(numbers)[::20]:
            exact = numpy.sort(own @ vectors[n])[::-1][:5]
            found = await index.of.search(company_id, vectors[n], 5)
            assert [one.score for one in found] == pytest.approx(exact.tolist(), abs=1e-3)
            assert passages[n]["text"] in [one.chunk.content for one in found]
        flow = passages[numbers[0]]["flow"]
        within = await index.of.search(company_id, own[0], 5, filter=Eq("flow", flow))
        assert {one.chunk.metadata["flow"] for one in within} == {flow}
