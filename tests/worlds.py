"""One test body for both worlds: what it calls is awaited, blocking or not.

::

    async def test_a_company_reads_what_it_wrote(db, company_id):
        async with db.tenant(company_id) as tenant:
            agent = await tenant.agents.add(name="Ada")
        assert await db.company(company_id).agents.get(agent.id) == agent
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session


class Awaited:
    """Anything of the package, made awaitable: attributes and calls stay wrapped, awaiting unwraps.

    So a test may enter a blocking scope with ``async with`` and await a value that is there already.
    """

    def __init__(self, target: Any) -> None:
        self.__target = target

    def __getattr__(self, name: str) -> Awaited:
        return Awaited(getattr(self.__target, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Awaited:
        plain = {name: unwrapped(value) for name, value in kwargs.items()}
        return Awaited(self.__target(*map(unwrapped, args), **plain))

    def __await__(self) -> Generator[Any, None, Any]:
        return settled(self.__target).__await__()

    async def __aenter__(self) -> Awaited:
        enter = getattr(self.__target, "__aenter__", None) or self.__target.__enter__
        return Awaited(await settled(enter()))

    async def __aexit__(self, *raised: Any) -> Any:
        leave = getattr(self.__target, "__aexit__", None) or self.__target.__exit__
        return await settled(leave(*raised))

    async def __aiter__(self) -> AsyncIterator[Any]:
        if hasattr(self.__target, "__aiter__"):
            async for item in self.__target:
                yield item
        else:
            for item in self.__target:
                yield item

    def unwrap(self) -> Any:
        return self.__target


async def settled(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


def unwrapped(value: Any) -> Any:
    return value.unwrap() if isinstance(value, Awaited) else value


class World:
    """Blocking or asyncio: opens what a test needs in its own kind, closes it at the end."""

    def __init__(self, name: str, runner: asyncio.Runner) -> None:
        self.name = name
        self.blocking = name == "blocking"
        self._runner = runner
        self._to_close: list[Callable[[], Any]] = []

    def pick(self, blocking: Any, asynchronous: Any) -> Any:
        """Choose this world's one of two: ``world.pick(AgentRepository, AsyncAgentRepository)``."""
        return blocking if self.blocking else asynchronous

    def open(self, url: Any, **options: Any) -> Awaited:
        """Open a Database or an AsyncDatabase."""
        from chatapp_db.database import AsyncDatabase, Database

        database = self.pick(Database, AsyncDatabase)(url, **options)
        self._to_close.append(database.close)
        return Awaited(database)

    def session(self, url: str) -> Awaited:
        """Open a service's own Session or AsyncSession; hand ``session.unwrap()`` to a repository."""
        engine: Any = self.pick(create_engine, create_async_engine)(url)
        session = self.pick(Session, AsyncSession)(engine)
        self._to_close += [engine.dispose, session.close]
        return Awaited(session)

    def bound(self, blocking: Any, asynchronous: Any, *args: Any) -> Awaited:
        """Build this world's repository of the two."""
        return Awaited(self.pick(blocking, asynchronous)(*map(unwrapped, args)))

    async def together(self, *calls: Callable[[], Any]) -> list[Any]:
        """Run calls at the same time, in threads or in tasks; the first error is raised."""
        if self.blocking:
            return await asyncio.gather(
                *(asyncio.to_thread(lambda call=call: unwrapped(call())) for call in calls)
            )
        return await asyncio.gather(*(settled(call()) for call in calls))

    def close(self) -> None:
        for close in reversed(self._to_close):
            self._runner.run(settled(close()))
