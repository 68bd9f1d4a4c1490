"""The filter language: what a caller may ask of the points of its own company.

A filter is plain data and knows no engine. It can only name declared keys, ``company_id`` is not
one of them, and whatever it says is nested below the company's condition by the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from chatapp_db.errors import InvalidValue
from chatapp_db.vectors.keys import MAX_VALUES, Keys, Scalar

__all__ = ["And", "Eq", "Exists", "Filter", "In", "Not", "Or", "Range", "resolve"]

MAX_DEPTH: Final = 8
MAX_CONDITIONS: Final = 64


@dataclass(frozen=True, slots=True)
class Eq:
    """The key holds this value; of a list, at least one element does."""

    key: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The key holds one of these values."""

    key: str
    values: Sequence[Scalar]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bounds:
    gt: Scalar | None = None
    gte: Scalar | None = None
    lt: Scalar | None = None
    lte: Scalar | None = None


@dataclass(frozen=True, slots=True)
class Range(_Bounds):
    """The key holds an integer, a float or a datetime within these bounds."""

    key: str


@dataclass(frozen=True, slots=True)
class Exists:
    """The key holds a value; an empty list is none."""

    key: str


@dataclass(frozen=True, slots=True, init=False)
class And:
    """Every one of the conditions holds."""

    conditions: tuple[Filter, ...]

    def __init__(self, *conditions: Filter) -> None:
        object.__setattr__(self, "conditions", conditions)


@dataclass(frozen=True, slots=True, init=False)
class Or:
    """At least one of the conditions holds."""

    conditions: tuple[Filter, ...]

    def __init__(self, *conditions: Filter) -> None:
        object.__setattr__(self, "conditions", conditions)


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold; a point without the key is included."""

    condition: Filter


Filter: TypeAlias = Eq | In | Range | Exists | And | Or | Not


def resolve(filter: Filter, keys: Keys) -> Filter:
    """Check a filter and bring its values to the form in which they are compared.

    Raises InvalidValue for an undeclared key, a value of the wrong kind, an empty In, And, Or or
    Range, more than 8 levels or more than 64 conditions.
    """
    return _Resolver(keys).resolve(filter, depth=1)


class _Resolver:
    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._conditions = 0

    def resolve(self, filter: object, depth: int) -> Filter:
        self._conditions += 1
        if depth > MAX_DEPTH or self._conditions > MAX_CONDITIONS:
            limits = f"at most {MAX_DEPTH} levels and {MAX_CONDITIONS} conditions"
            raise InvalidValue("filter", f"is too large: {limits}")
        match filter:
            case And(conditions=conditions):
                return And(*self._each(conditions, depth))
            case Or(conditions=conditions):
                return Or(*self._each(conditions, depth))
            case Not(condition=condition):
                return Not(self.resolve(condition, depth + 1))
            case _:
                return self._condition(filter)

    def _each(self, conditions: tuple[Filter, ...], depth: int) -> list[Filter]:
        if not conditions:
            raise InvalidValue("filter", "And and Or need at least one condition")
        return [self.resolve(condition, depth + 1) for condition in conditions]

    def _condition(self, condition: object) -> Filter:
        match condition:
            case Eq(key=key, value=value):
                return Eq(key, self._keys.canonical(key, value))
            case In(key=key, values=values):
                return In(key, self._values(key, values))
            case Range():
                return self._range(condition)
            case Exists(key=key):
                self._keys.kind(key)
                return condition
            case _:
                raise InvalidValue("filter", f"{type(condition).__name__} is no filter of this package")

    def _values(self, key: str, values: object) -> list[Scalar]:
        if not isinstance(values, list | tuple | set | frozenset):
            raise InvalidValue("filter", f"In({key!r}, ..) takes a list of values")
        several = cast("Sequence[object]", values)
        if not 0 < len(several) <= MAX_VALUES:
            raise InvalidValue("filter", f"In({key!r}, ..) takes 1 to {MAX_VALUES} values")
        return [self._keys.canonical(key, value) for value in several]

    def _range(self, condition: Range) -> Range:
        key = condition.key
        if self._keys.kind(key) not in {"integer", "float", "datetime"}:
            raise InvalidValue("filter", f"Range needs numbers or times, {key!r} holds neither")
        given = {name: getattr(condition, name) for name in ("gt", "gte", "lt", "lte")}
        bounds = {
            name: self._keys.canonical(key, value) for name, value in given.items() if value is not None
        }
        if not bounds:
            raise InvalidValue("filter", f"Range({key!r}) needs a bound")
        return Range(key, **bounds)
