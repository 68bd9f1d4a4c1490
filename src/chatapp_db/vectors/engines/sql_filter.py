"""Our selections as conditions of SQL, each of them true or false and never null."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from chatapp_db.vectors.engine import Selection
from chatapp_db.vectors.filters import And, Eq, Exists, Filter, In, Not, Or, Range
from chatapp_db.vectors.keys import Keys

__all__ = ["Values", "where"]

_SIGNS: Final = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_TYPES: Final = {"uuid": "uuid", "integer": "bigint"}


class Values(list[Any]):
    """The values of one statement, in the order of their placeholders."""

    def bound(self, value: Any) -> str:
        """Take a value in and give its placeholder; what a caller wrote never gets into the text."""
        self.append(value)
        return f"${len(self)}"


def where(selection: Selection, keys: Keys, values: Values) -> str:
    """Say which rows are meant, the company's condition first."""
    conditions = [f"company_id = {values.bound(selection.company_id)}"]
    if selection.filter is not None:
        conditions.append(f"({_Compiler(keys, values).condition(selection.filter)})")
    if selection.chunk_ids is not None:
        conditions.append(f"chunk_id = ANY ({values.bound(list(selection.chunk_ids))}::uuid[])")
    return " AND ".join(conditions)


class _Compiler:
    def __init__(self, keys: Keys, values: Values) -> None:
        self._keys = keys
        self._values = values

    def condition(self, filter: Filter) -> str:
        match filter:
            case And(conditions=conditions):
                return " AND ".join(f"({self.condition(one)})" for one in conditions)
            case Or(conditions=conditions):
                return " OR ".join(f"({self.condition(one)})" for one in conditions)
            case Not(condition=condition):
                return f"NOT ({self.condition(condition)})"
            case _ if filter.key in self._keys.declared:
                return self._in_meta(filter)
            case _:
                return self._in_column(filter)

    def _in_meta(self, filter: Eq | In | Range | Exists) -> str:
        """Look at each element of a list, or at the one value that is none.

        Values travel as JSON, so numbers compare as numbers; times are texts of one form, in which
        the later one is the greater one.
        """
        path = f'$."{filter.key}"[*]'
        match filter:
            case Exists():
                return f"jsonb_path_exists(meta, '{path}')"
            case Eq(value=value):
                return self._path(f"{path} ? (@ == $value)", {"value": value})
            case In(values=values):
                return self._path(f"{path} ? (@ == $values[*])", {"values": list(values)})
            case Range():
                bounds = _bounds(filter)
                compared = " && ".join(f"@ {_SIGNS[name]} ${name}" for name in bounds)
                return self._path(f"{path} ? ({compared})", bounds)

    def _path(self, path: str, values: Mapping[str, Any]) -> str:
        bound = self._values.bound(json.dumps(values, default=_text))
        return f"jsonb_path_exists(meta, '{path}', {bound}::jsonb)"

    def _in_column(self, filter: Eq | In | Range | Exists) -> str:
        column = filter.key
        type_ = _TYPES[self._keys.kind(column)]
        match filter:
            case Exists():
                return f"{column} IS NOT NULL"
            case Eq(value=value):
                return f"({column} = {self._values.bound(value)}::{type_}) IS TRUE"
            case In(values=values):
                return f"({column} = ANY ({self._values.bound(list(values))}::{type_}[])) IS TRUE"
            case Range():
                bounds = _bounds(filter).items()
                return " AND ".join(
                    f"{column} {_SIGNS[name]} {self._values.bound(bound)}::{type_}" for name, bound in bounds
                )


def _bounds(filter: Range) -> dict[str, Any]:
    given = {name: getattr(filter, name) for name in _SIGNS}
    return {name: bound for name, bound in given.items() if bound is not None}


def _text(value: datetime) -> str:
    return value.isoformat()
