"""What a Statement does itself because SQLAlchemy's execution is skipped, and what it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
import uuid_utils
from sqlalchemy.dialects.postgresql import ENUM, JSONB

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.statement import COMPANY, Statement, constant, scalar, written
from tests.rows import SOMEBODY


class Mood(StrEnum):
    GLAD = "glad"
    SAD = "sad"


def _labels(kind: type[StrEnum]) -> list[str]:
    return [member.value for member in kind]


METADATA = sa.MetaData()
MOOD = ENUM(Mood, name="mood", values_callable=_labels)
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("company_id", sa.Uuid),
    sa.Column("id", sa.Uuid),
    sa.Column("mood", MOOD),
    sa.Column("moods", sa.ARRAY(MOOD)),
    sa.Column("meta", JSONB(none_as_null=True)),
    sa.Column("price", sa.Numeric(12, 2)),
    sa.Column("share", sa.Float),
    sa.Column("size", sa.Integer),
    sa.Column("length", sa.BigInteger),
    sa.Column("at", sa.DateTime(timezone=True)),
    sa.Column("tags", sa.ARRAY(sa.Text)),
    sa.Column("text", sa.Text),
    info={"company_key": "company_id"},
)
LABELS = sa.Table("labels", METADATA, sa.Column("id", sa.Uuid), sa.Column("text", sa.Text))
DEFAULTED = sa.Table(
    "defaulted", METADATA, sa.Column("id", sa.Uuid, default=uuid4), sa.Column("text", sa.Text)
)
ID = sa.bindparam("id", type_=sa.Uuid())


@dataclass(slots=True)
class NoteRow:
    id: UUID
    mood: Mood | str


def one(column: str) -> Statement[object]:
    """Write one column of a note, to look at how its value is bound."""
    update = sa.update(NOTES).where(NOTES.c.company_id == COMPANY).values({column: written(NOTES.c[column])})
    return Statement(update.returning(NOTES.c[column]), scalar)


def bound(column: str, value: object) -> object:
    written_value, _company = one(column).bind({"company_id": uuid4(), f"new_{column}": value})
    return written_value


@pytest.mark.parametrize("value", [[], {}, [1], {"a": [None]}])
def test_json_is_sent_as_json_whatever_the_value_looks_like(value):
    assert bound("meta", value) == str(value).replace("'", '"').replace("None", "null").replace(" ", "")


def test_a_json_none_is_sql_null():
    assert bound("meta", None) is None


@pytest.mark.parametrize("value", [float("nan"), [float("inf")], {"a": {"b": float("-inf")}}])
def test_json_that_is_not_json_is_refused(value):
    with pytest.raises(InvalidValue) as refused:
        bound("meta", value)
    assert refused.value.field == "meta"


def test_an_enum_goes_by_its_label_and_an_unknown_label_is_refused():
    assert bound("mood", Mood.GLAD) == "glad"
    assert type(bound("mood", Mood.GLAD)) is str
    with pytest.raises(InvalidValue):
        bound("mood", "furious")
    with pytest.raises(InvalidValue):
        bound("mood", ["glad"])


def test_an_array_of_an_enum_is_cast_by_the_statement():
    assert "$1::mood[]" in one("moods").text
    assert bound("moods", [Mood.SAD, "glad"]) == ["sad", "glad"]
    with pytest.raises(InvalidValue):
        bound("moods", ["furious"])
    with pytest.raises(InvalidValue):
        bound("moods", "glad")


@pytest.mark.parametrize("value", [str(SOMEBODY), uuid_utils.UUID(int=7), 7, b"0" * 16])
def test_only_the_standard_library_s_uuid_is_bound_as_one(value):
    with pytest.raises(InvalidValue):
        bound("id", value)


@pytest.mark.parametrize("value", [Decimal("NaN"), float("nan"), Decimal("Infinity")])
@pytest.mark.parametrize("column", ["price", "share"])
def test_a_number_that_is_none_is_refused(column, value):
    with pytest.raises(InvalidValue):
        bound(column, value)


def test_an_integer_is_sent_by_the_width_of_its_column_not_of_its_value():
    assert type(bound("size", 1)) is type(bound("size", 2**30))
    assert type(bound("length", 1)) is type(bound("length", 2**40))
    assert type(bound("length", 1)) is not type(bound("size", 1))


def test_a_naive_datetime_is_refused():
    now = datetime.now(UTC)
    assert bound("at", now) == now
    with pytest.raises(InvalidValue):
        bound("at", now.replace(tzinfo=None))


def test_a_missing_and_a_misspelt_parameter_are_told():
    with pytest.raises(TypeError, match="new_text"):
        one("text").bind({"company_id": uuid4()})
    with pytest.raises(TypeError, match="new_texte"):
        one("text").bind({"company_id": uuid4(), "new_text": "a", "new_texte": "a"})


def test_an_expanding_bind_is_refused():
    with pytest.raises(TypeError, match="ANY"):
        Statement(sa.select(LABELS.c.id).where(LABELS.c.id.in_(sa.bindparam("ids", expanding=True))), scalar)


@pytest.mark.parametrize(
    "query",
    [
        sa.select(LABELS.c.id).limit(25),
        sa.select(LABELS.c.id).where(LABELS.c.text == "a"),
        sa.select(NOTES.c.meta["k"]).where(NOTES.c.company_id == COMPANY),
    ],
)
def test_an_anonymous_bind_is_refused(query):
    with pytest.raises(TypeError, match="anonymous"):
        Statement(query, scalar)


def test_a_default_of_python_s_side_is_refused():
    insert = sa.insert(DEFAULTED).values(text=written(DEFAULTED.c.text)).returning(DEFAULTED.c.id)
    with pytest.raises(TypeError, match="default"):
        Statement(insert, scalar)
    Statement(insert.values(id=written(DEFAULTED.c.id)), scalar)


def test_a_row_of_another_shape_is_refused():
    own = NOTES.c.company_id == COMPANY
    with pytest.raises(TypeError, match="built from"):
        Statement(sa.select(NOTES.c.mood, NOTES.c.id).where(own), NoteRow)
    with pytest.raises(TypeError, match="built from"):
        Statement(sa.select(NOTES.c.id, NOTES.c.mood).where(own), scalar)


ALIAS = NOTES.alias("other")


@pytest.mark.parametrize(
    "query",
    [
        sa.select(NOTES.c.id),
        sa.select(NOTES.c.id).where(NOTES.c.id == ID),
        sa.select(NOTES.c.id).where(NOTES.c.company_id != COMPANY),
        sa.select(NOTES.c.id).where(NOTES.c.company_id == ID),
        sa.select(NOTES.c.id).where(NOTES.c.id == COMPANY),
        sa.select(NOTES.c.id).where(NOTES.c.company_id == COMPANY, sa.exists(sa.select(ALIAS.c.id))),
        sa.select(NOTES.c.id)
        .join(ALIAS, ALIAS.c.company_id == NOTES.c.company_id)
        .where(NOTES.c.company_id == COMPANY),
        sa.select(LABELS.c.id).where(LABELS.c.id == sa.select(NOTES.c.id).scalar_subquery()),
        sa.update(NOTES).where(NOTES.c.id == ID).values(text=written(NOTES.c.text)).returning(NOTES.c.id),
        sa.delete(NOTES).where(NOTES.c.id == ID).returning(NOTES.c.id),
        sa.insert(NOTES).values(id=written(NOTES.c.id)).returning(NOTES.c.id),
        sa.select(sa.delete(NOTES).returning(NOTES.c.id).cte("gone").c.id),
    ],
)
def test_a_company_s_table_named_without_its_company_is_refused(query):
    with pytest.raises(TypeError, match="company_id"):
        Statement(query, scalar)
    Statement(query, scalar, across_companies=True)


def test_an_alias_and_a_cte_with_their_company_are_accepted():
    joined = sa.select(NOTES.c.id).join(ALIAS, ALIAS.c.company_id == COMPANY)
    Statement(joined.where(NOTES.c.company_id == COMPANY), scalar)
    gone = sa.delete(NOTES).where(NOTES.c.company_id == COMPANY).returning(NOTES.c.id).cte("gone")
    Statement(sa.select(gone.c.id), scalar)


def test_a_written_value_and_a_compared_one_have_binds_of_their_own():
    update = sa.update(NOTES).where(NOTES.c.company_id == COMPANY, NOTES.c.id == ID)
    statement = Statement(update.values(id=written(NOTES.c.id)).returning(NOTES.c.id), scalar)
    assert "SET id=$1::UUID" in statement.text
    assert "notes.id = $3::UUID" in statement.text
    company_id, old, new = uuid4(), uuid4(), uuid4()
    assert statement.bind({"id": old, "new_id": new, "company_id": company_id}) == [new, company_id, old]


def test_a_constant_stands_in_the_text():
    query = (
        sa.select(LABELS.c.id)
        .where(LABELS.c.text == constant("50 %'s", sa.Text()))
        .limit(constant(25, sa.Integer()))
    )
    assert "'50 %''s'" in Statement(query, scalar).text
    assert constant(Mood.SAD, MOOD).compile().string == "'sad'"


def test_labels_become_members_and_an_unknown_one_stays_a_plain_str():
    query = sa.select(NOTES.c.id, NOTES.c.mood).where(NOTES.c.company_id == COMPANY)
    statement = Statement(query, NoteRow)
    known, unknown, missing = statement.rows([(uuid4(), "glad"), (uuid4(), "calm"), (uuid4(), None)])
    assert known.mood is Mood.GLAD
    assert unknown.mood == "calm"
    assert type(unknown.mood) is str
    assert missing.mood is None
