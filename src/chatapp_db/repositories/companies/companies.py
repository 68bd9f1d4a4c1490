"""Companies: a company's own row, and all of them for the platform."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, InvalidReference, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, written
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import as_id, as_member, as_moment, as_slug, checked
from chatapp_db.repositories.companies.subscriptions import (
    CompanyUsage,
    change_plan,
    effective_limits,
    expire_trials,
    start_trial,
    usage,
)
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
)
from chatapp_db.repositories.paging import as_limit
from chatapp_db.rows import CompanyChanges, CompanyRow
from chatapp_db.schema import BillingCycle, Company, SubscriptionPlan, SubscriptionStatus
from chatapp_db.schema.payloads import CompanySettings, PlanLimits

__all__ = [
    "AsyncCompanyRepository",
    "AsyncPlatformCompanyRepository",
    "CompanyOperations",
    "CompanyRepository",
    "PlatformCompanyOperations",
    "PlatformCompanyRepository",
]

R = TypeVar("R")

_companies = table_of(Company)
_plans = table_of(SubscriptionPlan)

_WRITTEN = (
    "id",
    "name",
    "slug",
    "domain",
    "logo_url",
    "settings",
    "subscription_status",
    "billing_cycle",
    "timezone",
    "trial_ends_at",
)


class CompanyOperations:
    """The company's own row; which one that is was said when the repository was made."""

    entity = Entity(Company, CompanyRow, "company")
    _carrier: Carrier
    _company_id: UUID | None

    @operation
    async def get(self) -> CompanyRow:
        """Give the company.

        Raises NotFound where there is none of the id that the scope was opened for.
        """
        return await self._one(self.entity.get())

    @operation
    async def update(self, **changes: Unpack[CompanyChanges]) -> CompanyRow:
        """Change what a company may say of itself; its plan and its trial are the platform's.

        Raises NotFound, InvalidValue.
        """
        values: dict[str, Any] = dict(checked(CompanyChanges, changes))
        statement = self.entity.update(frozenset(values)) if values else self.entity.get()
        return await self._one(statement, **{f"new_{name}": value for name, value in values.items()})

    @operation
    async def effective_limits(self) -> PlanLimits:
        """Give what the subscription includes now, None for what is unlimited.

        One that is paused, canceled or expired, or a trial that is over, includes nothing: every limit is 0.

        Raises NotFound.
        """
        return await self._found(effective_limits())

    @operation
    async def usage(self) -> CompanyUsage:
        """Count what the limits are about; reads what it counts, so it is not for every request.

        Raises NotFound.
        """
        return await self._found(usage())

    async def _one(self, statement: Statement[CompanyRow], **parameters: Any) -> CompanyRow:
        return await self._found(statement, id=self._company_id, **parameters)

    async def _found(self, statement: Statement[R], **parameters: Any) -> R:
        rows = await self._carrier.fetch(statement, {"company_id": self._company_id, **parameters})
        if not rows:
            raise NotFound(self.entity.name)
        return rows[0]


class CompanyRepository(CompanyOperations, BlockingRepository):
    """The company's own row, blocking."""


class AsyncCompanyRepository(CompanyOperations, AsyncioRepository):
    """The company's own row, awaited."""


class PlatformCompanyOperations(Operations[CompanyRow]):
    """All companies."""

    entity = Entity(Company, CompanyRow, "company", across_companies=True)

    @operation
    async def create(
        self,
        *,
        name: str,
        slug: str,
        plan: str,
        domain: str | None = None,
        logo_url: str | None = None,
        settings: CompanySettings | None = None,
        subscription_status: SubscriptionStatus = SubscriptionStatus.TRIALING,
        billing_cycle: BillingCycle | None = None,
        timezone: str = "UTC",
        trial_ends_at: datetime | None = None,
    ) -> CompanyRow:
        """Take a company on, with the plan of a slug.

        Raises Conflict where the company's slug is taken, InvalidReference for a plan that does not exist
        or is no longer offered, InvalidValue.
        """
        described = {"name": name, "domain": domain, "logo_url": logo_url, "timezone": timezone}
        values: dict[str, Any] = {
            **checked(CompanyChanges, {**described, "settings": {} if settings is None else settings}),
            "id": uuid7(),
            "slug": as_slug("slug", slug),
            "subscription_status": as_member("subscription_status", SubscriptionStatus, subscription_status),
            "billing_cycle": _as_billing_cycle(billing_cycle),
            "trial_ends_at": None if trial_ends_at is None else as_moment("trial_ends_at", trial_ends_at),
        }
        parameters = {f"new_{key}": value for key, value in values.items()}
        row = await self._find(_create(), plan=as_slug("plan", plan), **parameters)
        if row is None:
            raise InvalidReference("fk_chatapp_companies_subscription_plan_id")
        return row

    @operation
    async def update(self, id: UUID, **changes: Unpack[CompanyChanges]) -> CompanyRow:
        """Change a company.

        Raises NotFound, InvalidValue.
        """
        return await self._update(id, CompanyChanges, changes)

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a company that has nothing yet, not even a change that the audit trail tells.

        Raises NotFound, Conflict where anything still refers to it.
        """
        await self._delete(id)

    @operation
    async def by_slug(self, slug: str) -> CompanyRow:
        """Give the company of a slug.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_by_slug(), slug=as_slug("slug", slug))

    @operation
    async def change_plan(
        self,
        id: UUID,
        plan: str,
        *,
        billing_cycle: BillingCycle | None = None,
        subscription_status: SubscriptionStatus | None = None,
    ) -> CompanyRow:
        """Put a company on the plan of a slug; what is not given stays, but a free plan has no billing cycle.

        Raises NotFound, InvalidReference for a plan that is unknown or no longer offered, InvalidValue.
        """
        status = subscription_status
        if status is not None:
            status = as_member("subscription_status", SubscriptionStatus, status)
        row = await self._find(
            change_plan(),
            id=as_id("id", id),
            plan=as_slug("plan", plan),
            new_billing_cycle=_as_billing_cycle(billing_cycle),
            new_subscription_status=status,
        )
        if row is None:
            await self._one(self.entity.get(), id=id)
            raise InvalidReference("fk_chatapp_companies_subscription_plan_id")
        return row

    @operation
    async def start_trial(self, id: UUID, *, ends_at: datetime) -> CompanyRow:
        """Let a company try its plan until a moment; each has one trial, and none beside a subscription.

        Raises NotFound, Conflict for a company that had a trial or has subscribed, InvalidValue.
        """
        row = await self._find(
            start_trial(), id=as_id("id", id), new_trial_ends_at=as_moment("ends_at", ends_at)
        )
        if row is None:
            await self._one(self.entity.get(), id=id)
            raise Conflict("trial_ends_at", "the company had its trial or has subscribed")
        return row

    @operation
    async def expire_trials(self, now: datetime, *, limit: int = 100) -> list[CompanyRow]:
        """End the trials whose time is over, at most so many; call again until none is given.

        What another call is ending meanwhile is left to it. Raises InvalidValue.
        """
        return await self._fetch(expire_trials(), now=as_moment("now", now), limit=as_limit(limit))

    @operation
    async def effective_limits(self, id: UUID) -> PlanLimits:
        """Give what a company's subscription includes now, None for what is unlimited.

        One that is paused, canceled or expired, or a trial that is over, includes nothing: every limit is 0.

        Raises NotFound.
        """
        return await self._one(effective_limits(), company_id=as_id("id", id))

    @operation
    async def usage(self, id: UUID) -> CompanyUsage:
        """Count what a company's limits are about; reads what it counts, so it is not for every request.

        Raises NotFound.
        """
        return await self._one(usage(), company_id=as_id("id", id))


class PlatformCompanyRepository(PlatformCompanyOperations, BlockingPlatformRepository):
    """All companies, blocking."""


class AsyncPlatformCompanyRepository(PlatformCompanyOperations, AsyncioPlatformRepository):
    """All companies, awaited."""


def _as_billing_cycle(value: BillingCycle | None) -> BillingCycle | None:
    return None if value is None else as_member("billing_cycle", BillingCycle, value)


@cache
def _create() -> Statement[CompanyRow]:
    """Insert a company with the plan that is found; none is found, none is inserted."""
    c = _companies.c
    source = sa.select(_plans.c.id, *(written(c[name]) for name in _WRITTEN)).where(
        _plans.c.slug == sa.bindparam("plan", type_=_plans.c.slug.type), _plans.c.is_active
    )
    insertion: Any = sa.insert(_companies).from_select(
        ["subscription_plan_id", *_WRITTEN], source, include_defaults=False
    )
    return Statement(insertion.returning(*c), CompanyRow, across_companies=True)


@cache
def _by_slug() -> Statement[CompanyRow]:
    c = _companies.c
    query = sa.select(*c).where(c.slug == sa.bindparam("slug", type_=c.slug.type))
    return Statement(query, CompanyRow, across_companies=True)
