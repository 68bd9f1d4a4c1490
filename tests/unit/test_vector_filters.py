"""The filter language admits declared keys, values of their kind, and a bounded size."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from chatapp_db.errors import InvalidValue
from chatapp_db.vectors import And, Eq, Exists, Filter, In, Not, Or, Range
from chatapp_db.vectors.filters import MAX_CONDITIONS, MAX_DEPTH, resolve
from chatapp_db.vectors.keys import Keys
from tests.rows import SOMEBODY

KEYS = Keys(
    {"lang": "keyword", "page": "integer", "weight": "float", "public": "boolean", "published": "datetime"}
)
LEAF = Eq("lang", "de")


def nested(depth: int) -> Filter:
    filter: Filter = LEAF
    for _ in range(depth - 1):
        filter = Not(filter)
    return filter


def test_a_filter_may_be_as_deep_as_the_limit_and_no_deeper() -> None:
    resolve(nested(MAX_DEPTH), KEYS)
    for depth in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(InvalidValue, match="too large"):
            resolve(nested(depth), KEYS)


def test_a_filter_may_have_as_many_conditions_as_the_limit_and_no_more() -> None:
    resolve(And(*[LEAF] * (MAX_CONDITIONS - 1)), KEYS)
    with pytest.raises(InvalidValue, match="too large"):
        resolve(And(*[LEAF] * MAX_CONDITIONS), KEYS)
    doubled: Filter = LEAF
    for _ in range(MAX_DEPTH - 1):
        doubled = Or(doubled, doubled)
    with pytest.raises(InvalidValue, match="too large"):
        resolve(doubled, KEYS)


def test_a_cycle_is_refused() -> None:
    cycle = Not(LEAF)
    object.__setattr__(cycle, "condition", cycle)
    with pytest.raises(InvalidValue, match="too large"):
        resolve(cycle, KEYS)


def test_values_come_out_in_the_form_that_is_compared() -> None:
    source = uuid.uuid4()
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=1)))
    given = And(Eq("source_id", source), In("weight", [1, 2.5]), Range("published", gte=noon))
    resolved = resolve(given, KEYS)
    assert resolved == And(
        Eq("source_id", str(source)),
        In("weight", [1.0, 2.5]),
        Range("published", gte=datetime(2026, 1, 1, 11, tzinfo=UTC)),
    )


BAD: list[Any] = [
    Eq("lang", 1),
    Eq("lang", None),
    Eq("lang", "a\0b"),
    Eq("page", True),
    Eq("page", 1.0),
    Eq("page", "1"),
    Eq("page", 2**53),
    Eq("weight", float("nan")),
    Eq("weight", float("-inf")),
    Eq("weight", 10**400),
    Eq("public", 1),
    Eq("published", "2026-01-01"),
    Eq("published", datetime(2026, 1, 1)),  # noqa: DTZ001  # the refused case
    Eq("published", datetime.max.replace(tzinfo=timezone(timedelta(hours=-1)))),
    Eq("source_id", str(SOMEBODY)),
    In("lang", "de"),
    In("lang", []),
    In("page", range(1, 3)),
    In("page", [1] * 257),
    In("page", [1, "1"]),
    Range("page"),
    Range("page", gte="1"),
    Range("lang", gte="a"),
    Range("public", gte=False),
    Exists("colour"),
    Eq("company_id", SOMEBODY),
    None,
    And,
    "lang = 'de'",
]


@pytest.mark.parametrize("filter", BAD, ids=repr)
def test_a_value_of_another_kind_is_refused_wherever_it_stands(filter: Any) -> None:
    for wrapped in (filter, Not(filter), And(LEAF, filter), Or(filter, LEAF)):
        with pytest.raises(InvalidValue):
            resolve(wrapped, KEYS)


@pytest.mark.parametrize(
    "name",
    ["company_id", "source_id", "chunk_id", "content_hash", "meta", "", "a.b", "a[]", "A", "1a", "a" * 64],
)
def test_a_reserved_name_or_a_path_cannot_be_declared(name: str) -> None:
    with pytest.raises(InvalidValue):
        Keys({name: "keyword"})


def test_an_unknown_kind_or_too_many_keys_cannot_be_declared() -> None:
    kind: Any = "geo"
    with pytest.raises(InvalidValue, match="keyword, integer"):
        Keys({"place": kind})
    with pytest.raises(InvalidValue):
        Keys({f"key{number}": "keyword" for number in range(33)})
