"""One face over both Qdrant clients, whose every failure is one of ours.

The engine is written once, against the asyncio client. A blocking client answers each call on the
spot behind the same face, so an engine on top of it never suspends.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any, Final, cast

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import httpx
from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from chatapp_db.errors import ChatAppDbError, VectorStoreError, VectorStoreUnavailable

__all__ = ["face", "hurried"]

_UNAVAILABLE_CODES: Final = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
}
_UNAVAILABLE_STATUSES: Final = {408, 429, 502, 503, 504}


_WITHOUT_TIMEOUT: Final = {"info", "collection_exists", "get_collection", "close"}


def face(
    client: QdrantClient | AsyncQdrantClient, turn: AbstractContextManager[object] | None = None
) -> AsyncQdrantClient:
    """Give either client the face of the asyncio one; ``turn`` is held during each call."""
    return cast("AsyncQdrantClient", _Face(client, turn or nullcontext(), None))


def hurried(client: AsyncQdrantClient, seconds: int) -> AsyncQdrantClient:
    """Give a face with less time for each request than the client has."""
    return cast("AsyncQdrantClient", cast("_Face", client).within(seconds))


class _Face:
    def __init__(
        self,
        client: QdrantClient | AsyncQdrantClient,
        turn: AbstractContextManager[object],
        timeout: int | None,
    ) -> None:
        self._client = client
        self._turn = turn
        self._timeout = timeout

    def within(self, seconds: int) -> _Face:
        return _Face(self._client, self._turn, seconds)

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._client, name)
        if self._timeout is not None and name not in _WITHOUT_TIMEOUT:
            method = partial(method, timeout=self._timeout)

        async def call(*args: Any, **kwargs: Any) -> Any:
            with _failures(name), self._turn:
                answer = method(*args, **kwargs)
                return await answer if inspect.isawaitable(answer) else answer

        return call


@contextmanager
def _failures(call: str) -> Generator[None]:
    try:
        yield
    except ChatAppDbError:
        raise
    except Exception as error:
        raise _translate(error, call) from error


def _translate(error: Exception, call: str) -> VectorStoreError:
    """Tell what may pass when tried again from what will not, by code and never by message.

    The driver's text can quote a payload, so it stays on the cause.
    """
    if isinstance(error, QdrantException):
        # The one without a number of seconds is raised where the server named a date instead.
        seconds = error.retry_after_s if isinstance(error, ResourceExhaustedResponse) else None
        return VectorStoreUnavailable(f"the vector store asks to wait before {call}", seconds)
    if isinstance(error, grpc.RpcError):
        code = cast("grpc.Call", error).code()
        return _failure(call, code.name, unavailable=code in _UNAVAILABLE_CODES)
    if isinstance(error, UnexpectedResponse):
        status = error.status_code
        unavailable = status in _UNAVAILABLE_STATUSES
        return _failure(call, f"HTTP {status}", unavailable=unavailable, retry_after=_seconds(error.headers))
    if isinstance(error, ResponseHandlingException):
        return _failure(
            call, type(error.source).__name__, unavailable=isinstance(error.source, httpx.TransportError)
        )
    return _failure(call, type(error).__name__, unavailable=False)


def _seconds(headers: Mapping[str, str]) -> float | None:
    """Read Retry-After; where it names a date, the clock of whoever wrote it is not trusted."""
    asked = headers.get("Retry-After", "")
    return float(asked) if asked.isdecimal() else None


def _failure(
    call: str, what: str, *, unavailable: bool, retry_after: float | None = None
) -> VectorStoreError:
    if unavailable:
        return VectorStoreUnavailable(f"the vector store did not answer {call} ({what})", retry_after)
    return VectorStoreError(f"the vector store refused {call} ({what})")
