"""Whatever dies, fails or comes late: nothing wrong is ever found, and in the end both hold the same."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from pathlib import Path

import pytest

from chatapp_db.errors import SerializationFailure, VectorStoreUnavailable
from chatapp_db.vectors import create_async_vector_store, create_vector_store
from tests.consistency.conftest import DIMENSION, KEYS, Step
from tests.consistency.killed import WORKING, WRITING
from tests.rows import new_company
from tests.worlds import settled, unwrapped

ROOT = Path(__file__).parents[2]


@pytest.fixture
def store_url():
    return "edge://{folder}"


async def healed(step, *company_ids):
    """Drain, reconcile and drain; then the store is what PostgreSQL is."""
    await step.embeddings.retry_dead()
    step.due()
    await step.drain()
    await step.embeddings.reconcile(fix=True)
    await step.drain()
    assert step.waiting() == []
    (report,) = await step.embeddings.reconcile()
    assert (report.missing, report.stale, report.orphan) == (0, 0, 0)
    for company_id in company_ids:
        assert await step.in_store(company_id) == step.in_database(company_id)


def killed(url, folder, *arguments):
    process = subprocess.run(
        [sys.executable, "-m", "tests.consistency.killed", url, str(folder), *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == -9, process.stderr


async def reopened(step, world, folder):
    """Let go of the folder, which is one process's at a time, for as long as another one has it."""
    create = world.pick(create_vector_store, create_async_vector_store)
    return Step(
        world,
        step.db,
        step.url,
        [create(f"edge://{folder}", dimension=DIMENSION, collection="first", keys=KEYS)],
    )


def slow_but(points, quick):
    return [point if point == quick else pytest.param(point, marks=pytest.mark.slow) for point in points]


@pytest.mark.parametrize("point", slow_but(WORKING, "the upsert, after"))
async def test_a_worker_that_is_killed_is_followed_by_one_that_finishes(
    step, world, login_url, tmp_path, point
):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "to be deleted")
    deleted, _ = await step.source(company_id, "of a source to be deleted")
    await step.drain()
    await step.write(company_id, source_id, "A")
    await step.source(company_id, "new")
    await step.db.company(company_id).knowledge.delete(deleted)
    await step.store.close()

    killed(login_url("service"), tmp_path / "first", point)

    step = await reopened(step, world, tmp_path / "first")
    assert set(await step.found(company_id, "a")) <= {"A", "new"}
    step.due()
    await step.drain()
    assert step.waiting() == []
    assert await step.in_store(company_id) == step.in_database(company_id)
    assert set(await step.found(company_id, "a")) == {"A", "new"}
    await step.store.close()


@pytest.mark.parametrize("point", slow_but(WRITING, "the commit, after"))
async def test_a_writer_that_is_killed_is_followed_by_a_worker(step, world, login_url, tmp_path, point):
    company_id = await new_company(step.db)
    source_id, _ = await step.source(company_id, "a", "b", "c")
    await step.drain()
    await step.store.close()

    killed(login_url("service"), tmp_path / "first", point, company_id, source_id, "a", "B")

    step = await reopened(step, world, tmp_path / "first")
    assert set(await step.found(company_id, "a")) <= {"a", "B"}
    step.due()
    await step.drain()
    assert step.model.texts == []
    assert step.waiting() == []
    assert await step.in_store(company_id) == step.in_database(company_id)
    assert set(await step.found(company_id, "a")) == {"a", "B"}
    await step.store.close()


class Chaos:
    """Writers, workers and a searcher at once, over a store that fails, and leases that end early."""

    def __init__(self, step, companies, seed, rounds):
        self.step, self.companies, self.rounds = step, companies, rounds
        self.random = random.Random(seed)
        self.deleted: set[str] = set()
        self.count = 0
        self.searches = 0
        self.done = False
        self.disturb()

    def disturb(self):
        engine = self.step.store.unwrap()._engine
        self.calm = {name: getattr(engine, name) for name in ("upsert", "delete")}
        for name, working in self.calm.items():

            async def disturbed(*arguments, working=working):
                fate = self.random.random()
                if fate < 0.15:
                    raise VectorStoreUnavailable("down")
                await working(*arguments)
                if fate > 0.85:
                    raise VectorStoreUnavailable("nobody knows whether it was done")

            setattr(engine, name, disturbed)

    def calm_down(self):
        for name, working in self.calm.items():
            setattr(self.step.store.unwrap()._engine, name, working)

    def content(self, company_id):
        self.count += 1
        return f"{company_id} {self.count}"

    async def write(self, company_id):
        """Write, rewrite, shorten and delete sources of a company; every text is there but once."""
        sources: dict = {}
        for _ in range(self.rounds):
            fate = self.random.random()
            if sources and fate < 0.25:
                source_id = self.random.choice(list(sources))
                await self.attempt(self.step.index.delete_source, company_id, source_id)
                self.deleted |= sources.pop(source_id)
                continue
            if not sources or fate < 0.5:
                source = await self.step.db.company(company_id).knowledge.register(name="A", type="text")
                source_id = source.id
            else:
                source_id = self.random.choice(list(sources))
            before = sources.get(source_id, set())
            kept = self.random.sample(sorted(before), len(before) // 2)
            contents = [*kept, *(self.content(company_id) for _ in range(self.random.randrange(6)))]
            await self.attempt(self.step.write, company_id, source_id, *contents)
            sources[source_id] = set(contents)
            self.deleted |= before - set(contents)

    async def attempt(self, call, *arguments):
        for _ in range(20):
            try:
                return await call(*arguments)
            except SerializationFailure:
                continue
        return None

    async def search(self):
        while not self.done:
            company_id = self.random.choice(self.companies)
            gone = set(self.deleted)
            found = await self.step.found(company_id, self.content(company_id))
            assert not gone & set(found)
            assert all(content.startswith(str(company_id)) for content in found)
            self.searches += 1
            await asyncio.sleep(0)

    async def work(self):
        while not self.done:
            await self.step.worker().sync_vectors(batch_size=self.random.randrange(1, 9))
            if self.random.random() < 0.3:
                # Every lease and every pause has ended, whoever is at work still.
                self.step.due()
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 10))])
async def test_chaos_ends_in_step_and_shows_nothing_wrong(step, world, seed):
    companies = [await new_company(step.db) for _ in range(2)]
    chaos = Chaos(step, companies, seed, rounds=12)

    async def writing():
        try:
            await asyncio.gather(*(in_this_world(world, lambda c=c: chaos.write(c)) for c in companies))
        finally:
            chaos.done = True

    others = [chaos.search, chaos.work, chaos.work, chaos.work]
    await asyncio.gather(writing(), *(in_this_world(world, call) for call in others))
    chaos.calm_down()
    assert chaos.searches
    await healed(step, *companies)


async def in_this_world(world, call):
    """Run it beside others: in a thread of its own where calls block."""
    if world.blocking:
        return await asyncio.to_thread(lambda: asyncio.run(call()))
    return await settled(unwrapped(call()))
