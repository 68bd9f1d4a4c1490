"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import BillingCycle, PlanType, SubscriptionStatus
from chatapp_db.schema.payloads import CompanySettings, PlanFeatures, PlanLimits
from chatapp_db.schema.types import Bool, Currency, Digits, Json, Label, Moment, Slug, Text, TimeZone, closed


@dataclass(slots=True)
class SubscriptionPlanRow:
    """A row of `chatapp_subscription_plans`."""

    id: UUID
    name: str
    slug: str
    description: str | None
    type: PlanType | str
    price_monthly: Decimal
    price_yearly: Decimal
    currency: str
    features: PlanFeatures
    limits: PlanLimits
    is_active: bool
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class SubscriptionPlanChanges(TypedDict, total=False):
    """What an update of `chatapp_subscription_plans` may name."""

    name: Annotated[str, Text(200, min_length=1)]
    description: Annotated[str, Text(2000)] | None
    type: Annotated[PlanType | str, Label(PlanType)]
    price_monthly: Annotated[Decimal, Digits(12, 2, minimum=0)]
    price_yearly: Annotated[Decimal, Digits(12, 2, minimum=0)]
    currency: Annotated[str, Currency(3)]
    features: Annotated[PlanFeatures, Json()]
    limits: Annotated[PlanLimits, Json()]
    is_active: Bool


@closed
class SubscriptionPlanValues(TypedDict, total=False):
    """What a new row of `chatapp_subscription_plans` is made of."""

    id: UUID
    name: Required[Annotated[str, Text(200, min_length=1)]]
    slug: Required[Annotated[str, Slug(100)]]
    description: Annotated[str, Text(2000)] | None
    type: Required[Annotated[PlanType | str, Label(PlanType)]]
    price_monthly: Annotated[Decimal, Digits(12, 2, minimum=0)]
    price_yearly: Annotated[Decimal, Digits(12, 2, minimum=0)]
    currency: Annotated[str, Currency(3)]
    features: Annotated[PlanFeatures, Json()]
    limits: Annotated[PlanLimits, Json()]
    is_active: Bool


@dataclass(slots=True)
class CompanyRow:
    """A row of `chatapp_companies`."""

    id: UUID
    name: str
    slug: str
    domain: str | None
    logo_url: str | None
    settings: CompanySettings
    subscription_plan_id: UUID
    subscription_status: SubscriptionStatus | str
    billing_cycle: BillingCycle | str | None
    timezone: str
    trial_ends_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class CompanyChanges(TypedDict, total=False):
    """What an update of `chatapp_companies` may name."""

    name: Annotated[str, Text(200, min_length=1)]
    domain: Annotated[str, Text(253, min_length=1)] | None
    logo_url: Annotated[str, Text(2048, min_length=1)] | None
    settings: Annotated[CompanySettings, Json()]
    timezone: Annotated[str, TimeZone(64)]


@closed
class CompanyValues(TypedDict, total=False):
    """What a new row of `chatapp_companies` is made of."""

    id: UUID
    name: Required[Annotated[str, Text(200, min_length=1)]]
    slug: Required[Annotated[str, Slug(100)]]
    domain: Annotated[str, Text(253, min_length=1)] | None
    logo_url: Annotated[str, Text(2048, min_length=1)] | None
    settings: Annotated[CompanySettings, Json()]
    subscription_plan_id: Required[UUID]
    subscription_status: Annotated[SubscriptionStatus | str, Label(SubscriptionStatus)]
    billing_cycle: Annotated[BillingCycle | str, Label(BillingCycle)] | None
    timezone: Annotated[str, TimeZone(64)]
    trial_ends_at: Moment | None
