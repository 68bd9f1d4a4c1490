"""Try a whole unit of work again when the database says that it may be."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import Any, ParamSpec, TypeVar

from chatapp_db.errors import ChatAppDbError, InvalidValue
from chatapp_db.execution.watching import watcher

__all__ = ["retry"]

P = ParamSpec("P")
R = TypeVar("R")

_FIRST_WAIT = 0.1


def retry(
    *, attempts: int = 5, longest_wait: float = 2.0, within: float = 30.0
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a function, blocking or asyncio, that opens its own scope and may run more than once.

    What is tried again is every error of ours whose class says ``retryable``: a deadlock, a lost connection,
    a server that restarts, a pool that is full. In between it waits, for a random part of a time that doubles
    up to ``longest_wait`` seconds. After ``attempts`` calls, or where the next would begin later than
    ``within`` seconds after the first, the last error is raised as it came.

    When a connection is lost, nobody knows whether its last statement was done. So the work must be one that
    may be done twice: messages with an ``external_id``, ``open_or_get``, an ``expected_version``.

    Raises InvalidValue for settings that make no sense.
    """
    if type(attempts) is not int or attempts < 1:
        raise InvalidValue("attempts", "not a number of calls")
    for field, seconds in (("longest_wait", longest_wait), ("within", within)):
        if not isinstance(seconds, int | float) or not 0 <= seconds < inf:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
            raise InvalidValue(field, "not a number of seconds")
    import tenacity

    return tenacity.retry(
        retry=tenacity.retry_if_exception(_is_retryable),
        stop=tenacity.stop_after_attempt(attempts) | tenacity.stop_before_delay(within),
        wait=tenacity.wait_random_exponential(multiplier=_FIRST_WAIT, max=longest_wait),
        before_sleep=_log,
        reraise=True,
    )


def _is_retryable(error: BaseException) -> bool:
    return isinstance(error, ChatAppDbError) and error.retryable


def _log(attempt: Any) -> None:
    import logging

    work = getattr(attempt.fn, "__qualname__", "a unit of work")
    seconds, error = attempt.next_action.sleep, attempt.outcome.exception()
    logging.getLogger(__name__).warning(
        "%s is tried again in %.2f s: %s",
        work,
        seconds,
        error,
        extra={"work": work, "seconds": seconds, "error_type": type(error).__name__},
    )
    if (watching := watcher()) is not None:
        watching.retried(work, error)
