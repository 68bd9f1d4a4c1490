"""The commands about personal rows: what they write, what they ask, and how they end."""

from __future__ import annotations

import json
import stat
from uuid import uuid4

import pytest

from chatapp_db import Database
from chatapp_db.cli import main
from tests.rows import new_company, new_conversation, new_customer
from tests.worlds import Awaited


@pytest.fixture
def db(login_url):
    """The commands are blocking, so one world is enough."""
    with Database(login_url("service")) as database:
        yield Awaited(database)


@pytest.fixture
def run(login_url, monkeypatch):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", login_url("service"))
    return lambda *arguments: main([str(argument) for argument in arguments])


class Terminal:
    """Somebody who sits in front of it, and what they type."""

    def __init__(self, typed: str) -> None:
        self._typed = typed

    def isatty(self) -> bool:
        return True

    def readline(self, *_: int) -> str:
        return self._typed


@pytest.fixture
def answers(monkeypatch):
    return lambda typed: monkeypatch.setattr("sys.stdin", Terminal(typed))


async def spoken(db):
    """Give a company with a customer who wrote, in a line that no terminal can show."""
    company_id = await new_company(db)
    customer_id = await new_customer(db, company_id)
    conversation_id = await new_conversation(db, company_id, customer_id=customer_id)
    messages = db.company(company_id).messages
    await messages.append(conversation_id, role="user", content="Grüße 😀\u2028")
    await messages.append(conversation_id, role="assistant", content="a note", is_private=True)
    return company_id, customer_id


def customers(superuser) -> int:
    return superuser.execute("SELECT count(*) FROM chatapp_customers").fetchone()[0]


async def test_a_company_is_written_to_a_file_that_is_its_owners(db, run, tmp_path, capsys):
    company_id, _ = await spoken(db)
    file = tmp_path / "company.jsonl"
    assert run("export", "company", company_id, "--output", file) == 0
    assert capsys.readouterr().out == ""
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    rows = [json.loads(line) for line in file.read_bytes().splitlines()]
    assert rows[0]["table"] == "chatapp_companies"
    contents = {row["row"]["content"] for row in rows if row["table"] == "chatapp_messages"}
    assert contents == {"Grüße 😀\u2028", "a note"}


async def test_a_customer_is_written_to_the_output(db, run, capsysbinary):
    ids = await spoken(db)
    assert run("export", "customer", *ids) == 0
    rows = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [row["table"] for row in rows].count("chatapp_messages") == 2
    assert run("export", "customer", *ids, "--no-private-notes", "-o", "-") == 0
    rows = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [row["row"]["content"] for row in rows if row["table"] == "chatapp_messages"] == ["Grüße 😀\u2028"]


async def test_a_file_that_is_there_is_not_written_over(db, run, tmp_path, capsys):
    company_id, _ = await spoken(db)
    file = tmp_path / "kept"
    file.write_text("kept")
    assert run("export", "company", company_id, "--output", file) == 1
    assert file.read_text() == "kept"
    assert "File exists" in capsys.readouterr().err


async def test_what_is_not_there_makes_no_file(db, run, tmp_path, capsys):
    await new_company(db)
    file = tmp_path / "nothing"
    assert run("export", "company", uuid4(), "--output", file) == 1
    assert not file.exists()
    assert capsys.readouterr().err == "chatapp-db: company not found\n"
    assert run("export", "company", "acme") == 2


async def test_an_export_that_breaks_off_leaves_no_file(db, run, tmp_path, monkeypatch, capsys):
    company_id, _ = await spoken(db)
    file = tmp_path / "half"

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("chatapp_db.cli.privacy._write_lines", full)
    assert run("export", "company", company_id, "--output", file) == 1
    assert not file.exists()
    assert "No space left" in capsys.readouterr().err


async def test_nothing_is_erased_where_nobody_can_be_asked(db, run, superuser, capsys):
    company_id, customer_id = await spoken(db)
    assert run("erase", "customer", company_id, customer_id) == 2
    assert run("erase", "company", company_id) == 2
    assert run("retention", "--messages", 1) == 2
    assert capsys.readouterr().err.count("give --yes") == 3
    assert customers(superuser) == 1


@pytest.mark.parametrize("typed", ["y\n", "n\n", "\n"])
async def test_somebody_is_asked_and_told_how_much_goes(db, run, answers, superuser, typed):
    answers(typed)
    agreed = typed == "y\n"
    ids = await spoken(db)
    assert run("erase", "customer", *ids) == (0 if agreed else 1)
    assert customers(superuser) == (0 if agreed else 1)


async def test_who_is_asked_is_told_how_much_goes(db, run, answers, capsys):
    answers("n\n")
    run("erase", "customer", *await spoken(db))
    asked = capsys.readouterr().err
    assert "Erase customer" in asked
    assert "4 rows?" in asked


async def test_a_dry_run_says_what_would_go(db, run, superuser, capsys):
    company_id, customer_id = await spoken(db)
    assert run("erase", "customer", company_id, customer_id, "--dry-run", "--json") == 0
    counted = json.loads(capsys.readouterr().out)
    rows = {name: count for name, count in counted["rows"].items() if count}
    assert rows == {"chatapp_customers": 1, "chatapp_conversations": 1, "chatapp_messages": 2}
    assert counted["dry_run"]
    assert run("erase", "company", company_id, "--dry-run") == 0
    assert "rows would go" in capsys.readouterr().out
    assert customers(superuser) == 1


async def test_a_company_is_erased_with_yes(db, run, superuser, capsys):
    company_id, _ = await spoken(db)
    assert run("erase", "company", company_id, "--yes", "--json") == 0
    erased = json.loads(capsys.readouterr().out)
    assert erased["rows"]["chatapp_companies"] == 1
    assert superuser.execute("SELECT count(*) FROM chatapp_companies").fetchone() == (0,)
    assert run("erase", "company", company_id, "--yes") == 1
    assert capsys.readouterr().err == "chatapp-db: company not found\n"


async def test_retention_removes_what_it_is_given_days_for(db, run, superuser, capsys):
    company_id, _ = await spoken(db)
    superuser.execute("UPDATE chatapp_messages SET created_at = created_at - interval '40 days'")
    superuser.execute("UPDATE chatapp_conversations SET started_at = started_at - interval '40 days'")
    assert run("retention", "--messages", 30, "--company", company_id, "--dry-run") == 0
    assert "2  rows would go" in capsys.readouterr().out
    staff_id = uuid4()
    assert run("retention", "--messages", 30, "--yes", "--staff", staff_id, "--json") == 0
    removed = json.loads(capsys.readouterr().out)
    assert removed == {"rows": {"chatapp_messages": 2}, "companies": 1, "dry_run": False}
    assert superuser.execute(
        "SELECT DISTINCT staff_id FROM chatapp_audit_logs WHERE action = 'retention.applied'"
    ).fetchall() == [(staff_id,)]


def test_retention_without_days_is_no_policy(run, capsys):
    assert run("retention", "--yes") == 2
    assert "--messages" in capsys.readouterr().err
    assert run("retention", "--yes", "--messages", "0") == 2
