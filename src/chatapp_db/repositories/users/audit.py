"""The audit trail: who did what; lines are added and read, never changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum, auto
from functools import lru_cache, partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import Entity, newest_first, owned, table_of
from chatapp_db.repositories.border import as_id, as_moment, as_text
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
    TenantOperations,
)
from chatapp_db.repositories.paging import Page
from chatapp_db.rows import AuditLogRow, AuditLogValues
from chatapp_db.schema import AuditLog

__all__ = [
    "AsyncAuditRepository",
    "AsyncPlatformAuditRepository",
    "AuditOperations",
    "AuditRepository",
    "PlatformAuditOperations",
    "PlatformAuditRepository",
]

_trail = table_of(AuditLog)
_NEWEST_BY = ("created_at", "id")
_WHO = {"user_id", "staff_id", "actor_label"}
_WORD_LENGTH = _trail.c.action.info["max_length"]


class _TrailOperations(Operations[AuditLogRow]):
    """What is asked of a trail, a company's own or any."""

    async def _record(self, values: Mapping[str, Any]) -> AuditLogRow:
        """Add a line, by whoever acts in the scope unless it names somebody else."""
        actor = self._carrier.actor
        known = {} if actor is None or values.keys() & _WHO else actor.columns()
        return await self._add(AuditLogValues, {**known, **values})

    async def _told(
        self, whose: Mapping[str, UUID | None], limit: int, cursor: str | None, **wanted: Any
    ) -> Page[AuditLogRow]:
        """Read a page of the lines that are as wanted; a None wants nothing."""
        given = {name: _CHECKS[name](name, value) for name, value in wanted.items() if value is not None}
        statement_of = partial(_listed, names=frozenset(given), whose=_whose(whose))
        shape = f"told.{dict(whose)}.{sorted(given.items())}"
        named = {name: value for name, value in whose.items() if value is not None}
        return await self._newest(shape, statement_of, limit, cursor, by=_NEWEST_BY, **named, **given)


class AuditOperations(TenantOperations[AuditLogRow], _TrailOperations):
    """What was done in a company."""

    entity = Entity(AuditLog, AuditLogRow, "audit log", newest_by=_NEWEST_BY)

    @operation
    async def record(self, **values: Unpack[AuditLogValues]) -> AuditLogRow:
        """Add a line to the trail; it stays.

        For what the trail does not tell by itself, such as signing in. Who acts in the scope is told, where
        the line names nobody else. Raises InvalidReference for a user of another company, InvalidValue.
        """
        return await self._record(values)

    @operation
    async def list(
        self,
        *,
        action: str | None = None,
        resource_type: str | None = None,
        user_id: UUID | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[AuditLogRow]:
        """List the lines of an action, a kind of row, a person or a time, or of several, the newest first.

        A line is listed from ``since`` on and before ``until``. Raises InvalidValue, InvalidCursor for a
        cursor of another company or list.
        """
        return await self._told(
            {},
            limit,
            cursor,
            action=action,
            resource_type=resource_type,
            user_id=user_id,
            since=since,
            until=until,
        )

    @operation
    async def for_resource(
        self, resource_type: str, resource_id: UUID, *, limit: int = 50, cursor: str | None = None
    ) -> Page[AuditLogRow]:
        """List what became of one row, the newest first; of one that is gone, too.

        Raises InvalidValue, InvalidCursor for a cursor of another company or row.
        """
        return await self._told({}, limit, cursor, **_as_resource(resource_type, resource_id))


class AuditRepository(AuditOperations, BlockingRepository):
    """What was done in a company, blocking."""


class AsyncAuditRepository(AuditOperations, AsyncioRepository):
    """What was done in a company, awaited."""


class PlatformAuditOperations(_TrailOperations):
    """What was done anywhere, and by the platform itself."""

    entity = Entity(AuditLog, AuditLogRow, "audit log", across_companies=True)

    @operation
    async def record(self, **values: Unpack[AuditLogValues]) -> AuditLogRow:
        """Add a line that concerns no company; it stays.

        Who acts in the scope is told, where the line names nobody else. Raises InvalidValue.
        """
        return await self._record(values)

    @operation
    async def list(
        self,
        company_id: UUID | None,
        *,
        action: str | None = None,
        resource_type: str | None = None,
        user_id: UUID | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[AuditLogRow]:
        """List a company's lines, or those that concern none, as the company itself can list them.

        Raises InvalidValue, InvalidCursor for a cursor of another company or list.
        """
        return await self._told(
            {"of_company": _as_company(company_id)},
            limit,
            cursor,
            action=action,
            resource_type=resource_type,
            user_id=user_id,
            since=since,
            until=until,
        )

    @operation
    async def for_resource(
        self,
        company_id: UUID | None,
        resource_type: str,
        resource_id: UUID,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[AuditLogRow]:
        """List what became of one row of a company, or of none, the newest first; of one that is gone, too.

        That a company was made or deleted concerns none. Raises InvalidValue, InvalidCursor.
        """
        whose = {"of_company": _as_company(company_id)}
        return await self._told(whose, limit, cursor, **_as_resource(resource_type, resource_id))


class PlatformAuditRepository(PlatformAuditOperations, BlockingPlatformRepository):
    """What was done anywhere, blocking."""


class AsyncPlatformAuditRepository(PlatformAuditOperations, AsyncioPlatformRepository):
    """What was done anywhere, awaited."""


def _as_word(field: str, value: str) -> str:
    return as_text(field, value, _WORD_LENGTH)


def _as_resource(resource_type: str, resource_id: UUID) -> dict[str, Any]:
    return {
        "resource_type": _as_word("resource_type", resource_type),
        "resource_id": as_id("resource_id", resource_id),
    }


def _as_company(company_id: UUID | None) -> UUID | None:
    return None if company_id is None else as_id("company_id", company_id)


_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "action": _as_word,
    "resource_type": _as_word,
    "resource_id": as_id,
    "user_id": as_id,
    "since": as_moment,
    "until": as_moment,
}


class _Whose(Enum):
    """Whose lines a statement lists."""

    OWN = auto()
    OF_COMPANY = auto()
    OF_NONE = auto()


def _whose(named: Mapping[str, UUID | None]) -> _Whose:
    if not named:
        return _Whose.OWN
    return _Whose.OF_NONE if named["of_company"] is None else _Whose.OF_COMPANY


# How much a filter leaves is another for each value: a plan for any of them read a month to give a page.
_EACH_TIME = {"plan_cache_mode": "force_custom_plan"}


@lru_cache(maxsize=256)
def _listed(rows: int, *, follows: bool, names: frozenset[str], whose: _Whose) -> Statement[AuditLogRow]:
    c = _trail.c
    bounds = {"since": c.created_at.__ge__, "until": c.created_at.__lt__}
    conditions = [
        bounds[name](sa.bindparam(name, type_=c.created_at.type))
        if name in bounds
        else c[name] == sa.bindparam(name, type_=c[name].type)
        for name in sorted(names)
    ]
    query = sa.select(*c).where(_is_of(whose), *conditions)
    in_order = newest_first(_trail, query, rows, follows=follows, by=_NEWEST_BY)
    across = whose is not _Whose.OWN
    return Statement(in_order, AuditLogRow, across_companies=across, settings=_EACH_TIME if names else None)


def _is_of(whose: _Whose) -> sa.ColumnElement[bool]:
    key = _trail.c.company_id
    if whose is _Whose.OWN:
        return owned(_trail)
    named: sa.ColumnElement[bool] = key == sa.bindparam("of_company", type_=key.type)
    return named if whose is _Whose.OF_COMPANY else key.is_(None)
