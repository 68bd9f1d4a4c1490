"""Factories of rows, made from the tables by polyfactory: a new table has one on the day it is declared."""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from types import NoneType
from typing import Any, ClassVar, Generic, TypeVar, get_args, get_type_hints

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from chatapp_db.errors import MissingExtra
from chatapp_db.repositories.base import table_of
from chatapp_db.schema import Base
from chatapp_db.schema.columns import may_be_given
from chatapp_db.testing.values import Drawing, computed

try:
    from polyfactory.factories.sqlalchemy_factory import SQLAlchemyFactory
    from polyfactory.field_meta import FieldMeta
except ModuleNotFoundError as error:
    raise MissingExtra("testing", "A factory of rows") from error

__all__ = ["RowFactory", "columns_of", "factory_of", "is_required", "weighed"]

M = TypeVar("M", bound=Base)

_MISSING = 0.3
"""How often a column that may be missing is."""

_WORD = re.compile(r"\w+")


class RowFactory(SQLAlchemyFactory[M], Generic[M]):
    """What the factories of all tables share.

    A plain row has what must be given and, at times, what may be missing; what has a default keeps it, and
    what a CHECK weighs is left as the default passes it. A varied one also has anything else that a caller
    may give. ``build(**values)`` makes an object that is stored nowhere; ``Rows.add`` stores it.
    """

    __is_base_factory__ = True
    __set_relationships__ = False
    __set_association_proxy__ = False
    __varied__: ClassVar[bool] = False

    @classmethod
    def get_model_fields(cls) -> list[FieldMeta]:
        """Give a field for each column that is filled."""
        return [
            FieldMeta.from_type(_payload(cls.__model__, column), name=name)
            for name, column in columns_of(cls.__model__).items()
            if _is_filled(cls.__model__, column, varied=cls.__varied__)
        ]

    @classmethod
    def get_field_value(
        cls, field_meta: FieldMeta, field_build_parameters: Any = None, build_context: Any = None
    ) -> Any:
        """Draw a value that the column's type, limits and kind allow."""
        column = columns_of(cls.__model__)[field_meta.name]
        if column.nullable and cls.__random__.random() < _MISSING:
            return None
        if isinstance(column.type, sa.JSON):
            return super().get_field_value(field_meta, field_build_parameters, build_context)
        return Drawing(cls.__random__, cls.__faker__).value(column)

    @classmethod
    def process_kwargs(cls, **kwargs: Any) -> dict[str, Any]:
        """Draw what was not given, then compute what follows from the rest."""
        values = super().process_kwargs(**kwargs)
        return {**values, **computed(table_of(cls.__model__), {"id": uuid7(), **values}, given=kwargs)}


@cache
def factory_of(model: type[M], *, varied: bool = False) -> type[RowFactory[M]]:
    """Give the factory of a table; ``factory_of(Agent).seed_random(7)`` makes it repeat itself."""
    name = f"{'Varied' if varied else ''}{model.__name__}Factory"
    body = {"__model__": model, "__varied__": varied, "__module__": __name__}
    factory: type[RowFactory[M]] = type(name, (RowFactory,), body)
    return factory


def columns_of(model: type[Base]) -> dict[str, sa.Column[Any]]:
    """Give a model's columns by the names of its attributes."""
    return dict(sa.inspect(model).columns.items())


def is_required(column: sa.Column[Any]) -> bool:
    """Tell whether a row cannot be stored without the column's value being given."""
    return not column.nullable and column.server_default is None


def _is_filled(model: type[Base], column: sa.Column[Any], *, varied: bool) -> bool:
    if is_required(column):
        return True
    if column.foreign_keys or not may_be_given(column) or column.name in weighed(table_of(model)):
        return False
    return varied or column.server_default is None


@cache
def weighed(table: sa.Table) -> frozenset[str]:
    """Name the columns whose CHECKs say more than the limits and kinds that the border knows."""
    checks = (one for one in table.constraints if isinstance(one, sa.CheckConstraint))
    columns: dict[str, sa.Column[Any]] = {column.name: column for column in table.columns}
    named = (columns.keys() & {*_WORD.findall(str(check.sqltext))} for check in checks)
    return frozenset(
        name for names in named for name in names if len(names) > 1 or not _mirrored(columns[name])
    )


def _mirrored(column: sa.Column[Any]) -> bool:
    return bool({"minimum", "kind"} & column.info.keys())


def _payload(model: type[Base], column: sa.Column[Any]) -> Any:
    """Give the type of what a jsonb column holds; what the others hold, the columns say themselves."""
    if not isinstance(column.type, sa.JSON):
        return Any
    hint = get_type_hints(getattr(import_module("chatapp_db.rows"), f"{model.__name__}Row"))[column.key]
    return next((part for part in get_args(hint) if column.nullable and part is not NoneType), hint)
