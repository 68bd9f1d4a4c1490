"""The rows in the package are those the tool makes of the tables today."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not (ROOT / "src").exists(), reason="there is no source here to be current")


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "generate_rows.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_rows_are_current():
    done = generate("--check")

    assert (done.returncode, done.stderr) == (0, "")


def test_stale_rows_are_told_by_name(tmp_path):
    tool = tmp_path / "tools" / "generate_rows.py"
    tool.parent.mkdir()
    tool.write_text((ROOT / "tools" / "generate_rows.py").read_text(encoding="utf-8"), encoding="utf-8")
    folder = tmp_path / "src" / "chatapp_db" / "rows"
    folder.mkdir(parents=True)

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)

    subprocess.run([sys.executable, tool], check=True)
    assert check().returncode == 0

    (folder / "agents.py").write_text("", encoding="utf-8")
    (folder / "left_over.py").write_text("", encoding="utf-8")
    done = check()
    assert done.returncode == 1
    assert "agents.py, left_over.py" in done.stderr
