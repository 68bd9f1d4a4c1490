"""What every test may ask for: a server, a fresh database, a login, and a world to run in."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from chatapp_db.testing.server import Server
from tests import debian_postgres, pgbouncer
from tests.worlds import Awaited, World

if TYPE_CHECKING:
    from tests.filled import Filled
    from tests.reported import Reported


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run an ``async def`` test, on the loop that its fixtures closed over."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    pyfuncitem._request.getfixturevalue("runner").run(
        pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    )
    return True


@pytest.fixture
def runner() -> Generator[asyncio.Runner]:
    """The event loop of one test."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def superuser(database_url: str) -> Generator[psycopg.Connection[Any]]:
    """A connection that no policy binds: what the repositories cannot write, or do not show."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(params=["blocking", "asyncio"])
def world(request: pytest.FixtureRequest, runner: asyncio.Runner) -> Generator[World]:
    """Both worlds, one after the other; it opens and closes what the test needs."""
    world = World(request.param, runner)
    yield world
    world.close()


@pytest.fixture(scope="session")
def server(chatapp_server: Server) -> Server:
    """The run's PostgreSQL, of the plugin we ship; started when the first test asks for it."""
    return chatapp_server


@pytest.fixture
def database_url(chatapp_superuser_url: str) -> str:
    """A migrated database of the test's own; the login is the superuser."""
    return chatapp_superuser_url


@pytest.fixture(scope="session")
def filled(server: Server, chatapp_template: str) -> Generator[Filled]:
    """Two companies with rows in every table."""
    from tests.filled import filling

    with filling(server, chatapp_template) as filled:
        yield filled


@pytest.fixture
def reported() -> Generator[Reported]:
    """What telemetry reports during the test."""
    from tests.reported import reporting

    with reporting() as reported:
        yield reported


@pytest.fixture
def empty_database_url(server: Server) -> Generator[str]:
    """A database that nothing was ever done to."""
    with server.database() as url:
        yield url


@pytest.fixture
def login_url(server: Server, database_url: str) -> Callable[[str], str]:
    """Log in to the test's database as ``service``, ``app``, ``stranger`` or ``owner``."""
    return lambda kind: server.login_url(kind, database_url)


@pytest.fixture
def db(world: World, login_url: Callable[[str], str]) -> Awaited:
    """A Database or an AsyncDatabase, as a service opens it: logged in as nobody special."""
    return world.open(login_url("service"))


@pytest.fixture
def pgbouncer_url(login_url: Callable[[str], str]) -> Generator[str]:
    """The test's database as a service reaches it through PgBouncer in transaction mode."""
    if pgbouncer.BINARY is None:
        pytest.skip("pgbouncer is not installed (apt-get install pgbouncer)")
    with pgbouncer.pgbouncer(login_url("service")) as url:
        yield url


@pytest.fixture(scope="session")
def debian_server() -> Generator[Server]:
    """An older PostgreSQL beside the run's own: the oldest release we support, from Debian."""
    if debian_postgres.PROGRAMS is None:
        pytest.skip("no PostgreSQL from Debian here (apt-get install postgresql-15)")
    with debian_postgres.debian_postgres() as url:
        server = Server(url)
        yield server
        server.close()
