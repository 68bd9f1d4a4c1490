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
from tests.migrations.line import AHEAD, EVERY_TABLE, HEAD, LINE
from tests.migrations.strangers import migrating

TABLES = "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE 'chatapp%'"


def set_version(place, revision):
    place.execute(f"UPDATE chatapp_db_version SET version_num = '{revision}'")


def test_an_empty_database_gets_every_table(any_place):
    report = any_place.migrate()

    assert (report.before, report.after, report.applied, report.state) == (
        None,
        HEAD,
        LINE,
        "current",
    )
    assert str(report) == f"migrated from nothing to {HEAD}"
    assert any_place.value(TABLES) == EVERY_TABLE
    assert any_place.rows("SELECT version_num, number FROM chatapp_db_version") == [(HEAD, int(HEAD))]


def test_a_second_run_applies_nothing(at_head):
    before = catalog(at_head.url, but="nothing")

    report = at_head.migrate()

    assert (report.before, report.after, report.applied, report.state) == (HEAD, HEAD, (), "current")
    assert differences(before, catalog(at_head.url, but="nothing")) == {}


def test_at_head_neither_alembic_nor_the_tables_are_imported(at_head):
    script = """
import sys
from chatapp_db.migrations import migrate
assert migrate(sys.argv[1]).state == "current"
print([name for name in ("alembic", "chatapp_db.schema") if name in sys.modules])
"""
    run = subprocess.run(
        [sys.executable, "-c", script, at_head.url], capture_output=True, text=True, check=True
    )

    assert run.stdout.strip() == "[]"


def test_at_head_no_lock_is_waited_for(at_head):
    with migrating(at_head.url) as stranger:
        stranger.execute("LOCK TABLE chatapp_conversations IN ACCESS EXCLUSIVE MODE")

        assert at_head.migrate(lock_timeout=0.2).state == "current"


def test_everything_lands_in_the_named_schema(any_place):
    url = any_place.url + ("&" if "?" in any_place.url else "?") + "options=-csearch_path%3Dpg_catalog"

    any_place.migrate(url, schema="support")

    assert any_place.value(f"{TABLES} AND relnamespace <> 'support'::regnamespace") == 0
    assert any_place.value(TABLES) == EVERY_TABLE
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


def test_an_installation_further_down_the_search_path_is_not_ours(at_head):
    at_head.execute("CREATE SCHEMA first")
    with psycopg.connect(at_head.url) as connection:
        database = connection.info.dbname
    at_head.execute(f'ALTER DATABASE "{database}" SET search_path TO first, public')

    assert status(at_head.url).state == "unmanaged"
    assert at_head.migrate().applied == LINE
    assert differences(catalog(at_head.url, schema="first"), catalog(at_head.url)) == {}


def test_a_newer_database_is_left_alone_with_a_warning(at_head, caplog):
    set_version(at_head, AHEAD)
    with caplog.at_level(logging.WARNING, "chatapp_db.migrations"):
        report = at_head.migrate()

    assert (report.before, report.after, report.applied, report.state) == (AHEAD, AHEAD, (), "ahead")
    assert f"newer than this package's {HEAD}" in caplog.text
    assert verify(at_head.url).state == "ahead"
    assert status(at_head.url).pending == ()


def test_a_newer_database_is_refused_on_request(at_head):
    set_version(at_head, AHEAD)

    with pytest.raises(SchemaAhead, match=AHEAD):
        at_head.migrate(on_ahead="raise")
    with pytest.raises(SchemaAhead, match=AHEAD):
        verify(at_head.url, on_ahead="raise")


@pytest.mark.parametrize("call", [migrate, verify])
def test_a_revision_neither_known_nor_newer_is_refused(at_head, call):
    set_version(at_head, "0000")

    with pytest.raises(UnknownRevision, match=r"'0000'.*neither.*run: chatapp-db adopt$"):
        call(at_head.url)
    assert status(at_head.url).state == "unknown"


@pytest.mark.parametrize("call", [migrate, verify])
def test_tables_of_ours_without_a_revision_are_refused(at_head, call):
    at_head.execute("DELETE FROM chatapp_db_version")
    before = catalog(at_head.url, but="nothing")

    with pytest.raises(UnknownRevision, match=r"without a revision.*run: chatapp-db adopt$"):
        call(at_head.url)

    assert status(at_head.url).state == "foreign"
    assert status(at_head.url).message("support").endswith("run: chatapp-db adopt --schema support")
    assert differences(before, catalog(at_head.url, but="nothing")) == {}


def test_a_leftover_in_the_way_is_named_as_such(place):
    place.execute("CREATE TYPE chatapp_user_status AS ENUM ('mine')")

    with pytest.raises(UnknownRevision, match="run: chatapp-db check"):
        place.migrate()
    assert place.value(TABLES) == 0


def test_every_state_but_the_good_one_names_what_mends_it(place):
    found = [status(place.url)]
    place.migrate()
    current = status(place.url)
    assert (current.state, current.remedy(), current.message()) == ("current", None, str(current))
    for revision in ("0001", AHEAD, "0000"):
        set_version(place, revision)
        found.append(status(place.url))
    place.execute("DROP TABLE chatapp_db_version")
    found.append(status(place.url))

    remedies = {each.state: each.remedy() for each in found}
    assert remedies == {
        "unmanaged": "chatapp-db migrate",
        "behind": "chatapp-db migrate",
        "ahead": "pip install --upgrade chatapp-db",
        "unknown": "chatapp-db adopt",
        "foreign": "chatapp-db adopt",
    }
    messages = [each.message() for each in found]
    assert len({message.partition(";")[0] for message in messages}) == len(messages)
    assert all(
        message.endswith(f"; run: {each.remedy()}") for each, message in zip(found, messages, strict=True)
    )


def test_the_version_table_takes_no_foreign_revision(at_head):
    with pytest.raises(psycopg.errors.InvalidTextRepresentation):
        set_version(at_head, "ab12cd34ef56")


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
        HEAD,
        LINE,
        "unmanaged",
    )
    assert str(found) == f"at nothing, this package at {HEAD}: unmanaged, pending {', '.join(LINE)}"


def test_each_step_is_logged(place, caplog):
    with caplog.at_level(logging.INFO, "chatapp_db.migrations"):
        place.migrate()

    ours = [record.getMessage() for record in caplog.records if record.name == "chatapp_db.migrations"]
    assert ours[0] == "schema public: upgrade 0001"
    assert ours[-1] == f"schema public: migrated from nothing to {HEAD}"


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
