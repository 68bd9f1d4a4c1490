"""The worker of the examples delivers for real: to a server that answers, refuses, is slow or never does."""

from __future__ import annotations

import datetime as dt
import importlib.util
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from chatapp_db import AsyncDatabase, InvalidSignature, KeyRing
from chatapp_db.encryption.signatures import sign
from tests.rows import new_company
from tests.worlds import Awaited

EXAMPLE = Path(__file__).parents[2] / "examples" / "webhook_worker.py"
KEY = KeyRing.generate_key()
EVENT = "message.created"
PATIENCE, LONGEST_CALL = 30.0, 0.6


@pytest.fixture(scope="module")
def example() -> Any:
    """Import the example, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("webhook_worker", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Receiver(BaseHTTPRequestHandler):
    """Checks what it gets by the example, and answers as its path says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server: Any = self.server
        body = self.rfile.read(int(self.headers["content-length"]))
        status = int(self.path.strip("/").split("-")[0])
        try:
            server.got.append((self.path, server.receive(server.secrets[self.path], self.headers, body)))
        except InvalidSignature:
            status = 400
        if self.path.endswith("-slow"):
            time.sleep(LONGEST_CALL / 3)
        if self.path.endswith("-never"):
            server.over.wait(PATIENCE)
        self.send_response(status)
        self.send_header("retry-after", "7200")
        self.send_header("location", "/200-elsewhere")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver(example: Any) -> Generator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    server.got, server.secrets, server.known, server.over = [], {}, set(), threading.Event()
    server.receive = lambda secret, headers, body: example.receive(secret, headers, body, server.known)
    server.url = f"http://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def opened(runner, login_url) -> Generator[AsyncDatabase]:
    db = AsyncDatabase(login_url("service"), keys=KeyRing.parse(f"test:{KEY}"))
    yield db
    runner.run(db.close())


async def subscribed(db: AsyncDatabase, receiver: Any, *paths: str) -> Any:
    """Subscribe each path of the receiver, which learns its secret; give the company."""
    company = db.company(await new_company(Awaited(db)))
    for path in paths:
        _, secret = await company.webhooks.subscribe(f"{receiver.url}/{path}", [EVENT])
        receiver.secrets[f"/{path}"] = secret.get_secret_value()
    return company


async def outcomes(company: Any) -> dict[str, tuple]:
    """Say what became of the deliveries, by the path they went to."""
    found = {}
    for row in (await company.webhook_deliveries.list()).items:
        path = (await company.webhooks.get(row.webhook_id)).url.rpartition("/")[2]
        found[path] = (row.delivered_at is not None, row.status_code, row.error)
    return found


async def test_each_call_comes_to_what_its_receiver_answered(example, opened, receiver):
    paths = ("200", "204-slow", "500", "302", "200-never", "410")
    company = await subscribed(opened, receiver, *paths)
    await company.webhook_deliveries.enqueue(EVENT, {"type": EVENT, "data": {"text": "Grüße"}})
    worker = example.Worker(opened, allows=lambda address: True, longest_call=LONGEST_CALL)

    assert await worker.work() == len(paths)

    said = await outcomes(company)
    assert said.pop("200-never")[:2] == (False, None)
    assert said == {
        "200": (True, 200, None),
        "204-slow": (True, 204, None),
        "500": (False, 500, "answered 500"),
        "302": (False, 302, "answered 302"),
        "410": (False, 410, "answered 410"),
    }
    assert sorted(path for path, _ in receiver.got) == sorted(f"/{path}" for path in paths)
    # The event is one, and who has got it once does nothing the second time.
    assert [event for _, event in receiver.got if event] == [{"type": EVENT, "data": {"text": "Grüße"}}]
    disabled = [row.url for row in (await company.webhooks.page()).items if not row.is_active]
    assert disabled == [f"{receiver.url}/410"]
    assert await worker.work() == 0
    async with opened.platform("a test") as platform:
        entered = await platform.audit.list(None, action="platform.enter")
    assert [line.new_values for line in entered.items].count({"reason": "deliver webhooks"}) == 1


async def test_a_receiver_is_left_alone_for_as_long_as_it_asks(example, opened, receiver):
    company = await subscribed(opened, receiver, "503")
    await company.webhook_deliveries.enqueue(EVENT, {})
    await example.Worker(opened, allows=lambda address: True).work()
    (row,) = (await company.webhook_deliveries.list()).items
    assert row.next_attempt_at - row.updated_at == dt.timedelta(hours=2)


async def test_what_failed_is_sent_again_with_the_same_id_until_it_arrives(
    example, opened, receiver, database_url
):
    company = await subscribed(opened, receiver, "500")
    (made,) = await company.webhook_deliveries.enqueue(EVENT, {})
    worker = example.Worker(opened, allows=lambda address: True)
    await worker.work()
    await company.webhooks.update(made.webhook_id, url=f"{receiver.url}/200")
    receiver.secrets["/200"] = receiver.secrets["/500"]
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE chatapp_webhook_deliveries SET next_attempt_at = now()")
    await worker.work()
    row = await company.webhook_deliveries.get(made.id)
    assert (row.delivered_at is not None, row.attempts, row.status_code) == (True, 2, 200)
    assert receiver.known == {str(made.event_id)}


async def test_without_a_secret_nothing_goes_out(example, opened, receiver, database_url):
    company = await subscribed(opened, receiver, "200")
    await company.webhook_deliveries.enqueue(EVENT, {})
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE chatapp_webhooks SET secret = NULL")
    await example.Worker(opened, allows=lambda address: True).work()
    assert await outcomes(company) == {"200": (False, None, "NotFound: secret of the webhook not found")}
    assert receiver.got == []


async def test_a_name_that_leads_into_our_own_network_is_not_called(example, opened, receiver):
    company = await subscribed(opened, receiver, "200")
    await company.webhook_deliveries.enqueue(EVENT, {})
    await example.Worker(opened).work()
    assert await outcomes(company) == {"200": (False, None, "Refused: an address that is not public")}
    assert receiver.got == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True), ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True), ("127.0.0.1", False),
        ("10.1.2.3", False), ("172.16.0.1", False), ("192.168.1.1", False), ("169.254.169.254", False),
        ("100.64.0.1", False), ("0.0.0.0", False), ("::1", False), ("::ffff:127.0.0.1", False),
        ("fe80::1", False), ("fd00::1", False), ("fe80::1%eth0", False),
    ],
)  # fmt: skip
def test_an_address_is_public_or_it_is_not(example, address, expected):
    assert example.is_public(address) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [("", None), ("0", None), ("00", None), ("-1", None), ("²", None),
     ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("7", 7), ("86401", 86_400), ("9" * 4000, 86_400)],
    ids=lambda value: str(value)[:9],
)  # fmt: skip
def test_a_wait_is_a_number_of_seconds_up_to_a_day(example, said, expected):
    answer = httpx.Response(503, headers={"retry-after": said.encode()} if said else {})
    wait = example.wait_of(answer)
    assert wait == (None if expected is None else dt.timedelta(seconds=expected))


def test_a_call_is_believed_once_and_only_if_it_is_signed(example):
    secret, other = [f"whsec_{KeyRing.generate_key()}" for _ in range(2)]
    body, known = b'{"type": "message.created"}', set()
    headers = sign(secret, body, dt.datetime.now(dt.UTC), id=UUID(int=7))
    for wrong in ((other, headers, body), (secret, headers, body + b" "), (secret, {}, body)):
        with pytest.raises(InvalidSignature):
            example.receive(*wrong, known)
    assert example.receive(secret, headers, body, known) == {"type": "message.created"}
    assert example.receive(secret, headers, body, known) is None


@contextmanager
def started(url: str) -> Generator[subprocess.Popen[str]]:
    settings = {"CHATAPP_DATABASE_URL": url, "CHATAPP_ENCRYPTION_KEYS": f"test:{KEY}"}
    process = subprocess.Popen(
        [sys.executable, EXAMPLE],
        env={**os.environ, **settings, "WEBHOOK_IDLE_SECONDS": "0.1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.05)


async def test_it_works_by_its_one_command_until_it_is_told_to_stop(
    opened, receiver, login_url, database_url
):
    company = await subscribed(opened, receiver, "200")
    with started(login_url("service")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "delivering\n"
        await company.webhook_deliveries.enqueue(EVENT, {})
        with psycopg.connect(database_url, autocommit=True) as connection:
            failed = "SELECT count(*) FROM chatapp_webhook_deliveries WHERE error IS NOT NULL"
            until(lambda: connection.execute(failed).fetchone() == (1,))
        process.send_signal(signal.SIGTERM)
        assert (process.communicate(timeout=PATIENCE)[0], process.returncode) == ("stopped\n", 0)
    assert await outcomes(company) == {"200": (False, None, "Refused: an address that is not public")}
