"""A reference cannot leave its company, whoever writes it: the keys carry the company."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import errors, sql

from tests.isolation.population import OWNED, Populations

EXPECTED_KEYS = 16


def references() -> list[sa.ForeignKeyConstraint]:
    """Give the references to rows of companies, to a company itself apart."""
    return [
        constraint
        for table in OWNED.values()
        for constraint in sorted(table.foreign_key_constraints, key=lambda one: str(one.name))
        if constraint.referred_table.info["company_key"] == "company_id"
    ]


REFERENCES = references()
NAMES = [str(constraint.name) for constraint in REFERENCES]
by_reference = pytest.mark.parametrize("reference", REFERENCES, ids=NAMES)


@pytest.fixture
def database_url(untouched_url):
    """Nothing that a test of this module writes is kept."""
    return untouched_url


def column_of(reference: sa.ForeignKeyConstraint) -> str:
    (name,) = [column.name for column in reference.columns if column.name != "company_id"]
    return name


def point(connection: Any, reference: sa.ForeignKeyConstraint, populations: Populations, to: Any) -> None:
    """Make one of our rows refer to another row, past every policy."""
    table = reference.table
    statement = sql.SQL("UPDATE {} SET {} = %s WHERE id = %s").format(
        sql.Identifier(table.name), sql.Identifier(column_of(reference))
    )
    connection.execute(statement, [to, populations.ours.rows[table.name][0]["id"]])


@pytest.fixture
def superuser(database_url):
    """No policy binds it; what keeps the audit trail as it is, is taken away."""
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE chatapp_audit_logs DISABLE TRIGGER USER")
        yield connection
        connection.rollback()


def test_all_references_are_covered():
    assert len(REFERENCES) == EXPECTED_KEYS


@by_reference
def test_a_reference_names_the_company(reference):
    pairs = {(element.parent.name, element.column.name) for element in reference.elements}
    assert ("company_id", "company_id") in pairs
    assert len(pairs) == 2


@by_reference
def test_a_row_of_another_company_is_refused(superuser, populations, reference):
    target = reference.referred_table.name
    with pytest.raises(errors.ForeignKeyViolation) as refused:
        point(superuser, reference, populations, populations.theirs.rows[target][0]["id"])
    assert refused.value.diag.constraint_name == reference.name


@by_reference
def test_a_row_of_the_same_company_is_accepted(superuser, populations, reference):
    target = reference.referred_table.name
    point(superuser, reference, populations, populations.ours.rows[target][0]["id"])


@by_reference
def test_a_row_does_not_move_to_another_company(superuser, populations, reference):
    """With the row that it refers to left behind."""
    table = reference.table
    statement = sql.SQL("UPDATE {} SET company_id = %s WHERE id = %s").format(sql.Identifier(table.name))
    row = populations.ours.rows[table.name][0]
    with pytest.raises((errors.ForeignKeyViolation, errors.UniqueViolation)):
        superuser.execute(statement, [populations.theirs.id, row["id"]])
