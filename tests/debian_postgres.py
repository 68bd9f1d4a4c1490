"""Debian's PostgreSQL, run from its own programs in a folder of the test's; no system service is touched."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from chatapp_db.embedded.account import Account, account_for
from chatapp_db.testing.server import CARELESS, server_folder


def _oldest() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[0].parent if found else None


PROGRAMS = _oldest()


@contextmanager
def debian_postgres(**settings: str) -> Generator[str]:
    """Run a new server and yield the superuser's URL."""
    assert PROGRAMS is not None
    with server_folder() as folder:
        account = account_for(folder)
        if account is not None:
            account.own(folder)
        data = folder / "data"
        _run(account, PROGRAMS / "initdb", "--pgdata", data, "--username=postgres", "--auth=trust",
             "--encoding=UTF8", "--locale=C", "--no-sync")  # fmt: skip
        options = {"listen_addresses": "", "unix_socket_directories": folder, **CARELESS, **settings}
        arguments = shlex.join(f"--{name}={value}" for name, value in options.items())
        _run(account, PROGRAMS / "pg_ctl", "start", "--pgdata", data, "--wait", "--log", folder / "log",
             "--options", arguments)  # fmt: skip
        try:
            yield f"postgresql://postgres@/postgres?host={folder}&port=5432"
        finally:
            _run(account, PROGRAMS / "pg_ctl", "stop", "--pgdata", data, "--mode=immediate", "--wait")


def _run(account: Account | None, *command: str | Path) -> None:
    subprocess.run(
        command,
        check=True,
        capture_output=True,
        cwd="/",
        stdin=subprocess.DEVNULL,
        user=None if account is None else account.uid,
        group=None if account is None else account.gid,
        extra_groups=None if account is None else [],
    )
