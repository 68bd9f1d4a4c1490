"""What the page on managed PostgreSQL says, tried with no more rights than such a host gives."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

from chatapp_db import ChannelType, Database, MessageRole, check, migrate, seed
from chatapp_db.embedded import EmbeddedServer
from chatapp_db.testing.server import CARELESS, server_folder
from chatapp_db.vectors import create_vector_store
from tests import pgbouncer
from tests.documents import ROOT, snippets

PAGE = ROOT / "docs" / "howto" / "supabase.md"
WEB = ("anon", "authenticated", "service_role")

# The administrator and the habits of a host, as its documents describe them.
HOST = """
CREATE ROLE admin LOGIN NOSUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS;
CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role BYPASSRLS;
ALTER DATABASE chatapp OWNER TO admin;
CREATE SCHEMA extensions;
GRANT ALL ON SCHEMA extensions TO admin;
GRANT USAGE ON SCHEMA public TO anon, authenticated, service_role;
CREATE SCHEMA auth;
CREATE TABLE auth.users (id uuid PRIMARY KEY, email text);
ALTER ROLE admin SET search_path = "$user", public, extensions;
ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public
    GRANT ALL ON TABLES TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public
    GRANT ALL ON FUNCTIONS TO anon, authenticated, service_role;
ALTER DEFAULT PRIVILEGES FOR ROLE admin IN SCHEMA public
    GRANT ALL ON SEQUENCES TO anon, authenticated, service_role;
"""
READABLE = """
SELECT count(*) FROM pg_class
 WHERE starts_with(relname, 'chatapp_') AND relkind = 'r' AND has_table_privilege(%s, oid, 'SELECT')"""


@dataclass
class Host:
    server: EmbeddedServer

    def url(self, login: str) -> str:
        return make_url(self.server.url).set(username=login).render_as_string(hide_password=False)

    def run(self, statement: str, *values: str, login: str = "postgres") -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url(login), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    def page(self, heading: str, *, login: str = "admin") -> list[tuple[Any, ...]]:
        """Run the page's statements below a heading and give what the last one found."""
        found: list[tuple[Any, ...]] = []
        for block in snippets(PAGE, below=heading, language="sql"):
            found = self.run(block.text, login=login)
        return found

    def readable(self) -> list[int]:
        """Count the tables of ours that each role of the web API may read."""
        return [self.run(READABLE, role)[0][0] for role in WEB]


@pytest.fixture
def host() -> Generator[Host]:
    """A server of the test's own, since roles belong to servers."""
    with server_folder() as folder, EmbeddedServer.start(Path(folder) / "host", settings=CARELESS) as server:
        host = Host(server)
        host.run(HOST)
        yield host


def a_day(url: str, **settings: Any) -> int:
    """Write and search as a service does, and give what was found."""
    with Database(url, **settings) as db:
        seed(db)
        with db.platform("sign-up") as platform:
            company = platform.companies.create(name="Acme", slug="acme", plan="free").id
        with db.tenant(company) as tenant:
            ada = tenant.agents.add(name="Ada")
            mara = tenant.customers.identify(email="mara@example.com")
            parcel = tenant.conversations.open(
                agent_id=ada.id, customer_id=mara.id, channel=ChannelType.EMAIL
            )
            tenant.messages.append(parcel.id, role=MessageRole.USER, content="Where is my parcel?")
        return len(db.company(company).messages.search("parcel").items)


@pytest.mark.skipif(pgbouncer.BINARY is None, reason="pgbouncer is not installed")
def test_all_of_it_goes_through_a_pooler_by_transaction(host):
    with pgbouncer.pgbouncer(host.url("admin")) as pooled:
        migrate(pooled, schema="support")
        assert check(pooled, schema="support") == []
    host.run(snippets(PAGE, below="The service's login", language="sql")[0].text, login="admin")

    with pgbouncer.pgbouncer(host.url("support_service")) as pooled:
        assert a_day(pooled, schema="support") == 1


def test_the_administrator_s_own_login_is_bound_in_a_scope(host):
    migrate(host.url("admin"), schema="support")

    assert a_day(host.url("admin"), schema="support") == 1
    with Database(host.url("admin"), schema="support") as db:
        with db.platform("another") as platform:
            other = platform.companies.create(name="Bolt", slug="bolt", plan="free").id
        assert db.company(other).agents.page().items == []


def test_a_schema_of_its_own_is_granted_to_nobody_of_the_web(host):
    migrate(host.url("admin"), schema="support")

    assert host.readable() == [0, 0, 0]
    usage = "SELECT has_schema_privilege(%s, 'support', 'USAGE')"
    assert [host.run(usage, role) for role in WEB] == [[(False,)]] * 3


def test_in_public_the_server_s_key_is_left_and_the_page_takes_it_back(host):
    migrate(host.url("admin"))
    assert host.readable()[:2] == [0, 0]
    assert host.readable()[2] > 20

    grantees = {grantee for grantee, _ in host.page("Supabase's web API")}

    assert host.readable() == [0, 0, 0]
    assert grantees == {"admin", "chatapp_app", "chatapp_platform"}
    assert check(host.url("admin")) == []
    assert a_day(host.url("admin")) == 1


def test_pgvector_is_found_where_the_host_keeps_extensions(host):
    migrate(host.url("admin"))
    host.page("Extensions", login="postgres")

    store = create_vector_store(host.url("admin").replace("postgresql", "pgvector", 1), dimension=2)
    store.ensure_collection()
    store.close()

    assert host.readable()[:2] == [0, 0]
    usage = "SELECT has_schema_privilege(%s, 'extensions', 'USAGE')"
    assert host.run(usage, "chatapp_app") == [(True,)]


def test_a_login_that_may_only_create_in_public_migrates_and_check_says_what_is_missing(host):
    host.run("ALTER DATABASE chatapp OWNER TO postgres; GRANT ALL ON SCHEMA public TO admin")
    host.run("GRANT CREATE ON DATABASE chatapp TO admin")

    migrate(host.url("admin"))

    found = {(each.kind, each.name.partition("(")[0]) for each in check(host.url("admin"))}
    assert found == {
        ("function", "chatapp_search_chunks"),
        ("function", "chatapp_search_messages"),
        ("grant", "the schema to chatapp_app"),
        ("grant", "the schema to chatapp_platform"),
    }
    assert a_day(host.url("admin")) == 1
