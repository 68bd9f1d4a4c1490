"""The same calls for asyncio.

An asyncio engine or connection is used as it is, so that a cancelled task cancels its statement.
A URL is worked on in a thread, which a cancelled task leaves to end by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chatapp_db.migrations.adoption import adopt
from chatapp_db.migrations.check import Difference, check
from chatapp_db.migrations.commands import migrate, status, verify
from chatapp_db.migrations.report import MigrationReport, Status
from chatapp_db.migrations.reversal import downgrade
from chatapp_db.migrations.source import AsyncTarget, Pooled, Target
from chatapp_db.migrations.standing import OnAhead

__all__ = ["aadopt", "acheck", "adowngrade", "amigrate", "astatus", "averify"]

_Result = TypeVar("_Result")


async def amigrate(
    database: AsyncTarget,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
    statement_timeout: float | timedelta | None = None,
    on_ahead: OnAhead = "warn",
) -> MigrationReport:
    """Bring the schema to this package's head; see migrate()."""

    def call(target: Target) -> MigrationReport:
        return migrate(
            target,
            schema=schema,
            app_role=app_role,
            platform_role=platform_role,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
            on_ahead=on_ahead,
        )

    return await _awaited(database, call)


async def astatus(database: AsyncTarget, *, schema: str | None = None) -> Status:
    """Read where the schema stands beside this package; see status()."""
    return await _awaited(database, lambda target: status(target, schema=schema))


async def averify(database: AsyncTarget, *, schema: str | None = None, on_ahead: OnAhead = "warn") -> Status:
    """Make sure that somebody else has migrated; see verify()."""
    return await _awaited(database, lambda target: verify(target, schema=schema, on_ahead=on_ahead))


async def acheck(
    database: AsyncTarget,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
) -> list[Difference]:
    """List every difference between a live schema and this package; see check()."""

    def call(target: Target) -> list[Difference]:
        return check(
            target,
            schema=schema,
            app_role=app_role,
            platform_role=platform_role,
            lock_timeout=lock_timeout,
        )

    return await _awaited(database, call)


async def adowngrade(
    database: AsyncTarget,
    to: str,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
    statement_timeout: float | timedelta | None = None,
) -> MigrationReport:
    """Take the schema back to an earlier revision; see downgrade()."""

    def call(target: Target) -> MigrationReport:
        return downgrade(
            target,
            to,
            schema=schema,
            app_role=app_role,
            platform_role=platform_role,
            lock_timeout=lock_timeout,
            statement_timeout=statement_timeout,
        )

    return await _awaited(database, call)


async def aadopt(
    database: AsyncTarget,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    lock_timeout: float | timedelta = 60.0,
) -> MigrationReport:
    """Mark an existing schema as migrated; see adopt()."""

    def call(target: Target) -> MigrationReport:
        return adopt(
            target,
            schema=schema,
            app_role=app_role,
            platform_role=platform_role,
            lock_timeout=lock_timeout,
        )

    return await _awaited(database, call)


async def _awaited(database: AsyncTarget, call: Callable[[Target], _Result]) -> _Result:
    if isinstance(database, AsyncConnection):
        return await database.run_sync(call)
    if isinstance(database, AsyncEngine):
        async with database.connect() as connection:
            return await connection.run_sync(lambda pooled: call(Pooled(pooled)))
    return await asyncio.to_thread(call, database)
