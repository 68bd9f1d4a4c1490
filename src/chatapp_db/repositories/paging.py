"""Pages by key, never by offset: their sizes, and cursors that fit one company and one list only."""

from __future__ import annotations

import base64
import hashlib
import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidCursor, InvalidValue
from chatapp_db.execution.statement import constant
from chatapp_db.schema.values import INT4_MAX, readable_moment

__all__ = ["LIMITS", "Page", "as_limit", "cut", "limit_of", "rung", "seal", "unseal"]

Item = TypeVar("Item")

LIMITS = (25, 50, 100, 200, 500)
"""The page sizes statements are compiled for; a page in between is cut from the next larger one."""

_DIGEST_BYTES = 8


def as_limit(value: int) -> int:
    """Take a page size within what pages may hold."""
    if type(value) is not int or not 1 <= value <= LIMITS[-1]:
        raise InvalidValue("limit", f"not a whole number from 1 to {LIMITS[-1]}")
    return value


def rung(limit: int) -> int:
    """Give the page size that is compiled for a limit."""
    return LIMITS[bisect_left(LIMITS, limit)]


def limit_of(rows: int) -> sa.ColumnElement[int]:
    """Write a page's LIMIT: one row more than asked tells whether another page follows."""
    return constant(rows + 1, sa.Integer())


@dataclass(slots=True)
class Page(Generic[Item]):
    """A page of a list; pass a cursor back for the page beside it, None where the list ends.

    A list that leads one way only has no ``previous_cursor``.
    """

    items: list[Item]
    next_cursor: str | None
    previous_cursor: str | None = None


def cut(rows: list[Item], limit: int, cursor_after: Callable[[Item], str]) -> Page[Item]:
    """Cut a page from what was read for it, which may be more."""
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], cursor_after(rows[limit - 1]))


def seal(company_id: UUID | None, shape: str, key: Sequence[Any]) -> str:
    """Make a cursor: the key of a page's last row, bound to the company and the shape of the list."""
    body = _writer()([_plain(value) for value in key])
    return _written(_digest(company_id, shape, body) + body)


def unseal(company_id: UUID | None, shape: str, cursor: str, kinds: Sequence[type]) -> tuple[Any, ...]:
    """Read a cursor back.

    Raises InvalidCursor for one that is damaged or belongs to another company or list.
    """
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        digest, body = raw[:_DIGEST_BYTES], raw[_DIGEST_BYTES:]
        # Several texts stand for the same bytes; a cursor is the one that was handed out.
        if digest != _digest(company_id, shape, body) or _written(raw) != cursor:
            raise InvalidCursor
        return tuple(_typed(kind, value) for kind, value in zip(kinds, json.loads(body), strict=True))
    except (TypeError, ValueError, AttributeError, RecursionError):
        raise InvalidCursor from None


def _written(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _digest(company_id: UUID | None, shape: str, body: bytes) -> bytes:
    return hashlib.sha256(f"{company_id}|{shape}|".encode() + body).digest()[:_DIGEST_BYTES]


@cache
def _writer() -> Callable[[Any], bytes]:
    """Give what writes JSON; msgspec is loaded where a page is, not where the package is."""
    import msgspec

    return msgspec.json.Encoder().encode


def _plain(value: Any) -> Any:
    """Write a moment out: where clocks were set by the sun, msgspec would round its offset to minutes."""
    return str(value) if isinstance(value, datetime) else value


def _typed(kind: type, value: Any) -> Any:
    """Read a part of a key; whoever knows the company can write a cursor that was never handed out."""
    if value is None:
        return None
    if kind is datetime:
        return readable_moment(datetime.fromisoformat(value))
    if kind is int and not (type(value) is int and 0 <= value <= INT4_MAX):
        raise ValueError("not a number that a list is ordered by")
    return kind(value)
