"""What a user's type checker says: a forgotten await and a wrong argument are errors."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MISTAKES = ROOT / "tests" / "typing" / "refused" / "mistakes.py"


@pytest.mark.slow
@pytest.mark.parametrize(
    "checker", [("mypy", "--config-file", "pyproject.toml"), ("pyright",)], ids=["mypy", "pyright"]
)
def test_a_checker_refuses_each_mistake_and_nothing_else(checker, tmp_path):
    lines = MISTAKES.read_text().splitlines()
    project = tmp_path / "mistakes.py"
    project.write_text(MISTAKES.read_text())
    if checker[0] == "pyright":
        (tmp_path / "pyrightconfig.json").write_text('{"typeCheckingMode": "strict"}')
    arguments = (
        [str(project)] if checker[0] == "mypy" else ["--pythonpath", sys.executable, "-p", str(tmp_path)]
    )
    result = subprocess.run(
        [sys.executable, "-m", *checker, *arguments], check=False, capture_output=True, text=True, cwd=ROOT
    )
    told = {int(line) for line in re.findall(r"mistakes\.py:(\d+)(?::\d+)?(?: -|:) error", result.stdout)}
    wanted = {number for number, line in enumerate(lines, 1) if line.endswith("# refused")}
    assert told == wanted, result.stdout
