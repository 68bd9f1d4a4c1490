"""A search by a text or by a vector gives what agents may answer from now, and says how it was found."""

from __future__ import annotations

import pytest

from chatapp_db.errors import InvalidValue
from chatapp_db.knowledge import AsyncKnowledgeIndex, KnowledgeIndex
from chatapp_db.vectors import create_async_vector_store, create_vector_store
from tests.rows import new_company
from tests.worlds import Awaited, settled

KEYS = {"page": "integer", "topics": "keyword", "checked": "datetime"}
EAST, NORTH, NORTHEAST = [1.0, 0.0], [0.0, 1.0], [0.8, 0.6]
MEANINGS = {"towards sunrise": EAST, "towards the pole": NORTH}


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
