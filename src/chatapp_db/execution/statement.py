"""A Core statement compiled once: its text, its binds by column type, and how its rows are built.

SQLAlchemy compiles; nothing of it runs per call. What its execution would have done is done here at
construction, and a construct that would need more of it is refused with a TypeError.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import partial
from itertools import starmap
from math import isfinite
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.numeric import Int4, Int8
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import ExternallyTraversible

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.exchange import Message

__all__ = ["COMPANY", "Returning", "Statement", "company_key", "constant", "scalar", "written"]

R = TypeVar("R")
V = TypeVar("V")

_DIALECT: sa.Dialect = PGDialect_psycopg(paramstyle="numeric_dollar")  # type: ignore[no-untyped-call]  # SQLAlchemy leaves its dialects untyped

COMPANY: sa.BindParameter[UUID] = sa.bindparam("company_id", type_=sa.Uuid())
"""The one bind by which a statement names its company."""


class Returning(Protocol):
    """A construct that returns rows: a SELECT, or a change with RETURNING."""

    @property
    def exported_columns(self) -> Any:
        """The columns of its rows, in order."""
        ...

    def compile(self, *, dialect: sa.Dialect) -> Any:
        """Render the SQL text."""
        ...


class Statement(Generic[R]):
    """A statement ready to run: ``text`` and ``bind()`` go to the driver, ``rows()`` reads what came back.

    A table that holds company data must be compared with the company's bind by its own key column;
    ``across_companies`` lifts that for the platform scope. ``settings`` are the server's, by name, for when
    it is a call of its own: in a transaction that goes on they would be everybody's.
    """

    __slots__ = ("_adapters", "_members", "_row", "settings", "text")

    def __init__(
        self,
        construct: Returning,
        row: Callable[..., R],
        *,
        across_companies: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        compiled = construct.compile(dialect=_DIALECT)
        if not isinstance(compiled, SQLCompiler) or not isinstance(construct, sa.ClauseElement):
            raise TypeError(f"{construct!r} is not a statement")
        _refuse_leftovers(compiled)
        if not across_companies:
            _refuse_unowned(construct)
        columns = list(construct.exported_columns)
        _refuse_other_shape(columns, row)
        self.text = compiled.string
        self.settings = tuple((settings or {}).items())
        types = {name: bind.type for name, bind in _named_binds(compiled)}
        self._adapters = {name: _adapter(name, types[name]) for name in compiled.positiontup or ()}
        self._members = tuple(
            (position, {member.value: member for member in column.type.enum_class})
            for position, column in enumerate(columns)
            if isinstance(column.type, sa.Enum) and column.type.enum_class is not None
        )
        self._row = row

    def bind(self, parameters: Mapping[str, Any]) -> list[Any]:
        """Adapt each value by its column's type, in the order of the text's ``$1``, ``$2`` ..

        Raises InvalidValue for a value its column cannot take, TypeError for a missing or unknown name.
        """
        if parameters.keys() != self._adapters.keys():
            names = sorted(parameters.keys() ^ self._adapters.keys())
            raise TypeError(f"parameters do not fit the statement: {', '.join(names)}")
        return [adapt(parameters[name]) for name, adapt in self._adapters.items()]

    def message(self, parameters: Mapping[str, Any]) -> Message:
        """Give what is sent: the text, and what ``bind`` makes of the parameters."""
        return self.text, self.bind(parameters)

    def rows(self, records: Sequence[Sequence[Any]]) -> list[R]:
        """Build a row from each record; an enum label this release does not know stays a plain str."""
        if not self._members:
            return list(starmap(self._row, records))
        return [self._row(*self._with_members(record)) for record in records]

    def _with_members(self, record: Sequence[Any]) -> list[Any]:
        values = list(record)
        for position, members in self._members:
            label = values[position]
            values[position] = members.get(label, label)
        return values


def scalar(value: V) -> V:
    """Build the row of a statement with one column: its value."""
    return value


def constant(value: Any, type_: sa.types.TypeEngine[V]) -> sa.ColumnElement[V]:
    """Write a value into the text of a statement, where a bind would cost a new plan on every call."""
    render = type_.dialect_impl(_DIALECT).literal_processor(_DIALECT)
    if render is None:
        raise TypeError(f"{type_!r} cannot be written as a constant")
    return sa.literal_column(render(value), type_)


def written(column: sa.ColumnElement[V], name: str | None = None) -> sa.BindParameter[V]:
    """Bind a value that is written to a column, apart from the bind that would compare with it."""
    return sa.bindparam(f"new_{name or column.key}", type_=column.type)


def _refuse_leftovers(compiled: SQLCompiler) -> None:
    """Refuse what SQLAlchemy's execution would still have to do."""
    if compiled.post_compile_params or compiled.literal_execute_params:
        raise TypeError(f"an expanding bind is left, compare with ANY(:ids): {compiled.string}")
    if compiled.insert_prefetch or compiled.update_prefetch:
        raise TypeError(f"a default of Python's side would not fire, pass the value: {compiled.string}")
    anonymous = [name for name, bind in _named_binds(compiled) if bind.unique]
    if anonymous:
        raise TypeError(f"anonymous binds {anonymous}, name them or use constant(): {compiled.string}")


def _named_binds(compiled: SQLCompiler) -> Iterator[tuple[str, sa.BindParameter[Any]]]:
    return ((name, bind) for bind, name in compiled.bind_names.items())


def _refuse_other_shape(columns: Sequence[sa.ColumnElement[Any]], row: Callable[..., Any]) -> None:
    names = [column.key for column in columns]
    if row is scalar:
        expected = names[:1]
    elif is_dataclass(row):
        expected = [field.name for field in fields(row)]
    else:
        return
    if names != expected:
        raise TypeError(f"{row} is built from {expected}, the statement returns {names}")


# The company of every table.


def _refuse_unowned(construct: sa.ClauseElement) -> None:
    parts = list(_parts(construct))
    owned = set(_owned(parts))
    for part in parts:
        key = company_key(part)
        if key is not None and part not in owned:
            raise TypeError(f"{part} is named without {key} = :company_id")


def _parts(element: ExternallyTraversible) -> Iterator[Any]:
    """Walk a construct once; an alias stands for the table it renames."""
    seen: set[int] = set()
    waiting: list[ExternallyTraversible] = [element]
    while waiting:
        part = waiting.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        yield part
        if not isinstance(part, sa.Alias):
            waiting.extend(part.get_children())


def company_key(part: Any) -> str | None:
    """Name the column by which a table, or an alias of one, says whose its rows are."""
    table: Any = part.element if isinstance(part, sa.Alias) else part  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # an alias does not say of what
    return table.info.get("company_key") if isinstance(table, sa.Table) else None


def _owned(parts: Iterable[Any]) -> Iterator[Any]:
    for part in parts:
        if isinstance(part, sa.Insert) and COMPANY.key in _bind_keys(part):
            yield part.table
        elif isinstance(part, sa.BinaryExpression) and part.operator is operators.eq:
            column, value = part.left, part.right
            if isinstance(value, sa.BindParameter) and value.key == COMPANY.key and _iscompany_key(column):
                yield column.table


def _iscompany_key(column: Any) -> bool:
    return isinstance(column, sa.Column) and column.key == company_key(column.table)


def _bind_keys(element: ExternallyTraversible) -> set[str]:
    return {part.key for part in _parts(element) if isinstance(part, sa.BindParameter)}


# Values, by the type of their column.


def _adapter(name: str, type_: sa.types.TypeEngine[Any]) -> Callable[[Any], Any]:
    for kind, adapt in _ADAPTERS:
        if isinstance(type_, kind):
            return partial(_checked, name, partial(adapt, type_))
    return scalar


def _checked(name: str, adapt: Callable[[Any], Any], value: Any) -> Any:
    if value is None:
        return None
    try:
        return adapt(value)
    except (TypeError, ValueError) as error:
        raise InvalidValue(name.removeprefix("new_"), str(error)) from error


def _uuid(_: sa.types.TypeEngine[Any], value: Any) -> UUID:
    if not isinstance(value, UUID):
        raise TypeError("not a uuid.UUID")
    return value


def _label(type_: sa.Enum, value: Any) -> str:
    if value not in type_.enums:
        raise ValueError(f"not one of {', '.join(type_.enums)}")
    return str(value)


def _json(_: sa.types.TypeEngine[Any], value: Any) -> str:
    """Send JSON as text (the statement casts it): a list is no array, and NaN is refused, not lost."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _number(_: sa.types.TypeEngine[Any], value: Any) -> Any:
    if not isfinite(value):
        raise ValueError("not a finite number")
    return value


def _aware(_: sa.types.TypeEngine[Any], value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError("not a datetime with a time zone")
    return value


def _array(type_: sa.ARRAY[Any], values: Any) -> list[Any]:
    if type(values) not in {list, tuple}:
        raise TypeError("not a list")
    adapt = _adapter("item", type_.item_type)
    return [adapt(value) for value in values]


_ADAPTERS: tuple[tuple[type, Callable[[Any, Any], Any]], ...] = (
    (sa.Uuid, _uuid),
    (sa.Enum, _label),
    (sa.JSON, _json),
    (sa.BigInteger, lambda _, value: Int8(value)),
    (sa.Integer, lambda _, value: Int4(value)),
    (sa.Float, _number),
    (sa.Numeric, _number),
    (sa.DateTime, _aware),
    (sa.ARRAY, _array),
)
"""The first type that fits decides; a type that is not listed is the driver's own matter."""
