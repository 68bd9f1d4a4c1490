"""What a value must be to enter the database, as annotations that pydantic reads.

The marks know pydantic's protocol but import nothing of it: its weight is paid by whoever builds
an adapter, not by whoever imports the tables. They are strict, since a value that has to be
guessed at is a mistake of the caller's: `True` is no number, a naive time no moment, "abc" no
list of tags.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

from chatapp_db.schema.values import (
    CURRENCY,
    SLUG,
    currency_code,
    known_ip_address,
    known_time_zone,
    normal_email,
    readable_moment,
    storable,
    storable_json,
    url_name,
)

if TYPE_CHECKING:
    from enum import StrEnum

    from pydantic_core import CoreSchema, SchemaValidator

__all__ = [
    "Bool",
    "Currency",
    "Day",
    "Digits",
    "EmailAddress",
    "Integer",
    "IpAddress",
    "Json",
    "Label",
    "Moment",
    "Slug",
    "Text",
    "Texts",
    "TimeZone",
    "checker",
    "closed",
    "payload",
]

T = TypeVar("T", bound=type)


class _Handler(Protocol):
    def __call__(self, source: Any, /) -> CoreSchema: ...

    def generate_schema(self, source: Any, /) -> CoreSchema: ...


def payload(cls: T) -> T:
    """Let a jsonb payload keep the keys it does not name."""
    return _configured(cls, {"extra": "allow", "strict": True})


def closed(cls: T) -> T:
    """Refuse a key that is no column: misspelt, it would otherwise be dropped in silence."""
    return _configured(cls, {"extra": "forbid"})


def _configured(cls: T, config: dict[str, Any]) -> T:
    # What pydantic's own decorator does, without importing it.
    setattr(cls, "__pydantic_config__", config)  # noqa: B010  # a TypedDict declares no such attribute
    return cls


def checker(kind: type[Any]) -> SchemaValidator:
    """Build what checks a TypedDict of the rows, in errors that do not quote what they refuse.

    A `TypeAdapter` would quote it: it takes no configuration for a TypedDict.
    """
    from pydantic import TypeAdapter
    from pydantic_core import SchemaValidator

    return SchemaValidator(TypeAdapter(kind).core_schema, {"hide_input_in_errors": True})


@dataclass(frozen=True, slots=True)
class Text:
    """Text that PostgreSQL can store, of limited length in characters."""

    max_length: int
    min_length: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return _text_schema(self.min_length, self.max_length, storable)


@dataclass(frozen=True, slots=True)
class EmailAddress:
    """An e-mail address, brought to the one form the tables accept."""

    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return _text_schema(0, self.max_length, normal_email, format="email")


@dataclass(frozen=True, slots=True)
class IpAddress:
    """An IP address of either version, in its canonical form."""

    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return _text_schema(
            0, self.max_length, known_ip_address, anyOf=[{"format": "ipv4"}, {"format": "ipv6"}]
        )


@dataclass(frozen=True, slots=True)
class TimeZone:
    """The IANA name of a time zone."""

    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return _text_schema(1, self.max_length, known_time_zone)


@dataclass(frozen=True, slots=True)
class Slug:
    """A name as it stands in a URL."""

    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return _text_schema(1, self.max_length, url_name, pattern=f"^{SLUG}$")


@dataclass(frozen=True, slots=True)
class Currency:
    """The ISO 4217 code of a currency."""

    max_length: int

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return _text_schema(0, self.max_length, currency_code, pattern=f"^{CURRENCY}$")


@dataclass(frozen=True, slots=True)
class Texts:
    """A list of texts; a text alone is not taken for the list of its letters."""

    max_length: int
    max_items: int
    min_items: int = 0

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        from pydantic_core import core_schema

        each = _text_schema(1, self.max_length, storable)
        return core_schema.list_schema(
            each, strict=True, min_length=self.min_items or None, max_length=self.max_items
        )


@dataclass(frozen=True, slots=True)
class Label:
    """A member of a vocabulary or its label; the table knows no other."""

    vocabulary: type[StrEnum]

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        return handler.generate_schema(self.vocabulary)


@dataclass(frozen=True, slots=True)
class Integer:
    """A whole number that fits a column of so many bits, and no more than its column means."""

    bits: int
    minimum: int | None = None
    maximum: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        from pydantic_core import core_schema

        limit = 2 ** (self.bits - 1)
        least = -limit if self.minimum is None else self.minimum
        return core_schema.int_schema(strict=True, ge=least, le=self.maximum or limit - 1)


@dataclass(frozen=True, slots=True)
class Digits:
    """An exact number with so many digits in all, and so many of them after the point."""

    total: int
    places: int
    minimum: int | None = None
    maximum: int | None = None

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.decimal_schema(
            strict=True,
            allow_inf_nan=False,
            max_digits=self.total,
            decimal_places=self.places,
            ge=None if self.minimum is None else Decimal(self.minimum),
            le=None if self.maximum is None else Decimal(self.maximum),
        )


@dataclass(frozen=True, slots=True)
class Strictly:
    """A boolean, a day, or a moment with its time zone; nothing that could be read as one."""

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        from pydantic_core import core_schema

        if source is dt.datetime:
            aware = core_schema.datetime_schema(strict=True, tz_constraint="aware")
            return core_schema.no_info_after_validator_function(readable_moment, aware)
        return (
            core_schema.date_schema(strict=True)
            if source is dt.date
            else core_schema.bool_schema(strict=True)
        )


@dataclass(frozen=True, slots=True)
class Json:
    """A payload of which every part, named or not, survives the way to jsonb and back."""

    def __get_pydantic_core_schema__(self, source: Any, handler: _Handler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(storable_json, handler(source))


Bool = Annotated[bool, Strictly()]
Day = Annotated[dt.date, Strictly()]
Moment = Annotated[dt.datetime, Strictly()]


def _text_schema(
    min_length: int, max_length: int, check: Callable[[str], str], **shown: object
) -> CoreSchema:
    """Read a text, let the check refuse or rewrite it, then measure what is left.

    A JSON schema is made of the first step alone, so it is told the limits, and what else it may show.
    """
    from pydantic_core import core_schema

    checked = core_schema.no_info_after_validator_function(check, core_schema.str_schema(strict=True))
    measured = core_schema.str_schema(min_length=min_length or None, max_length=max_length)
    limits = {"minLength": min_length, "maxLength": max_length} if min_length else {"maxLength": max_length}
    return core_schema.chain_schema(
        [checked, measured], metadata={"pydantic_js_updates": {**limits, **shown}}
    )
