"""A newcomer takes the sample service from a clone to green tests, by the commands of its pages alone."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.documents import ROOT, snippets

HEADING = "From a clone to green tests"
PAGES = [ROOT / "examples" / "sample_service" / "README.md", ROOT / "docs" / "howto" / "testing.md"]
PATIENCE = 600


def commands(page: Path) -> list[str]:
    (block,) = snippets(page, below=HEADING, language="console")
    return block.commands


def test_both_pages_say_the_same():
    assert commands(PAGES[0]) == commands(PAGES[1])


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="what is tracked is known in a clone")
def test_the_commands_lead_from_a_clone_to_green_tests(tmp_path):
    """Typed as they stand, into a shell that knows nothing of this environment."""
    clone = tmp_path / "clone"
    kept = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, kept.split("\0")):
        if (ROOT / name).is_file():
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    ours = {"PYTHONPATH", "VIRTUAL_ENV", "CHATAPP_DATABASE_URL", "PYTEST_ADDOPTS"}
    plain = {name: value for name, value in os.environ.items() if name not in ours}

    done = subprocess.run(
        ["bash", "-eu", "-c", "\n".join(commands(PAGES[0]))],
        cwd=clone,
        env={**plain, "PIP_CONSTRAINT": str(ROOT / "constraints.txt")},
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout
