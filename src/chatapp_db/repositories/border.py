"""The border: what a caller passes is checked here, before any SQL, and refused with InvalidValue."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit
from uuid import UUID

from chatapp_db.errors import InvalidValue
from chatapp_db.schema.types import checker
from chatapp_db.schema.values import INT4_MAX, readable_moment, storable, storable_json, url_name

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

__all__ = [
    "TERM_LENGTH",
    "as_bytes",
    "as_company_id",
    "as_document",
    "as_duration",
    "as_id",
    "as_ids",
    "as_list",
    "as_member",
    "as_moment",
    "as_positive",
    "as_record",
    "as_records",
    "as_slug",
    "as_term",
    "as_text",
    "as_version",
    "as_web_url",
    "checked",
]

V = TypeVar("V")
E = TypeVar("E", bound=StrEnum)

_SLUG_LENGTH = 100
TERM_LENGTH = 200
_NAME_LENGTH = 63
# Parsers disagree on blanks, control characters and backslashes: each could read another host.
_PLAIN_URL = re.compile(r"[^\s\x00-\x1f\x7f\\]+")
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


def as_bytes(field: str, value: bytes) -> bytes:
    """Take bytes; a text is refused, since nobody said how it is encoded."""
    if not isinstance(value, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not bytes")
    return value


def as_id(field: str, value: UUID) -> UUID:
    """Take a UUID; a string is refused, since it was never looked at."""
    if not isinstance(value, UUID):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not a uuid.UUID")
    return value


def as_list(field: str, values: Sequence[V]) -> list[V]:
    """Take a sequence of any kind; a text is not taken for the list of its letters."""
    if isinstance(values, str | bytes | bytearray) or not isinstance(values, Sequence):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not a list")
    return list(values)


def as_ids(field: str, values: Sequence[UUID]) -> list[UUID]:
    """Take UUIDs, each of them once, in the order given; however many, they are one array."""
    return list(dict.fromkeys(as_id(field, value) for value in as_list(field, values)))


def as_record(field: str, kind: type[V], value: V) -> V:
    """Take what another method gave; nothing else has its form."""
    if not isinstance(value, kind):
        raise InvalidValue(field, f"not a {kind.__name__}")
    return value


def as_records(field: str, kind: type[V], values: Sequence[V]) -> list[V]:
    """Take a list of what another method gave."""
    return [as_record(field, kind, value) for value in as_list(field, values)]


def as_member(field: str, kind: type[E], value: E | str) -> E:
    """Take a member of an enum, or its label."""
    try:
        return kind(value)
    except ValueError:
        raise InvalidValue(field, f"not one of {', '.join(kind)}") from None


def as_version(value: int) -> int:
    """Take a version that a row can have."""
    return as_positive("expected_version", value, "not a version")


def as_positive(field: str, value: int, otherwise: str) -> int:
    """Take a number from 1 on that a column can hold; what is none is refused with the reason given."""
    if type(value) is not int or not 1 <= value <= INT4_MAX:
        raise InvalidValue(field, otherwise)
    return value


def as_moment(field: str, value: datetime) -> datetime:
    """Take a point in time; a naive datetime is none."""
    if not isinstance(value, datetime):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not a datetime with a time zone")
    return _passed(field, readable_moment, value)


def as_document(field: str, value: dict[str, Any]) -> dict[str, Any]:
    """Take a JSON object of which every part comes back as it was."""
    if not isinstance(value, dict):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, "not a dict")
    _passed(field, storable_json, cast("object", value))
    return value


def as_duration(field: str, value: timedelta, *, least: timedelta, most: timedelta) -> timedelta:
    """Take a time span within what is sensible."""
    if not isinstance(value, timedelta) or not least <= value <= most:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, f"not a timedelta from {least} to {most}")
    return value


def as_slug(field: str, value: str) -> str:
    """Take a name as it stands in a URL."""
    return _passed(field, url_name, as_text(field, value, _SLUG_LENGTH))


def as_text(field: str, value: str, max_length: int) -> str:
    """Take a text of at least one character that PostgreSQL can store."""
    if not isinstance(value, str) or not 1 <= len(value) <= max_length:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue(field, f"not a text of 1 to {max_length} characters")
    return _passed(field, storable, value)


def as_web_url(field: str, value: str, max_length: int) -> str:
    """Take an http(s) URL that says where to call and nothing more: no credentials, no fragment."""
    url = as_text(field, value, max_length)
    if not _PLAIN_URL.fullmatch(url) or not _names_a_host(url):
        raise InvalidValue(field, "not a URL that begins with https:// or http://")
    if "@" in re.split("[/?]", url)[2] or "#" in url:
        raise InvalidValue(field, "a URL with credentials or a fragment")
    return url


def _names_a_host(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


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
        raise InvalidValue(".".join(map(_as_name, first["loc"])) or "values", first["msg"]) from None
    return result


def _as_name(part: int | str) -> str:
    """Name a place in what was given; a key that no column or payload would have is content."""
    return str(part) if isinstance(part, int) or (len(part) <= _NAME_LENGTH and part.isidentifier()) else "?"


def _passed(field: str, check: Callable[[V], V], value: V) -> V:
    try:
        return check(value)
    except ValueError as error:
        raise InvalidValue(field, str(error)) from None


def _checker(kind: type[Any]) -> SchemaValidator:
    """Build a checker when it is first needed; pydantic is not for the import."""
    if kind not in _CHECKERS:
        _CHECKERS[kind] = checker(kind)
    return _CHECKERS[kind]
