"""Strangers who are in the way: they hold a lock, write to a table, or stand between us and the server."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest

from chatapp_db.migrations.names import build_lock_key, lock_key
from tests import pgbouncer
from tests.migrations.conftest import Place

# They leave in the end: who waits for them by mistake fails, and does not hang.
_PATIENCE = "-c idle_in_transaction_session_timeout=30s"

WAITING_FOR_A_LOCK = "locktype = 'advisory' AND NOT granted"


@contextmanager
def migrating(url: str, schema: str = "public") -> Generator[psycopg.Connection]:
    """Somebody in the middle of a migration."""
    with _holding(url, lock_key(schema)) as stranger:
        yield stranger


@contextmanager
def building(url: str, schema: str = "public") -> Generator[psycopg.Connection]:
    """Somebody in the middle of building indexes."""
    with _holding(url, build_lock_key(schema)) as stranger:
        yield stranger


@contextmanager
def writing(place: Place) -> Generator[psycopg.Connection]:
    """Somebody in the middle of a transaction, for whom every build waits half way."""
    with psycopg.connect(place.url, options=_PATIENCE) as writer:
        writer.execute("UPDATE chatapp_messages SET tokens_used = tokens_used + 1")
        yield writer


@contextmanager
def pooling(url: str) -> Generator[str]:
    """A pooler in transaction mode, and the URL through it."""
    if pgbouncer.BINARY is None:
        pytest.skip("pgbouncer is not installed")
    with pgbouncer.pgbouncer(url) as pooled:
        yield pooled


@contextmanager
def _holding(url: str, key: int) -> Generator[psycopg.Connection]:
    with psycopg.connect(url, options=_PATIENCE) as stranger:
        stranger.execute("SELECT pg_advisory_xact_lock(%s)", [key])
        yield stranger
