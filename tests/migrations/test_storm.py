"""What goes wrong on a bad day, many times over: afterwards the schema is whole, or was never there."""

from __future__ import annotations

import random
import shutil
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from chatapp_db.embedded.account import account_for
from chatapp_db.errors import Unavailable
from chatapp_db.migrations import check, revisions, status
from tests.migrations.catalog import catalog, differences
from tests.migrations.conftest import fresh_place
from tests.migrations.line import LINE, NEXT
from tests.migrations.replicas import outcome, replica, until_ready, wait_for
from tests.migrations.strangers import WAITING_FOR_A_LOCK, pooling

PROCESSES = 16
ROUNDS = 12
# A migration of an empty database takes about this long; a random moment is one before its end.
SECONDS = 0.25

SLEEP = "op.execute('SELECT pg_sleep(600)')"
ASLEEP = "query LIKE 'SELECT pg_sleep%' AND state = 'active'"

pytestmark = pytest.mark.slow


def moments(seed):
    chosen = random.Random(seed)
    return [chosen.uniform(0, SECONDS) for _ in range(ROUNDS)]


def whole_or_nothing(place):
    """The state, which is one of two; nothing of ours is there without all of it."""
    state = status(place.url).state
    assert state in {"unmanaged", "current"}
    if state == "unmanaged":
        assert place.rows("SELECT relname FROM pg_class WHERE relname LIKE 'chatapp%'") == []
    else:
        assert check(place.url, **place.names) == []
    return state


def start_anew(place):
    place.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")


def all_but_one_wait(place, url):
    processes = [replica(place, url) for _ in range(PROCESSES)]

    assert sorted(map(outcome, processes)) == [""] * (PROCESSES - 1) + [" ".join(LINE)]
    assert whole_or_nothing(place) == "current"
    assert place.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_sixteen_replicas_start_at_once(place):
    all_but_one_wait(place, place.url)


def test_sixteen_replicas_start_at_once_behind_a_pooler(place):
    with pooling(place.url) as url:
        all_but_one_wait(place, url)


def test_replicas_that_start_while_one_works_behind_a_pooler_wait_for_it(place, next_revision):
    next_revision("op.execute('SELECT pg_sleep(2)')")
    with pooling(place.url) as url:
        processes = [replica(place, url, folder=revisions.folder()) for _ in range(PROCESSES)]
        outcomes = sorted(map(outcome, processes))

    assert outcomes == [""] * (PROCESSES - 1) + [" ".join((*LINE, NEXT))]


@pytest.mark.parametrize("seed", [1])
def test_a_replica_killed_at_a_random_moment_leaves_all_or_nothing(place, seed):
    seen = set()
    for moment in moments(seed):
        process = replica(place)
        until_ready(process)
        time.sleep(moment)
        process.kill()
        process.communicate()
        # The server notices within client_connection_check_interval, and sooner at the next message.
        wait_for(place, "NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')", 1, "(SELECT 1) AS x")
        state = whole_or_nothing(place)
        seen.add(state)
        if state == "current":
            start_anew(place)

    assert "unmanaged" in seen
    place.migrate(lock_timeout=20)
    assert whole_or_nothing(place) == "current"


@pytest.mark.parametrize("seed", [2])
def test_a_backend_ended_at_a_random_moment_leaves_all_or_nothing(place, seed):
    ours = f"datname = '{place.value('SELECT current_database()')}' AND pid <> pg_backend_pid()"
    said = set()
    for moment in moments(seed):
        process = replica(place)
        until_ready(process)
        time.sleep(moment)
        place.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
        said.add(outcome(process))
        if whole_or_nothing(place) == "current":
            start_anew(place)

    assert said <= {" ".join(LINE), "Unavailable True"}
    assert "Unavailable True" in said


def test_a_backend_ended_in_the_middle_is_retryable_and_the_next_one_in_line_goes_on(place, next_revision):
    next_revision(SLEEP)
    first = replica(place, folder=revisions.folder())
    wait_for(place, ASLEEP, 1, "pg_stat_activity")
    second = replica(place)
    wait_for(place, WAITING_FOR_A_LOCK, 1)

    place.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ASLEEP}")

    assert outcome(first) == "Unavailable True"
    assert outcome(second) == " ".join(LINE)


def test_a_server_that_restarts_in_the_middle_leaves_nothing(own_server, next_revision):
    next_revision(SLEEP)
    with fresh_place(own_server) as place:
        process = replica(place, folder=revisions.folder())
        wait_for(place, ASLEEP, 1, "pg_stat_activity")

        own_server.restart()

        assert outcome(process) == "Unavailable True"
        assert whole_or_nothing(place) == "unmanaged"
        next_revision("pass")
        assert place.migrate().applied == (*LINE, NEXT)


def test_a_full_disk_leaves_nothing_and_is_retryable(own_server, tmp_path):
    with small_disk() as disk:
        own_server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        with fresh_place(own_server) as place:
            name = place.value("SELECT current_database()")
            own_server.execute(f'ALTER DATABASE "{name}" SET TABLESPACE small')
            filler = disk / "filler"
            filler.write_bytes(bytes(max(0, shutil.disk_usage(disk).free - (256 << 10))))
            before = catalog(place.url, but="nothing")

            with pytest.raises(Unavailable, match="53100"):
                place.migrate()

            assert differences(before, catalog(place.url, but="nothing")) == {}
            filler.unlink()
            assert place.migrate().applied == LINE
        own_server.execute("DROP TABLESPACE small")


@contextmanager
def small_disk():
    """Mount a little memory as a disk of the server's own; only root may."""
    with server_disk() as folder:
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "none", folder],
            capture_output=True,
            check=False,
        )
        if mounted.returncode:
            pytest.skip("no disk can be made small here: mount needs root")
        try:
            account = account_for(folder)
            if account is not None:
                account.own(folder)
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def server_disk():
    from chatapp_db.testing.server import server_folder

    with server_folder() as folder:
        disk = Path(folder) / "disk"
        disk.mkdir()
        account = account_for(folder)
        if account is not None:
            account.own(folder)
            account.open_the_way(disk)
        with suppress(FileNotFoundError):
            yield disk
