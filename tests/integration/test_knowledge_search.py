"""A search by a text or by a vector gives what agents may answer from now, and says how it was found."""

from __future__ import annotations

from uuid import uuid4

import pytest

from chatapp_db.errors import InvalidValue, VectorStoreUnavailable
from chatapp_db.knowledge import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.vectors import (
    And,
    Eq,
    Exists,
    In,
    Not,
    Or,
    Range,
    create_async_vector_store,
    create_vector_store,
)
from tests.rows import SOMEBODY, new_agent, new_company
from tests.worlds import Awaited, settled

KEYS = {"page": "integer", "topics": "keyword"}
EAST, NORTH, NORTHEAST = [1.0, 0.0], [0.0, 1.0], [0.8, 0.6]
MEANINGS = {"towards sunrise": EAST, "towards the pole": NORTH, "???": NORTH}


class Library:
    """An index with an embedder that knows two phrases, the database and the store below it."""

    def __init__(self, world, db):
        create = world.pick(create_vector_store, create_async_vector_store)
        index = world.pick(KnowledgeIndex, AsyncKnowledgeIndex)
        store = create("memory://", dimension=2, keys=KEYS)
        self.db, self.store = db, Awaited(store)
        self.plain = Awaited(index(db.unwrap(), store))
        self.index = Awaited(index(db.unwrap(), store, embedder=world.pick(embed, embed_awaited)))

    async def shelved(self, company_id, passages, *, metadata=None, **source):
        """Index a source whose passages are given with their vectors."""
        row = await self.db.company(company_id).knowledge.register(name="Atlas", type="text", **source)
        chunks = [{"content": content, "metadata": metadata or {}} for content in passages]
        await self.index.index(company_id, row.id, chunks, list(passages.values()))
        return row.id

    async def found(self, company_id, query, k=10, **options):
        return [one.chunk.content for one in await self.index.search(company_id, query, k, **options)]

    def fail(self, call="search"):
        """Let every search of the store fail, as an outage would."""

        async def fail(*_args):
            raise VectorStoreUnavailable("the store is down")

        setattr(self.store.unwrap()._engine, call, fail)

    def questions(self):
        """Note what the store is asked from now on."""
        engine, asked = self.store.unwrap()._engine, []
        working = engine.search

        async def noted(*arguments):
            asked.append(arguments)
            return await working(*arguments)

        engine.search = noted
        return asked


def embed(texts):
    return [MEANINGS[text] for text in texts]


async def embed_awaited(texts):
    return embed(texts)


@pytest.fixture
def library(world, db, runner):
    library = Library(world, db)
    runner.run(settled(library.store.unwrap().ensure_collection()))
    yield library
    runner.run(settled(library.store.unwrap().close()))


async def test_diversity_prefers_a_passage_that_is_unlike_the_one_before(library, db):
    company_id = await new_company(db)
    passages = {"east": EAST, "a little north of east": [0.99, 0.14], "north east": NORTHEAST}
    await library.shelved(company_id, passages)

    assert await library.found(company_id, EAST, 2) == ["east", "a little north of east"]
    assert await library.found(company_id, EAST, 2, diversity=0.9) == ["east", "north east"]


async def test_a_text_is_searched_for_by_its_meaning(db, library):
    company_id = await new_company(db)
    await library.shelved(company_id, {"Poland": EAST, "Norway": NORTH, "Finland": NORTHEAST})
    assert await library.found(company_id, "towards sunrise", 2) == ["Poland", "Finland"]
    assert await library.found(company_id, "towards the pole", 1) == ["Norway"]


async def test_a_text_without_an_embedder_is_refused(db, library):
    company_id = await new_company(db)
    with pytest.raises(InvalidValue, match="embedder"):
        await library.plain.search(company_id, "towards sunrise")


async def test_an_error_of_the_embedder_reaches_the_caller_as_it_is(db, library):
    company_id = await new_company(db)
    with pytest.raises(KeyError, match="unknown phrase"):
        await library.index.search(company_id, "unknown phrase")


async def test_what_was_found_is_a_list_that_says_how(db, library):
    company_id = await new_company(db)
    await library.shelved(company_id, {"Poland": EAST})
    found = await library.index.search(company_id, "towards sunrise")
    assert (len(found), found.degraded) == (1, False)
    assert [one.chunk.content for one in found] == ["Poland"]
    assert await library.index.search(await new_company(db), "towards sunrise") == []


async def test_a_chunk_that_changed_is_dropped_or_given_as_it_is_now(db, library):
    company_id = await new_company(db)
    source_id = await library.shelved(company_id, {"Poland": EAST, "Latvia": EAST})
    (first, second) = (await db.company(company_id).knowledge_chunks.of_source(source_id)).items
    chunks = db.company(company_id).knowledge
    await chunks.replace_chunks(source_id, [{"content": "Poland, new"}, {"content": "Latvia"}])
    assert await library.found(company_id, EAST) == ["Latvia"]
    now = await library.found(company_id, EAST, stale="allow")
    assert sorted(now) == ["Latvia", "Poland, new"]
    await chunks.replace_chunks(source_id, [{"content": "Poland, newer"}])
    assert await library.found(company_id, EAST, stale="allow") == ["Poland, newer"]
    assert first.id != second.id


async def test_an_agent_finds_its_own_and_the_whole_companys(db, library):
    company_id = await new_company(db)
    mine, other = await new_agent(db, company_id), await new_agent(db, company_id)
    for owner, content in {mine: "mine", other: "another's", None: "everybody's"}.items():
        await library.shelved(company_id, {content: EAST}, agent_id=owner)
    assert set(await library.found(company_id, EAST)) == {"mine", "another's", "everybody's"}
    assert set(await library.found(company_id, EAST, agent_id=mine)) == {"mine", "everybody's"}
    assert await library.found(company_id, EAST, agent_id=uuid4()) == ["everybody's"]
    narrowed = {"agent_id": mine, "filter": Exists("agent_id")}
    assert await library.found(company_id, EAST, **narrowed) == ["mine"]


async def test_what_other_agents_know_does_not_crowd_out_an_agents_own(db, library):
    """One question to the store is enough: it was asked for what the agent answers from."""
    company_id = await new_company(db)
    mine, other = await new_agent(db, company_id), await new_agent(db, company_id)
    await library.shelved(company_id, {f"nearer {n}": EAST for n in range(20)}, agent_id=other)
    await library.shelved(company_id, {"mine": NORTHEAST}, agent_id=mine)
    questions = library.questions()
    assert await library.found(company_id, EAST, 1, agent_id=mine) == ["mine"]
    assert len(questions) == 1


async def test_what_was_taken_from_an_agent_is_not_found_for_it_although_its_vector_says_so(db, library):
    company_id = await new_company(db)
    mine, other = await new_agent(db, company_id), await new_agent(db, company_id)
    source_id = await library.shelved(company_id, {"mine no more": EAST}, agent_id=mine)
    await db.company(company_id).knowledge.update(source_id, agent_id=other)
    assert await library.found(company_id, EAST, agent_id=mine) == []


PASSAGES = {
    "The sunrise is seen towards the east": {"page": 1, "topics": ["sky", "morning"]},
    "Sunrise prices hold until noon": {"page": 2, "topics": "shop"},
    "Towards evening the shop closes": {"page": 3},
    "Nothing of the kind": {"page": 4},
}


async def filled(db, library, **source):
    company_id = await new_company(db)
    for content, metadata in PASSAGES.items():
        await library.shelved(company_id, {content: NORTH}, metadata=metadata, **source)
    return company_id


@pytest.mark.parametrize("query", ["towards sunrise", EAST])
async def test_a_store_that_is_down_is_an_error_and_no_empty_list(db, library, query):
    company_id = await filled(db, library)
    library.fail()
    with pytest.raises(VectorStoreUnavailable):
        await library.index.search(company_id, query)


async def test_the_words_of_the_text_answer_where_the_store_is_down(db, library):
    company_id = await filled(db, library)
    assert not (await library.index.search(company_id, "towards sunrise", fallback="keyword")).degraded
    library.fail()
    found = await library.index.search(company_id, "towards sunrise", fallback="keyword", min_score=0.9)
    assert found.degraded
    assert found[0].chunk.content == "The sunrise is seen towards the east"
    assert {one.chunk.content for one in found} == set(list(PASSAGES)[:3])
    assert [one.score for one in found] == [1, 1 / 2, 1 / 3]
    assert len(await library.index.search(company_id, "towards sunrise", 2, fallback="keyword")) == 2
    other = await library.index.search(await new_company(db), "towards sunrise", fallback="keyword")
    assert (list(other), other.degraded) == ([], True)


async def test_an_embedder_that_says_it_is_unavailable_falls_back_too(world, db, library):
    company_id = await filled(db, library)

    def away(texts):
        raise VectorStoreUnavailable("the model is away")

    library.index.unwrap()._embedder = away
    found = await library.index.search(company_id, "sunrise", fallback="keyword")
    assert (len(found), found.degraded) == (2, True)


async def test_a_text_without_words_finds_nothing_and_says_so(db, library):
    company_id = await filled(db, library)
    library.fail()
    found = await library.index.search(company_id, "???", fallback="keyword")
    assert (list(found), found.degraded) == ([], True)


async def test_an_agent_falls_back_to_its_own(db, library):
    company_id = await new_company(db)
    mine, other = await new_agent(db, company_id), await new_agent(db, company_id)
    for owner in (mine, other, None):
        await library.shelved(company_id, {f"sunrise for {owner}": EAST}, agent_id=owner)
    library.fail()
    options = {"agent_id": mine, "fallback": "keyword"}
    found = await library.found(company_id, "towards sunrise", **options)
    assert set(found) == {f"sunrise for {mine}", "sunrise for None"}


@pytest.mark.parametrize(
    "filter",
    [
        Eq("page", 2),
        In("page", [1, 3]),
        Range("page", gt=1),
        Range("page", gte=2, lt=3),
        Eq("topics", "morning"),
        Exists("topics"),
        Not(Exists("topics")),
        Not(Eq("topics", "shop")),
        And(Range("page", lte=2), Not(Eq("topics", "sky"))),
        Or(Eq("topics", "sky"), Eq("page", 3)),
        Eq("source_id", SOMEBODY),
    ],
    ids=str,
)
async def test_a_filter_lets_the_same_through_either_way(db, library, filter):
    company_id = await filled(db, library)
    options = {"filter": filter, "fallback": "keyword"}
    near = await library.found(company_id, "towards sunrise", **options)
    library.fail()
    told = await library.found(company_id, "towards sunrise", **options)
    assert set(told) == set(near) - {"Nothing of the kind"}


@pytest.mark.parametrize(
    ("query", "options", "about"),
    [
        (EAST, {"fallback": "keyword"}, "words"),
        ("towards sunrise", {"fallback": "keyword", "filter": Eq("revision", 1)}, "revision"),
        ("towards sunrise", {"fallback": "keyword", "filter": Not(Exists("agent_id"))}, "agent_id="),
        ("towards sunrise", {"fallback": "text"}, "fallback"),
        ("towards sunrise", {"fallback": True}, "fallback"),
        ("towards sunrise", {"stale": "keep"}, "stale"),
        ("towards sunrise", {"agent_id": "1"}, "agent_id"),
        ("towards sunrise", {"min_score": "high"}, "min_score"),
        ("towards sunrise", {"k": 0}, "k"),
    ],
)
async def test_what_could_not_be_answered_is_refused_while_the_store_is_up(
    db, library, query, options, about
):
    company_id = await new_company(db)
    with pytest.raises(InvalidValue, match=about):
        await library.index.search(company_id, query, **options)
