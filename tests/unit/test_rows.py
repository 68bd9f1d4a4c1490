"""The rows are what the tables say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from chatapp_db import rows
from chatapp_db.schema import Base
from chatapp_db.schema.columns import may_change

ROOT = Path(__file__).parents[2]
MODELS = [pytest.param(mapper.class_, id=mapper.class_.__name__) for mapper in Base.registry.mappers]


def generate(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "tools" / "generate_rows.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_rows_are_current():
    done = generate("--check")

    assert (done.returncode, done.stderr) == (0, "")


def test_stale_rows_are_told_by_name(tmp_path):
    tool = tmp_path / "tools" / "generate_rows.py"
    tool.parent.mkdir()
    tool.write_text((ROOT / "tools" / "generate_rows.py").read_text(encoding="utf-8"), encoding="utf-8")
    folder = tmp_path / "src" / "chatapp_db" / "rows"
    folder.mkdir(parents=True)

    def check() -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)

    subprocess.run([sys.executable, tool], check=True)
    assert check().returncode == 0

    (folder / "agents.py").write_text("", encoding="utf-8")
    (folder / "left_over.py").write_text("", encoding="utf-8")
    done = check()
    assert done.returncode == 1
    assert "agents.py, left_over.py" in done.stderr


@pytest.mark.parametrize("model", MODELS)
def test_a_row_has_every_column_in_the_order_of_the_table(model):
    row = getattr(rows, f"{model.__name__}Row")

    assert [field.name for field in fields(row)] == [column.key for column in model.__table__.c]
    assert not hasattr(row(*[None] * len(fields(row))), "__dict__")


@pytest.mark.parametrize("model", MODELS)
def test_a_new_row_must_bring_what_the_database_cannot_fill_in(model):
    values = getattr(rows, f"{model.__name__}Values")
    by_verbs = {"public_key", "qdrant_id", "token_hash"}

    needed = {c.key for c in model.__table__.c if not c.nullable and c.server_default is None}
    assert values.__required_keys__ == needed - {"company_id"} - by_verbs
    assert "id" in values.__optional_keys__


@pytest.mark.parametrize("model", MODELS)
def test_what_identifies_a_row_or_moves_by_itself_is_no_change(model):
    changes = getattr(rows, f"{model.__name__}Changes", None)
    if changes is None:
        assert model.__name__ == "AuditLog"
        return

    assert changes.__annotations__.keys() == {c.key for c in model.__table__.c if may_change(c)}
    assert not changes.__annotations__.keys() & {"id", "company_id", "created_at", "updated_at"}


def test_what_only_verbs_move_is_neither_changed_nor_given():
    moved = {
        rows.ConversationChanges: {"version", "status", "resolved_at", "last_message_at", "assigned_user_id"},
        rows.ConversationValues: {"version", "status", "resolved_at", "last_message_at", "waiting_since"},
        rows.KnowledgeChunkValues: {"qdrant_id"},
        rows.TeamInvitationValues: {"token_hash", "status"},
        rows.IntegrationChanges: {"config", "type"},
        rows.IntegrationValues: {"config"},
        rows.WebhookValues: {"secret", "failure_count"},
    }

    for kind, names in moved.items():
        assert not names & kind.__annotations__.keys(), kind


def test_importing_the_tables_and_rows_loads_no_pydantic():
    heavy = "'pydantic', 'pydantic_core', 'alembic', 'numpy', 'qdrant_client'"
    code = f"import sys, chatapp_db.rows; print([name for name in ({heavy}) if name in sys.modules])"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"
