"""Wherever the tables are to live: in a schema of their own, below any name, beside anybody's objects."""

from __future__ import annotations

import logging

import pytest
from sqlalchemy import create_engine, make_url

from chatapp_db.address import engine_url
from chatapp_db.errors import NotFound, NotPermitted
from chatapp_db.migrations import check, downgrade, verify
from tests.migrations.line import HEAD, LINE
from tests.rows import new_company

ODD = 'My "own" %data; base'


@pytest.fixture
def oddly_named(place):
    """The place's server, with a database and a login that nobody would name so."""
    login = f'o"dd %{place.app_role}'
    place.server.execute("CREATE ROLE {} LOGIN CREATEROLE", login)
    place.server.execute("CREATE DATABASE {} OWNER {}", ODD, login)
    url = make_url(place.url).set(database=ODD)
    yield url.set(username=login)
    place.server.drop_database(ODD)
    for role in place.names.values():
        place.server.execute("DROP ROLE IF EXISTS {}", role)
    place.server.execute("DROP ROLE {}", login)


def test_a_database_of_any_name_and_a_login_of_any_name_will_do(place, oddly_named):
    assert place.migrate(oddly_named).applied == LINE
    assert verify(oddly_named).state == "current"
    assert check(oddly_named, **place.names) == []
    assert downgrade(oddly_named, "base", **place.names).state == "unmanaged"
    assert place.migrate(oddly_named, app_role=None).applied == LINE


def test_what_a_dba_is_to_grant_holds_for_any_name(place, oddly_named):
    place.migrate(oddly_named)
    place.server.execute("ALTER DATABASE {} OWNER TO CURRENT_USER", ODD)
    with pytest.raises(NotPermitted, match="a DBA runs: ") as refused:
        check(oddly_named, **place.names)

    place.execute(str(refused.value).partition("a DBA runs: ")[2])

    assert check(oddly_named, **place.names) == []


async def test_the_repositories_of_two_schemas_do_not_meet_whatever_the_search_path(place, world):
    login = place.login(owner=False)
    name = login.split("//")[1].split(":")[0]
    for schema in ("one", "two"):
        place.migrate(schema=schema)
    place.execute(f"GRANT {place.app_role}, {place.platform_role} TO {name}")
    place.execute(f"ALTER ROLE {name} SET search_path TO two, public")
    one, two = (world.open(login, schema=schema, **place.names) for schema in ("one", "two"))

    company = await new_company(one, "Harbour")

    assert (await one.company(company).company.get()).name == "Harbour"
    with pytest.raises(NotFound):
        await two.company(company).company.get()
    assert place.value("SELECT count(*) FROM one.chatapp_companies") == 1


def test_a_temporary_table_of_the_same_name_is_not_taken_for_ours(place):
    engine = create_engine(engine_url(place.url))
    with engine.connect() as connection:
        for table in ("chatapp_agents", "chatapp_companies"):
            connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {table} (id int)")

        assert place.migrate(connection).applied == LINE

        connection.commit()
    engine.dispose()
    assert check(place.url, **place.names) == []


def test_an_older_replica_that_restarts_during_a_deploy_comes_up(at_head, first_release, caplog):
    first_release()

    with caplog.at_level(logging.WARNING, "chatapp_db.migrations"):
        report = at_head.migrate()

    assert (report.before, report.after, report.applied, report.state) == (HEAD, HEAD, (), "ahead")
    assert f"at {HEAD}, newer than this package's 0001" in caplog.text
    assert verify(at_head.url).state == "ahead"
