"""Bisecting: of many things that are refused together, finding the few that are to blame."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from chatapp_db.errors import ChatAppDbError, InvalidReference

__all__ = ["MOST_ATTEMPTS", "Outcome", "bisected"]

T = TypeVar("T")

MOST_ATTEMPTS: Final = 10
"""Tries after which a failure counts as a refusal, whatever its error is."""

_HOPELESS: Final = 8


@dataclass(slots=True)
class Outcome(Generic[T]):
    """What became of each thing; those that wait do so for the error that came last, or for no time left."""

    passed: list[T] = field(default_factory=list[T])
    refused: list[tuple[T, Exception]] = field(default_factory=list[tuple[T, Exception]])
    waiting: list[T] = field(default_factory=list[T])
    error: Exception | None = None


async def bisected(
    pieces: Iterable[list[T]],
    act: Callable[[list[T]], Awaitable[object]],
    attempts: Callable[[T], int],
    may_go_on: Callable[[], bool],
) -> Outcome[T]:
    """Act on each piece, and on the halves of one that is refused, down to the single thing.

    After an error that may pass, all the rest waits. So it does where many are refused and none passes: then
    it is not they who are to blame.
    """
    outcome: Outcome[T] = Outcome()
    left = list(pieces)[::-1]
    while left:
        piece = left.pop()
        if outcome.error is not None or not may_go_on():
            outcome.waiting += piece
            continue
        try:
            await act(piece)
        except Exception as error:  # noqa: BLE001  # an embedder may raise anything; it is kept and shown
            if _may_pass(error, max(map(attempts, piece))):
                outcome.error = error
                outcome.waiting += piece
            elif len(piece) > 1:
                half = len(piece) // 2
                left += [piece[half:], piece[:half]]
            else:
                outcome.refused.append((piece[0], error))
                if len(outcome.refused) >= _HOPELESS and not outcome.passed:
                    outcome.error = error
        else:
            outcome.passed += piece
    return outcome


def _may_pass(error: Exception, attempts: int) -> bool:
    """Tell whether the same call may succeed later; a ValueError of whomsoever says that it will not."""
    if isinstance(error, ChatAppDbError):
        # A store in PostgreSQL refers to chunks: one was deleted since it was looked at.
        return error.retryable or isinstance(error, InvalidReference)
    return not isinstance(error, ValueError | TypeError) and attempts < MOST_ATTEMPTS
