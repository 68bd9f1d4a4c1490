"""Two companies with rows of one shape in every table, and a third that is nowhere."""

from __future__ import annotations

import secrets
from functools import partial
from typing import Any, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from chatapp_db.repositories.base import table_of
from chatapp_db.schema import Base, Company, SubscriptionPlan, metadata
from chatapp_db.schema.columns import may_be_given
from chatapp_db.testing.factories import columns_of, factory_of, weighed
from chatapp_db.testing.keeping import Kept
from chatapp_db.testing.rows import MODELS, Rows

__all__ = ["Twin", "Twins"]

M = TypeVar("M", bound=Base)

_ROWS = 2
_SHORTEST = 8
"""A shorter text may be in a result by chance."""


class Twin:
    """A company with rows in every table; every free text of it holds its mark."""

    def __init__(self, name: str, company_id: UUID) -> None:
        self.id = company_id
        self.mark = f"{name}-{secrets.token_hex(4)}"
        self.rows: dict[str, list[Any]] = {}
        """By table, in the order they were stored."""

    def one(self, model: type[M]) -> M:
        """Give a row of a table."""
        return self.all(model)[0]

    def all(self, model: type[M]) -> list[M]:
        """Give the rows of a table, in the order they were stored."""
        return list(self.rows[model.__tablename__])

    def hold(self, row: Base) -> None:
        """Count a row as this company's."""
        self.rows.setdefault(row.__tablename__, []).append(row)

    def known_by(self) -> dict[str, str]:
        """Give what tells that a row is this company's, and where it stands: ids, keys, texts."""
        found = {str(self.id): "id", self.mark: "text"}
        for table, rows in self.rows.items():
            for place, row in enumerate(rows):
                for name in columns_of(type(row)):  # pyright: ignore[reportUnknownArgumentType]  # a row of any table
                    value = getattr(row, name)
                    if name in {"id", "public_key", "token_hash"} or _is_telling(value):
                        found.setdefault(str(value), f"{table}.{name}, row {place}")
        return found


class Twins:
    """Who calls, whose rows it must never reach, and nobody: the same shape, stored nowhere."""

    def __init__(self, rows: Rows, ours: Twin, theirs: Twin, nobody: Twin) -> None:
        self.ours = ours
        self.theirs = theirs
        self.nobody = nobody
        self._rows = rows

    @classmethod
    def planted(cls, rows: Rows) -> Self:
        """Store two companies, theirs before ours: what forgets the company finds theirs first."""
        plan = rows.add(SubscriptionPlan).id
        stored = {
            name: Twin(name, rows.add(Company, subscription_plan_id=plan, name=name).id)
            for name in ("theirs", "ours")
        }
        twins = cls(rows, stored["ours"], stored["theirs"], Twin("nobody", uuid7()))
        for twin in (twins.theirs, twins.ours, twins.nobody):
            twins._plant(twin)
        return twins

    def keep(self) -> Kept:
        """Keep the database as it is, to put it back."""
        return Kept(self._rows.engine)

    def _plant(self, twin: Twin) -> None:
        for table in metadata.sorted_tables:
            if table.info["company_key"] == "company_id":
                model = MODELS[table.name]
                make = factory_of(model).build if twin is self.nobody else partial(self._rows.add, model)
                for place in range(1 if _is_single(table) else _ROWS):
                    twin.hold(make(company_id=twin.id, **self._values(model, twin, place)))

    def _values(self, model: type[Base], twin: Twin, place: int) -> dict[str, Any]:
        """Refer to the company's own rows, and write its mark into every text."""
        values: dict[str, Any] = {}
        for name, column in columns_of(model).items():
            own = [rows for key in column.foreign_keys if (rows := twin.rows.get(key.column.table.name))]
            if own:
                values[name] = own[0][place % len(own[0])].id
            elif _is_free(model, column):
                values[name] = _marked(column, f"{twin.mark} {column.name} {place}")
        # Each reference names the company too, which is no choice of the row's.
        return {name: value for name, value in values.items() if value is not None and name != "company_id"}


def _is_free(model: type[Base], column: sa.Column[Any]) -> bool:
    """Tell whether a text of any kind may be written into the column."""
    has_form = "kind" in column.info or column.name.endswith("url") or column.foreign_keys
    return not has_form and may_be_given(column) and column.name not in weighed(table_of(model))


def _marked(column: sa.Column[Any], text: str) -> Any:
    """Write a text as the column holds one, None where it holds something else."""
    if isinstance(column.type, sa.Text):
        return text[: column.info["max_length"]]
    if isinstance(column.type, sa.JSON) and "[" not in str(getattr(column.server_default, "arg", "")):
        return {"note": text}
    return [text] if column.name == "tags" else None


def _is_telling(value: object) -> bool:
    return isinstance(value, str) and type(value) is str and len(value) >= _SHORTEST


def _is_single(table: sa.Table) -> bool:
    """Tell whether a company has one row of it at most."""
    keys = (one for one in table.constraints if isinstance(one, sa.UniqueConstraint))
    return any([column.name for column in key.columns] == ["company_id"] for key in keys)
