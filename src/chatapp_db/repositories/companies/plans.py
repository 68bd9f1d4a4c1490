"""Subscription plans: what companies may subscribe to; the platform keeps them."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import Unpack

from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.catalogue import CatalogueOperations
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
)
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


class PlanOperations(CatalogueOperations[SubscriptionPlanRow]):
    """The plans, which every company may read."""

    entity = Entity(SubscriptionPlan, SubscriptionPlanRow, "plan")
    _listed_by = ("price_monthly", "slug")


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
