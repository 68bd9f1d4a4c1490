"""Debian's PgBouncer in transaction mode, in front of the run's server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, make_url

from chatapp_db.embedded.account import account_for

BINARY = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
_SECONDS_TO_START = 10


@contextmanager
def pgbouncer(database_url: str, *, pool_size: int = 4, **settings: str) -> Generator[str]:
    """Run PgBouncer for one database and one login, and yield the URL through it."""
    target = make_url(database_url)
    with tempfile.TemporaryDirectory(prefix="chatapp-tests-pgbouncer-") as name:
        folder = Path(name)
        account = account_for(folder)
        (folder / "pgbouncer.ini").write_text(_configuration(target, folder, pool_size, settings))
        (folder / "users.txt").write_text(f'"{target.username}" "{target.password or ""}"\n')
        if account is not None:
            for path in (folder, *folder.iterdir()):
                account.own(path)
        process = subprocess.Popen(
            [str(BINARY), "--quiet", folder / "pgbouncer.ini"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        )
        try:
            _wait_for(folder, process)
            through = URL.create(
                target.drivername,
                username=target.username,
                password=target.password,
                database=target.database,
                query={"host": name, "port": "6432"},
            )
            yield through.render_as_string(hide_password=False)
        finally:
            process.terminate()
            process.wait(_SECONDS_TO_START)


def _configuration(target: URL, folder: Path, pool_size: int, settings: dict[str, str]) -> str:
    query = {name: value if isinstance(value, str) else value[0] for name, value in target.query.items()}
    server = {
        "host": target.host or query.get("host"),
        "port": target.port or query.get("port"),
        "dbname": target.database,
    }
    options = {
        "listen_port": "6432",
        "unix_socket_dir": folder,
        "auth_type": "trust",
        "auth_file": folder / "users.txt",
        "admin_users": target.username,
        "pool_mode": "transaction",
        "default_pool_size": pool_size,
        "max_client_conn": 500,
        "logfile": folder / "log",
        **settings,
    }
    database = " ".join(f"{name}='{value}'" for name, value in server.items() if value)
    lines = [f"{name} = {value}" for name, value in options.items()]
    return "\n".join(["[databases]", f"{target.database} = {database}", "[pgbouncer]", *lines, ""])


def _wait_for(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(folder / ".s.PGSQL.6432")) == 0:
                return
        time.sleep(0.02)
    log = folder / "log"
    raise RuntimeError(f"pgbouncer did not start:\n{log.read_text() if log.exists() else ''}")
