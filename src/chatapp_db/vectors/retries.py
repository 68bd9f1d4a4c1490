"""When a call of a remote engine is tried again, and how long before."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol, TypeAlias

import tenacity

from chatapp_db.errors import VectorStoreUnavailable
from chatapp_db.vectors.breaker import Patience
from chatapp_db.vectors.engine import Engine

__all__ = ["HastyEngine", "Retries", "Sleep", "Tally", "nap"]

Sleep: TypeAlias = Callable[[float], Awaitable[None]]

_FIRST_WAIT: Final = 0.1
_LONGEST_WAIT: Final = 1.0
_SHORTEST_TRY: Final = 1.0


class HastyEngine(Engine, Protocol):
    """An Engine that can be told how long it may take."""

    def within(self, seconds: int) -> Engine:
        """Give the same engine with less time for each request."""
        ...


class Tally:
    """Counts the tries of one call."""

    tries = 0


async def nap(seconds: float) -> None:
    """Sleep without suspending, for a blocking store."""
    time.sleep(seconds)


class Retries:
    """Tries a call again while its timeout leaves room for another try, the waiting counted.

    What may be done twice is: a search changes nothing, and an upsert is dropped where a higher revision is
    stored. A delete may not, since between the two somebody may have written what the second would take;
    so it is only tried again where the server said, with Retry-After, that it had not begun.
    """

    def __init__(self, patience: Patience, timeout: int, sleep: Sleep) -> None:
        self._patience = patience
        self._timeout = timeout
        self._sleep = sleep

    async def run(self, engine: HastyEngine, operation: str, arguments: tuple[Any, ...], tally: Tally) -> Any:
        """Call an operation of the engine.

        Raises what the last try raised.
        """
        began = self._patience.clock()
        async for attempt in self._attempts(operation, began):
            with attempt:
                tally.tries += 1
                left = int(self._timeout - (self._patience.clock() - began))
                hasty = engine if tally.tries == 1 else engine.within(left)
                return await getattr(hasty, operation)(*arguments)
        raise AssertionError("a call is tried at least once")

    def _attempts(self, operation: str, began: float) -> tenacity.AsyncRetrying:
        def is_over(state: tenacity.RetryCallState) -> bool:
            next_try = self._patience.clock() - began + state.upcoming_sleep
            too_late = next_try + _SHORTEST_TRY > self._timeout
            return too_late or state.attempt_number >= self._patience.tries

        def may_be_repeated(error: BaseException) -> bool:
            begun = operation == "delete" and getattr(error, "retry_after", None) is None
            return isinstance(error, VectorStoreUnavailable) and not begun

        return tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(may_be_repeated),
            stop=is_over,
            wait=_wait,
            sleep=self._sleep,
            reraise=True,
        )


_jitter = tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=_LONGEST_WAIT)


def _wait(state: tenacity.RetryCallState) -> float:
    """Wait for as long as the server asks, or for a random part of a time that doubles."""
    error = None if state.outcome is None else state.outcome.exception()
    asked = error.retry_after if isinstance(error, VectorStoreUnavailable) else None
    return max(asked or 0.0, _jitter(state))
