"""Which values a column takes, by its type, its limits and its kind; and those that follow from others."""

from __future__ import annotations

import datetime as dt
import itertools
import re
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from faker import Faker
from sqlalchemy.dialects.postgresql import ARRAY

from chatapp_db.encryption.tokens import CompanyToken, digest
from chatapp_db.identity import point_id
from chatapp_db.schema.values import INT4_MAX

__all__ = ["Drawing", "computed"]

# What tells the rows of a process apart, in columns where no two may be alike.
_SERIAL = itertools.count(1)
_FIRST_DAY = dt.date(2020, 1, 1)
_MOST = 1_000
_WORD = re.compile(r"\w+")
_SPREAD = dt.timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws values by chance; the same seed draws the same ones, but for what must be unique."""

    random: Random
    faker: Faker

    def value(self, column: sa.Column[Any]) -> Any:  # noqa: PLR0911  # a type each
        """Draw a value that the column takes."""
        match column.type:
            case sa.Enum(enum_class=vocabulary) if vocabulary is not None:
                return self.random.choice(list(vocabulary))
            case sa.Text():
                return self._text(column)
            case ARRAY():
                fewest = max(1, column.info.get("min_items", 0))
                return [self.faker.word() for _ in range(self.random.randint(fewest, fewest + 2))]
            case sa.Boolean():
                return self.random.random() < 1 / 2
            case sa.Numeric() | sa.Integer():
                return self._number(column)
            case sa.Uuid():
                return UUID(int=self.random.getrandbits(128), version=4)
            case sa.Date():
                return _FIRST_DAY + dt.timedelta(days=next(_SERIAL))
            case sa.DateTime():
                return dt.datetime.now(dt.UTC) + self.random.uniform(-1, 1) * _SPREAD
            case kind:
                raise NotImplementedError(f"{column} is a {kind}: say here how its values are drawn")

    def _text(self, column: sa.Column[Any]) -> str:
        kind = column.info.get("kind")
        if kind is not None:
            return _OF_KIND[kind](self.random, self.faker)
        if column.name.endswith("url"):
            return f"https://{self.faker.domain_word()}.example/{next(_SERIAL)}"
        words = self.faker.sentence(nb_words=6).rstrip(".")
        serial = f" {next(_SERIAL)}" if _is_unique(column) else ""
        return words[: column.info["max_length"] - len(serial)] + serial

    def _number(self, column: sa.Column[Any]) -> int | Decimal:
        least: int = column.info.get("minimum", 0)
        if _is_unique(column):
            return least + next(_SERIAL)
        most: int = column.info.get("maximum", min(_MOST, INT4_MAX))
        if isinstance(column.type, sa.Numeric):
            places = column.type.scale or 0
            return Decimal(self.random.randint(least * 10**places, most * 10**places)).scaleb(-places)
        return self.random.randint(least, most)


_OF_KIND: Mapping[str, Callable[[Random, Faker], str]] = {
    "currency": lambda random, _: random.choice(["EUR", "GBP", "USD"]),
    "email": lambda _, faker: f"{faker.user_name()}.{next(_SERIAL)}@example.com",
    "ip_address": lambda random, faker: random.choice([faker.ipv4, faker.ipv6])(),
    "slug": lambda _, faker: f"{faker.domain_word()}-{next(_SERIAL)}",
    "time_zone": lambda random, _: random.choice(sorted(zoneinfo.available_timezones()) or ["UTC"]),
}


def _is_unique(column: sa.Column[Any]) -> bool:
    keys = [one for one in column.table.constraints if isinstance(one, sa.UniqueConstraint)]
    named = {part.name for key in keys for part in key.columns}
    expressions = " ".join(
        str(part) for index in column.table.indexes if index.unique for part in index.expressions
    )
    return column.name in named | {*_WORD.findall(expressions)}


_Row = Mapping[str, Any]

_COMPUTED: Mapping[str, Mapping[str, Callable[[_Row], Any]]] = {
    # Of its three times one is set: it is due.
    "chatapp_webhook_deliveries": {"next_attempt_at": lambda _: dt.datetime.now(dt.UTC)},
    "chatapp_knowledge_chunks": {"qdrant_id": lambda row: point_id(row["company_id"], row["id"])},
    "chatapp_team_invitations": {
        "token_hash": lambda row: digest(CompanyToken("token").issue(row["company_id"]))
    },
    "chatapp_widget_settings": {
        "public_key": lambda row: CompanyToken("public_key", random_bytes=16).issue(row["company_id"])
    },
}


def computed(table: sa.Table, row: _Row, *, given: _Row) -> dict[str, Any]:
    """Give what follows from a row's other values, but for what was given; and the id it was made for."""
    found = {name: make(row) for name, make in _COMPUTED.get(table.name, {}).items() if name not in given}
    return {"id": row["id"], **found}
