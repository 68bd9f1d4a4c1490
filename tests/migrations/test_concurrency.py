"""Many replicas start at once: they wait, never race, and never half-apply."""

from __future__ import annotations

import time
from datetime import timedelta

import psycopg
import pytest

from chatapp_db.errors import ChatAppDbError, MigrationLockTimeout, StatementTimeout
from chatapp_db.migrations import revisions, status
from tests.migrations.catalog import catalog, differences
from tests.migrations.line import HEAD, LINE, NEXT
from tests.migrations.replicas import outcome, replica, wait_for
from tests.migrations.strangers import WAITING_FOR_A_LOCK, migrating

PROCESSES = 4


def test_concurrent_processes_all_succeed_and_one_applies(place):
    with migrating(place.url):
        processes = [replica(place) for _ in range(PROCESSES)]
        wait_for(place, WAITING_FOR_A_LOCK, PROCESSES)

    assert sorted(map(outcome, processes)) == [""] * (PROCESSES - 1) + [" ".join(LINE)]
    assert status(place.url).state == "current"


@pytest.mark.parametrize("wait", [0.3, timedelta(milliseconds=300)])
def test_a_lock_that_is_not_given_up_ends_the_wait_and_nothing_is_changed(place, wait):
    before = catalog(place.url, but="nothing")
    with migrating(place.url):
        started = time.monotonic()
        with pytest.raises(MigrationLockTimeout) as refused:
            place.migrate(lock_timeout=wait)

    assert 0.3 <= time.monotonic() - started < 10
    assert refused.value.retryable
    assert differences(before, catalog(place.url, but="nothing")) == {}
    assert place.rows(f"SELECT FROM pg_roles WHERE rolname = '{place.app_role}'") == []


def test_another_schema_is_not_waited_for(place):
    with migrating(place.url, schema="public"):
        assert place.migrate(schema="other", lock_timeout=0.3).applied == LINE


@pytest.mark.slow
def test_the_wait_is_not_cut_short_by_the_login_s_statement_timeout(place):
    login = place.login("SUPERUSER")
    place.execute(f"ALTER ROLE {login.split('//')[1].split(':')[0]} SET statement_timeout = '100ms'")
    with migrating(place.url) as stranger:
        process = replica(place, login)
        wait_for(place, WAITING_FOR_A_LOCK, 1)
        time.sleep(0.4)
        stranger.rollback()
    assert outcome(process) == " ".join(LINE)


@pytest.mark.slow
def test_a_killed_process_leaves_nothing_and_its_lock_goes_with_it(place, next_revision):
    next_revision("op.execute('SELECT pg_sleep(600)')")
    process = replica(place, folder=revisions.folder())
    wait_for(place, "query LIKE 'SELECT pg_sleep%'", 1, "pg_stat_activity")
    process.kill()
    process.communicate()
    next_revision("pass")

    assert place.migrate(lock_timeout=20).applied == (*LINE, NEXT)


def test_a_statement_that_takes_too_long_is_ended_and_nothing_is_changed(place, next_revision):
    next_revision("op.execute('SELECT pg_sleep(20)')")

    with pytest.raises(StatementTimeout):
        place.migrate(statement_timeout=0.5)

    assert status(place.url).state == "unmanaged"
    assert place.rows("SELECT FROM pg_class WHERE relname LIKE 'chatapp%'") == []


@pytest.mark.parametrize("failure", ["op.execute('SELECT 1 / 0')", "raise RuntimeError('a fault')"])
def test_a_failing_revision_leaves_nothing(place, next_revision, failure):
    before = catalog(place.url, but="nothing")
    next_revision(failure)

    with pytest.raises((ChatAppDbError, RuntimeError)):
        place.migrate()

    assert differences(before, catalog(place.url, but="nothing")) == {}
    assert place.rows(f"SELECT FROM pg_roles WHERE rolname = '{place.app_role}'") == []


def test_a_failing_next_revision_leaves_the_first(at_head, next_revision):
    next_revision("op.execute('CREATE TABLE chatapp_new (id int)')\n    op.execute('SELECT 1 / 0')")
    assert status(at_head.url).state == "behind"

    with pytest.raises(ChatAppDbError):
        at_head.migrate()

    assert status(at_head.url).current == HEAD
    assert at_head.value("SELECT to_regclass('chatapp_new')") is None


def test_a_pending_revision_is_applied_alone_and_moves_the_number(at_head, next_revision):
    next_revision("op.execute('CREATE TABLE chatapp_new (id int)')")

    report = at_head.migrate()

    assert (report.before, report.after, report.applied) == (HEAD, NEXT, (NEXT,))
    assert at_head.rows("SELECT version_num, number FROM chatapp_db_version") == [(NEXT, int(NEXT))]


def test_a_table_that_stays_locked_ends_the_migration_as_retryable(at_head, next_revision):
    next_revision("op.execute('ALTER TABLE chatapp_agents ADD COLUMN x int')")
    with psycopg.connect(at_head.url) as stranger:
        stranger.execute("SELECT count(*) FROM chatapp_agents")

        with pytest.raises(MigrationLockTimeout):
            at_head.migrate(lock_timeout=0.3)

    assert at_head.migrate().applied == (NEXT,)
