"""Companies: a company's own row, and all of them for the platform."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import InvalidReference, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, written
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import as_member, as_moment, as_slug, checked
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
)
from chatapp_db.rows import CompanyChanges, CompanyRow
from chatapp_db.schema import BillingCycle, Company, SubscriptionPlan, SubscriptionStatus
from chatapp_db.schema.payloads import CompanySettings

__all__ = [
    "AsyncCompanyRepository",
    "AsyncPlatformCompanyRepository",
    "CompanyOperations",
    "CompanyRepository",
    "PlatformCompanyOperations",
    "PlatformCompanyRepository",
]

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

    async def _one(self, statement: Statement[CompanyRow], **parameters: Any) -> CompanyRow:
        own = {"company_id": self._company_id, "id": self._company_id}
        rows = await self._carrier.fetch(statement, {**own, **parameters})
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
            "billing_cycle": billing_cycle and as_member("billing_cycle", BillingCycle, billing_cycle),
            "trial_ends_at": trial_ends_at and as_moment("trial_ends_at", trial_ends_at),
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
        """Delete a company that has nothing yet.

        Raises NotFound, Conflict where anything still refers to it.
        """
        await self._delete(id)


class PlatformCompanyRepository(PlatformCompanyOperations, BlockingPlatformRepository):
    """All companies, blocking."""


class AsyncPlatformCompanyRepository(PlatformCompanyOperations, AsyncioPlatformRepository):
    """All companies, awaited."""


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
