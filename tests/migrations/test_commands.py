"""The commands about migrations: what they print, how they end, and that no password shows."""

from __future__ import annotations

import json

import pytest

from chatapp_db.cli import main
from chatapp_db.migrations import check, status
from tests.migrations.line import AHEAD, HEAD, LINE
from tests.migrations.strangers import migrating

NOBODY_LISTENS = "postgresql://someone:hush-hush@127.0.0.1:1/chatapp"


@pytest.fixture
def run(place, monkeypatch, capsys):
    """Run a command on the place, with its roles where the command takes some."""
    monkeypatch.setenv("CHATAPP_DATABASE_URL", place.url)
    roles = [f"--app-role={place.app_role}", f"--platform-role={place.platform_role}"]

    def command(name, *arguments):
        options = [] if name in {"verify", "status"} else roles
        code = main([name, *options, *arguments])
        return code, capsys.readouterr()

    return command


def printed(result):
    code, said = result
    return code, json.loads(said.out)


def test_migrate_tells_what_it_did_in_json_too(run):
    report = {"before": None, "after": HEAD, "applied": [*LINE], "state": "current"}

    assert printed(run("migrate", "--json")) == (0, report)


def test_verify_and_status_end_with_one_and_the_command_until_it_is_migrated(run):
    code, said = run("verify")
    assert (code, said.out) == (1, "")
    assert said.err.endswith("run: chatapp-db migrate\n")
    code, said = run("status")
    assert code == 1
    assert said.out.endswith("run: chatapp-db migrate\n")

    run("migrate")

    assert run("verify")[0] == 0
    assert printed(run("status", "--json")) == (
        0,
        {"current": HEAD, "head": HEAD, "pending": [], "state": "current", "remedy": None},
    )


def test_an_ahead_schema_is_fine_and_a_foreign_one_is_not(run, place):
    run("migrate")
    place.execute(f"UPDATE chatapp_db_version SET version_num = '{AHEAD}'")
    assert (run("verify")[0], run("status")[0]) == (0, 0)

    place.execute("DELETE FROM chatapp_db_version")
    assert (run("verify")[0], run("status")[0]) == (1, 1)
    assert "run: chatapp-db adopt" in run("migrate")[1].err


def test_check_ends_with_one_and_lists_the_differences(run, place):
    run("migrate")
    code, said = run("check")
    assert (code, said.out) == (0, "no difference\n")

    place.execute("ALTER TABLE chatapp_users NO FORCE ROW LEVEL SECURITY")

    code, said = run("check")
    assert (code, said.out) == (
        1,
        "row security chatapp_users: expected enabled forced, found enabled not forced\n",
    )
    difference = {
        "kind": "row security",
        "name": "chatapp_users",
        "expected": "enabled forced",
        "found": "enabled not forced",
    }
    assert printed(run("check", "--json")) == (1, [difference])


def test_plan_and_grants_print_sql_that_runs(run, place):
    login = place.login(owner=False).split("//")[1].split(":")[0]
    place.execute(run("grants", "--role", login)[1].out)
    place.execute(run("plan")[1].out)

    assert check(place.url, **place.names) == []
    assert printed(run("plan", "--from", HEAD, "--json"))[1]["sql"].endswith("nothing to do\n")
    place.execute(f"DROP OWNED BY {login} CASCADE")


def test_downgrade_wants_to_be_sure(run, place):
    run("migrate")
    code, said = run("downgrade", "--to", "base")
    assert code == 2
    assert "--yes" in said.err
    assert status(place.url).state == "current"

    code, said = run("downgrade", "--to", "base", "--yes")

    assert (code, said.out) == (0, f"migrated from {HEAD} to nothing\n")
    assert run("downgrade", "--to", "9999", "--yes")[0] == 2


def test_adopt_takes_what_is_equal_and_names_what_is_not(run, place):
    run("migrate")
    place.execute("DELETE FROM chatapp_db_version")
    place.execute("ALTER TABLE chatapp_users ADD nick text")
    code, said = run("adopt")
    assert code == 1
    assert "column chatapp_users.nick: unexpected" in said.err

    place.execute("ALTER TABLE chatapp_users DROP nick")

    code, said = run("adopt")
    assert (code, said.out) == (0, f"adopted at {HEAD}\n")


def test_a_lock_that_is_not_given_up_is_a_four(run, place):
    with migrating(place.url):
        assert run("migrate", "--lock-timeout=0.2")[0] == 4


@pytest.mark.parametrize(
    "command", ["migrate", "verify", "status", "check", "adopt", "downgrade --to=base --yes"]
)
def test_no_database_is_a_three_and_shows_no_password(capsys, command):
    assert main([*command.split(), "--url", NOBODY_LISTENS]) == 3
    said = capsys.readouterr()
    assert "hush" not in said.out + said.err


@pytest.mark.parametrize(
    "command", ["plan --to=9999", "plan --from=x", "grants", "check --schema=a;b", "downgrade"]
)
def test_bad_usage_is_a_two(run, command):
    assert run(*command.split())[0] == 2


def test_empty_role_names_are_none(place, capsys):
    arguments = ["--url", place.url, "--app-role=", "--platform-role="]

    assert main(["migrate", *arguments]) == 0
    assert main(["check", *arguments]) == 0
    assert check(place.url, app_role=None, platform_role=None) == []
