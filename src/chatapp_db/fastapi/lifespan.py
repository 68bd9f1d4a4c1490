"""A database that is opened when the service starts, and closed when it stops."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Unpack

from fastapi import FastAPI
from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import HTTPConnection

from chatapp_db.address import SecretLike
from chatapp_db.database import AsyncDatabase, DatabaseSettings
from chatapp_db.migrations import amigrate
from chatapp_db.schema.security import APP_ROLE, PLATFORM_ROLE

__all__ = ["database", "lifespan"]

_Opening = Callable[[], Awaitable[AsyncDatabase]]


def lifespan(
    url: str | URL | SecretLike | AsyncEngine | _Opening,
    *,
    migrate: bool = False,
    **settings: Unpack[DatabaseSettings],
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Make a FastAPI lifespan that opens an AsyncDatabase, and closes it at the end.

    Takes what AsyncDatabase takes, or a function that is awaited for one. ``migrate`` brings the schema to
    this release's head first, on every replica: it waits, it never races. A lifespan of the service's own
    enters it: ``async with lifespan(url)(app):``.
    """

    @asynccontextmanager
    async def open_and_close(app: FastAPI) -> AsyncGenerator[None]:
        opened = await url() if callable(url) else AsyncDatabase(url, **settings)
        async with opened:
            if migrate:
                await amigrate(
                    opened.engine,
                    schema=settings.get("schema"),
                    app_role=settings.get("app_role", APP_ROLE),
                    platform_role=settings.get("platform_role", PLATFORM_ROLE),
                )
            app.state.chatapp_database = opened
            yield

    return open_and_close


def database(connection: HTTPConnection) -> AsyncDatabase:
    """Give the service's database, as a dependency; a test may override it."""
    opened: AsyncDatabase | None = getattr(connection.app.state, "chatapp_database", None)
    if opened is None:
        raise RuntimeError("no database is open: FastAPI(lifespan=chatapp_db.fastapi.lifespan(url))")
    return opened
