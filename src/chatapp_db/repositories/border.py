"""The border: what a caller passes is checked here, before any SQL, and refused with InvalidValue."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from chatapp_db.errors import InvalidCursor, InvalidValue

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "LIMITS",
    "PageKey",
    "as_company_id",
    "as_id",
    "as_limit",
    "as_member",
    "as_moment",
    "as_version",
    "checked",
    "rung",
    "seal",
    "unseal",
]

V = TypeVar("V")
E = TypeVar("E", bound=StrEnum)

_INT4_MAX = 2**31 - 1

LIMITS = (25, 50, 100, 200, 500)
"""The page sizes statements are compiled for; a page in between is cut from the next larger one."""

_DIGEST_BYTES = 8

_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}

PageKey = tuple[Any, ...]
"""The values of the order's columns in the last row of a page."""


def as_company_id(value: UUID | str) -> UUID:
    """Take a UUID, or parse a string at the border."""
    if isinstance(value, UUID):
        return value
    try:
        return UUID(value)
    except (TypeError, ValueError, AttributeError):
        raise InvalidValue("company_id", "not a UUID") from None


def as_id(field: str, value: UUID) -> UUID:
    """Take a UUID; a string is refused, since it was never looked at."""
    if not isinstance(value, UUID):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not a uuid.UUID")
    return value


def as_member(field: str, kind: type[E], value: E | str) -> E:
    """Take a member of an enum, or its label."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidValue(field, f"not one of {', '.join(kind)}") from None


def as_version(value: int) -> int:
    """Take a version that a row can have."""
    if type(value) is not int or not 1 <= value <= _INT4_MAX:
        raise InvalidValue("expected_version", "not a version")
    return value


def as_moment(field: str, value: datetime) -> datetime:
    """Take a point in time; a naive datetime is none."""
    if not isinstance(value, datetime) or value.tzinfo is None:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not a datetime with a time zone")
    return value


def as_limit(value: int) -> int:
    """Take a page size within what pages may hold."""
    if type(value) is not int or not 1 <= value <= LIMITS[-1]:
        raise InvalidValue("limit", f"not a whole number from 1 to {LIMITS[-1]}")
    return value


def rung(limit: int) -> int:
    """Give the page size that is compiled for a limit."""
    return LIMITS[bisect_left(LIMITS, limit)]


def checked(kind: type[V], values: Mapping[str, Any]) -> V:
    """Check a mapping against its TypedDict and give it back normalised.

    Raises InvalidValue with the first field that does not fit; its value is not repeated.
    """
    from pydantic import ValidationError

    try:
        result: V = _adapter(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidValue(".".join(map(str, first["loc"])), first["msg"]) from None
    return result


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    """Build a checker when it is first needed; pydantic is not for the import."""
    from pydantic import TypeAdapter

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def seal(company_id: UUID | None, shape: str, key: Sequence[Any]) -> str:
    """Make a cursor: the key of a page's last row, bound to the company and the shape of the list."""
    body = json.dumps([_plain(value) for value in key], separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(_digest(company_id, shape, body) + body).decode().rstrip("=")


def unseal(company_id: UUID | None, shape: str, cursor: str, kinds: Sequence[type]) -> PageKey:
    """Read a cursor back.

    Raises InvalidCursor for one that is damaged or belongs to another company or list.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        if digest != _digest(company_id, shape, body) or not cursor.isascii():
            raise InvalidCursor
        return tuple(_typed(kind, value) for kind, value in zip(kinds, json.loads(body), strict=True))
    except (TypeError, ValueError, AttributeError):
        raise InvalidCursor from None


def _digest(company_id: UUID | None, shape: str, body: bytes) -> bytes:
    return hashlib.sha256(f"{company_id}|{shape}|".encode() + body).digest()[:_DIGEST_BYTES]


def _plain(value: Any) -> Any:
    return value if value is None or isinstance(value, int | str) else str(value)


def _typed(kind: type, value: Any) -> Any:
    if value is None:
        return None
    if kind is datetime:
        return datetime.fromisoformat(value)
    return kind(value)
