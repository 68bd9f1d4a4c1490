"""The rows are what the tables say."""

from __future__ import annotations

from dataclasses import fields

import pytest

from chatapp_db import rows
from chatapp_db.schema import Base
from chatapp_db.schema.columns import may_be_given, may_change

MAPPERS = sorted(Base.registry.mappers, key=lambda mapper: mapper.class_.__name__)
MODELS = [pytest.param(mapper.class_, id=mapper.class_.__name__) for mapper in MAPPERS]


@pytest.mark.parametrize("model", MODELS)
def test_a_row_has_every_column_in_the_order_of_the_table(model):
    row = getattr(rows, f"{model.__name__}Row")

    assert [field.name for field in fields(row)] == [column.key for column in model.__table__.c]
    assert not hasattr(row(*[None] * len(fields(row))), "__dict__")


@pytest.mark.parametrize("model", MODELS)
def test_a_new_row_must_bring_what_the_database_cannot_fill_in(model):
    values = getattr(rows, f"{model.__name__}Values", None)
    if values is None:
        assert not any(may_be_given(c) for c in model.__table__.c)
        return
    by_verbs = {"public_key", "qdrant_id", "token_hash"}

    needed = {c.key for c in model.__table__.c if not c.nullable and c.server_default is None}
    assert values.__required_keys__ == needed - {"company_id"} - by_verbs
    assert "id" in values.__optional_keys__


@pytest.mark.parametrize("model", MODELS)
def test_what_identifies_a_row_or_moves_by_itself_is_no_change(model):
    changes = getattr(rows, f"{model.__name__}Changes", None)
    if changes is None:
        assert model.__name__ == "AuditLog" or not any(may_change(c) for c in model.__table__.c)
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
