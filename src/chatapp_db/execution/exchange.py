"""One round trip: messages go out together through libpq's pipeline, and a result of each comes back.

No I/O happens here: as in psycopg itself, a generator says what it waits for and the connection waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, TypeAlias

from psycopg import OperationalError
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName, error_from_result
from psycopg.generators import fetch_many, send
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn, PGresult

__all__ = ["Exchange", "Message"]

Message: TypeAlias = tuple[str, Sequence[Any]]
"""A text with $1, $2 .. in it, and their values."""

_Request: TypeAlias = Callable[[], None]
_Key: TypeAlias = tuple[str, tuple[int, ...]]

# Two databases may share a service's own Engine, and so a connection, which knows a name once.
_NUMBERS = count(1)
_MOST_PREPARED = 128
_MOST_COUNTED = 4096


class Exchange:
    """What one connection knows to talk to the server: how values are adapted, which statements it prepared.

    ``threshold`` is how often a statement runs before it is prepared; None prepares none, since a pooler
    may give the next call another server process. Values and records go by the adapters of ``context``.
    """

    __slots__ = ("_pgconn", "_prepared", "_threshold", "_transformer", "_uses")

    def __init__(self, pgconn: PGconn, context: Any, threshold: int | None) -> None:
        self._pgconn = pgconn
        self._transformer = Transformer(context)
        self._threshold = threshold
        self._uses: dict[_Key, int] = {}
        self._prepared: dict[_Key, bytes] = {}

    def round_trip(self, messages: Sequence[Message]) -> PQGen[list[PGresult]]:
        """Send the messages together, give their results.

        Without a BEGIN they are one transaction: after one that failed the server skips the others.
        Raises psycopg.Error; the connection is out of its pipeline again unless it was lost.
        """
        requests: list[_Request] = []
        preparing: dict[int, tuple[_Key, bytes]] = {}
        for text, values in messages:
            self._put(text, values, requests, preparing)
        results = yield from _round_trip(self._pgconn, requests)
        for place, (key, name) in preparing.items():
            if place < len(results) and results[place].status == ExecStatus.COMMAND_OK:
                self._prepared[key] = name
        failure = _failure(results)
        if failure is not None:
            raise self._error(failure)
        return [result for place, result in enumerate(results) if place not in preparing]

    def records(self, result: PGresult) -> list[tuple[Any, ...]]:
        """Read the records of a result."""
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def _put(
        self,
        text: str,
        values: Sequence[Any],
        requests: list[_Request],
        preparing: dict[int, tuple[_Key, bytes]],
    ) -> None:
        """Adapt the values of a message, and have its text prepared when that is due."""
        pgconn, transformer = self._pgconn, self._transformer
        adapted = transformer.dump_sequence(values, [PyFormat.AUTO] * len(values))
        types, formats = transformer.types or (), transformer.formats
        key = text, types
        name = self._prepared.get(key)
        if name is None and self._is_due(key):
            name = b"chatapp_%d" % next(_NUMBERS)
            preparing[len(requests)] = key, name
            requests.append(lambda: pgconn.send_prepare(name, text.encode(), types))
        if name is None:
            requests.append(lambda: pgconn.send_query_params(text.encode(), adapted, types, formats))
        else:
            requests.append(lambda: pgconn.send_query_prepared(name, adapted, formats))

    def _is_due(self, key: _Key) -> bool:
        """Count the uses of a statement; what is prepared stays in the server, so there is an end to it."""
        if self._threshold is None or len(self._prepared) >= _MOST_PREPARED:
            return False
        uses = self._uses.get(key, 0)
        if uses >= self._threshold:
            return True
        if len(self._uses) >= _MOST_COUNTED:
            self._uses.clear()
        self._uses[key] = uses + 1
        return False

    def _error(self, failure: PGresult) -> Exception:
        """Make the driver's error; somebody may have changed the tables, or dropped what was prepared."""
        error = error_from_result(failure)
        if isinstance(error, InvalidSqlStatementName | FeatureNotSupported):
            self._prepared.clear()
        return error


def _round_trip(pgconn: PGconn, requests: Sequence[_Request]) -> PQGen[list[PGresult]]:
    """Give a result for each request; fewer where the server said why it closed the connection."""
    pgconn.enter_pipeline_mode()
    for request in requests:
        request()
    pgconn.pipeline_sync()
    yield from send(pgconn)
    results: list[PGresult] = []
    while len(results) <= len(requests):
        try:
            results += yield from _fetched(pgconn)
        except OperationalError:
            if _failure(results) is None:
                raise
            return results
    pgconn.exit_pipeline_mode()
    return results[:-1]


def _fetched(pgconn: PGconn) -> PQGen[list[PGresult]]:
    """Wait for what comes of one request: one result, unless nobody is there to answer."""
    results: list[PGresult] = yield from fetch_many(pgconn)
    if not results:
        raise OperationalError("the connection was lost")
    return results


def _failure(results: Sequence[PGresult]) -> PGresult | None:
    """Find the request that failed; those after it were skipped."""
    return next((result for result in results if result.status == ExecStatus.FATAL_ERROR), None)
