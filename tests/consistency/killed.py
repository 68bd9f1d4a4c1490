"""A process that writes or works off the outbox, and is killed at a point that its arguments name."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from uuid import UUID

from chatapp_db.database import Database
from chatapp_db.knowledge import Embeddings, KnowledgeIndex
from chatapp_db.knowledge.batch import Batch
from chatapp_db.vectors import create_vector_store
from tests.consistency.conftest import DIMENSION, KEYS, Model, vector_of

WORKING = [
    "the claim",
    "the embedder, before",
    "the upsert, before",
    "the upsert, after",
    "the delete, before",
    "the delete, after",
    "the end, before",
    "the end, after",
]
WRITING = ["the commit, after", "the upsert, after", "the delete, after"]


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def dying(owner, name, *, after):
    """Let a call be the last thing the process does, or the first that it does not do."""
    working = getattr(owner, name)

    async def call(*arguments):
        if after:
            await working(*arguments)
        die()

    setattr(owner, name, call)


def arm(point, store, model):
    place, _, when = point.partition(", ")
    after = when == "after"
    if place in {"the upsert", "the delete"}:
        dying(store._engine, place.removeprefix("the "), after=after)
    elif place == "the claim":
        Batch.work_off = die
    elif place == "the end":
        dying(Embeddings, "_finish", after=after)
    elif place == "the embedder":
        model.fails = None  # type: ignore[assignment]  # asked for before anything else
        type(model).__call__ = die
    elif place == "the commit":
        KnowledgeIndex._put = die


def main(url, folder, point, company_id="", source_id="", *contents):
    store = create_vector_store(f"edge://{folder}", dimension=DIMENSION, collection="first", keys=KEYS)
    model = Model()
    arm(point, store, model)
    db = Database(url)
    if not company_id:
        Embeddings(db, store, model).sync_vectors()
        return
    index = partial(KnowledgeIndex(db, store).add_chunks, UUID(company_id), UUID(source_id))
    index([{"content": content} for content in contents], [vector_of(content) for content in contents])


if __name__ == "__main__":
    main(*sys.argv[1:])
