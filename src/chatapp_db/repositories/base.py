"""The statements every table has; this module alone writes the condition that names the company."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.statement import COMPANY, Statement, company_key, constant, scalar, written
from chatapp_db.repositories.paging import limit_of
from chatapp_db.schema.base import Base

__all__ = [
    "ALONE",
    "NEWEST_BY",
    "Entity",
    "Identified",
    "is_one_of",
    "moment",
    "newest_first",
    "owned",
    "table_of",
]


class Identified(Protocol):
    """A row with an id."""

    id: UUID


Row = TypeVar("Row", bound=Identified)

NEWEST_BY = ("id",)
ALONE = {"max_parallel_workers_per_gather": "0"}
"""Settings of a statement that an index serves: it is done before a worker has started."""
_STATEMENTS = 256


def table_of(model: type[Base]) -> Any:
    """Give the table of a model; SQLAlchemy's own type for it does not know the columns either."""
    return model.__table__


def owned(*tables: Any) -> sa.ColumnElement[bool]:
    """Write that every table's rows are the company's own; an alias is a table."""
    return sa.and_(*(table.c[company_key(table)] == COMPANY for table in tables))


def is_one_of(column: Any, *labels: StrEnum) -> sa.ColumnElement[bool]:
    """Compare an enum column with constants: a partial index is chosen by them, and a plan kept."""
    return sa.or_(*(column == constant(label, column.type) for label in labels))


@cache
def moment() -> sa.ColumnElement[datetime]:
    """Give the transaction's time, for an update that writes it below a condition.

    As a column: Citus takes no ``now()`` inside of a CASE or a COALESCE. The planner makes it the same.
    """
    return sa.select(sa.func.now().label("at")).subquery("moment").c.at


def newest_first(table: Any, query: Any, rows: int, *, follows: bool, by: tuple[str, ...] = NEWEST_BY) -> Any:
    """Cut a page from a list: an id made by this package is ordered by time."""
    key = [table.c[name] for name in by]
    if follows:
        after = (sa.bindparam(f"after_{name}", type_=table.c[name].type) for name in by)
        query = query.where(sa.tuple_(*key) < sa.tuple_(*after))
    return query.order_by(*(column.desc() for column in key)).limit(limit_of(rows))


class Entity(Generic[Row]):
    """The plain statements of one table, each compiled when it is first used.

    ``newest_by`` is the key of its pages, where no index has the company and then the id.
    """

    def __init__(
        self,
        model: type[Base],
        row: type[Row],
        name: str,
        *,
        across_companies: bool = False,
        newest_by: tuple[str, ...] = NEWEST_BY,
    ) -> None:
        self.table: Any = table_of(model)
        self.columns: Any = list(self.table.c)
        self.row = row
        self.name = name
        self.newest_by = newest_by
        self._across = across_companies
        self._company_key = None if across_companies else company_key(self.table)
        self.takes_id = self._company_key is None or self.table.info["scope"] == "tenant"
        self._compiled: dict[Hashable, Statement[Any]] = {}

    def _once(self, shape: Hashable, build: Callable[[], Any], row: Callable[..., Any]) -> Statement[Any]:
        """Compile a shape once; there are few of them, but nobody counts the sets of columns."""
        statement = self._compiled.get(shape)
        if statement is None:
            if len(self._compiled) >= _STATEMENTS:
                self._compiled.clear()
            statement = self._compiled[shape] = Statement(build(), row, across_companies=self._across)
        return statement

    @property
    def own(self) -> sa.ColumnElement[bool]:
        """The condition that a row is the company's."""
        return owned(self.table) if self._company_key else sa.true()

    @property
    def is_one(self) -> sa.ColumnElement[bool]:
        """The condition that a row is the one of ``:id``."""
        return sa.and_(self.own, self.table.c.id == sa.bindparam("id", type_=sa.Uuid()))

    def get(self) -> Statement[Row]:
        """Read one row."""
        return self._once("get", lambda: sa.select(*self.columns).where(self.is_one), self.row)

    def page(self, rows: int, *, follows: bool, wanted: tuple[str, ...] = ()) -> Statement[Row]:
        """List the newest first; the wanted columns equal the binds of their names."""

        def build() -> Any:
            columns = [self.table.c[name] for name in wanted]
            equal = (column == sa.bindparam(column.key, type_=column.type) for column in columns)
            query = sa.select(*self.columns).where(self.own, *equal)
            return newest_first(self.table, query, rows, follows=follows, by=self.newest_by)

        return self._once(("page", rows, follows, wanted), build, self.row)

    def count(self) -> Statement[int]:
        """Count the rows."""
        counted = sa.func.count().label("count")
        return self._once("count", lambda: sa.select(counted).select_from(self.table).where(self.own), scalar)

    def add(self, names: frozenset[str]) -> Statement[Row]:
        """Insert a row with these columns."""

        def build() -> Any:
            values: dict[str, Any] = {name: written(self.table.c[name]) for name in sorted(names)}
            if self._company_key:
                values[self._company_key] = COMPANY
            insert: Any = sa.insert(self.table).values(values)
            return insert.returning(*self.columns)

        return self._once(("add", names), build, self.row)

    def update(self, names: frozenset[str]) -> Statement[Row]:
        """Write these columns of one row."""

        def build() -> Any:
            values = {name: written(self.table.c[name]) for name in sorted(names)}
            update: Any = sa.update(self.table).where(self.is_one).values(values)
            return update.returning(*self.columns)

        return self._once(("update", names), build, self.row)

    def delete(self) -> Statement[UUID]:
        """Delete one row."""
        return self._once(
            "delete", lambda: sa.delete(self.table).where(self.is_one).returning(self.table.c.id), scalar
        )
