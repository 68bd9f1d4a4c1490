"""Which pooler sits in front of the server: seen by who answers two connections."""

from __future__ import annotations

import select
from typing import Any

import psycopg
from sqlalchemy import URL

from chatapp_db.doctor.finding import Finding, PoolerMode, Severity
from chatapp_db.migrations.source import AtUrl, Borrowed, Pooled, Source

__all__ = ["finding", "pooler_of"]

_PID = "SELECT pg_catalog.pg_backend_pid()"
_TRIES = 5
_PATIENCE = 3.0  # seconds; in session mode the second connection may wait for the first one's server


def pooler_of(source: Source) -> PoolerMode:
    """Say how the server is reached; a pooler announces itself by another process's id than its server's."""
    if isinstance(source, AtUrl):
        with _connect(source.url) as connection:
            behind = _pid(connection) != connection.info.backend_pid
        return _mode(source.url) if behind else PoolerMode.NONE
    if not isinstance(source, Pooled | Borrowed):
        return PoolerMode.NONE
    driver: Any = source.connection.connection.driver_connection
    with source.reading() as execute:
        behind = execute(_PID)[0][0] != driver.info.backend_pid
    return _mode(source.connection.engine.url) if behind else PoolerMode.NONE


def finding(mode: PoolerMode) -> Finding | None:
    """Say what is wrong with a mode: transactions work by themselves, and are what it is meant for."""
    if mode is PoolerMode.STATEMENT:
        what = "pools by statement: no transaction can be opened, nothing works or was seen"
        return Finding("pooler-statement", Severity.ERROR, "pooler", what, "pool_mode = transaction")
    if mode is PoolerMode.SESSION:
        what = "pools by session: a connection keeps its server process until it is closed"
        return Finding("pooler-session", Severity.NOTE, "pooler", what, "pool_mode = transaction")
    return None


def _mode(url: URL) -> PoolerMode:
    """Tell the mode: the process that one connection has let go of answers another, or it does not."""
    with _connect(url) as first, _connect(url) as second:
        for _ in range(_TRIES):
            mine, theirs = _pid(first), _pid_in_time(second)
            if theirs is None:
                return PoolerMode.SESSION
            if mine == theirs:
                return PoolerMode.TRANSACTION if _opens_transactions(first) else PoolerMode.STATEMENT
        return PoolerMode.SESSION


def _opens_transactions(connection: psycopg.Connection[Any]) -> bool:
    try:
        connection.execute("BEGIN")
        connection.execute("ROLLBACK")
    except psycopg.OperationalError:
        return False
    return True


def _connect(url: URL) -> psycopg.Connection[Any]:
    arguments, settings = url.get_dialect()().create_connect_args(url)
    return psycopg.connect(*arguments, **{**settings, "autocommit": True, "prepare_threshold": None})


def _pid(connection: psycopg.Connection[Any]) -> int:
    return int(connection.execute(_PID).fetchall()[0][0])


def _pid_in_time(connection: psycopg.Connection[Any]) -> int | None:
    """Ask without waiting for ever: the pool may have no server for a second session."""
    pgconn = connection.pgconn
    pgconn.send_query(_PID.encode())
    pgconn.flush()
    if not select.select([connection.fileno()], [], [], _PATIENCE)[0]:
        connection.close()
        return None
    value = None
    while (result := pgconn.get_result()) is not None:
        value = result.get_value(0, 0) or value
    return int(value) if value else None
