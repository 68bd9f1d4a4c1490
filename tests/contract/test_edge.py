"""The folder of an edge:// store: one process at a time, and what was acknowledged outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import pytest

from chatapp_db.errors import (
    CollectionMismatch,
    MissingExtra,
    StoreInUse,
    VectorStoreError,
    VectorStoreUnavailable,
)
from chatapp_db.vectors import Eq, Point, create_async_vector_store, create_vector_store
from tests.contract.oracle import SOURCES
from tests.worlds import World

QUERY = [1.0, 0.5, 0.5, 0.5]
COMPANY = uuid.UUID(int=1)

WRITER = """
import sys, uuid
from chatapp_db.vectors import Point, create_vector_store
store = create_vector_store(sys.argv[1], dimension=4, collection="shared")
store.ensure_collection()
for batch in range(1_000_000):
    source = uuid.UUID(int=batch)
    points = [Point(uuid.UUID(int=batch * 100 + one), [1, one, 0, 0], source) for one in range(100)]
    store.upsert(uuid.UUID(int=1), points)
    print(batch, flush=True)
"""


def process(code: str, url: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code, url], stdout=subprocess.PIPE, text=True)


def killed_after(batches: int, url: str) -> int:
    """Kill a writer, in the middle of whatever it does, and tell how many batches it was told of."""
    with process(WRITER, url) as writer:
        assert writer.stdout is not None
        for _ in range(batches):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        return batches + len(writer.stdout.read().splitlines())


async def test_points_are_there_after_closing_and_opening_again(edge_url: str, open_store: Any) -> None:
    first = open_store(edge_url, collection="kept")
    await first.ensure_collection()
    chunk = uuid.uuid4()
    await first.upsert(COMPANY, [Point(chunk, QUERY, SOURCES[0], meta={"public": True})])
    await first.close()
    second = open_store(edge_url, collection="kept")
    [hit] = await second.search(COMPANY, QUERY, filter=Eq("public", True))
    assert hit.chunk_id == chunk


@pytest.mark.parametrize("batches", [1, 40])
async def test_what_was_acknowledged_survives_a_killed_writer(
    edge_url: str, open_store: Any, batches: int
) -> None:
    told = killed_after(batches, edge_url)
    store = open_store(edge_url, collection="shared")
    sources = [uuid.UUID(int=batch) for batch in range(told)]
    assert [await store.count(COMPANY, Eq("source_id", source)) for source in sources] == [100] * told
    assert len(await store.search(COMPANY, QUERY, 1000)) == min(1000, await store.count(COMPANY))
    await store.upsert(COMPANY, [Point(uuid.uuid4(), QUERY, SOURCES[0])])


async def test_a_writer_killed_while_it_made_the_folder_leaves_nothing_in_the_way(
    edge_url: str, tmp_path: Path, open_store: Any
) -> None:
    killed, store = (open_store(edge_url, collection="shared") for _ in range(2))
    await killed.ensure_collection()
    await killed.upsert(COMPANY, [Point(uuid.uuid4(), QUERY, SOURCES[0])])
    await killed.close()
    folder = tmp_path / "vectors"
    (folder / "shared").rename(folder / "shared.unfinished")
    await store.ensure_collection()
    assert await store.count(COMPANY) == 0


async def test_a_second_process_is_told_that_the_folder_is_taken(edge_url: str, open_store: Any) -> None:
    with process(WRITER, edge_url) as writer:
        try:
            assert writer.stdout is not None
            writer.stdout.readline()
            store = open_store(edge_url, collection="shared")
            for call in (store.ensure_collection, lambda: store.search(COMPANY, QUERY)):
                with pytest.raises(StoreInUse, match="one process") as raised:
                    await call()
                assert isinstance(raised.value, VectorStoreUnavailable)
                assert raised.value.retryable
        finally:
            writer.kill()
            writer.communicate()
    assert await store.count(COMPANY) >= 100


async def test_a_second_store_of_the_same_process_is_told_too(edge_url: str, open_store: Any) -> None:
    first, second = (open_store(edge_url, collection="shared") for _ in range(2))
    await first.ensure_collection()
    with pytest.raises(StoreInUse, match="one process"):
        await second.count(COMPANY)
    await open_store(edge_url, collection="another").ensure_collection()
    await first.close()
    assert await second.count(COMPANY) == 0


def test_a_forked_child_is_refused_and_leaves_the_folder_to_its_parent(edge_url: str) -> None:
    script = f"""
import os, uuid
from chatapp_db.errors import VectorStoreError
from chatapp_db.vectors import create_vector_store
store = create_vector_store({edge_url!r}, dimension=4)
store.ensure_collection()
child = os.fork()
if child:
    os.waitpid(child, 0)
try:
    print(store.count(uuid.UUID(int=1)), flush=True)
except VectorStoreError as error:
    print(error, flush=True)
store.close()
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "the vector store was opened before this process was forked\n0\n"


async def test_other_parameters_are_listed_by_whatever_call_comes_first(
    edge_url: str, open_store: Any
) -> None:
    first = open_store(edge_url, collection="shared")
    await first.ensure_collection()
    await first.close()
    other = open_store(edge_url, collection="shared", dimension=8, distance="dot")
    with pytest.raises(CollectionMismatch, match=r"dimension is 4, not 8; its distance is cosine, not dot"):
        await other.count(COMPANY)


async def test_a_folder_that_is_no_collection_is_an_error_of_ours(
    edge_url: str, tmp_path: Path, open_store: Any
) -> None:
    (tmp_path / "vectors" / "shared").mkdir(parents=True)
    store = open_store(edge_url, collection="shared")
    with pytest.raises(VectorStoreError, match="refused open") as raised:
        await store.count(COMPANY)
    assert raised.value.__cause__ is not None


async def test_a_folder_that_cannot_be_made_is_an_error_of_ours(tmp_path: Path, open_store: Any) -> None:
    (tmp_path / "file").write_text("no folder")
    store = open_store(f"edge://{tmp_path}/file/vectors")
    with pytest.raises(VectorStoreError, match="refused open") as raised:
        await store.ensure_collection()
    assert isinstance(raised.value.__cause__, OSError)


async def test_a_closed_store_stays_closed(edge_url: str, open_store: Any) -> None:
    store = open_store(edge_url)
    await store.ensure_collection()
    await store.close()
    await store.close()
    with pytest.raises(VectorStoreError, match="closed"):
        await store.count(COMPANY)


async def test_the_engines_own_errors_are_not_repeated(
    edge_url: str, open_store: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(edge_url)
    await store.ensure_collection()
    monkeypatch.setattr("chatapp_db.vectors.engines.wire.VECTOR", "no_such_vector")
    with pytest.raises(VectorStoreError) as raised:
        await store.search(COMPANY, QUERY)
    assert str(raised.value) == "the vector store refused search"
    assert "no_such_vector" in str(raised.value.__cause__)


def test_a_missing_package_is_told_with_the_command(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(sys.modules):
        if name.startswith("chatapp_db.vectors.engines.edge"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("chatapp_db.vectors.engines.edge", raising=False)
    monkeypatch.setitem(sys.modules, "qdrant_edge", None)
    create = world.pick(create_vector_store, create_async_vector_store)
    with pytest.raises(MissingExtra, match=r'pip install "chatapp-db\[edge\]"'):
        create("edge:///folder", dimension=3)
