"""Calls that are well but for one argument, whose hostile value is chosen by its type and its name."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf, nan
from typing import Any, get_args, get_origin
from uuid import UUID, uuid4

import typing_extensions

from chatapp_db.repositories.embeddings.vector_outbox import Done, PutBack
from chatapp_db.repositories.knowledge.knowledge import Brought, SourceChunks
from chatapp_db.schema import Agent
from tests.isolation.arguments import KEYS, Slot, alternatives, choices, slot_of, value_in, value_of_nobody
from tests.isolation.methods import Method, Parameter, keys
from tests.isolation.population import NOON, Population

SECRET = "hunter2"
"""It is in every hostile value that can hold it, and in nothing that anybody may read."""

COLUMN = Agent.__table__.c.id
MANY = 70_000


@dataclass(frozen=True)
class Attack:
    """A call of which one argument is hostile."""

    method: Method
    argument: str
    value: Any
    arguments: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.method}({self.argument}={self.value!r:.60})"


def attacks(method: Method) -> Iterator[Attack]:
    """Spoil each argument of a good call in every way that is known."""
    good = good_call(method)
    for parameter in attacked(method):
        for value in hostile_values(parameter, good.get(parameter.name)):
            yield Attack(method, parameter.name, value, {**good, parameter.name: value})


def attacked(method: Method) -> list[Parameter]:
    """Give the arguments that are looked at before anything is sent: what streams is looked at as it comes.

    How that is refused is told in tests/integration/test_import.py.
    """
    return [one for one in method.parameters if Iterable not in map(get_origin, alternatives(one.hint))]


# A call that is well.

_GOOD_BY_NAME: dict[str, Any] = {"currency": "EUR", "plan": "nobody"}
# Whatever is given is wrong: the repository gives it, or the verb does.
_NOT_TO_BE_GIVEN = {("users.add_staff", "role")}


def good_call(method: Method) -> dict[str, Any]:
    """Give arguments that nothing is wrong with: all that must be, and those that are no ids."""
    return {
        one.name: _good(method, one)
        for one in method.parameters
        if one.required or not (_is_id(one) or (str(method), one.name) in _NOT_TO_BE_GIVEN)
    }


def _is_id(parameter: Parameter) -> bool:
    return UUID in alternatives(parameter.hint) or parameter.name == "cursor"


def _good(method: Method, parameter: Parameter) -> Any:
    if parameter.name in _GOOD_BY_NAME:
        return _GOOD_BY_NAME[parameter.name]
    if parameter.hint is Decimal:
        return Decimal(1)
    if parameter.name in KEYS:
        return value_of_nobody(Slot(parameter, ""))
    return choices(method, parameter)[0]


def required_arguments(method: Method, ours: Population) -> dict[str, Any]:
    """Give what must be given to a method of a company, of rows that are there."""
    good = good_call(method)
    arguments = {one.name: good[one.name] for one in method.parameters if one.required}
    found = (slot_of(method, one) for one in method.parameters if one.required)
    own = {slot.name: value_in(ours, ours, method, slot) for slot in found if slot}
    return arguments | own


def takes_any_keyword(repository: type, method: Method) -> bool:
    """Tell whether the method itself looks at the names of its arguments, or Python does."""
    parameters = inspect.signature(getattr(repository, method.name)).parameters.values()
    return any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters)


def is_list_of_ids(method: Method) -> bool:
    """Tell whether the method is asked for many rows by their ids."""
    return any(UUID in get_args(one.hint) and get_origin(one.hint) is Sequence for one in method.parameters)


def other_value(method: Method, parameter: Parameter, value: Any) -> Any:
    """Give a value that is as good as another, and not the same."""
    if _is_id(parameter):
        return uuid4()
    if isinstance(value, dt.datetime):
        return value + dt.timedelta(seconds=1)
    if isinstance(value, str):
        return f"{value}s"
    found = choices(method, parameter)
    return [SECRET] if found == [[]] else found[-1]


# What is hostile.


class Stranger(enum.StrEnum):
    """A vocabulary that no column has."""

    LABEL = f"stranger-{SECRET}"


class _Timeless(dt.tzinfo):
    """A time zone that does not say how far from UTC it is."""

    def utcoffset(self, _: dt.datetime | None) -> None:
        return None


_NO_ID = ("", f"not-a-uuid-{SECRET}", 7, True, SECRET.encode(), [uuid4()], {"id": SECRET}, COLUMN)
NO_COMPANY = (None, *_NO_ID, object(), uuid4)
_NO_TEXT = (f"{SECRET}\0", f"{SECRET}\ud800", SECRET * 20_000, SECRET.encode(), 7, True, [SECRET], COLUMN)
_NO_NUMBER = (2**63, -(2**63) - 1, True, 1.5, nan, "1", SECRET, [1], COLUMN)

_BY_TYPE: dict[type, Sequence[Any]] = {
    UUID: _NO_ID,
    str: _NO_TEXT,
    int: _NO_NUMBER,
    bool: (1, 0, "true", SECRET, [True], COLUMN),
    Decimal: (True, 1.5, "1", SECRET, Decimal("NaN"), Decimal("Infinity"), Decimal(10) ** 12, COLUMN),
    dt.datetime: (
        NOON.replace(tzinfo=None),
        NOON.replace(tzinfo=_Timeless()),
        dt.datetime.max.replace(tzinfo=dt.timezone(-dt.timedelta(hours=14))),
        dt.datetime.min.replace(tzinfo=dt.timezone(dt.timedelta(hours=14))),
        NOON.date(),
        NOON.isoformat(),
        0,
        SECRET,
        COLUMN,
    ),
    Brought: (SECRET, 7, [SECRET], {"collection": SECRET}, COLUMN),
    SourceChunks: (SECRET, 7, [SECRET], {"chunks": []}, COLUMN),
    Done: (SECRET, 7, None, {"stored": True}, COLUMN),
    PutBack: (SECRET, 7, None, {"dead": True}, COLUMN),
    tuple: (SECRET, (), (SECRET, SECRET), (uuid4(),), (uuid4(), SECRET), 7, COLUMN),
    bytes: (SECRET, 7, True, [SECRET], bytearray(SECRET.encode()), COLUMN),
    dt.timedelta: (dt.timedelta(-1), dt.timedelta.max, 7, 1.5, SECRET, COLUMN),
    dt.date: (NOON, NOON.replace(tzinfo=None), "2026-01-01", 0, SECRET, COLUMN),
    enum.Enum: (Stranger.LABEL, Stranger, "", SECRET, 1, True, [SECRET], COLUMN),
}

_BY_NAME: dict[str, Sequence[Any]] = {
    "allowed_origins": ([""],),
    "channel_conversation_id": ("",),
    "currency": ("eur", "EURO", ""),
    "cursor": ("", SECRET, "é" * 20, "AAAA", "=", "x" * 100_000),
    "email": ("", SECRET, f"{SECRET}@@b", "@"),
    "expected_version": (0, -1, 2**31),
    "external_id": ("",),
    "file_size": (-1,),
    "ip_address": ("", "1.2.3", f"{SECRET}/24"),
    "limit": (0, -1, 501),
    "max_tokens": (0, -1, 2**31),
    "n": (0, -1, 101),
    "name": ("",),
    "plan": ("", f"Not A {SECRET}", "-"),
    "price_monthly": (Decimal(-1), Decimal("0.001")),
    "price_yearly": (Decimal(-1), Decimal("0.001")),
    "priority": (-1, 4, 2**31),
    "public_key": ("",),
    "query": ("",),
    "satisfaction_score": (0, 6, -1),
    "script_url": ("", f"javascript:{SECRET}"),
    "shortcut": ("",),
    "slug": ("", f"Not A {SECRET}", "-"),
    "tag": ("",),
    "term": ("",),
    "timezone": ("", f"Mars/{SECRET}", "../passwd"),
    "tokens_used": (-1, 2**31),
}


def hostile_values(parameter: Parameter, good: Any) -> Iterator[Any]:
    """Give what an argument does not take; the good value of a list shows what its items are like."""
    kinds = [kind for kind in alternatives(parameter.hint) if kind is not type(None)]
    if type(None) not in alternatives(parameter.hint):
        yield None
    yield from _BY_NAME.get(parameter.name, ())
    is_label = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, enum.Enum)]
    yield from _of_kind((is_label or kinds)[0], good)


def _of_kind(kind: Any, good: Any) -> Iterator[Any]:
    if typing_extensions.is_typeddict(kind):
        yield from _of_payload(kind) if _is_payload(kind) else _of_record(kind, good)
    elif get_origin(kind) is dict:
        yield from _of_payload(kind)
    elif get_origin(kind) in {list, Sequence}:
        yield from _of_list(*get_args(kind), good)
    elif isinstance(kind, type) and issubclass(kind, enum.Enum):
        yield from _BY_TYPE[enum.Enum]
    else:
        yield from _BY_TYPE[get_origin(kind) or kind]


def _is_payload(kind: Any) -> bool:
    return getattr(kind, "__pydantic_config__", {}).get("extra") == "allow"


def _of_list(kind: Any, good: Any) -> Iterator[Any]:
    """Spoil the list itself, then one of its items."""
    yield from (SECRET, SECRET.encode(), 7, 0, "", {}, {SECRET: 1}, COLUMN, _knot(), [None], [[SECRET]])
    if kind is str:
        yield [f"{SECRET}{number}" for number in range(MANY)]
    item = good[0] if good else None
    yield from ([value] for value in _of_kind(kind, item))


def _of_record(kind: Any, good: Any) -> Iterator[Any]:
    yield from ({}, {**good, "nmae": SECRET}, {**good, "id": uuid4()}, {**good, 1: SECRET})
    for parameter in keys(kind):
        for value in hostile_values(parameter, None):
            yield {**good, parameter.name: value}


def _of_payload(kind: Any) -> Iterator[Any]:
    """Give no object, then an object with something deep in it that JSON is not, or would lose."""
    yield from ([], (), "", SECRET, 0, 7, False, COLUMN, [{}], {1: SECRET}, _knot())
    yield from ({"any": leaf} for leaf in LOST_IN_JSON)
    yield from ({"any": [1, {SECRET: leaf}]} for leaf in LOST_IN_JSON)
    yield from ({name: COLUMN} for name in getattr(kind, "__annotations__", ()))


def _knot() -> Any:
    """Give a list that holds itself: as a tree it has no end."""
    tied: list[Any] = [SECRET]
    tied += [tied, tied]
    return tied


def nested(depth: int) -> Any:
    """Give an object within an object, and so on."""
    return {"down": nested(depth - 1)} if depth else "ground"


LOST_IN_JSON: tuple[Any, ...] = (
    nan,
    inf,
    -inf,
    2**63,
    1e300,
    f"{SECRET}\0",
    f"{SECRET}\ud800",
    (SECRET,),
    {SECRET},
    SECRET.encode(),
    NOON,
    Decimal(1),
    object(),
    COLUMN,
    {1: SECRET},
    {f"{SECRET}\0": 1},
    {f"{SECRET}\ud800": 1},
    nested(40),
    _knot(),
)
