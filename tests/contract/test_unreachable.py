"""A server that is not there, or does not answer, is an error within the timeout; never an empty list."""

from __future__ import annotations

import socket
import threading
import time
import uuid
from collections.abc import Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chatapp_db.errors import VectorStoreError, VectorStoreUnavailable
from chatapp_db.vectors import Patience, Point
from tests.contract.oracle import SOURCES

QUERY = [1.0, 0.5, 0.5, 0.5]
SECONDS = 1
ONCE = Patience(tries=1, failures=100)


@pytest.fixture
def closed_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def silent_port() -> Generator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


async def every_call_fails(store: Any, company: uuid.UUID) -> None:
    calls = [
        store.ensure_collection,
        lambda: store.search(company, QUERY),
        lambda: store.upsert(company, [Point(uuid.uuid4(), QUERY, SOURCES[0])]),
        lambda: store.retrieve(company, [uuid.uuid4()]),
        lambda: store.scroll(company),
        lambda: store.count(company),
        lambda: store.delete(company, [uuid.uuid4()]),
    ]
    for call in calls:
        with pytest.raises(VectorStoreUnavailable) as raised:
            await call()
        assert raised.value.retryable
        assert raised.value.__cause__ is not None


@pytest.mark.parametrize("scheme", ["qdrant", "http"])
async def test_a_refused_connection_fails_at_once(
    open_store: Any, company: uuid.UUID, closed_port: int, scheme: str
) -> None:
    store = open_store(f"{scheme}://127.0.0.1:{closed_port}", patience=ONCE)
    began = time.monotonic()
    await every_call_fails(store, company)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("scheme", ["qdrant", "http"])
async def test_a_silent_server_fails_within_the_timeout(
    open_store: Any, company: uuid.UUID, silent_port: int, scheme: str
) -> None:
    store = open_store(f"{scheme}://127.0.0.1:{silent_port}", timeout=SECONDS)
    began = time.monotonic()
    with pytest.raises(VectorStoreUnavailable):
        await store.search(company, QUERY)
    assert time.monotonic() - began < SECONDS + 1


@pytest.fixture
def http_status() -> Generator[tuple[str, list[int]]]:
    """An HTTP server that answers everything with one status."""
    status = [500]

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the handler's name
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(status[0])
            self.send_header("Retry-After", "1")
            self.end_headers()
            self.wfile.write(b'{"status": {"error": "secret detail"}}')

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", status
        server.shutdown()


@pytest.mark.parametrize(
    ("code", "retryable"), [(429, True), (503, True), (502, True), (400, False), (401, False), (200, False)]
)
async def test_a_status_says_whether_to_try_again(
    open_store: Any, company: uuid.UUID, http_status: tuple[str, list[int]], code: int, retryable: bool
) -> None:
    url, status = http_status
    status[0] = code
    store = open_store(url, patience=ONCE)
    with pytest.raises(VectorStoreError) as raised:
        await store.search(company, QUERY)
    assert raised.value.retryable is retryable
    assert "secret detail" not in str(raised.value)
