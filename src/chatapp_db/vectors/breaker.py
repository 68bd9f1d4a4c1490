"""A circuit breaker: after some failures in a row nobody waits for a server that is down."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from chatapp_db.errors import ChatAppDbError, InvalidValue, VectorStoreUnavailable

__all__ = ["DEFAULT_PATIENCE", "Breaker", "CircuitState", "Patience"]

_LOG: Final = logging.getLogger(__name__)

CircuitState: TypeAlias = Literal["closed", "open", "half-open"]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a store goes on with a server that fails.

    A call is tried ``tries`` times within its timeout. After ``failures`` failed calls in a row the circuit
    opens: for ``pause`` seconds every call fails at once, then one is let through, and if it succeeds all
    are. ``clock`` gives seconds that only go forward.
    """

    tries: int = 3
    failures: int = 5
    pause: float = 10.0
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        for name, number in (("tries", self.tries), ("failures", self.failures)):
            if type(number) is not int or number < 1:
                raise InvalidValue(name, "must be an integer from 1")
        if not 0 < self.pause < math.inf:
            raise InvalidValue("pause", "must be a number of seconds above 0")


DEFAULT_PATIENCE = Patience()


class Breaker:
    """The state of one server, shared by all threads and tasks of a store."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._turn = threading.Lock()
        self._failures = 0
        self._opened: float | None = None
        self._probing = False

    @property
    def state(self) -> CircuitState:
        """Say whether calls pass, fail at once, or one is tried."""
        with self._turn:
            if self._opened is None:
                return "closed"
            return "open" if self._left() > 0 else "half-open"

    @contextmanager
    def passage(self, *, forced: bool = False) -> Generator[None]:
        """Let a call through and learn from how it ends; ``forced`` asks the server in any case.

        An interrupted call says nothing about the server. Raises VectorStoreUnavailable, without asking,
        while the circuit is open.
        """
        probing = not forced and self._admitted()
        try:
            yield
        except VectorStoreUnavailable:
            self._failed()
            raise
        except ChatAppDbError:
            self._answered()
            raise
        else:
            self._answered()
        finally:
            if probing:
                with self._turn:
                    self._probing = False

    def _admitted(self) -> bool:
        """Say whether this call is the one that finds out."""
        with self._turn:
            if self._opened is None:
                return False
            left = self._left()
            if left > 0 or self._probing:
                pause = "the vector store failed too often of late and is given a pause"
                raise VectorStoreUnavailable(pause, left)
            self._probing = True
            return True

    def _left(self) -> float:
        opened = self._patience.clock() if self._opened is None else self._opened
        return max(0.0, opened + self._patience.pause - self._patience.clock())

    def _failed(self) -> None:
        with self._turn:
            self._failures += 1
            if self._failures >= self._patience.failures:
                self._opened = self._patience.clock()
                pause = {"failures": self._failures, "seconds": self._patience.pause}
                _LOG.warning("the vector store is given a pause", extra=pause)

    def _answered(self) -> None:
        with self._turn:
            if self._opened is not None:
                _LOG.info("the vector store answers again")
            self._failures = 0
            self._opened = None
