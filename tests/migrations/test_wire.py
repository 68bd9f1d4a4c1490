"""What a start-up costs, read off the wire: at head migrate() sends one SELECT."""

from __future__ import annotations

import re
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url

from chatapp_db.address import engine_url
from chatapp_db.migrations import status, verify
from tests.migrations.line import EVERY_TABLE, LINE

READ = re.compile(rb"\s*SELECT v\.version_num, v\.number\s+FROM chatapp_db_version")


class Wire:
    """A socket in front of a server that keeps what the clients say."""

    def __init__(self, url: str, folder: Path) -> None:
        target = make_url(url)
        self._server = f"{target.query['host']}/.s.PGSQL.{target.query.get('port', '5432')}"
        self.url = target.difference_update_query(["port"]).update_query_dict({"host": str(folder)})
        self._said: list[bytearray] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=10)
        self._listener.close()

    def statements(self) -> list[bytes]:
        """Every simple query and every Parse, in order; the goodbye is none."""
        return [text for said in self._said for kind, text in messages(bytes(said)) if kind in b"QP"]

    def others(self) -> set[bytes]:
        """The kinds of all other messages."""
        return {kind for said in self._said for kind, _ in messages(bytes(said)) if kind not in b"QP"}

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                said = bytearray()
                self._said.append(said)
                self._threads.append(threading.Thread(target=self._carry, args=(client, said)))
                self._threads[-1].start()

    def _carry(self, client: socket.socket, said: bytearray) -> None:
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._server)
            back = threading.Thread(target=pump, args=(server, client, None))
            back.start()
            pump(client, server, said)
            back.join()


def pump(source: socket.socket, target: socket.socket, kept: bytearray | None) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            if kept is not None:
                kept += chunk
            target.sendall(chunk)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def messages(said: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Split what a client said after its greeting, which alone has no letter in front."""
    (start,) = struct.unpack_from("!i", said)
    while start < len(said):
        kind, length = said[start : start + 1], struct.unpack_from("!i", said, start + 1)[0]
        yield kind, said[start + 5 : start + 1 + length]
        start += 1 + length


@pytest.fixture
def wire(place):
    with tapped(place.url) as wire:
        yield wire


@pytest.fixture
def engine(wire):
    engine = create_engine(engine_url(wire.url))
    yield engine
    engine.dispose()


@contextmanager
def tapped(url):
    if "host" not in make_url(url).query:
        pytest.skip("the run's server has no socket to put another in front of")
    with tempfile.TemporaryDirectory(prefix="chatapp-tests-wire-") as folder:
        wire = Wire(url, Path(folder))
        yield wire
        wire.close()


@pytest.mark.parametrize("call", ["migrate", "verify", "status"])
def test_at_head_one_select_is_sent_and_nothing_else(place, wire, call):
    place.migrate()
    url = wire.url.render_as_string(hide_password=False)

    {"migrate": place.migrate, "verify": verify, "status": status}[call](url)

    assert len(wire.statements()) == 1
    assert READ.match(wire.statements()[0])
    assert wire.others() <= {b"X"}


def test_an_engine_s_connection_sends_one_select_too(place, wire, engine):
    place.migrate()
    engine.connect().close()
    before = len(wire.statements())

    assert place.migrate(engine).state == "current"

    assert [bool(READ.match(statement)) for statement in wire.statements()[before:]] == [True]


def test_nothing_is_read_or_made_in_the_transaction_before_the_lock(place, wire):
    place.migrate(wire.url)

    statements = wire.statements()
    lock = next(n for n, statement in enumerate(statements) if b"pg_try_advisory" in statement)
    begin = max(n for n, statement in enumerate(statements[:lock]) if statement.startswith(b"BEGIN"))
    assert [statement for statement in statements[begin:lock] if b"chatapp" in statement] == []
    assert not [statement for statement in statements[lock:] if statement.startswith(b"BEGIN")]


def test_a_migration_would_be_seen_on_the_wire(place, wire):
    assert place.migrate(wire.url).applied == LINE

    assert sum(b"CREATE TABLE" in statement for statement in wire.statements()) == EVERY_TABLE
