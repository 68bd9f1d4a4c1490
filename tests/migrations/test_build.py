"""An index on a filled table: built beside whoever writes, by one of many, and mended if half built."""

from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from threading import Event

import psycopg
import pytest

from chatapp_db.errors import MigrationLockTimeout
from chatapp_db.migrations import check, commands, downgrade, plan, status
from chatapp_db.migrations.indexes import build
from tests.migrations.filled import HARBOUR, VALID, add_messages, assert_whole
from tests.migrations.line import AFTER_FIRST
from tests.migrations.replicas import outcome, replica, until_ready, wait_for
from tests.migrations.strangers import WAITING_FOR_A_LOCK, building, migrating, pooling, writing

PROCESSES = 5
SERVERS_OF_THE_POOL = 4
BUILDING = "query LIKE 'CREATE INDEX%' AND state = 'active'"
HALF_BUILT = "NOT indisvalid"
POLLING = "query LIKE 'SELECT pg_catalog.pg_sleep%'"


@pytest.mark.slow
@pytest.mark.parametrize("pooled", [False, True])
def test_of_many_replicas_one_builds_and_all_succeed(filled, pooled):
    with pooling(filled.url) if pooled else nullcontext(filled.url) as url:
        with writing(filled) as writer:
            with migrating(filled.url):
                processes = [replica(filled, url) for _ in range(PROCESSES)]
                at_once = SERVERS_OF_THE_POOL if pooled else PROCESSES
                wait_for(filled, WAITING_FOR_A_LOCK, at_once)
            wait_for(filled, BUILDING, 1, "pg_stat_activity")
            writer.commit()
        applied = [revision for process in processes for revision in outcome(process).split()]
        assert sorted(applied) == list(AFTER_FIRST)
        assert_whole(filled)


def test_who_writes_meanwhile_is_not_held_up(filled):
    with writing(filled) as early:
        process = replica(filled)
        wait_for(filled, BUILDING, 1, "pg_stat_activity")
        with psycopg.connect(filled.url) as late:
            late.execute("SET lock_timeout = '1s'")
            late.execute("UPDATE chatapp_messages SET tokens_used = 0 WHERE false")
            late.execute("INSERT INTO chatapp_messages SELECT * FROM chatapp_messages WHERE false")
        add_messages(filled, HARBOUR, 10)
        early.commit()
    assert outcome(process) == " ".join(AFTER_FIRST)
    assert_whole(filled)


@pytest.mark.parametrize("pooled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_replica_killed_half_way_leaves_what_the_next_one_mends(filled, pooled):
    with pooling(filled.url) if pooled else nullcontext(filled.url) as url:
        with writing(filled):
            process = replica(filled, url)
            wait_for(filled, HALF_BUILT, 1, "pg_index")
            process.kill()
            process.communicate()
            next_one = replica(filled, url)
            until_ready(next_one)
        assert outcome(next_one) == " ".join(AFTER_FIRST)
        assert_whole(filled)


def test_a_backend_ended_half_way_is_retryable_and_the_next_run_mends(filled):
    with writing(filled):
        process = replica(filled)
        wait_for(filled, HALF_BUILT, 1, "pg_index")
        filled.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {BUILDING}")
        assert outcome(process) == "Unavailable True"
    assert filled.value(VALID) is False
    assert status(filled.url).current == "0001"
    assert "index" in {difference.kind for difference in check(filled.url, **filled.names)}

    assert outcome(replica(filled)) == " ".join(AFTER_FIRST)
    assert_whole(filled)


def test_a_build_that_is_not_done_in_time_is_retryable(filled):
    with writing(filled), pytest.raises(MigrationLockTimeout) as refused:
        filled.migrate(lock_timeout=0.3)

    assert refused.value.retryable
    assert filled.migrate().applied == AFTER_FIRST
    assert_whole(filled)


@pytest.mark.parametrize("call", [None, downgrade])
def test_another_s_build_is_waited_for_without_a_transaction(filled, call):
    with building(filled.url):
        process = replica(filled)
        wait_for(filled, POLLING, 1, "pg_stat_activity")
        assert filled.value(f"SELECT count(*) FROM pg_locks WHERE {WAITING_FOR_A_LOCK}") == 0
        with pytest.raises(MigrationLockTimeout):
            if call:
                call(filled.url, "base", lock_timeout=0.3, **filled.names)
            else:
                filled.migrate(lock_timeout=0.3)
        assert status(filled.url).current == "0001"
    assert outcome(process) == " ".join(AFTER_FIRST)


def test_who_comes_second_to_build_waits_without_a_transaction(filled, monkeypatch):
    """Two may find the index missing before either of them begins."""
    has_come, may_begin = Event(), Event()

    def late(*arguments):
        has_come.set()
        assert may_begin.wait(60)
        build(*arguments)

    monkeypatch.setattr(commands, "build", late)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(filled.migrate)
        assert has_come.wait(60)
        with building(filled.url):
            may_begin.set()
            wait_for(filled, POLLING, 1, "pg_stat_activity")
            assert filled.value(f"SELECT count(*) FROM pg_locks WHERE {WAITING_FOR_A_LOCK}") == 0
            assert filled.rows(VALID) == []
        assert second.result().applied == AFTER_FIRST


def test_a_build_that_somebody_began_by_hand_is_waited_for_and_kept(filled):
    """To drop what is built at that moment would be a deadlock, which the build may lose."""
    (by_hand, *_) = re.findall("CREATE INDEX CONCURRENTLY .*", plan(from_="0001"))
    with ThreadPoolExecutor(1) as pool:
        with writing(filled):
            builder = pool.submit(filled.execute, by_hand)
            wait_for(filled, BUILDING, 1, "pg_stat_activity")
            with pytest.raises(MigrationLockTimeout, match="another process is building"):
                filled.migrate(lock_timeout=0.3)
            process = replica(filled)
            wait_for(filled, POLLING, 1, "pg_stat_activity")
        builder.result(timeout=60)
    assert outcome(process) == " ".join(AFTER_FIRST)
    assert_whole(filled)


@pytest.mark.parametrize(
    ("time_out", "seconds"),
    [
        ("statement_timeout", 0.3),
        pytest.param("idle_in_transaction_session_timeout", 0.3, marks=pytest.mark.slow),
        pytest.param("transaction_timeout", 2, marks=pytest.mark.slow),
    ],
)
def test_time_outs_of_the_login_do_not_end_a_build(filled, time_out, seconds):
    login = filled.login("SUPERUSER")
    name = login.split("//")[1].split(":")[0]
    filled.execute(f"ALTER ROLE {name} SET {time_out} = '{seconds}s'")
    with writing(filled):
        process = replica(filled, login)
        wait_for(filled, BUILDING, 1, "pg_stat_activity")
        time.sleep(2 * seconds)
    assert outcome(process) == " ".join(AFTER_FIRST)
    # What another login has made is given to the owner of the rest: commonly one login migrates.
    filled.execute(f"REASSIGN OWNED BY {name} TO CURRENT_USER")
    assert_whole(filled)


@pytest.mark.slow
def test_behind_a_pooler_no_session_is_given_time_outs(filled):
    """It is another client's a moment later; so the build may last longer than the wait for a lock."""
    with pooling(filled.url) as url, ThreadPoolExecutor(1) as pool:
        with writing(filled):
            migration = pool.submit(filled.migrate, url, lock_timeout=1)
            wait_for(filled, BUILDING, 1, "pg_stat_activity")
            time.sleep(2)
        assert migration.result(60).applied == AFTER_FIRST
