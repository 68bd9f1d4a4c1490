"""From 0001 with rows: the index is built beside whoever writes, by one of many, and mended if half built."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import create_engine

from chatapp_db.address import engine_url
from chatapp_db.errors import InvalidValue, MigrationLockTimeout
from chatapp_db.migrations import amigrate, check, downgrade, plan, status
from chatapp_db.migrations.names import build_lock_key
from tests import pgbouncer
from tests.migrations.catalog import catalog, differences
from tests.migrations.filled import HARBOUR, add_messages, restore
from tests.migrations.replicas import outcome, replica, wait_for
from tests.migrations.test_concurrency import migration_lock
from tests.migrations.test_offline import SQUAWK, run

PROCESSES = 8
SERVERS_OF_THE_POOL = 4
BUILDING = "query LIKE 'CREATE INDEX CONCURRENTLY%' AND state = 'active'"
VALID = "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('ix_chatapp_messages_search')"
WRITE = "UPDATE chatapp_messages SET tokens_used = tokens_used + 1"


@pytest.fixture
def filled(place):
    restore(place)
    return place


@contextmanager
def writing(place):
    """Somebody in the middle of a transaction, for whom every build waits half way."""
    with psycopg.connect(place.url) as writer:
        writer.execute(WRITE)
        yield writer


@contextmanager
def through_pgbouncer(url):
    if pgbouncer.BINARY is None:
        pytest.skip("pgbouncer is not installed")
    with pgbouncer.pgbouncer(url) as pooled:
        yield pooled


def whole(place):
    assert check(place.url, **place.names) == []
    assert place.value("SELECT count(*) FROM chatapp_messages WHERE content LIKE '%parcel%'") == 6
    assert place.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_what_the_last_release_left_is_migrated_with_its_rows(any_place):
    restore(any_place)

    report = any_place.migrate()

    assert (report.before, report.after, report.applied) == ("0001", "0002", ("0002",))
    whole(any_place)
    assert any_place.migrate().applied == ()
    with any_place.server.database() as fresh:
        any_place.migrate(fresh)
        assert differences(catalog(any_place.url), catalog(fresh)) == {}


@pytest.mark.parametrize("pooled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_of_many_replicas_one_builds_and_all_succeed(filled, pooled):
    add_messages(filled, HARBOUR, 20_000)
    with through_pgbouncer(filled.url) if pooled else contextmanager(lambda: iter([filled.url]))() as url:
        with writing(filled) as writer:
            with migration_lock(filled.url):
                processes = [replica(filled, url) for _ in range(PROCESSES)]
                at_once = SERVERS_OF_THE_POOL if pooled else PROCESSES
                wait_for(filled, "locktype = 'advisory' AND NOT granted", at_once)
            wait_for(filled, BUILDING, 1, "pg_stat_activity")
            writer.commit()
        assert sorted(map(outcome, processes)) == [""] * (PROCESSES - 1) + ["0002"]
        whole(filled)


def test_who_writes_meanwhile_is_not_held_up(filled):
    with writing(filled) as early:
        process = replica(filled)
        wait_for(filled, BUILDING, 1, "pg_stat_activity")
        with psycopg.connect(filled.url) as late:
            late.execute("SET lock_timeout = '1s'")
            late.execute(WRITE + " WHERE false")
            late.execute("INSERT INTO chatapp_messages SELECT * FROM chatapp_messages WHERE false")
        add_messages(filled, HARBOUR, 10)
        early.commit()
    assert outcome(process) == "0002"
    whole(filled)


@pytest.mark.parametrize("pooled", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_replica_killed_half_way_leaves_what_the_next_one_mends(filled, pooled):
    with through_pgbouncer(filled.url) if pooled else contextmanager(lambda: iter([filled.url]))() as url:
        with writing(filled):
            process = replica(filled, url)
            wait_for(filled, BUILDING, 1, "pg_stat_activity")
            process.kill()
            process.communicate()
            assert filled.value(VALID) is False
            next_one = replica(filled, url)
            wait_for(filled, "query LIKE 'SELECT pg_catalog.pg_sleep%'", 1, "pg_stat_activity")
        assert outcome(next_one) == "0002"
        whole(filled)


def test_a_backend_ended_half_way_is_retryable_and_the_next_run_mends(filled):
    with writing(filled):
        process = replica(filled)
        wait_for(filled, BUILDING, 1, "pg_stat_activity")
        filled.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {BUILDING}")
        assert outcome(process) == "Unavailable True"
    assert filled.value(VALID) is False
    assert status(filled.url).current == "0001"
    assert {difference.kind for difference in check(filled.url, **filled.names)} == {"function", "index"}

    assert filled.migrate().applied == ("0002",)
    whole(filled)


def test_a_build_that_is_not_done_in_time_is_retryable(filled):
    with writing(filled), pytest.raises(MigrationLockTimeout) as refused:
        filled.migrate(lock_timeout=0.3)

    assert refused.value.retryable
    assert filled.migrate().applied == ("0002",)
    whole(filled)


@pytest.mark.parametrize("call", [None, downgrade])
def test_another_s_build_is_waited_for_without_a_transaction(filled, call):
    with psycopg.connect(filled.url) as stranger:
        stranger.execute("SELECT pg_advisory_xact_lock(%s)", [build_lock_key("public")])
        process = replica(filled)
        wait_for(filled, "query LIKE 'SELECT pg_catalog.pg_sleep%'", 1, "pg_stat_activity")
        assert filled.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 0
        with pytest.raises(MigrationLockTimeout):
            if call:
                call(filled.url, "base", lock_timeout=0.3, **filled.names)
            else:
                filled.migrate(lock_timeout=0.3)
        assert status(filled.url).current == "0001"
    assert outcome(process) == "0002"


def test_an_engine_with_one_connection_is_enough(filled):
    engine = create_engine(
        engine_url(filled.url), pool_size=1, max_overflow=0, isolation_level="SERIALIZABLE"
    )
    before = "SHOW lock_timeout"
    with engine.connect() as connection:
        usual = connection.exec_driver_sql(before).scalar()

    assert filled.migrate(engine).applied == ("0002",)

    with engine.connect() as connection:
        assert connection.get_isolation_level() == "SERIALIZABLE"
        assert connection.exec_driver_sql(before).scalar() == usual
    engine.dispose()
    whole(filled)


def test_a_connection_of_yours_that_is_in_no_transaction_will_do(filled):
    engine = create_engine(engine_url(filled.url))
    with engine.connect() as connection:
        assert filled.migrate(connection).applied == ("0002",)
        assert not connection.in_transaction()
        assert connection.get_isolation_level() == "READ COMMITTED"
    engine.dispose()
    whole(filled)


def test_a_connection_that_is_in_a_transaction_is_refused_and_nothing_changed(filled):
    before = catalog(filled.url)
    engine = create_engine(engine_url(filled.url))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id int)")
        with pytest.raises(InvalidValue, match="CONCURRENTLY, which no transaction may"):
            filled.migrate(connection)
        connection.commit()
        connection.exec_driver_sql("DROP TABLE mine")
        connection.commit()
    engine.dispose()
    assert differences(before, catalog(filled.url)) == {}


def test_where_no_message_is_yet_a_transaction_of_yours_will_do(filled):
    filled.execute("TRUNCATE chatapp_messages")
    engine = create_engine(engine_url(filled.url))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id int)")
        assert filled.migrate(connection).applied == ("0002",)
        connection.rollback()
    engine.dispose()
    assert status(filled.url).current == "0001"


async def test_asyncio_builds_too(filled):
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(engine_url(filled.url), pool_size=1, max_overflow=0)
    assert (await amigrate(engine, **filled.names)).applied == ("0002",)
    await engine.dispose()
    whole(filled)


def test_the_plan_leaves_its_transaction_to_build(filled, tmp_path):
    script = plan(from_="0001", **filled.names)
    done = run(filled.url, script, tmp_path)

    assert done.returncode == 0, done.stderr
    assert script.index("CREATE INDEX CONCURRENTLY") < script.index("BEGIN;\n")
    whole(filled)
    assert "is not at 0001" in run(filled.url, script, tmp_path).stderr
    assert filled.migrate().applied == ()


def test_a_plan_is_run_again_where_it_stopped(filled, tmp_path):
    script = plan(from_="0001", **filled.names)
    stopped = script.replace("CREATE FUNCTION chatapp_search", "SELECT 1/0; CREATE FUNCTION chatapp_search")
    assert "division by zero" in run(filled.url, stopped, tmp_path).stderr
    assert filled.value(VALID)

    done = run(filled.url, script, tmp_path)

    assert done.returncode == 0, done.stderr
    whole(filled)


@pytest.mark.skipif(SQUAWK is None, reason="squawk-cli is not installed")
def test_squawk_finds_nothing_in_the_plan_from_0001(tmp_path):
    file = tmp_path / "plan.sql"
    file.write_text(plan(from_="0001"))
    done = subprocess.run([SQUAWK, str(file)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_down_and_up_again_is_the_same(filled):
    filled.migrate()
    first = catalog(filled.url, but="nothing")
    downgrade(filled.url, "0001", **filled.names)
    assert filled.value("SELECT to_regclass('ix_chatapp_messages_search')") is None

    assert filled.migrate().applied == ("0002",)

    assert differences(first, catalog(filled.url, but="nothing")) == {}
