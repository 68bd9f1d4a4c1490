"""What every repository shares; this module alone writes the condition that names the company."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, InvalidReference, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.guest import Guest
from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.execution.scope import DEFAULT_ACCESS, Access
from chatapp_db.execution.statement import (
    COMPANY,
    Statement,
    company_key,
    constant,
    scalar,
    written,
)
from chatapp_db.repositories.border import as_company_id, as_id, as_limit, checked, rung, seal, unseal
from chatapp_db.schema import Base

__all__ = [
    "AsyncioPlatformRepository",
    "AsyncioRepository",
    "BlockingPlatformRepository",
    "BlockingRepository",
    "Entity",
    "Operations",
    "Page",
    "TenantOperations",
    "cut",
    "is_one_of",
    "limit_of",
    "owned",
    "table_of",
]

R = TypeVar("R")


class Identified(Protocol):
    """A row with an id."""

    id: UUID


Row = TypeVar("Row", bound=Identified)
Item = TypeVar("Item")

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


def limit_of(rows: int) -> sa.ColumnElement[int]:
    """Write a page's LIMIT: one row more than asked tells whether another page follows."""
    return constant(rows + 1, sa.Integer())


@dataclass(slots=True)
class Page(Generic[Item]):
    """A page of a list; pass ``next_cursor`` back for the one after it, None where the list ends."""

    items: list[Item]
    next_cursor: str | None


def cut(rows: list[Item], limit: int, cursor_after: Callable[[Item], str]) -> Page[Item]:
    """Cut a page from what was read for it, which may be more."""
    if len(rows) <= limit:
        return Page(rows, None)
    return Page(rows[:limit], cursor_after(rows[limit - 1]))


class Entity(Generic[Row]):
    """The plain statements of one table, each compiled when it is first used."""

    def __init__(
        self, model: type[Base], row: type[Row], name: str, *, across_companies: bool = False
    ) -> None:
        self.table: Any = table_of(model)
        self.columns: Any = list(self.table.c)
        self.row = row
        self.name = name
        self._across = across_companies
        self._company_key = None if across_companies else company_key(self.table)
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

    def page(self, rows: int, *, follows: bool) -> Statement[Row]:
        """List the newest first: an id made by this package is ordered by time."""

        def build() -> Any:
            query = sa.select(*self.columns).where(self.own)
            if follows:
                query = query.where(self.table.c.id < sa.bindparam("after_id", type_=sa.Uuid()))
            return query.order_by(self.table.c.id.desc()).limit(limit_of(rows))

        return self._once(("page", rows, follows), build, self.row)

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


class Operations(Generic[Row]):
    """The operations every list of rows has, over one table and one carrier."""

    entity: ClassVar[Entity[Any]]
    _carrier: Carrier
    _company_id: UUID | None

    async def _fetch(self, statement: Statement[R], **parameters: Any) -> list[R]:
        return await self._carrier.fetch(statement, parameters)

    async def _find(self, statement: Statement[R], **parameters: Any) -> R | None:
        rows = await self._fetch(statement, **parameters)
        return rows[0] if rows else None

    async def _one(self, statement: Statement[R], **parameters: Any) -> R:
        row = await self._find(statement, **parameters)
        if row is None:
            raise NotFound(self.entity.name)
        return row

    @operation
    async def get(self, id: UUID) -> Row:
        """Give one row.

        Raises NotFound, also for a row of another company.
        """
        row: Row = await self._one(self.entity.get(), id=as_id("id", id))
        return row

    @operation
    async def find(self, id: UUID) -> Row | None:
        """Give one row, or None."""
        row: Row | None = await self._find(self.entity.get(), id=as_id("id", id))
        return row

    @operation
    async def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[Row]:
        """List the rows, the newest first, by key and never by offset.

        Raises InvalidCursor for a cursor of another company or list.
        """
        shape = f"{self.entity.name}.page"
        parameters: dict[str, Any] = {}
        if cursor is not None:
            (parameters["after_id"],) = unseal(self._company_id, shape, cursor, [UUID])
        statement = self.entity.page(rung(as_limit(limit)), follows=cursor is not None)
        rows: list[Row] = await self._fetch(statement, **parameters)
        return cut(rows, limit, lambda last: seal(self._company_id, shape, [last.id]))

    @operation
    async def count(self) -> int:
        """Count the rows; reads all of them, so it is not for a list."""
        count: int = await self._one(self.entity.count())
        return count

    async def _add(self, kind: Any, values: Mapping[str, Any], **more: Any) -> Row:
        written_values: dict[str, Any] = {"id": uuid7(), **checked(kind, values), **more}
        statement: Statement[Row] = self.entity.add(frozenset(written_values))
        return await self._one(statement, **_as_written(written_values))

    async def _update(self, id: UUID, kind: Any, changes: Mapping[str, Any]) -> Row:
        values: dict[str, Any] = checked(kind, changes)
        if not values:
            return await self._one(self.entity.get(), id=as_id("id", id))
        statement: Statement[Row] = self.entity.update(frozenset(values))
        return await self._one(statement, id=as_id("id", id), **_as_written(values))

    async def _delete(self, id: UUID) -> None:
        try:
            await self._one(self.entity.delete(), id=as_id("id", id))
        except InvalidReference as error:
            raise Conflict(error.constraint, f"the {self.entity.name} is still referred to") from error


class TenantOperations(Operations[Row]):
    """The operations of one company, which is bound when the repository is made."""

    async def _fetch(self, statement: Statement[R], **parameters: Any) -> list[R]:
        return await self._carrier.fetch(statement, {"company_id": self._company_id, **parameters})


class BlockingRepository(Blocking):
    """A repository whose methods return; over a scope of a Database or inside a service's own Session."""

    def __init__(
        self, session: Session | Carrier, company_id: UUID | str, *, access: Access = DEFAULT_ACCESS
    ) -> None:
        self._company_id: UUID | None = as_company_id(company_id)
        self._carrier: Carrier = (
            Guest(session, access, as_company_id(company_id)) if isinstance(session, Session) else session
        )


class AsyncioRepository(Asyncio):
    """A repository whose methods are awaited; over a scope of an AsyncDatabase or inside an AsyncSession."""

    def __init__(
        self, session: AsyncSession | Carrier, company_id: UUID | str, *, access: Access = DEFAULT_ACCESS
    ) -> None:
        self._company_id: UUID | None = as_company_id(company_id)
        self._carrier: Carrier = (
            Guest(session, access, as_company_id(company_id))
            if isinstance(session, AsyncSession)
            else session
        )


class BlockingPlatformRepository(Blocking):
    """A repository above the companies, whose methods return; the platform scope makes it."""

    def __init__(self, carrier: Carrier, company_id: None = None) -> None:
        self._company_id: UUID | None = company_id
        self._carrier = carrier


class AsyncioPlatformRepository(Asyncio):
    """A repository above the companies, whose methods are awaited; the platform scope makes it."""

    def __init__(self, carrier: Carrier, company_id: None = None) -> None:
        self._company_id: UUID | None = company_id
        self._carrier = carrier


def _as_written(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in values.items()}
