"""What type checkers tell a service that installs the package: it passes, and each mistake is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SERVICE = Path(__file__).parents[1] / "typing" / "service"
ERROR = re.compile(r"^\s*(?:\S*/)?(?P<file>[\w/]+\.py):(?P<line>\d+)(?::\d+)?(?: -|:) error", re.MULTILINE)
CHECKERS = {
    "mypy": ("mypy", "--python-executable", sys.executable),
    "pyright": ("pyright", "--pythonpath", sys.executable),
}


@pytest.mark.slow
@pytest.mark.parametrize("checker", CHECKERS)
def test_a_checker_refuses_each_mistake_of_a_service_and_nothing_else(checker, tmp_path):
    """Copied elsewhere: its own settings are in force, and what is installed is what is read."""
    service = shutil.copytree(SERVICE, tmp_path / "service")
    without_checkout = {name: value for name, value in os.environ.items() if not name.endswith("PYTHONPATH")}
    result = subprocess.run(
        [sys.executable, "-m", *CHECKERS[checker]],
        check=False,
        capture_output=True,
        text=True,
        cwd=service,
        env=without_checkout,
    )
    told = {(Path(file).name, int(line)) for file, line in ERROR.findall(result.stdout)}
    wanted = {
        (path.name, number)
        for path in service.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("# refused")
    }
    assert wanted
    assert told == wanted, result.stdout
