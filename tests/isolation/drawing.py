"""Random arguments for any method: rows of ours, of theirs and of nobody, and everything else it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin

import typing_extensions
from hypothesis import strategies as st

from tests.isolation.arguments import Slot, alternatives, choices, searched_by, slot_of
from tests.isolation.methods import Method, Parameter, keys
from tests.isolation.population import OWNED

_MORE = {"expected_version": [1, 2, 3], "limit": [25, 1], "n": [1, 2]}
_MOST = 3


class Whose(Enum):
    """Who has the row that a value is of."""

    OURS = "ours"
    THEIRS = "theirs"
    NOBODYS = "nobodys"


# Ours come twice: a call that is refused for one argument says nothing of the others.
_OF_COMPANIES = st.sampled_from([Whose.OURS, Whose.OURS, Whose.THEIRS, Whose.NOBODYS])
_OF_ALL = st.sampled_from([Whose.OURS, Whose.NOBODYS])


@dataclass(frozen=True, eq=False)
class Pick:
    """A value of some row, which one is settled when the call is made: until then rows come and go."""

    slot: Slot
    whose: Whose
    place: int

    def __repr__(self) -> str:
        return f"{self.whose.value}[{self.place}]"


@dataclass(frozen=True)
class Call:
    """A method and what it is given."""

    method: Method
    given: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.method}({', '.join(f'{name}={value!r}' for name, value in self.given.items())})"

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Keep hypothesis from writing how it was built."""
        printer.text(repr(self))


@cache
def calls_of(method: Method) -> st.SearchStrategy[Call]:
    """Draw arguments: what must be given, and any of what may be.

    Raises LookupError for an argument of which nobody said what it is given.
    """
    return st.builds(Call, st.just(method), _keyed(method, method.parameters))


def plain_calls_of(method: Method) -> Iterator[Call]:
    """Give calls of which one should succeed for a company that has done nothing yet.

    With what must be given, its keys first taken and then free; then with one more of the rows that may be.
    """
    required = [one for one in method.parameters if one.required]
    for whose in (Whose.OURS, Whose.NOBODYS):
        yield Call(method, {one.name: _plainest(method, one, whose) for one in required})
    for one in method.parameters:
        if not one.required and slot_of(method, one):
            yield Call(
                method, {other.name: _plainest(method, other, Whose.OURS) for other in [*required, one]}
            )


def picks(given: Any) -> Iterator[Pick]:
    """Give the rows that arguments speak of."""
    match given:
        case Pick():
            yield given
        case dict():
            yield from (pick for value in given.values() for pick in picks(value))
        case list():
            yield from (pick for value in given for pick in picks(value))


def settled_with(given: Any, value_of: Callable[[Pick], Any]) -> Any:
    """Write values in the place of picks."""
    match given:
        case Pick():
            return value_of(given)
        case dict():
            return {name: settled_with(value, value_of) for name, value in given.items()}
        case list():
            return [settled_with(value, value_of) for value in given]
    return given


def _plainest(method: Method, parameter: Parameter, keys_of: Whose) -> Any:
    """Give a row of ours, to which no other refers where it is what the method is about."""
    slot = slot_of(method, parameter) or searched_by(method, parameter)
    if slot is None:
        return choices(method, parameter)[0]
    pick = Pick(slot, Whose.OURS if slot.is_id else keys_of, -1 if slot.is_own_id else 0)
    return [pick] if slot.name == "ids" else pick


def _keyed(method: Method, parameters: Sequence[Parameter]) -> st.SearchStrategy[dict[str, Any]]:
    required = {one.name: _values(method, one) for one in parameters if one.required}
    optional = {one.name: _values(method, one) for one in parameters if not one.required}
    return st.fixed_dictionaries(required, optional=optional)


def _values(method: Method, parameter: Parameter) -> st.SearchStrategy[Any]:
    slot = slot_of(method, parameter) or searched_by(method, parameter)
    if slot is not None:
        owners = _OF_COMPANIES if slot.table in OWNED else _OF_ALL
        pick = st.builds(Pick, st.just(slot), owners, st.integers(0, _MOST))
        if slot.name == "ids":
            return st.lists(pick, max_size=_MOST)
        return st.one_of(pick, pick, st.none()) if _may_be_none(parameter) else pick
    for hint in alternatives(parameter.hint):
        naming = [one for one in _keys_within(hint) if one.required or slot_of(method, one)]
        if any(slot_of(method, one) for one in naming):
            inner = _keyed(method, naming)
            return inner if _is_keyed(hint) else st.lists(inner, min_size=1, max_size=_MOST)
    none = [None] if _may_be_none(parameter) else []
    return st.sampled_from([*_MORE.get(parameter.name, choices(method, parameter)), *none])


def _keys_within(hint: Any) -> list[Parameter]:
    """Give the keys of a TypedDict, or of those in a list."""
    if get_origin(hint) in {list, Sequence}:
        (hint,) = get_args(hint)
    return list(keys(hint)) if _is_keyed(hint) else []


def _may_be_none(parameter: Parameter) -> bool:
    return type(None) in alternatives(parameter.hint)


def _is_keyed(hint: Any) -> bool:
    return typing_extensions.is_typeddict(hint)
