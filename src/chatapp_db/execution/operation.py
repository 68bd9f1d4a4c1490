"""One method body for blocking and asyncio callers.

A method is written once, as a coroutine that awaits nothing but its carrier. An asyncio object
hands the coroutine to the caller; a blocking one runs it to its end on the spot, which works
because a blocking carrier never suspends. A body calls another as ``await Other.method(self, ..)``.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import update_wrapper, wraps
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from chatapp_db.execution.watching import Call, Watcher, watcher

__all__ = ["Asyncio", "Blocking", "finish", "operation"]

P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """Marks a class whose operations return their value."""

    __slots__ = ()


class Asyncio:
    """Marks a class whose operations are awaited."""

    __slots__ = ()


def finish(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends.

    Raises RuntimeError for one that does: its body awaited something other than its carrier.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise RuntimeError("an operation may await nothing but its carrier")


class operation(Generic[P, T]):  # noqa: N801  # reads as the decorator it is
    """Give a coroutine method the signature of whichever world its object lives in."""

    def __init__(self, body: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]) -> None:
        def on_the_spot(instance: Any, *args: P.args, **kwargs: P.kwargs) -> T:
            return finish(body(instance, *args, **kwargs))

        self.awaited = body
        self.blocking = update_wrapper(on_the_spot, body)

    @overload
    def __get__(
        self, instance: None, owner: type
    ) -> Callable[Concatenate[Any, P], Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, instance: Blocking, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Asyncio, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Blocking | Asyncio | None, owner: type) -> Any:
        if instance is None:
            return self.awaited
        method = self.awaited if isinstance(instance, Asyncio) else self.blocking
        watching = watcher()
        if watching is not None:
            return self._watched(MethodType(method, instance), watching)
        return MethodType(method, instance)

    def _watched(self, method: MethodType, watching: Watcher) -> Callable[..., Any]:
        """Have somebody stand around the call; what it calls itself is a part of it."""
        target = method.__self__
        call = Call(f"{type(target).__name__.removeprefix('Async')}.{method.__name__}", target)

        def on_the_spot(*args: Any, **kwargs: Any) -> Any:
            with watching.calling(call):
                return method(*args, **kwargs)

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with watching.calling(call):
                return await method(*args, **kwargs)

        return wraps(method)(awaited if isinstance(target, Asyncio) else on_the_spot)
