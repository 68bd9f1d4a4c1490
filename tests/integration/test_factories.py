"""The factories: rows of every table that is declared, which the database and the border both take."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, get_type_hints
from uuid import uuid4

import pytest
import sqlalchemy as sa
from pydantic import TypeAdapter
from sqlalchemy.exc import IntegrityError

from chatapp_db import rows as declared
from chatapp_db.schema import (
    Agent,
    Company,
    Conversation,
    ConversationStatus,
    KnowledgeChunk,
    Message,
    TeamInvitation,
    User,
    UserRole,
    WidgetSettings,
    metadata,
)
from chatapp_db.schema.columns import may_be_given
from chatapp_db.testing.factories import columns_of, factory_of
from chatapp_db.testing.rows import MODELS

MANY = 50


def is_number(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Integer | sa.Numeric)


def test_every_table_has_a_factory():
    assert {factory_of(MODELS[name]).__model__.__table__.name for name in metadata.tables} == set(
        metadata.tables
    )


@pytest.mark.parametrize("table", sorted(metadata.tables))
def test_fifty_varied_rows_of_a_table_are_stored(chatapp_rows, table):
    factory_of(MODELS[table], varied=True).seed_random(50)
    # Not by counting them all: of the audit trail a trigger adds lines of its own.
    ids = [chatapp_rows.add(MODELS[table], varied=True).id for _ in range(MANY)]
    of_these = metadata.tables[table].c.id == sa.any_(sa.literal(ids, sa.ARRAY(sa.Uuid())))
    with chatapp_rows.engine.connect() as connection:
        stored = connection.scalar(sa.select(sa.func.count()).where(of_these))
    assert stored == MANY


class Extreme(Random):
    """Chance that always draws the least number, or the most."""

    def __init__(self, pick: Callable[[int, int], int]) -> None:
        super().__init__(1)
        self._pick = pick

    def randint(self, a: int, b: int) -> int:
        return self._pick(a, b)


NUMBERED = sorted(table for table in metadata.tables if any(map(is_number, metadata.tables[table].c)))


@pytest.mark.parametrize("pick", [min, max])
@pytest.mark.parametrize("table", NUMBERED)
def test_the_least_and_the_most_of_each_number_are_stored(chatapp_rows, monkeypatch, table, pick):
    monkeypatch.setattr(factory_of(MODELS[table], varied=True), "__random__", Extreme(pick))

    assert chatapp_rows.add(MODELS[table], varied=True).id


# Of some tables the package alone writes the rows: there is no border to pass.
GIVEN = sorted(table for table, model in MODELS.items() if f"{model.__name__}Values" in declared.__all__)


@pytest.mark.parametrize("table", GIVEN)
def test_what_is_drawn_passes_the_border(table):
    model: Any = MODELS[table]
    values = getattr(declared, f"{model.__name__}Values")
    hints = get_type_hints(values, include_extras=True)
    factory = factory_of(model, varied=True)
    for _ in range(MANY):
        row = factory.build(**({"company_id": uuid4()} if "company_id" in columns_of(model) else {}))
        drawn = {
            column.key: getattr(row, name)
            for name, column in columns_of(model).items()
            if may_be_given(column) and column.key in hints and getattr(row, name) is not None
        }
        TypeAdapter(values).validate_python(drawn | {key: uuid4() for key in missing(values, drawn)})


def missing(values: Any, drawn: dict[str, Any]) -> set[str]:
    return values.__required_keys__ - drawn.keys()


def test_a_seed_repeats_itself():
    factory = factory_of(Agent)
    factory.seed_random(7)
    first = factory.build(company_id=uuid4())
    factory.seed_random(7)
    assert factory.build(company_id=uuid4()).name == first.name


def test_a_row_brings_what_it_refers_to_within_its_company(chatapp_rows):
    message = chatapp_rows.add(Message)
    with chatapp_rows.engine.connect() as connection:
        found = connection.scalars(sa.select(Conversation.company_id)).all()
    assert found == [message.company_id]


def test_what_is_given_stays(chatapp_rows):
    invitation = chatapp_rows.add(TeamInvitation, token_hash="a" * 64)
    assert invitation.token_hash == "a" * 64


def test_what_breaks_a_constraint_is_not_mended(chatapp_rows):
    with pytest.raises(IntegrityError):
        chatapp_rows.add(Conversation, status=ConversationStatus.RESOLVED)


def test_a_master_admin_is_of_no_company(chatapp_rows):
    assert chatapp_rows.add(User, role=UserRole.MASTER_ADMIN).company_id is None


def test_a_company_has_rows_of_its_own(chatapp_company, chatapp_database):
    chunk = chatapp_company.add(KnowledgeChunk)
    assert chunk.company_id == chatapp_company.id
    assert chatapp_company.scope.knowledge.get(chunk.source_id).company_id == chatapp_company.id
    widget = chatapp_company.add(WidgetSettings)
    assert chatapp_database.widget(widget.public_key).id == widget.id


def test_a_plain_row_keeps_what_has_a_default(chatapp_rows):
    company = chatapp_rows.add(Company)
    assert (company.timezone, company.settings) == ("UTC", {})
