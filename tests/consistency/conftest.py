"""A database and a vector store beside it, in both worlds, and what may be wrong between the two."""

from __future__ import annotations

import hashlib
from uuid import UUID

import psycopg
import pytest

from chatapp_db.errors import VectorStoreUnavailable
from chatapp_db.knowledge import AsyncEmbeddings, AsyncKnowledgeIndex, Embeddings, KnowledgeIndex
from chatapp_db.vectors import create_async_vector_store, create_vector_store
from tests.worlds import Awaited, settled

DIMENSION = 4
KEYS = {"page": "integer"}


def vector_of(text: str) -> list[float]:
    """Give each text a direction of its own."""
    digest = hashlib.sha256(text.encode()).digest()
    return [byte - 127.5 for byte in digest[:DIMENSION]]


class Model:
    """An embedder that counts what it is given, and fails as it is told."""

    def __init__(self):
        self.texts: list[str] = []
        self.fails: dict[str, Exception] = {}

    def __call__(self, texts):
        self.texts += texts
        for text in texts:
            if text in self.fails:
                raise self.fails[text]
        return [vector_of(text) for text in texts]

    async def awaited(self, texts):
        return self(texts)


class Step:
    """Both stores' names, and everything that a test asks of them."""

    def __init__(self, world, db, url, stores):
        self.world, self.db, self.url = world, db, url
        self.stores = {store.collection.name: Awaited(store) for store in stores}
        self.store = Awaited(stores[0])
        self.model = Model()
        self.index = Awaited(world.pick(KnowledgeIndex, AsyncKnowledgeIndex)(db.unwrap(), stores[0]))
        self.embeddings = self.worker()

    def worker(self, embedders=True):
        embedder = self.world.pick(self.model, self.model.awaited) if embedders is True else embedders
        stores = [store.unwrap() for store in self.stores.values()]
        return Awaited(self.world.pick(Embeddings, AsyncEmbeddings)(self.db.unwrap(), stores, embedder))

    async def source(self, company_id, *contents, **values):
        """Add a source with chunks that wait for their vectors."""
        knowledge = self.db.company(company_id).knowledge
        source = await knowledge.register(name="Atlas", type="text", **values)
        chunks = await self.write(company_id, source.id, *contents)
        return source.id, [chunk.id for chunk in chunks]

    async def write(self, company_id, source_id, *contents):
        return await self.index.add_chunks(
            company_id, source_id, [{"content": content} for content in contents]
        )

    async def found(self, company_id, text):
        hits = await self.index.search(company_id, vector_of(text), 100)
        return [hit.chunk.content for hit in getattr(hits, "hits", hits)]

    async def in_store(self, company_id, name=None):
        """Give the contents' hashes of a company's points, by chunk."""
        store = self.store if name is None else self.stores[name]
        points, after = {}, None
        while True:
            page = await store.scroll(company_id, after=after)
            points |= {point.chunk_id: point.content_hash for point in page.points}
            after = page.after
            if after is None:
                return points

    def in_database(self, company_id: UUID):
        query = "SELECT id, content_hash FROM chatapp_knowledge_chunks WHERE company_id = %s"
        return dict(self.rows(query, company_id))

    def waiting(self):
        return self.rows("SELECT change::text, subject_id FROM chatapp_vector_outbox ORDER BY created_at, id")

    def rows(self, query, *parameters):
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(query, parameters)
            return found.fetchall() if found.description else []

    def due(self):
        """Let nobody have to wait for the end of a pause or of a lease."""
        self.rows("UPDATE chatapp_vector_outbox SET available_at = now() WHERE available_at > now()")

    async def drain(self, worker=None):
        return await (worker or self.embeddings).sync_vectors()

    def fail(self, call, error=None, *, times=1, after=False, name=None):
        """Let calls to an engine fail, before or after they have done their work."""
        store = self.store if name is None else self.stores[name]
        engine = store.unwrap()._engine
        working, left = getattr(engine, call), [times]

        async def failing(*arguments):
            if left[0] == 0:
                return await working(*arguments)
            left[0] -= 1
            if after:
                await working(*arguments)
            raise error or VectorStoreUnavailable("the store is down")

        setattr(engine, call, failing)


@pytest.fixture
def store_url():
    return "memory://"


@pytest.fixture
def collections():
    return ["first"]


@pytest.fixture
def stores(world, runner, store_url, collections, tmp_path):
    create = world.pick(create_vector_store, create_async_vector_store)
    stores = [
        create(store_url.format(folder=tmp_path / name), dimension=DIMENSION, collection=name, keys=KEYS)
        for name in collections
    ]
    yield stores
    for store in stores:
        runner.run(settled(store.close()))


@pytest.fixture
def step(world, db, database_url, runner, stores):
    step = Step(world, db, database_url, stores)
    first = stores[0].collection.name
    runner.run(settled(step.embeddings.unwrap().register("model", collection=first)))
    return step
