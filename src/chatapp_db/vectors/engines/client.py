"""One face over both Qdrant clients, whose every failure is one of ours.

The engine is written once, against the asyncio client. A blocking client answers each call on the
spot behind the same face, so an engine on top of it never suspends.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Generator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final, cast

import grpc  # type: ignore[import-untyped]  # grpcio ships no types
import httpx
from qdrant_client import AsyncQdrantClient, QdrantClient
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from chatapp_db.errors import ChatAppDbError, VectorStoreError, VectorStoreUnavailable

__all__ = ["face"]

_UNAVAILABLE_CODES: Final = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
}
_UNAVAILABLE_STATUSES: Final = {408, 429, 502, 503, 504}


def face(
    client: QdrantClient | AsyncQdrantClient, turn: AbstractContextManager[object] | None = None
) -> AsyncQdrantClient:
    """Give either client the face of the asyncio one; ``turn`` is held during each call."""
    return cast("AsyncQdrantClient", _Face(client, turn or nullcontext()))


class _Face:
    def __init__(
        self, client: QdrantClient | AsyncQdrantClient, turn: AbstractContextManager[object]
    ) -> None:
        self._client = client
        self._turn = turn

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, Any]]:
        method = getattr(self._client, name)

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
    if isinstance(error, ResourceExhaustedResponse):
        return VectorStoreUnavailable(f"the vector store asks to wait before {call}")
    if isinstance(error, grpc.RpcError):
        code = cast("grpc.Call", error).code()
        return _failure(call, code.name, unavailable=code in _UNAVAILABLE_CODES)
    if isinstance(error, UnexpectedResponse):
        status = error.status_code
        return _failure(call, f"HTTP {status}", unavailable=status in _UNAVAILABLE_STATUSES)
    if isinstance(error, ResponseHandlingException):
        return _failure(
            call, type(error.source).__name__, unavailable=isinstance(error.source, httpx.TransportError)
        )
    return _failure(call, type(error).__name__, unavailable=False)


def _failure(call: str, what: str, *, unavailable: bool) -> VectorStoreError:
    if unavailable:
        return VectorStoreUnavailable(f"the vector store did not answer {call} ({what})")
    return VectorStoreError(f"the vector store refused {call} ({what})")
