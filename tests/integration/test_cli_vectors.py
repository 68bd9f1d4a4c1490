"""The commands that keep a vector store in step: what they do, print, and end with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from chatapp_db.cli import main
from chatapp_db.database import Database
from chatapp_db.knowledge import KnowledgeIndex
from chatapp_db.vectors import create_vector_store
from tests.rows import new_company
from tests.worlds import Awaited

ROOT = Path(__file__).parents[2]
EMBEDDER = "tests.integration.test_cli_vectors:embed"


def embed(texts: list[str]) -> list[list[float]]:
    """What ``--embedder`` names in these tests."""
    if any("poison" in text for text in texts):
        raise ValueError("poison")
    return [[float(len(text)), 1.0] for text in texts]


@pytest.fixture
def store_url(tmp_path):
    return f"edge://{tmp_path / 'vectors'}"


@pytest.fixture
def command(database_url, store_url, monkeypatch, capsys):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", database_url)
    monkeypatch.setenv("CHATAPP_VECTOR_URL", store_url)

    def run(*arguments):
        code = main(["vectors", *arguments, "--json"])
        said = capsys.readouterr()
        return code, json.loads(said.out) if said.out else said.err

    return run


@pytest.fixture
def write(database_url, runner):
    """Write chunks that wait for their vectors."""
    db = Database(database_url)
    company_id = runner.run(new_company(Awaited(db)))
    never_asked = create_vector_store("memory://", dimension=2)

    def write(*contents):
        source = db.company(company_id).knowledge.register(name="Atlas", type="text")
        chunks = [{"content": content} for content in contents]
        KnowledgeIndex(db, never_asked).add_chunks(company_id, source.id, chunks)

    yield write
    never_asked.close()
    db.close()


def register(command):
    assert command("register", "mini", "--collection", "first", "--dimension", "2")[0] == 0


def test_waiting_changes_are_brought_and_compared(command, write):
    register(command)
    write("a", "bb", "ccc")
    assert command("status")[1][0]["waiting"] == 3
    code, report = command("sync", "--embedder", EMBEDDER)
    assert (code, report["stored"]) == (0, 3)
    assert command("reconcile")[0] == 0
    assert command("status")[1][0]["waiting"] == 0


def test_a_difference_ends_with_1_and_is_mended(command, write, database_url):
    register(command)
    write("a", "bb")
    command("sync", "--embedder", EMBEDDER)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE chatapp_knowledge_chunks SET content = 'x', content_hash = content")
    code, (report,) = command("reconcile", "--fix")
    assert (code, report["stale"], report["queued"]) == (1, 2, 2)
    assert command("sync", "--embedder", f"mini={EMBEDDER}")[0] == 0
    assert command("reconcile")[0] == 0


def test_a_dead_change_ends_with_1_and_is_tried_again(command, write):
    register(command)
    write("a", "poison", "c", "d")
    code, report = command("sync", "--embedder", EMBEDDER)
    assert (code, report["stored"], report["dead"]) == (1, 3, 1)
    code, (backlog,) = command("status")
    assert (code, backlog["dead"], backlog["last_error"]) == (1, 1, "ValueError: poison")
    assert command("retry") == (0, {"retried": 1})


def test_a_model_is_changed_and_changed_back(command, write):
    register(command)
    write("a", "bb")
    code, begun = command("reembed", "begin", "maxi", "--collection", "second", "--dimension", "2")
    assert (code, begun["status"]) == (0, "building")
    assert command("reembed", "switch")[0] == 1
    assert command("sync", "--embedder", f"mini={EMBEDDER}", "--embedder", f"maxi={EMBEDDER}")[0] == 0
    assert command("reembed", "switch")[1]["collection_name"] == "second"
    assert command("reembed", "rollback")[1]["collection_name"] == "first"
    assert command("reembed", "drop", "second")[0] == 2
    assert command("reembed", "drop", "second", "--yes")[1]["status"] == "dropped"


@pytest.mark.parametrize(
    "options",
    [
        ["--embedder", "no.such:thing"],
        ["--embedder", "json:no_such_name"],
        ["--embedder", EMBEDDER, "--embedder", EMBEDDER],
        ["--key", "page:whatever"],
        ["--batch", "0"],
    ],
)
def test_what_makes_no_sense_is_bad_usage(command, options):
    register(command)
    assert command("sync", *options)[0] == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worker_for_ever_ends_well_when_it_is_asked_to(command, write, number):
    register(command)
    write("a", "bb")
    arguments = ["vectors", "sync", "--poll", "30", "--json", "--embedder", EMBEDDER]
    worker = subprocess.Popen(
        [sys.executable, "-m", "chatapp_db", *arguments],
        cwd=ROOT,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 30
        while command("status")[1][0]["waiting"] and time.monotonic() < deadline:
            time.sleep(0.2)
        worker.send_signal(number)
        out, err = worker.communicate(timeout=20)
    finally:
        worker.kill()
    assert worker.returncode == 0, err
    assert json.loads(out)["stored"] == 2
