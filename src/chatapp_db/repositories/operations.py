"""The operations every repository has, and what makes one blocking or awaited."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, InvalidReference, InvalidValue, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.guest import Guest
from chatapp_db.execution.operation import Asyncio, Blocking, operation
from chatapp_db.execution.scope import DEFAULT_ACCESS, Access
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.acting import Actor, as_actor
from chatapp_db.repositories.base import NEWEST_BY, Entity, Identified
from chatapp_db.repositories.border import as_company_id, as_id, checked
from chatapp_db.repositories.paging import Page, as_limit, cut, rung, seal, unseal

__all__ = [
    "AsyncioPlatformRepository",
    "AsyncioRepository",
    "BlockingPlatformRepository",
    "BlockingRepository",
    "Operations",
    "TenantOperations",
]

R = TypeVar("R")
Row = TypeVar("Row", bound=Identified)

_KINDS: dict[str, type] = {"created_at": datetime, "id": UUID}


class Operations(Generic[Row]):
    """What can be asked of every list of rows."""

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
        """Give one row, or None.

        Raises InvalidValue.
        """
        row: Row | None = await self._find(self.entity.get(), id=as_id("id", id))
        return row

    @operation
    async def page(self, *, limit: int = 50, cursor: str | None = None) -> Page[Row]:
        """List the rows, the newest first, by key and never by offset.

        Raises InvalidCursor for a cursor of another company or list.
        """
        return await self._newest("page", self.entity.page, limit, cursor, by=self.entity.newest_by)

    @operation
    async def count(self) -> int:
        """Count the rows; reads all of them, so it is not for a list."""
        count: int = await self._one(self.entity.count())
        return count

    async def _listed(
        self, wanted: Mapping[str, StrEnum | None], limit: int, cursor: str | None
    ) -> Page[Row]:
        """Read a page of the rows whose columns have the wanted labels; None leaves a column out."""
        given = {name: label for name, label in wanted.items() if label is not None}
        statement_of = partial(self.entity.page, wanted=tuple(given))
        list_name = ".".join(["list", *map(str, wanted.values())])
        return await self._newest(list_name, statement_of, limit, cursor, by=self.entity.newest_by, **given)

    async def _newest(
        self,
        list_name: str,
        statement_of: Callable[..., Statement[Row]],
        limit: int,
        cursor: str | None,
        *,
        by: tuple[str, ...] = NEWEST_BY,
        **parameters: Any,
    ) -> Page[Row]:
        """Read a page of a list, whose name says what it is filtered by: its cursors fit no other."""
        shape = f"{self.entity.name}.{list_name}"
        if cursor is not None:
            key = unseal(self._company_id, shape, cursor, [_KINDS[name] for name in by])
            parameters.update((f"after_{name}", value) for name, value in zip(by, key, strict=True))
        statement = statement_of(rung(as_limit(limit)), follows=cursor is not None)
        rows: list[Row] = await self._fetch(statement, **parameters)

        def cursor_after(last: Row) -> str:
            return seal(self._company_id, shape, [getattr(last, name) for name in by])

        return cut(rows, limit, cursor_after)

    async def _add(self, kind: Any, values: Mapping[str, Any], **more: Any) -> Row:
        if "id" in values and not self.entity.takes_id:
            # Such a table has one key for all companies: a refusal would tell of another company's row.
            raise InvalidValue("id", "is given by the repository")
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
        self,
        session: Session | Carrier,
        company_id: UUID | str,
        *,
        access: Access = DEFAULT_ACCESS,
        actor: Actor | None = None,
    ) -> None:
        self._company_id: UUID | None = as_company_id(company_id)
        self._carrier = _carrier(session, Session, access, as_company_id(company_id), as_actor(actor))


class AsyncioRepository(Asyncio):
    """A repository whose methods are awaited; over a scope of an AsyncDatabase or inside an AsyncSession."""

    def __init__(
        self,
        session: AsyncSession | Carrier,
        company_id: UUID | str,
        *,
        access: Access = DEFAULT_ACCESS,
        actor: Actor | None = None,
    ) -> None:
        self._company_id: UUID | None = as_company_id(company_id)
        self._carrier = _carrier(session, AsyncSession, access, as_company_id(company_id), as_actor(actor))


def _carrier(session: Any, kind: type[Any], access: Access, company_id: UUID, actor: Actor | None) -> Carrier:
    if isinstance(session, kind):
        return Guest(session, access, company_id, actor)
    if not hasattr(session, "fetch"):
        raise InvalidValue("session", f"not a {kind.__name__} of SQLAlchemy")
    if actor is not None:
        raise InvalidValue("actor", "is bound where the scope is opened")
    carrier: Carrier = session
    return carrier


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
