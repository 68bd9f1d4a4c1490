"""The pytest plugin: fixtures for services that install this package.

Nothing is started, and nothing but pytest is loaded, before a test asks for a fixture. Under pytest-xdist
each worker has a server of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from chatapp_db.database import AsyncDatabase, Database, DatabaseSettings
    from chatapp_db.testing.rows import CompanyRows, Rows
    from chatapp_db.testing.server import Server
    from chatapp_db.testing.twins import Twins
    from chatapp_db.vectors import VectorStore

__all__ = [
    "chatapp_async_database",
    "chatapp_company",
    "chatapp_database",
    "chatapp_database_url",
    "chatapp_prepare",
    "chatapp_rows",
    "chatapp_server",
    "chatapp_settings",
    "chatapp_superuser_url",
    "chatapp_template",
    "chatapp_twins",
    "chatapp_vector_store",
    "pytest_addoption",
]

_REQUIRED = "chatapp_server_required"
_DIMENSION = 8


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let CI say that a run without PostgreSQL is no run."""
    parser.addini(
        _REQUIRED,
        "End the run, rather than skip tests, where no PostgreSQL can be had",
        type="bool",
        default=False,
    )


@pytest.fixture(scope="session")
def chatapp_server(request: pytest.FixtureRequest) -> Generator[Server]:
    """Run a PostgreSQL: the one CHATAPP_TEST_DATABASE_URL names, else the embedded one, else Docker's."""
    from chatapp_db.testing.server import NoServer, running_server

    try:
        source = running_server()
        server = source.__enter__()
    except NoServer as error:
        if request.config.getini(_REQUIRED):
            pytest.exit(str(error), pytest.ExitCode.INTERRUPTED)
        pytest.skip(str(error))
    yield server
    source.__exit__(None, None, None)


@pytest.fixture(scope="session")
def chatapp_prepare() -> Callable[[str], object] | None:
    """Override it to prepare what every test starts from: given the superuser's URL, after ``migrate()``."""
    return None


@pytest.fixture(scope="session")
def chatapp_template(
    chatapp_server: Server, chatapp_prepare: Callable[[str], object] | None
) -> Generator[str]:
    """Migrate the one database that every test gets a copy of."""
    from chatapp_db.migrations import migrate

    name = chatapp_server.create_database()
    url = chatapp_server.url_of(name)
    migrate(url)
    if chatapp_prepare is not None:
        chatapp_prepare(url)
    yield name
    chatapp_server.drop_database(name)


@pytest.fixture
def chatapp_superuser_url(chatapp_server: Server, chatapp_template: str) -> Generator[str]:
    """Give the test a database of its own, for what prepares and looks: nothing binds this login."""
    with chatapp_server.database(chatapp_template) as url:
        yield url


@pytest.fixture
def chatapp_database_url(chatapp_server: Server, chatapp_superuser_url: str) -> str:
    """Log in to the test's database as a service does: as nobody special, bound by row-level security."""
    return chatapp_server.login_url("service", chatapp_superuser_url)


@pytest.fixture
def chatapp_settings() -> DatabaseSettings:
    """Override it to open the databases with other settings; as they are, they keep secrets."""
    from chatapp_db.encryption import KeyRing

    return {"keys": KeyRing({"test": bytes(32)})}


@pytest.fixture
def chatapp_database(chatapp_database_url: str, chatapp_settings: DatabaseSettings) -> Generator[Database]:
    """Open the test's database, blocking."""
    from chatapp_db.database import Database

    with Database(chatapp_database_url, **chatapp_settings) as database:
        yield database


@pytest.fixture
def chatapp_async_database(
    chatapp_database_url: str, chatapp_settings: DatabaseSettings
) -> Generator[AsyncDatabase]:
    """Open the test's database, awaited: the same one as ``chatapp_database`` opens."""
    from chatapp_db.database import AsyncDatabase

    database = AsyncDatabase(chatapp_database_url, **chatapp_settings)
    yield database
    # The test's loop is gone or not ours; closing waits for nobody, so any will do.
    loop = asyncio.new_event_loop()
    loop.run_until_complete(database.close())
    loop.close()


@pytest.fixture
def chatapp_rows(chatapp_superuser_url: str) -> Generator[Rows]:
    """Store rows of any table, with all they refer to: ``chatapp_rows.add(Agent, name="Ada")``."""
    from chatapp_db.testing.rows import Rows

    with Rows(chatapp_superuser_url) as rows:
        yield rows


@pytest.fixture
def chatapp_company(chatapp_rows: Rows, chatapp_database: Database) -> CompanyRows:
    """Store a company: its ``id``, its ``scope``, and rows of its own by ``add``."""
    return chatapp_rows.company(chatapp_database)


@pytest.fixture
def chatapp_twins(chatapp_rows: Rows) -> Twins:
    """Store two companies with rows of one shape in every table, for ``assert_isolated``."""
    from chatapp_db.testing.twins import Twins

    return Twins.planted(chatapp_rows)


@pytest.fixture
def chatapp_vector_store(request: pytest.FixtureRequest) -> Generator[VectorStore]:
    """Keep vectors in memory: of 8 dimensions, or as many as an indirect parameter says."""
    from chatapp_db.vectors import create_vector_store

    dimension: Any = getattr(request, "param", _DIMENSION)
    with create_vector_store("memory://", dimension=dimension) as store:
        store.ensure_collection()
        yield store
