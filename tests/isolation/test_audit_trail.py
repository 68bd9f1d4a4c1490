"""A line of the audit trail stays: nobody changes or deletes one by ordinary means."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import errors

from chatapp_db.schema.security import APP_ROLE, PLATFORM_ROLE
from tests.isolation.population import ROWS

MERGE = (
    "MERGE INTO chatapp_audit_logs AS old USING (SELECT id FROM chatapp_audit_logs) AS new ON old.id = new.id"
    " WHEN MATCHED THEN {}"
)
CHANGES = {
    "update": "UPDATE chatapp_audit_logs SET action = 'nothing'",
    "delete": "DELETE FROM chatapp_audit_logs",
    "truncate": "TRUNCATE chatapp_audit_logs",
    "truncate_cascade": "TRUNCATE chatapp_companies CASCADE",
    "merge_update": MERGE.format("UPDATE SET action = 'nothing'"),
    "merge_delete": MERGE.format("DELETE"),
    "upsert": (
        "INSERT INTO chatapp_audit_logs SELECT * FROM chatapp_audit_logs"
        " ON CONFLICT (id) DO UPDATE SET action = 'nothing'"
    ),
}
PURGE = "SELECT set_config('chatapp.audit_purge', 'on', true)"


@contextmanager
def acting(kind: str, login_url, database_url, company_id) -> Generator[psycopg.Connection]:
    """Act as one of those who might try."""
    url = database_url if kind == "superuser" else login_url("owner" if kind == "owner" else "service")
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [str(company_id)])
        if kind in {APP_ROLE, PLATFORM_ROLE}:
            connection.execute(f"SET LOCAL ROLE {kind}")
        yield connection


@pytest.fixture(params=[APP_ROLE, PLATFORM_ROLE, "owner", "superuser"])
def actor(request, server, login_url, database_url, populations):
    if request.param == "owner":
        owner = psycopg.conninfo.conninfo_to_dict(login_url("owner"))["user"]
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(f'ALTER TABLE chatapp_audit_logs OWNER TO "{owner}"')
            connection.execute(f'ALTER TABLE chatapp_companies OWNER TO "{owner}"')
    with acting(request.param, login_url, database_url, populations.ours.id) as connection:
        connection.kind = request.param
        yield connection


def trail(database_url: str) -> list[tuple]:
    with psycopg.connect(database_url) as connection:
        return connection.execute("SELECT a::text, xmin FROM chatapp_audit_logs a ORDER BY id").fetchall()


@pytest.mark.parametrize("change", CHANGES)
def test_nobody_changes_the_trail(actor, change, database_url):
    with pytest.raises(errors.InsufficientPrivilege):
        actor.execute(CHANGES[change])
    actor.rollback()
    assert len(trail(database_url)) == 2 * ROWS


@pytest.mark.parametrize("change", CHANGES)
def test_the_switch_of_the_purge_lets_the_platform_delete_and_no_more(actor, change):
    actor.execute(PURGE)
    if actor.kind == PLATFORM_ROLE and change in {"delete", "merge_delete"}:
        assert actor.execute(CHANGES[change]).rowcount == 2 * ROWS
        return
    with pytest.raises(errors.InsufficientPrivilege):
        actor.execute(CHANGES[change])


@pytest.mark.parametrize("change", ["update", "delete", "merge_update", "merge_delete"])
@pytest.mark.parametrize("purge", [False, True])
def test_the_triggers_hold_without_the_grants(database_url, login_url, populations, change, purge):
    """Given every privilege and policy, the company's role still cannot."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"GRANT ALL ON chatapp_audit_logs TO {APP_ROLE}")
        connection.execute(
            f"CREATE POLICY everything ON chatapp_audit_logs FOR ALL TO {APP_ROLE} USING (true)"
        )
    before = trail(database_url)
    with acting(APP_ROLE, login_url, database_url, populations.ours.id) as connection:
        if purge:
            connection.execute(PURGE)
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            connection.execute(CHANGES[change])
    assert trail(database_url) == before


@pytest.mark.parametrize("change", ["update", "delete", "merge_update", "merge_delete"])
@pytest.mark.parametrize("other", ["row", "statement"])
def test_each_of_the_triggers_holds_without_the_other(database_url, populations, change, other):
    with psycopg.connect(database_url) as connection:
        connection.execute(f"ALTER TABLE chatapp_audit_logs DISABLE TRIGGER tr_chatapp_audit_logs_{other}")
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            connection.execute(CHANGES[change])


def test_the_platform_role_cannot_delete_without_the_switch(database_url, login_url, populations):
    acting_as = acting(PLATFORM_ROLE, login_url, database_url, populations.ours.id)
    with acting_as as connection, pytest.raises(errors.InsufficientPrivilege, match="append-only"):
        connection.execute(CHANGES["delete"])


def test_the_purge_deletes(database_url, login_url, populations):
    """The positive control, and the only way out."""
    with acting(PLATFORM_ROLE, login_url, database_url, populations.ours.id) as connection:
        connection.execute(PURGE)
        assert connection.execute(CHANGES["delete"]).rowcount == 2 * ROWS
    assert trail(database_url) == []


def test_the_switch_ends_with_its_transaction(database_url, login_url, populations):
    with acting(PLATFORM_ROLE, login_url, database_url, populations.ours.id) as connection:
        connection.execute(PURGE)
        connection.rollback()
        connection.execute(f"SET LOCAL ROLE {PLATFORM_ROLE}")
        with pytest.raises(errors.InsufficientPrivilege, match="append-only"):
            connection.execute(CHANGES["delete"])
