"""What a role may not do, whoever logs in."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors, sql

from chatapp_db.errors import ChatAppDbError, NotPermitted
from chatapp_db.schema import Company
from chatapp_db.schema.security import APP_ROLE, PLATFORM_ROLE
from tests.isolation.population import OWNED, TABLES

A_COMPANY_MAY_CHANGE = {"name", "domain", "logo_url", "settings", "timezone"}
COMPANY_COLUMNS = {column.name: column for column in Company.__table__.columns}


@pytest.fixture
def database_url(untouched_url):
    """Nothing that a test of this module writes is kept."""
    return untouched_url


@pytest.fixture
def as_app(login_url, populations):
    """The company's role with our company set, as a scope leaves it."""
    with psycopg.connect(login_url("app")) as connection:
        connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [str(populations.ours.id)])
        connection.execute(f"SET LOCAL ROLE {APP_ROLE}")
        yield connection


@pytest.mark.parametrize("login", ["app", "stranger"])
@pytest.mark.parametrize(
    "text",
    [
        f"SET ROLE {PLATFORM_ROLE}",
        f"SET LOCAL ROLE {PLATFORM_ROLE}",
        f"SELECT set_config('role', '{PLATFORM_ROLE}', true)",
        f"SET SESSION AUTHORIZATION {PLATFORM_ROLE}",
    ],
)
def test_the_platform_role_cannot_be_taken_ungranted(login_url, login, text):
    with psycopg.connect(login_url(login)) as connection, pytest.raises(errors.InsufficientPrivilege):
        connection.execute(text)


def test_the_platform_role_can_be_taken_by_whom_it_was_granted(login_url):
    with psycopg.connect(login_url("service")) as connection:
        connection.execute(f"SET LOCAL ROLE {PLATFORM_ROLE}")
        assert connection.execute("SELECT count(DISTINCT company_id) FROM chatapp_users").fetchone() == (2,)


def test_a_scope_does_not_lead_to_the_platform_role(as_app):
    with pytest.raises(errors.InsufficientPrivilege):
        as_app.execute(f"SELECT set_config('role', '{PLATFORM_ROLE}', true)")


@pytest.mark.parametrize("login", ["app", "stranger"])
async def test_the_platform_scope_is_closed_to_a_login_without_the_role(world, login_url, login):
    db = world.open(login_url(login))
    with pytest.raises(ChatAppDbError):
        async with db.platform("a look around"):
            pytest.fail("the scope was entered")


async def test_a_company_scope_is_closed_to_a_stranger(world, login_url, populations):
    db = world.open(login_url("stranger"))
    with pytest.raises(ChatAppDbError):
        await db.company(populations.ours.id).customers.page()


@pytest.mark.parametrize("name", sorted(COMPANY_COLUMNS.keys() - A_COMPANY_MAY_CHANGE))
def test_a_company_cannot_change_what_the_platform_answers_for(as_app, name):
    column = sql.Identifier(name)
    with pytest.raises(errors.InsufficientPrivilege, match="permission denied"):
        as_app.execute(sql.SQL("UPDATE chatapp_companies SET {} = {}").format(column, column))


@pytest.mark.parametrize("name", sorted(A_COMPANY_MAY_CHANGE))
def test_a_company_can_change_the_rest_of_its_own_row(as_app, name, populations):
    column = sql.Identifier(name)
    changed = sql.SQL("UPDATE chatapp_companies SET {} = {} RETURNING id").format(column, column)
    assert as_app.execute(changed).fetchall() == [(populations.ours.id,)]


def test_a_company_can_neither_add_nor_delete_companies(as_app):
    with as_app.transaction(), pytest.raises(errors.InsufficientPrivilege), as_app.transaction():
        as_app.execute("DELETE FROM chatapp_companies")
    with pytest.raises(errors.InsufficientPrivilege):
        as_app.execute("INSERT INTO chatapp_companies (name, slug) VALUES ('Ours', 'ours-too')")


@pytest.mark.parametrize("table", sorted(TABLES.keys() - OWNED.keys()))
@pytest.mark.parametrize(
    "change", ["DELETE FROM {}", "UPDATE {} SET name = name", "INSERT INTO {} DEFAULT VALUES"]
)
def test_a_company_only_reads_what_is_shared(as_app, table, change):
    assert as_app.execute(sql.SQL("SELECT id FROM {}").format(sql.Identifier(table))).fetchall()
    with pytest.raises(errors.InsufficientPrivilege):
        as_app.execute(sql.SQL(change).format(sql.Identifier(table)))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("role", [APP_ROLE, PLATFORM_ROLE])
def test_no_role_may_truncate_refer_or_trigger(login_url, table, role):
    query = "SELECT has_table_privilege(%s, %s, privilege) FROM unnest(%s::text[]) AS privilege"
    with psycopg.connect(login_url("service")) as connection:
        granted = connection.execute(query, [role, table, ["TRUNCATE", "REFERENCES", "TRIGGER"]]).fetchall()
    assert granted == [(False,)] * 3


@pytest.mark.parametrize("role", [APP_ROLE, PLATFORM_ROLE])
def test_no_role_can_log_in_or_passes_the_policies(database_url, role):
    query = "SELECT rolcanlogin, rolbypassrls, rolsuper, rolcreaterole FROM pg_roles WHERE rolname = %s"
    with psycopg.connect(database_url) as connection:
        assert connection.execute(query, [role]).fetchone() == (False, False, False, False)
        owned = connection.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = %s::regrole", [role]
        ).fetchone()
    assert owned == (0,)


async def test_the_own_plan_cannot_be_changed_through_a_scope(db, populations):
    """The repository has no such argument, and the grant refuses it to whoever writes the statement."""
    with pytest.raises(ChatAppDbError) as refused:
        await db.company(populations.ours.id).company.update(
            subscription_plan_id=populations.shared.rows["chatapp_subscription_plans"][1]["id"]
        )
    assert not isinstance(refused.value, NotPermitted)
