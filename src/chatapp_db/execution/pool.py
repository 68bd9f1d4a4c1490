"""How connections are made, kept, and cleaned on their way back to SQLAlchemy's pool."""

from __future__ import annotations

from typing import Any, TypedDict

from psycopg.pq import TransactionStatus
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from chatapp_db.errors import InvalidValue

__all__ = ["LENT", "PoolSettings", "adopted", "async_engine", "blocking_engine"]

LENT = "chatapp_db.lent"
"""Marks a connection of a service's own Engine whose transactions a scope opens meanwhile."""


class PoolSettings(TypedDict, total=False):
    """How connections are made and kept; times are in seconds, ``prepare_threshold`` is psycopg's."""

    pool_size: int
    max_overflow: int
    pool_timeout: float
    pool_recycle: int
    pool_pre_ping: bool
    prepare_threshold: int | None
    connect_timeout: int
    application_name: str


_CONNECT = {"application_name": "chatapp_db", "connect_timeout": 10, "prepare_threshold": 5}


def blocking_engine(url: URL, settings: PoolSettings) -> Engine:
    """Make the engine of a Database."""
    engine = create_engine(url, **_arguments(settings))
    event.listen(engine, "reset", _reset)
    return engine


def async_engine(url: URL, settings: PoolSettings) -> AsyncEngine:
    """Make the engine of an AsyncDatabase."""
    engine = create_async_engine(url, **_arguments(settings))
    event.listen(engine.sync_engine, "reset", _reset)
    return engine


def adopted(engine: Engine, settings: PoolSettings) -> None:
    """Use a service's own engine: its pool and settings stay as they are.

    Raises InvalidValue for another driver than psycopg 3, and for settings beside an engine.
    """
    if engine.dialect.driver not in {"psycopg", "psycopg_async"}:
        raise InvalidValue("url", f"needs an Engine of psycopg 3, not of {engine.dialect.driver}")
    if settings:
        raise InvalidValue(", ".join(settings), "belongs to the Engine that was given")
    if not event.contains(engine, "reset", _reset):
        event.listen(engine, "reset", _reset)


def _arguments(settings: PoolSettings) -> dict[str, Any]:
    """Share the settings out: scopes open transactions by their own texts, hence autocommit."""
    given: dict[str, Any] = {**_CONNECT, **settings}
    connect = {name: given.pop(name) for name in _CONNECT}
    return {**given, "connect_args": connect, "isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}


def _reset(connection: Any, record: Any, state: Any) -> None:
    """Roll back what an abandoned scope left open, or the next company would write into it."""
    if state.terminate_only or connection.closed:
        return
    if connection.info.transaction_status != TransactionStatus.IDLE:
        connection.rollback()
    if record.info.get(LENT):
        connection.autocommit = False
