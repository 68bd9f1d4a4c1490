"""migrate(): what it makes, what it leaves alone, and what it says."""

from __future__ import annotations

import logging
import subprocess
import sys

import psycopg
import pytest

from chatapp_db.errors import InvalidValue, SchemaAhead, SchemaOutOfDate, UnknownRevision
from chatapp_db.migrations import migrate, status, verify
from tests.migrations.catalog import catalog, differences

TABLES = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'chatapp%'"


def set_version(place, revision):
    place.execute(f"UPDATE chatapp_db_version SET version_num = '{revision}'")


def test_an_empty_database_gets_every_table(any_place):
    report = any_place.migrate()

    assert (report.before, report.after, report.applied, report.state) == (
        None,
        "0002",
        ("0001", "0002"),
        "current",
    )
    assert str(report) == "migrated from nothing to 0002"
    assert any_place.value(TABLES) == 19
    assert any_place.rows("SELECT version_num, number FROM chatapp_db_version") == [("0002", 2)]


def test_a_second_run_applies_nothing(place):
    place.migrate()
    before = catalog(place.url, but="nothing")

    report = place.migrate()

    assert (report.before, report.after, report.applied, report.state) == ("0002", "0002", (), "current")
    assert differences(before, catalog(place.url, but="nothing")) == {}


def test_at_head_neither_alembic_nor_the_tables_are_imported(place):
    place.migrate()
    script = """
import sys
from chatapp_db.migrations import migrate
assert migrate(sys.argv[1]).state == "current"
print([name for name in ("alembic", "chatapp_db.schema") if name in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-c", script, place.url], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"


def test_at_head_no_lock_is_waited_for(place):
    place.migrate()
    with psycopg.connect(place.url) as stranger:
        stranger.execute("LOCK TABLE chatapp_conversations IN ACCESS EXCLUSIVE MODE")
        stranger.execute(
            "SELECT pg_advisory_xact_lock(objid::bigint) FROM pg_locks WHERE locktype = 'advisory'"
        )

        assert place.migrate(lock_timeout=0.2).state == "current"


def test_everything_lands_in_the_named_schema(any_place):
    url = any_place.url + ("&" if "?" in any_place.url else "?") + "options=-csearch_path%3Dpg_catalog"

    any_place.migrate(url, schema="support")

    assert any_place.value(f"{TABLES} AND relnamespace <> 'support'::regnamespace") == 0
    assert any_place.value(TABLES) == 19
    for kind, short in (("type", "typ"), ("proc", "pro")):
        named = f"SELECT count(*) FROM pg_{kind} WHERE {short}name LIKE 'chatapp%'"
        assert any_place.value(named) > 0
        assert any_place.value(f"{named} AND {short}namespace <> 'support'::regnamespace") == 0
    assert any_place.migrate(schema="support").applied == ()


def test_two_schemas_of_one_database_do_not_see_each_other(place):
    place.migrate(schema="one")
    assert status(place.url, schema="two").state == "unmanaged"

    place.migrate(schema="two")

    assert differences(catalog(place.url, schema="one"), catalog(place.url, schema="two")) == {}
    assert status(place.url).state == "unmanaged"


def test_an_installation_further_down_the_search_path_is_not_ours(place):
    place.migrate()
    place.execute("CREATE SCHEMA first")
    with psycopg.connect(place.url) as connection:
        database = connection.info.dbname
    place.execute(f'ALTER DATABASE "{database}" SET search_path TO first, public')

    assert status(place.url).state == "unmanaged"
    assert place.migrate().applied == ("0001", "0002")
    assert differences(catalog(place.url, schema="first"), catalog(place.url)) == {}


def test_a_newer_database_is_left_alone_with_a_warning(place, caplog):
    place.migrate()
    set_version(place, "0007")
    with caplog.at_level(logging.WARNING, "chatapp_db.migrations"):
        report = place.migrate()

    assert (report.before, report.after, report.applied, report.state) == ("0007", "0007", (), "ahead")
    assert "newer than this package's 0002" in caplog.text
    assert verify(place.url).state == "ahead"
    assert status(place.url).pending == ()


def test_a_newer_database_is_refused_on_request(place):
    place.migrate()
    set_version(place, "0007")

    with pytest.raises(SchemaAhead, match="0007"):
        place.migrate(on_ahead="raise")
    with pytest.raises(SchemaAhead, match="0007"):
        verify(place.url, on_ahead="raise")


@pytest.mark.parametrize("call", [migrate, verify])
def test_a_revision_neither_known_nor_newer_is_refused(place, call):
    place.migrate()
    set_version(place, "0000")

    with pytest.raises(UnknownRevision, match=r"'0000'.*neither.*run: chatapp-db adopt$"):
        call(place.url)
    assert status(place.url).state == "unknown"


@pytest.mark.parametrize("call", [migrate, verify])
def test_tables_of_ours_without_a_revision_are_refused(place, call):
    place.migrate()
    place.execute("DELETE FROM chatapp_db_version")
    before = catalog(place.url, but="nothing")

    with pytest.raises(UnknownRevision, match=r"without a revision.*run: chatapp-db adopt$"):
        call(place.url)

    assert status(place.url).state == "foreign"
    assert status(place.url).message("support").endswith("run: chatapp-db adopt --schema support")
    assert differences(before, catalog(place.url, but="nothing")) == {}


def test_a_leftover_in_the_way_is_named_as_such(place):
    place.execute("CREATE TYPE chatapp_user_status AS ENUM ('mine')")

    with pytest.raises(UnknownRevision, match="run: chatapp-db check"):
        place.migrate()
    assert place.value(TABLES) == 0


def test_every_state_but_the_good_one_names_what_mends_it(place):
    remedies = {"unmanaged": status(place.url).remedy()}
    place.migrate()
    assert status(place.url).remedy() is None
    for revision in ("0007", "0000"):
        set_version(place, revision)
        found = status(place.url)
        remedies[found.state] = found.remedy()

    assert remedies == {
        "unmanaged": "chatapp-db migrate",
        "ahead": "pip install --upgrade chatapp-db",
        "unknown": "chatapp-db adopt",
    }


def test_the_version_table_takes_no_foreign_revision(place):
    place.migrate()

    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        set_version(place, "ab12cd34ef56")


def test_verify_names_the_command_to_run(place):
    with pytest.raises(SchemaOutOfDate, match=r"run: chatapp-db migrate$"):
        verify(place.url)
    with pytest.raises(SchemaOutOfDate, match=r"run: chatapp-db migrate --schema support$"):
        verify(place.url, schema="support")
    place.migrate()
    assert verify(place.url).state == "current"


def test_status_says_what_is_pending(place):
    found = status(place.url)

    assert (found.current, found.head, found.pending, found.state) == (
        None,
        "0002",
        ("0001", "0002"),
        "unmanaged",
    )
    assert str(found) == "at nothing, this package at 0002: unmanaged, pending 0001, 0002"


def test_each_step_is_logged(place, caplog):
    with caplog.at_level(logging.INFO, "chatapp_db.migrations"):
        place.migrate()

    ours = [record.getMessage() for record in caplog.records if record.name == "chatapp_db.migrations"]
    assert ours[0] == "schema public: upgrade 0001"
    assert ours[-1] == "schema public: migrated from nothing to 0002"


@pytest.mark.parametrize(
    "options",
    [
        {"schema": 'a"b'},
        {"schema": "pg_mine"},
        {"schema": "x" * 64},
        {"app_role": "app; DROP"},
        {"app_role": "public"},
        {"platform_role": "pg_monitor"},
        {"lock_timeout": 0},
        {"lock_timeout": float("nan")},
        {"statement_timeout": -1},
    ],
)
def test_arguments_are_checked_before_anything_is_sent(options):
    field = next(iter(options))

    with pytest.raises(InvalidValue) as refused:
        migrate("postgresql://nobody@127.0.0.1:1/nothing", **options)

    assert refused.value.field == field


def test_a_role_that_no_policy_would_bind_is_refused(place):
    place.execute(f"CREATE ROLE {place.app_role} BYPASSRLS")

    with pytest.raises(InvalidValue, match="BYPASSRLS"):
        place.migrate()
    assert place.value(TABLES) == 0
