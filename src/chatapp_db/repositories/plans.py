"""Subscription plans: what companies may subscribe to; the platform keeps them."""

from __future__ import annotations

from functools import cache
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.border import as_slug
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
)
from chatapp_db.repositories.paging import LIMITS, limit_of
from chatapp_db.rows import SubscriptionPlanChanges, SubscriptionPlanRow, SubscriptionPlanValues
from chatapp_db.schema import SubscriptionPlan

__all__ = [
    "AsyncPlanRepository",
    "AsyncPlatformPlanRepository",
    "PlanOperations",
    "PlanRepository",
    "PlatformPlanOperations",
    "PlatformPlanRepository",
]


class PlanOperations(Operations[SubscriptionPlanRow]):
    """The plans, which every company may read."""

    entity = Entity(SubscriptionPlan, SubscriptionPlanRow, "plan")

    @operation
    async def by_slug(self, slug: str) -> SubscriptionPlanRow:
        """Give the plan of a slug.

        Raises NotFound.
        """
        return await self._one(_by_slug(), slug=as_slug("slug", slug))

    @operation
    async def active(self) -> list[SubscriptionPlanRow]:
        """List the plans that are offered, the cheapest first."""
        return await self._fetch(_active())


class PlanRepository(PlanOperations, BlockingRepository):
    """The plans as a company sees them, blocking."""


class AsyncPlanRepository(PlanOperations, AsyncioRepository):
    """The plans as a company sees them, awaited."""


class PlatformPlanOperations(PlanOperations):
    """The plans, as the platform keeps them."""

    @operation
    async def add(self, **values: Unpack[SubscriptionPlanValues]) -> SubscriptionPlanRow:
        """Add a plan.

        Raises Conflict where the slug is taken, InvalidValue.
        """
        return await self._add(SubscriptionPlanValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[SubscriptionPlanChanges]) -> SubscriptionPlanRow:
        """Change a plan, for every company that has it.

        Raises NotFound, InvalidValue.
        """
        return await self._update(id, SubscriptionPlanChanges, changes)

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a plan that no company has; one that only is no longer offered is made inactive.

        Raises NotFound, Conflict.
        """
        await self._delete(id)


class PlatformPlanRepository(PlatformPlanOperations, BlockingPlatformRepository):
    """The plans as the platform keeps them, blocking."""


class AsyncPlatformPlanRepository(PlatformPlanOperations, AsyncioPlatformRepository):
    """The plans as the platform keeps them, awaited."""


@cache
def _by_slug() -> Statement[SubscriptionPlanRow]:
    c = PlanOperations.entity.table.c
    return Statement(
        sa.select(*c).where(c.slug == sa.bindparam("slug", type_=c.slug.type)), SubscriptionPlanRow
    )


@cache
def _active() -> Statement[SubscriptionPlanRow]:
    """Offers are made by hand: there are as many as a page holds, not thousands."""
    c = PlanOperations.entity.table.c
    query = sa.select(*c).where(c.is_active).order_by(c.price_monthly, c.slug).limit(limit_of(LIMITS[-1]))
    return Statement(query, SubscriptionPlanRow)
