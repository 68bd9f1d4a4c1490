"""The package's errors as answers: RFC 9457 problems, which say nothing that is not the caller's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from typing_extensions import TypedDict

from chatapp_db import errors
from chatapp_db.errors import ChatAppDbError

__all__ = ["PROBLEMS", "STATUS", "Problem", "answer_errors"]

MEDIA_TYPE: Final = "application/problem+json"
_SECONDS: Final = "1"
_FAULT: Final = HTTPStatus.INTERNAL_SERVER_ERROR

STATUS: Final[Mapping[type[ChatAppDbError], HTTPStatus]] = {
    errors.NotFound: HTTPStatus.NOT_FOUND,
    errors.Conflict: HTTPStatus.CONFLICT,
    errors.LimitReached: HTTPStatus.CONFLICT,
    errors.VersionConflict: HTTPStatus.PRECONDITION_FAILED,
    errors.InvalidReference: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidValue: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidCursor: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.InvalidSignature: HTTPStatus.UNAUTHORIZED,
    errors.Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StatementTimeout: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.SerializationFailure: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.MigrationLockTimeout: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.KeyUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.VectorStoreUnavailable: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StoreInUse: HTTPStatus.SERVICE_UNAVAILABLE,
    # What no caller can mend is the service's own fault, or its operator's.
    errors.ChatAppDbError: _FAULT,
    errors.NotPermitted: _FAULT,
    errors.RowLevelSecurityRequired: _FAULT,
    errors.ScopeInUse: _FAULT,
    errors.ScopeEnded: _FAULT,
    errors.TransactionRolledBack: _FAULT,
    errors.SchemaOutOfDate: _FAULT,
    errors.SchemaAhead: _FAULT,
    errors.UnknownRevision: _FAULT,
    errors.RolesMissing: _FAULT,
    errors.MissingExtra: _FAULT,
    errors.EmbeddedServerError: _FAULT,
    errors.EncryptionError: _FAULT,
    errors.NoEncryptionKey: _FAULT,
    errors.UnknownKey: _FAULT,
    errors.InvalidEnvelope: _FAULT,
    errors.BrokenSeal: _FAULT,
    errors.VectorStoreError: _FAULT,
    errors.CollectionMismatch: _FAULT,
    errors.TenantIsolationError: _FAULT,
    errors.NotSupported: _FAULT,
    errors.ExtensionUnavailable: _FAULT,
    errors.InternalError: _FAULT,
}
"""What each error is answered with; an error of a service's own is answered as the one it derives from."""

# Their messages are written for who called: they repeat no value and name nothing of another company's.
_TOLD = (errors.NotFound, errors.Conflict, errors.InvalidReference, errors.InvalidValue)


class Problem(TypedDict):
    """What went wrong; ``detail`` is where FastAPI's own errors have theirs."""

    type: str
    title: str
    status: int
    detail: str


def answer_errors(app: FastAPI) -> None:
    """Answer the package's errors; a fault, which no caller can mend, is raised on to whoever reports it.

    A retryable error has a Retry-After.
    """
    app.add_exception_handler(ChatAppDbError, _answer)


async def _answer(_request: Request, error: Exception) -> JSONResponse:
    status = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    if status is _FAULT:
        raise error
    problem: Problem = {
        "type": f"urn:chatapp-db:{_words(type(error))}",
        "title": status.phrase,
        "status": status,
        "detail": str(error) if isinstance(error, _TOLD) else status.description,
    }
    retry = {"Retry-After": _SECONDS} if getattr(error, "retryable", False) else None
    return JSONResponse(problem, status, retry, MEDIA_TYPE)


def _words(kind: type[Exception]) -> str:
    known = next(kind for kind in kind.__mro__ if kind in STATUS)
    return re.sub("(?<!^)(?=[A-Z])", "-", known.__name__).lower()


def _documented(status: HTTPStatus) -> dict[str, Any]:
    properties = {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"const": status.value},
        "detail": {"type": "string"},
    }
    schema = {"type": "object", "required": [*properties], "properties": properties}
    return {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}


PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status.value: _documented(status)
    for status in dict.fromkeys(STATUS.values())
    if status not in {_FAULT, HTTPStatus.UNAUTHORIZED}
}
"""What the answers look like, for OpenAPI: ``FastAPI(responses=PROBLEMS)``, or a router's."""

# FastAPI leaves its own answer to a bad request out where another of this status is declared.
PROBLEMS[HTTPStatus.UNPROCESSABLE_ENTITY.value]["content"]["application/json"] = {
    "schema": {
        "type": "object",
        "required": ["detail"],
        "properties": {"detail": {"type": "array", "items": {"type": "object"}}},
    }
}
