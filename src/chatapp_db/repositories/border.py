"""The border: what a caller passes is checked here, before any SQL, and refused with InvalidValue."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from chatapp_db.errors import InvalidValue
from chatapp_db.schema.types import checker
from chatapp_db.schema.values import storable

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = [
    "TERM_LENGTH",
    "as_company_id",
    "as_id",
    "as_member",
    "as_moment",
    "as_slug",
    "as_term",
    "as_text",
    "as_version",
    "checked",
]

V = TypeVar("V")
E = TypeVar("E", bound=StrEnum)

_INT4_MAX = 2**31 - 1
_SLUG = re.compile("[a-z0-9](-?[a-z0-9])*")
_SLUG_LENGTH = 100
TERM_LENGTH = 200
_WILDCARD = re.compile(r"[%_\\]")

_CHECKERS: dict[type[Any], SchemaValidator] = {}


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


def as_slug(field: str, value: str) -> str:
    """Take a name as it stands in a URL."""
    if not isinstance(value, str) or len(value) > _SLUG_LENGTH or not _SLUG.fullmatch(value):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not lower-case letters and digits with single hyphens")
    return value


def as_text(field: str, value: str, max_length: int) -> str:
    """Take a text of at least one character that PostgreSQL can store."""
    if not isinstance(value, str) or not 1 <= len(value) <= max_length:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, f"not a text of 1 to {max_length} characters")
    try:
        return storable(value)
    except ValueError as error:
        raise InvalidValue(field, str(error)) from None


def as_term(value: str) -> str:
    """Take what is searched for, written so that a LIKE takes no character of it for a wildcard."""
    return _WILDCARD.sub(r"\\\g<0>", as_text("term", value, TERM_LENGTH))


def checked(kind: type[V], values: Mapping[str, Any]) -> V:
    """Check a mapping against its TypedDict and give it back normalised.

    Raises InvalidValue with the first field that does not fit; its value is not repeated.
    """
    from pydantic_core import ValidationError

    try:
        result: V = _checker(kind).validate_python(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise InvalidValue(".".join(map(str, first["loc"])), first["msg"]) from None
    return result


def _checker(kind: type[Any]) -> SchemaValidator:
    """Build a checker when it is first needed; pydantic is not for the import."""
    if kind not in _CHECKERS:
        _CHECKERS[kind] = checker(kind)
    return _CHECKERS[kind]
