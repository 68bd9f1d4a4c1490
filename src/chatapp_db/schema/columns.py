"""The kinds of column the tables are made of, each with what its values may be.

`Column.info` is where the border and the generated rows learn of it:

* `min_length`, `max_length`: characters of a text, or of each text of an array
* `max_items`, `min_items`: entries of an array
* `minimum`, `maximum`: a number, both included
* `kind`: a text with a form of its own (`email`, `ip_address`, `time_zone`, `slug`, `currency`)
* `changes: False`: no update names it, only a repository's verbs move it
* `values: True`: beside `changes: False`, the caller may still give it when the row is added
* `secret: True`: a sealed value or the digest of a token, which no export may hold
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum, StrEnum
from functools import cache
from typing import Annotated, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, ENUM, JSONB
from sqlalchemy.orm import MappedColumn, mapped_column

Info = dict[str, Any]

# What the database, the scope and the triggers fill in.
_OF_THE_TABLE = frozenset({"id", "company_id", "created_at", "updated_at"})


def verbs_only() -> Info:
    """Say that only a repository's verbs write the column."""
    return {"changes": False}


def on_insert_only() -> Info:
    """Say that a caller gives the column when the row is added, and never again."""
    return {"changes": False, "values": True}


# A SHA-256 digest in hexadecimal.
DIGEST_LENGTH = 64
PREVIEW_LENGTH = 200


def may_change(column: sa.Column[Any]) -> bool:
    """Tell whether an update may name the column."""
    return column.name not in _OF_THE_TABLE and column.info.get("changes", True)


def is_secret(column: sa.Column[Any]) -> bool:
    """Tell whether the column holds what nobody is to be given, not even whose it is."""
    return bool(column.info.get("secret", False))


def may_be_given(column: sa.Column[Any]) -> bool:
    """Tell whether a caller may give the column when the row is added."""
    return may_change(column) or column.info.get("values", False)


class LabelEnum(ENUM):
    """A PostgreSQL enum that reads a label it does not know as a plain string.

    A newer release may have added one while this process still runs.
    """

    def result_processor(  # pyright: ignore[reportIncompatibleMethodOverride]  # it infers too narrow a type
        self,
        dialect: sa.Dialect,  # noqa: ARG002  # SQLAlchemy's signature
        coltype: object,  # noqa: ARG002  # SQLAlchemy's signature
    ) -> Callable[[Any], Any]:
        """Give the member of a label, or the label itself."""
        members: dict[str, Enum] = {member.value: member for member in self.enum_class or ()}

        def read(value: Any) -> Any:
            return members.get(value, value)

        return read


@cache
def enum_type(vocabulary: type[StrEnum]) -> LabelEnum:
    """Give the one PostgreSQL type of a vocabulary, named after its class."""
    words = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in vocabulary.__name__)
    return LabelEnum(vocabulary, name=f"chatapp{words}", values_callable=_values)


def _values(vocabulary: type[StrEnum]) -> list[str]:
    return [member.value for member in vocabulary]


def labelled(
    vocabulary: type[StrEnum],
    *,
    default: StrEnum | None = None,
    comment: str | None = None,
    info: Info | None = None,
) -> MappedColumn[Any]:
    """Declare an enum column."""
    server_default = None if default is None else default.value
    return mapped_column(
        enum_type(vocabulary), server_default=server_default, comment=comment, info=info or {}
    )


def document(
    name: str | None = None,
    *,
    default: str | None = "{}",
    comment: str | None = None,
    info: Info | None = None,
) -> MappedColumn[Any]:
    """Declare a jsonb column, whose payload is the type in its `Mapped` annotation."""
    server_default = None if default is None else sa.text(f"'{default}'")
    return mapped_column(
        name, JSONB(none_as_null=True), server_default=server_default, comment=comment, info=info or {}
    )


def _text(max_length: int, *, min_length: int = 0, **info: Any) -> MappedColumn[str]:
    return mapped_column(sa.Text, info={"min_length": min_length, "max_length": max_length, **info})


def _texts(max_length: int, max_items: int, **info: Any) -> MappedColumn[list[str]]:
    limits = {"min_length": 1, "max_length": max_length, "max_items": max_items}
    return mapped_column(ARRAY(sa.Text), info={**limits, **info})


Name = Annotated[str, _text(200, min_length=1)]
Slug = Annotated[str, _text(100, min_length=1, kind="slug")]
Code = Annotated[str, _text(100, min_length=1)]
Key = Annotated[str, _text(255, min_length=1)]
Email = Annotated[str, _text(320, min_length=3, kind="email")]
Phone = Annotated[str, _text(50, min_length=1)]
Domain = Annotated[str, _text(253, min_length=1)]
Path = Annotated[str, _text(2048, min_length=1)]
Url = Annotated[str, _text(2048, min_length=1)]
IpAddress = Annotated[str, _text(45, min_length=2, kind="ip_address")]
TimeZone = Annotated[str, _text(64, min_length=1, kind="time_zone")]
Currency = Annotated[str, _text(3, min_length=3, kind="currency")]
Digest = Annotated[str, _text(DIGEST_LENGTH)]
ShortText = Annotated[str, _text(200)]
Note = Annotated[str, _text(2_000)]
LongText = Annotated[str, _text(100_000)]
Preview = Annotated[str, _text(PREVIEW_LENGTH)]
Envelope = Annotated[str, _text(100_000, min_length=1, secret=True)]

Tags = Annotated[list[str], _texts(100, 100)]
Events = Annotated[list[str], _texts(100, 100, min_items=1)]
Origins = Annotated[list[str], _texts(2048, 100)]

_STARS: Info = {"minimum": 1, "maximum": 5}

Reference = Annotated[UUID, mapped_column(sa.Uuid)]
Flag = Annotated[bool, mapped_column(sa.Boolean)]
Count = Annotated[int, mapped_column(sa.Integer, info={"minimum": 0})]
BigCount = Annotated[int, mapped_column(sa.BigInteger, info={"minimum": 0})]
Amount = Annotated[int, mapped_column(sa.BigInteger, info={"minimum": 1})]
Dimensions = Annotated[int, mapped_column(sa.Integer, info={"minimum": 1, "maximum": 65536})]
Money = Annotated[Decimal, mapped_column(sa.Numeric(12, 2), info={"minimum": 0})]
Rating = Annotated[int, mapped_column(sa.Integer, info=_STARS)]
Score = Annotated[Decimal, mapped_column(sa.Numeric(3, 2), info=_STARS)]
Moment = Annotated[datetime, mapped_column(sa.DateTime(timezone=True))]
Day = Annotated[date, mapped_column(sa.Date)]
