"""Many replicas start at once: they wait, never race, and never half-apply."""

from __future__ import annotations

import time
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from chatapp_db.errors import ChatAppDbError, MigrationLockTimeout
from chatapp_db.migrations import revisions, status
from chatapp_db.migrations.names import lock_key
from tests.migrations.catalog import catalog, differences
from tests.migrations.replicas import outcome, replica, wait_for

PROCESSES = 4


@contextmanager
def migration_lock(url, schema="public"):
    with psycopg.connect(url) as stranger:
        stranger.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(schema)])
        yield stranger


def test_concurrent_processes_all_succeed_and_one_applies(place):
    with migration_lock(place.url):
        processes = [replica(place) for _ in range(PROCESSES)]
        wait_for(place, "locktype = 'advisory' AND NOT granted", PROCESSES)

    assert sorted(map(outcome, processes)) == [""] * (PROCESSES - 1) + ["0001 0002"]
    assert status(place.url).state == "current"


@pytest.mark.parametrize("wait", [0.3, timedelta(milliseconds=300)])
def test_a_lock_that_is_not_given_up_ends_the_wait_and_nothing_is_changed(place, wait):
    before = catalog(place.url, but="nothing")
    with migration_lock(place.url):
        started = time.monotonic()
        with pytest.raises(MigrationLockTimeout) as refused:
            place.migrate(lock_timeout=wait)

    assert 0.3 <= time.monotonic() - started < 10
    assert refused.value.retryable
    assert differences(before, catalog(place.url, but="nothing")) == {}
    assert place.rows(f"SELECT FROM pg_roles WHERE rolname = '{place.app_role}'") == []


def test_another_schema_is_not_waited_for(place):
    with migration_lock(place.url, schema="public"):
        assert place.migrate(schema="other", lock_timeout=0.3).applied == ("0001", "0002")


@pytest.mark.slow
def test_the_wait_is_not_cut_short_by_the_login_s_statement_timeout(place):
    login = place.login("SUPERUSER")
    place.execute(f"ALTER ROLE {login.split('//')[1].split(':')[0]} SET statement_timeout = '100ms'")
    with migration_lock(place.url) as stranger:
        process = replica(place, login)
        wait_for(place, "locktype = 'advisory' AND NOT granted", 1)
        time.sleep(0.4)
        stranger.rollback()
    assert outcome(process) == "0001 0002"


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_and_its_lock_goes_with_it(place, next_revision):
    next_revision("op.execute('SELECT pg_sleep(600)')")
    process = replica(place, folder=revisions.folder())
    wait_for(place, "query LIKE 'SELECT pg_sleep%'", 1, "pg_stat_activity")
    process.kill()
    process.communicate()
    next_revision("pass")

    assert place.migrate(lock_timeout=20).applied == ("0001", "0002", "0003")


@pytest.mark.parametrize("failure", ["op.execute('SELECT 1 / 0')", "raise RuntimeError('a fault')"])
def test_a_failing_revision_leaves_nothing(place, next_revision, failure):
    before = catalog(place.url, but="nothing")
    next_revision(failure)

    with pytest.raises((ChatAppDbError, RuntimeError)):
        place.migrate()

    assert differences(before, catalog(place.url, but="nothing")) == {}
    assert place.rows(f"SELECT FROM pg_roles WHERE rolname = '{place.app_role}'") == []


def test_a_failing_next_revision_leaves_the_first(place, next_revision):
    place.migrate()
    next_revision("op.execute('CREATE TABLE chatapp_new (id int)')\n    op.execute('SELECT 1 / 0')")
    assert status(place.url).state == "behind"

    with pytest.raises(ChatAppDbError):
        place.migrate()

    assert status(place.url).current == "0002"
    assert place.value("SELECT to_regclass('chatapp_new')") is None


def test_a_pending_revision_is_applied_alone_and_moves_the_number(place, next_revision):
    place.migrate()
    next_revision("op.execute('CREATE TABLE chatapp_new (id int)')")

    report = place.migrate()

    assert (report.before, report.after, report.applied) == ("0002", "0003", ("0003",))
    assert place.rows("SELECT version_num, number FROM chatapp_db_version") == [("0003", 3)]


def test_a_table_that_stays_locked_ends_the_migration_as_retryable(place, next_revision):
    place.migrate()
    next_revision("op.execute('ALTER TABLE chatapp_agents ADD COLUMN x int')")
    with psycopg.connect(place.url) as stranger:
        stranger.execute("SELECT count(*) FROM chatapp_agents")

        with pytest.raises(MigrationLockTimeout):
            place.migrate(lock_timeout=0.3)

    assert place.migrate().applied == ("0003",)
