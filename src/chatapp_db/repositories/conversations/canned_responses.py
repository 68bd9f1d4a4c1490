"""Canned responses: ready-made answers of a person or of the team."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.errors import Conflict, InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.base import Entity, newest_first, owned, table_of
from chatapp_db.repositories.border import as_id, as_term
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, rung
from chatapp_db.rows import CannedResponseChanges, CannedResponseRow, CannedResponseValues
from chatapp_db.schema import CannedResponse

__all__ = ["AsyncCannedResponseRepository", "CannedResponseOperations", "CannedResponseRepository"]


_responses = table_of(CannedResponse)


class CannedResponseOperations(TenantOperations[CannedResponseRow]):
    """A company's canned responses."""

    entity = Entity(CannedResponse, CannedResponseRow, "canned response")

    @operation
    async def add(self, **values: Unpack[CannedResponseValues]) -> CannedResponseRow:
        """Add a response; it is the team's, unless it is said to be a person's own.

        Raises Conflict where the shortcut is taken, InvalidReference for a person of another company,
        InvalidValue.
        """
        if values.get("is_team") is False and values.get("user_id") is None:
            raise InvalidValue("user_id", "a response that is not the team's belongs to a person")
        return await self._add(CannedResponseValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[CannedResponseChanges]) -> CannedResponseRow:
        """Change a response.

        Raises NotFound, Conflict where the shortcut is taken, InvalidValue, also where a response of nobody
        is taken from the team.
        """
        return await self._update(id, CannedResponseChanges, changes)

    @operation
    async def visible_to(
        self, user_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[CannedResponseRow]:
        """List what a person may answer with, the team's and their own, the newest first.

        A person the company does not have sees the team's. Raises InvalidValue, InvalidCursor.
        """
        name = f"visible_to.{as_id('user_id', user_id)}"
        return await self._newest(name, _visible_to, limit, cursor, user_id=user_id)

    @operation
    async def search(self, user_id: UUID, term: str, *, limit: int = 25) -> list[CannedResponseRow]:
        """Find what a person may answer with, while they type; upper and lower case are one.

        First where the shortcut begins with the term, then where the title has it, then where the content
        does, each with the most used first.

        Raises InvalidValue.
        """
        found = as_term(term)
        rows = await self._fetch(
            _search(rung(as_limit(limit))),
            user_id=as_id("user_id", user_id),
            begins=f"{found}%",
            contains=f"%{found}%",
        )
        return rows[:limit]

    @operation
    async def use(self, id: UUID) -> CannedResponseRow:
        """Count that somebody answered with a response.

        Raises NotFound.
        """
        return await self._one(_use(), id=as_id("id", id))

    @operation
    async def share(self, id: UUID) -> CannedResponseRow:
        """Give a person's response to the team; one that is the team's stays as it is.

        Raises NotFound, Conflict where the team has the shortcut already.
        """
        return await self._one(_share(is_team=True), id=as_id("id", id))

    @operation
    async def unshare(self, id: UUID) -> CannedResponseRow:
        """Take a response from the team, so that it is only its person's; one that is that stays as it is.

        Raises NotFound, Conflict for a response of nobody, or where the person has the shortcut already.
        """
        row = await self._find(_share(is_team=False), id=as_id("id", id))
        if row is None:
            await self._one(self.entity.get(), id=id)
            raise Conflict("user_id", "the response is of nobody but the team")
        return row

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a response.

        Raises NotFound.
        """
        await self._delete(id)


class CannedResponseRepository(CannedResponseOperations, BlockingRepository):
    """A company's canned responses, blocking."""


class AsyncCannedResponseRepository(CannedResponseOperations, AsyncioRepository):
    """A company's canned responses, awaited."""


def _is_visible() -> sa.ColumnElement[bool]:
    c = _responses.c
    is_own = c.user_id == sa.bindparam("user_id", type_=c.user_id.type)
    return sa.and_(owned(_responses), sa.or_(c.is_team, is_own))


@cache
def _visible_to(rows: int, *, follows: bool) -> Statement[CannedResponseRow]:
    query = sa.select(*_responses.c).where(_is_visible())
    return Statement(newest_first(_responses, query, rows, follows=follows), CannedResponseRow)


@cache
def _search(rows: int) -> Statement[CannedResponseRow]:
    c = _responses.c
    begins, contains = (sa.bindparam(name, type_=sa.Text()) for name in ("begins", "contains"))
    ranked = [c.shortcut.ilike(begins), c.title.ilike(contains), c.content.ilike(contains)]
    rank = sa.case(*((hit, constant(place, sa.Integer())) for place, hit in enumerate(ranked)))
    query = sa.select(*c).where(_is_visible(), sa.or_(*ranked))
    return Statement(
        query.order_by(rank, c.usage_count.desc(), c.id).limit(constant(rows, sa.Integer())),
        CannedResponseRow,
    )


@cache
def _use() -> Statement[CannedResponseRow]:
    c = _responses.c
    update: Any = sa.update(_responses).where(CannedResponseOperations.entity.is_one)
    counted = update.values(usage_count=c.usage_count + constant(1, c.usage_count.type))
    return Statement(counted.returning(*c), CannedResponseRow)


@cache
def _share(*, is_team: bool) -> Statement[CannedResponseRow]:
    c = _responses.c
    update: Any = sa.update(_responses).where(CannedResponseOperations.entity.is_one)
    if not is_team:
        update = update.where(c.user_id.is_not(None))
    shared = update.values(is_team=sa.true() if is_team else sa.false())
    return Statement(shared.returning(*c), CannedResponseRow)
