"""plan() and grants(): what a DBA runs with psql makes what migrate() makes."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from chatapp_db.errors import InvalidValue
from chatapp_db.migrations import check, grants, plan, status
from tests.migrations.catalog import catalog, differences
from tests.migrations.conftest import DEBIAN_15
from tests.migrations.filled import VALID, assert_whole
from tests.migrations.line import HEAD, LINE, NEXT
from tests.migrations.strangers import building

PSQL = shutil.which("psql") or str(DEBIAN_15 / "psql")
SQUAWK = shutil.which("squawk")


def run(url, script, tmp_path):
    if not Path(PSQL).exists():
        pytest.skip("no psql at hand")
    file = tmp_path / "plan.sql"
    file.write_text(script)
    arguments = [PSQL, "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file", str(file), url]
    return subprocess.run(arguments, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("schema", ["public", "support"])
def test_the_plan_makes_what_migrate_makes(any_place, tmp_path, schema):
    done = run(any_place.url, plan(schema=schema, **any_place.names), tmp_path)

    assert done.returncode == 0, done.stderr
    assert check(any_place.url, schema=schema, **any_place.names) == []
    assert any_place.migrate(schema=schema).applied == ()
    with any_place.server.database() as other:
        any_place.migrate(other, schema=schema)
        assert differences(catalog(any_place.url, schema=schema), catalog(other, schema=schema)) == {}


@pytest.mark.parametrize("without", [("app_role",), ("app_role", "platform_role")])
def test_a_plan_without_roles_makes_the_same(place, tmp_path, without):
    names = {**place.names, **dict.fromkeys(without)}

    assert run(place.url, plan(**names), tmp_path).returncode == 0
    assert check(place.url, **names) == []


def test_a_plan_takes_back_too(at_head, tmp_path):
    done = run(at_head.url, plan(from_=HEAD, to="base", **at_head.names), tmp_path)

    assert done.returncode == 0, done.stderr
    assert status(at_head.url).state == "unmanaged"
    assert at_head.rows("SELECT FROM pg_class WHERE relname LIKE 'chatapp%'") == []


def test_a_plan_from_a_revision_holds_the_later_ones_alone(place, tmp_path, next_revision):
    next_revision("op.execute(\"CREATE TABLE chatapp_new (id int, c text CHECK (c LIKE 'a%'))\")")
    script = plan(from_=HEAD, **place.names)
    assert "chatapp_companies" not in script
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("chatapp_db.migrations.offline.shipped", lambda: LINE)
        run(place.url, plan(**place.names), tmp_path)

    done = run(place.url, script, tmp_path)

    assert done.returncode == 0, done.stderr
    assert place.rows("SELECT version_num, number FROM chatapp_db_version") == [(NEXT, int(NEXT))]
    assert place.value(
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname LIKE 'chatapp_new%c%'"
    )
    assert place.migrate().applied == ()


def test_a_plan_for_another_database_changes_nothing(place, tmp_path, next_revision):
    next_revision("op.execute('CREATE TABLE chatapp_new (id int)')")
    place.migrate()
    before = catalog(place.url, but="nothing")

    again = run(place.url, plan(from_=HEAD, **place.names), tmp_path)
    anew = run(place.url, plan(**place.names), tmp_path)

    assert f"is not at {HEAD}: this script is for another database" in again.stderr
    assert "already exists" in anew.stderr
    assert differences(before, catalog(place.url, but="nothing")) == {}


def test_a_plan_waits_for_a_migration_and_is_one_transaction(place):
    script = plan(**place.names)
    statements = [line for line in script.splitlines() if line in {"BEGIN;", "COMMIT;"}]

    assert statements == ["BEGIN;", "COMMIT;"]
    assert script.index("pg_advisory_xact_lock") < script.index("CREATE")


def test_nothing_between_two_revisions_is_said():
    assert plan(from_=HEAD) == f"-- chatapp_db, schema public: from {HEAD} to {HEAD}; nothing to do\n"


@pytest.mark.parametrize(
    ("field", "options"),
    [
        ("from_", {"from_": "9999"}),
        ("to", {"to": "9999"}),
        ("schema", {"schema": "a;b"}),
        ("app_role", {"app_role": "x'y"}),
    ],
)
def test_a_plan_for_what_there_is_not_is_refused(field, options):
    with pytest.raises(InvalidValue) as refused:
        plan(**options)
    assert refused.value.field == field


def test_what_a_dba_grants_is_enough_for_a_plain_login(any_place, tmp_path):
    url = any_place.login(owner=False)
    login = url.split("//")[1].split(":")[0]

    done = run(any_place.url, grants(login, schema="support", **any_place.names), tmp_path)

    assert done.returncode == 0, done.stderr
    assert any_place.migrate(url, schema="support").applied == LINE
    with psycopg.connect(url) as connection:
        connection.execute(f"SET ROLE {any_place.app_role}")
        assert connection.execute("SELECT count(*) FROM support.chatapp_companies").fetchone() == (0,)
    any_place.execute(f"DROP OWNED BY {login} CASCADE")


@pytest.mark.skipif(SQUAWK is None, reason="squawk-cli is not installed")
def test_squawk_finds_nothing_in_the_plan(tmp_path):
    """A row is known by its uuid: prefer-bigint-over-int speaks of counters, and none of ours comes near."""
    file = tmp_path / "plan.sql"
    # It is told of the transaction instead: a BEGIN of its own it would take for a second one.
    file.write_text(plan().replace("BEGIN;\n", "").replace("COMMIT;\n", ""))
    arguments = [SQUAWK, "--assume-in-transaction", "--exclude", "prefer-bigint-over-int", str(file)]

    done = subprocess.run(arguments, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plan_leaves_its_transaction_to_build(filled, tmp_path):
    script = plan(from_="0001", **filled.names)
    done = run(filled.url, script, tmp_path)

    assert done.returncode == 0, done.stderr
    assert script.index("CREATE INDEX CONCURRENTLY") < script.index("BEGIN;\n")
    assert_whole(filled)


def test_a_plan_for_another_revision_leaves_the_index_alone(filled, tmp_path):
    filled.migrate()
    index = "SELECT oid, relfilenode FROM pg_class WHERE relname = 'ix_chatapp_messages_search'"
    before = filled.rows(index)

    again = run(filled.url, plan(from_="0001", **filled.names), tmp_path)

    assert "is not at 0001: this script is for another database" in again.stderr
    assert filled.rows(index) == before


@pytest.mark.parametrize("from_", ["0001", HEAD])
def test_a_plan_does_nothing_while_somebody_builds(filled, tmp_path, from_):
    """From the first revision it would build, from the last it would drop what is being built."""
    if from_ == HEAD:
        filled.migrate()
    before = catalog(filled.url, but="nothing")
    script = plan(from_=from_, to="base" if from_ == HEAD else "head", **filled.names)
    with building(filled.url):
        done = run(filled.url, script.replace("IN 1..300", "IN 1..2"), tmp_path)

    assert "is being built: run this again when it is done" in done.stderr
    assert differences(before, catalog(filled.url, but="nothing")) == {}


def test_a_plan_gives_its_locks_up(filled, tmp_path):
    """In a session that goes on, as with psql's \\i."""
    still_held = "SELECT 'locks: ' || count(*) FROM pg_locks WHERE locktype = 'advisory';"

    done = run(filled.url, plan(from_="0001", **filled.names) + still_held, tmp_path)

    assert "locks: 0" in done.stdout


def test_a_plan_is_run_again_where_it_stopped(filled, tmp_path):
    script = plan(from_="0001", **filled.names)
    stopped = script.replace("CREATE FUNCTION chatapp_search", "SELECT 1/0; CREATE FUNCTION chatapp_search")
    assert "division by zero" in run(filled.url, stopped, tmp_path).stderr
    assert filled.value(VALID)

    done = run(filled.url, script, tmp_path)

    assert done.returncode == 0, done.stderr
    assert_whole(filled)


def test_a_plan_drops_what_was_half_built(filled, tmp_path):
    script = plan(from_="0001", **filled.names)
    for statement in re.findall("CREATE INDEX CONCURRENTLY .*", script):
        filled.execute(statement)
    index = "'ix_chatapp_messages_search'::regclass"
    filled.execute(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = {index}")

    assert run(filled.url, script, tmp_path).returncode == 0

    assert filled.value(VALID)


@pytest.mark.skipif(SQUAWK is None, reason="squawk-cli is not installed")
def test_squawk_finds_nothing_in_the_plan_from_0001(tmp_path):
    file = tmp_path / "plan.sql"
    file.write_text(plan(from_="0001"))
    done = subprocess.run(
        [SQUAWK, "--exclude", "prefer-bigint-over-int", str(file)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
