"""What a filter means, in plain Python over all points, and filters to try it on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from chatapp_db.errors import InvalidValue
from chatapp_db.vectors import And, Eq, Exists, Filter, In, KeyKind, Not, Or, Point, Range
from chatapp_db.vectors.filters import resolve
from chatapp_db.vectors.keys import Keys

KEYS: dict[str, KeyKind] = {
    "lang": "keyword",
    "page": "integer",
    "weight": "float",
    "public": "boolean",
    "published": "datetime",
}
COMPANIES = [uuid.UUID(int=number) for number in (1, 2, 3)]
SOURCES = [uuid.UUID(int=number) for number in (11, 12)]
AGENTS = [uuid.UUID(int=number) for number in (21, 22)]
BERLIN = timezone(timedelta(hours=1))
DAYS = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, 1, 0, 0, 123456, tzinfo=BERLIN)]

VALUES: dict[str, list[Any]] = {
    # A company's id as text: a filter that could reach company_id would find it there.
    "lang": ["de", "en", "DE", str(COMPANIES[0]), "company_id"],
    "page": [-1, 0, 1, 2, 2**53 - 1],
    "weight": [-0.5, 0.0, 0.1, 1.0, 1e300],
    "public": [True, False],
    "published": DAYS,
    "source_id": SOURCES,
    "agent_id": AGENTS,
    "revision": [0, 1, 2],
}
ORDERED = ["page", "weight", "published", "revision"]


def held(point: Point, key: str) -> list[Any]:
    """The values a point holds for a key."""
    if key in KEYS:
        value: Any = point.meta.get(key, [])
        return list(value) if isinstance(value, list) else [value]
    value = getattr(point, key)
    return [] if value is None else [value]


def matches(point: Point, condition: Filter) -> bool:
    match condition:
        case And(conditions=conditions):
            return all(matches(point, one) for one in conditions)
        case Or(conditions=conditions):
            return any(matches(point, one) for one in conditions)
        case Not(condition=inner):
            return not matches(point, inner)
        case _:
            return holds(point, condition)


def holds(point: Point, condition: Eq | In | Range | Exists) -> bool:
    match condition:
        case Exists(key=key):
            return bool(held(point, key))
        case Eq(key=key, value=value):
            return value in held(point, key)
        case In(key=key, values=values):
            return any(value in held(point, key) for value in values)
        case Range(key=key):
            return any(within(value, condition) for value in held(point, key))


def within(value: Any, bounds: Range) -> bool:
    checks: list[tuple[Any, Callable[[Any], bool]]] = [
        (bounds.gt, lambda bound: value > bound),
        (bounds.gte, lambda bound: value >= bound),
        (bounds.lt, lambda bound: value < bound),
        (bounds.lte, lambda bound: value <= bound),
    ]
    return all(check(bound) for bound, check in checks if bound is not None)


def a_range(key: str) -> st.SearchStrategy[Filter]:
    bound = st.none() | st.sampled_from(VALUES[key])
    bounds = st.fixed_dictionaries({}, optional=dict.fromkeys(("gt", "gte", "lt", "lte"), bound))
    given = bounds.filter(lambda some: any(value is not None for value in some.values()))
    return given.map(lambda some: Range(key, **some))


LEAVES: st.SearchStrategy[Filter] = st.one_of(
    *[st.sampled_from(values).map(lambda value, key=key: Eq(key, value)) for key, values in VALUES.items()],
    *[
        st.lists(st.sampled_from(values), min_size=1, max_size=3).map(lambda some, key=key: In(key, some))
        for key, values in VALUES.items()
    ],
    *[a_range(key) for key in ORDERED],
    st.sampled_from(sorted(VALUES)).map(Exists),
)
# One condition of each kind for each key, so that none depends on being drawn.
PLAIN: list[Filter] = [
    *[Eq(key, value) for key, values in VALUES.items() for value in values],
    *[In(key, values[:2]) for key, values in VALUES.items()],
    *[Range(key, gt=VALUES[key][0]) for key in ORDERED],
    *[Range(key, gte=VALUES[key][0], lt=VALUES[key][-1]) for key in ORDERED],
    *[Exists(key) for key in VALUES],
]


def _is_small_enough(filter: Filter) -> bool:
    try:
        resolve(filter, Keys(KEYS))
    except InvalidValue:
        return False
    return True


# Tautologies and wide negations are the hostile ones: merged into the company's condition they widen it.
FILTERS: st.SearchStrategy[Filter] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: And(*some)),
        st.lists(inner, min_size=1, max_size=3).map(lambda some: Or(*some)),
        inner.map(Not),
        inner.map(lambda one: Or(one, Not(one))),
    ),
    max_leaves=8,
).filter(_is_small_enough)


def points_of(company_number: int) -> list[Point]:
    """Thirty points with every mix of values, lists and gaps; the same chunk ids in each company."""
    return [a_point(company_number, number) for number in range(30)]


def a_point(company_number: int, number: int) -> Point:
    salt = number + company_number
    meta: dict[str, Any] = {}
    for position, key in enumerate(KEYS):
        values = VALUES[key]
        kind = (salt + position) % 4
        first, second = values[salt % len(values)], values[(salt * 3 + 1) % len(values)]
        if kind:
            meta[key] = [first, [first, second], []][kind - 1]
    return Point(
        chunk_id=uuid.UUID(int=1000 + number),
        vector=[1.0, number / 30, company_number / 3, -0.5],
        source_id=SOURCES[salt % 2],
        agent_id=[None, *AGENTS][salt % 3],
        revision=salt % 3,
        content_hash=f"hash-{company_number}-{number}",
        meta=meta,
    )
