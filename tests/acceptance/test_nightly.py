"""The nightly example does on real dialogues what it prints."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chatapp_db import Database, KeyRing
from chatapp_db.demo.dialogues import from_file
from chatapp_db.demo.writing import Company, visits, write_visit
from chatapp_db.seeding import seed

EXAMPLE = Path(__file__).parents[2] / "examples" / "nightly.py"
REAL = Path(__file__).parents[3] / "shared" / "data" / "sgd_dialogues.jsonl.gz"
DIALOGUES = 120
OLD, NEW = KeyRing.generate_key(), KeyRing.generate_key()
BOTH = f"new:{NEW},old:{OLD}"

pytestmark = pytest.mark.skipif(not REAL.exists(), reason=f"{REAL} is not part of the project")


def loaded() -> Any:
    """Import the example, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("nightly", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    return example


@pytest.fixture
def night(login_url, monkeypatch, capsys):
    """Run the example as cron would; give its exit code and what it printed."""
    monkeypatch.setenv("CHATAPP_DATABASE_URL", login_url("service"))

    def run(keys: str) -> tuple[int, str]:
        monkeypatch.setenv("CHATAPP_ENCRYPTION_KEYS", keys)
        code = loaded().main()
        return code, capsys.readouterr().out

    return run


def founded(db: Database, name: str) -> Company:
    with db.platform("a test needs a company") as platform:
        company = platform.companies.create(
            name=name, slug=name.lower(), plan="free", trial_ends_at=datetime.now(UTC) - timedelta(hours=1)
        )
    agent = db.company(company.id).agents.add(name="Ada", status="active")
    db.company(company.id).invitations.create(f"mara@{name}.example")
    db.company(company.id).integrations.connect("slack", "Support", {"token": "hush"})
    return Company(company.id, name, agent.id, agent.name)


MOVED_BACK = """
WITH shift AS (
  SELECT id, CASE WHEN row_number() OVER (ORDER BY id) % 2 = 0 THEN interval '1100 days'
                  ELSE interval '2 days' END AS by
    FROM chatapp_conversations
), messages AS (
  UPDATE chatapp_messages AS m SET created_at = created_at - by FROM shift WHERE shift.id = m.conversation_id
)
UPDATE chatapp_conversations AS c
   SET started_at = started_at - by, resolved_at = resolved_at - by, last_message_at = last_message_at - by
  FROM shift WHERE shift.id = c.id
"""
"""Let everything have happened two days ago, every other conversation three years."""


def counted(superuser: psycopg.Connection[Any], query: str) -> int:
    (count,) = superuser.execute(f"SELECT count(*) FROM {query}").fetchone()
    return count


def test_a_night_over_real_dialogues(night, login_url, superuser):
    with Database(login_url("service"), keys=KeyRing({"old": OLD})) as db:
        seed(db)
        companies = [founded(db, name) for name in ("Acme", "Bolt")]
        with from_file(REAL, DIALOGUES) as dialogues:
            for visit in visits(dialogues, len(companies)):
                write_visit(db, companies[visit.company], visit)
    superuser.execute(MOVED_BACK)
    superuser.execute("UPDATE chatapp_team_invitations SET expires_at = now() - interval '1 minute'")
    old = "last_message_at < now() - interval '730 days' AND status IN ('resolved', 'archived')"
    doomed = counted(superuser, f"chatapp_conversations WHERE {old}")
    messages = counted(
        superuser,
        f"chatapp_messages WHERE conversation_id IN (SELECT id FROM chatapp_conversations WHERE {old})"
        " OR created_at < now() - interval '1095 days'",
    )
    recent = counted(superuser, "chatapp_messages WHERE created_at > now() - interval '1 year'")
    everything = counted(superuser, "chatapp_messages")
    assert 0 < doomed < DIALOGUES
    assert 0 < recent < everything

    code, said = night(BOTH)

    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert lines[0] == "expired 2 invitations, 2 trials"
    assert lines[1].startswith("rolled up ")
    assert lines[1].endswith(f"days of 2 companies, {recent:,} messages")
    assert lines[2].endswith("rows in 2 companies")
    assert f"{messages:,} chatapp_messages" in lines
    assert f"{doomed:,} chatapp_conversations" in lines
    assert lines[-1] == "sealed anew 2 secrets, 0 are left under an old key"
    assert counted(superuser, "chatapp_messages") == everything - messages
    assert counted(superuser, f"chatapp_conversations WHERE {old}") == 0
    assert counted(superuser, "chatapp_integrations WHERE config->>'kid' = 'new'") == 2

    again, said = night(BOTH)
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert (again, lines) == (
        0,
        [
            "expired 0 invitations, 0 trials",
            "rolled up 0 days of 0 companies, 0 messages",
            "removed 0 rows in 2 companies",
            "sealed anew 0 secrets, 0 are left under an old key",
        ],
    )


def test_a_secret_that_no_key_opens_is_told_by_the_exit_code(night, login_url):
    with Database(login_url("service"), keys=KeyRing({"lost": KeyRing.generate_key()})) as db:
        seed(db)
        founded(db, "Acme")
    code, said = night(BOTH)
    assert code == 1
    assert "1 are left under an old key" in said
