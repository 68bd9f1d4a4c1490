"""The same calls for asyncio.

An asyncio engine or connection is used as it is, so that a cancelled task cancels its statement.
A URL is worked on in a thread, which a cancelled task leaves to end by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import update_wrapper
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from chatapp_db.migrations.adoption import adopt
from chatapp_db.migrations.check import check
from chatapp_db.migrations.commands import migrate, status, verify
from chatapp_db.migrations.reversal import downgrade
from chatapp_db.migrations.source import AsyncTarget, Pooled, Target

__all__ = ["aadopt", "acheck", "adowngrade", "amigrate", "astatus", "averify", "awaited"]

_Options = ParamSpec("_Options")
_Result = TypeVar("_Result")


def awaited(
    call: Callable[Concatenate[Target, _Options], _Result],
) -> Callable[Concatenate[AsyncTarget, _Options], Coroutine[Any, Any, _Result]]:
    """Make a call's twin: its options and its result, on what asyncio knows a database by."""

    async def twin(
        database: AsyncTarget, /, *arguments: _Options.args, **options: _Options.kwargs
    ) -> _Result:
        def blocking(target: Target) -> _Result:
            return call(target, *arguments, **options)

        if isinstance(database, AsyncConnection):
            return await database.run_sync(blocking)
        if isinstance(database, AsyncEngine):
            async with database.connect() as connection:
                return await connection.run_sync(lambda pooled: blocking(Pooled(pooled)))
        return await asyncio.to_thread(blocking, database)

    update_wrapper(twin, call)
    twin.__name__ = twin.__qualname__ = f"a{call.__name__}"
    return twin


amigrate = awaited(migrate)
astatus = awaited(status)
averify = awaited(verify)
acheck = awaited(check)
adowngrade = awaited(downgrade)
aadopt = awaited(adopt)
