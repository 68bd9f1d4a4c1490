"""Replicas of a service that starts: processes of their own, each of which migrates."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from tests.migrations.conftest import Place

_MIGRATE = """
import logging
import sys
from pathlib import Path
from chatapp_db.migrations import migrate, revisions, runner
from chatapp_db.errors import ChatAppDbError
import alembic.operations, alembic.runtime.migration, alembic.script

logging.getLogger("chatapp_db").addHandler(logging.NullHandler())
url, app_role, platform_role, folder = sys.argv[1:]
if folder:
    revisions.folder = lambda: Path(folder)
print("ready", flush=True)
try:
    print(*migrate(url, app_role=app_role, platform_role=platform_role).applied)
except ChatAppDbError as error:
    print(type(error).__name__, error.retryable)
"""

Replica = subprocess.Popen[str]


def replica(place: Place, url: str | None = None, *, folder: Path | None = None) -> Replica:
    """Start one; it says "ready" once it is loaded, then what it applied, or its error and if to retry."""
    arguments = [url or place.url, *place.names.values(), str(folder or "")]
    return subprocess.Popen(
        [sys.executable, "-c", _MIGRATE, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def outcome(process: Replica) -> str:
    """Wait for its end and give what it said last."""
    try:
        output, errors = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    assert (process.returncode, errors) == (0, ""), errors
    return output.removeprefix("ready\n").strip()


def until_ready(process: Replica) -> None:
    """Wait until it is about to migrate."""
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"


def wait_for(place: Place, condition: str, count: int, view: str = "pg_locks") -> None:
    """Wait until a view of the server shows so many rows."""
    deadline = time.monotonic() + 60
    while place.value(f"SELECT count(*) FROM {view} WHERE {condition}") < count:
        assert time.monotonic() < deadline
        time.sleep(0.05)
