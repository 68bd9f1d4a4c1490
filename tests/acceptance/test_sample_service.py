"""The sample service's own tests pass, with nothing but what the package brings."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "examples" / "sample_service"


def test_its_tests_are_green(tmp_path):
    """Copied elsewhere, so that nothing of the checkout's settings reaches it."""
    shutil.copytree(SAMPLE, tmp_path / "sample", ignore=shutil.ignore_patterns("__pycache__", ".*"))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "chatapp_db.testing.plugin", "-p", "no:asyncio"],
        cwd=tmp_path / "sample",
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_its_tests_use_nothing_but_the_public_api():
    modules = {
        str(node.module)
        for path in SAMPLE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("chatapp_db")
    }
    assert modules <= {
        "chatapp_db",
        "chatapp_db.fastapi",
        "chatapp_db.rows",
        "chatapp_db.schema",
        "chatapp_db.scopes",
        "chatapp_db.testing",
    }
