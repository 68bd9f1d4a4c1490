"""The rows a new installation starts with: plans, agent packages, and a development admin when asked for.

Each is known by its slug or e-mail and only ever added: what an operator has changed stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any, Final
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import finish
from chatapp_db.execution.statement import Statement, scalar, written
from chatapp_db.repositories.base import table_of
from chatapp_db.repositories.border import checked
from chatapp_db.rows import AgentPackageValues, SubscriptionPlanValues, UserValues
from chatapp_db.schema import (
    AgentPackage,
    ChannelType,
    PlanType,
    SubscriptionPlan,
    User,
    UserRole,
    UserStatus,
)
from chatapp_db.schema.base import Base

__all__ = ["DEVELOPER_EMAIL", "PACKAGES", "PLANS", "Seeded", "aseed", "seed"]

DEVELOPER_EMAIL: Final = "dev@chatapp.invalid"

_REASON: Final = "seed plans and agent packages"

_EVERY_CHANNEL: Final = [channel.value for channel in ChannelType]

PLANS: Final[Sequence[SubscriptionPlanValues]] = (
    {
        "name": "Free",
        "slug": "free",
        "description": "Try it on one web site.",
        "type": PlanType.FREE,
        "price_monthly": Decimal(0),
        "price_yearly": Decimal(0),
        "features": {
            "channels": ["widget"],
            "integrations": False,
            "webhooks": False,
            "custom_branding": False,
            "analytics": False,
            "api_access": False,
            "priority_support": False,
        },
        "limits": {
            "agents": 1,
            "team_members": 2,
            "conversations_per_month": 100,
            "messages_per_month": 1_000,
            "knowledge_sources": 5,
            "storage_megabytes": 50,
        },
    },
    {
        "name": "Starter",
        "slug": "starter",
        "description": "For a small team that answers on its web site and by e-mail.",
        "type": PlanType.STARTER,
        "price_monthly": Decimal(29),
        "price_yearly": Decimal(290),
        "features": {
            "channels": ["widget", "email"],
            "integrations": True,
            "webhooks": False,
            "custom_branding": True,
            "analytics": True,
            "api_access": False,
            "priority_support": False,
        },
        "limits": {
            "agents": 3,
            "team_members": 5,
            "conversations_per_month": 1_000,
            "messages_per_month": 10_000,
            "knowledge_sources": 50,
            "storage_megabytes": 1_000,
        },
    },
    {
        "name": "Professional",
        "slug": "professional",
        "description": "For a team that answers on every channel and connects its own systems.",
        "type": PlanType.PROFESSIONAL,
        "price_monthly": Decimal(99),
        "price_yearly": Decimal(990),
        "features": {
            "channels": _EVERY_CHANNEL,
            "integrations": True,
            "webhooks": True,
            "custom_branding": True,
            "analytics": True,
            "api_access": True,
            "priority_support": False,
        },
        "limits": {
            "agents": 10,
            "team_members": 25,
            "conversations_per_month": 10_000,
            "messages_per_month": 100_000,
            "knowledge_sources": 500,
            "storage_megabytes": 10_000,
        },
    },
    {
        "name": "Enterprise",
        "slug": "enterprise",
        "description": "Everything, without limits.",
        "type": PlanType.ENTERPRISE,
        "price_monthly": Decimal(499),
        "price_yearly": Decimal(4_990),
        "features": {
            "channels": _EVERY_CHANNEL,
            "integrations": True,
            "webhooks": True,
            "custom_branding": True,
            "analytics": True,
            "api_access": True,
            "priority_support": True,
        },
        "limits": {
            "agents": None,
            "team_members": None,
            "conversations_per_month": None,
            "messages_per_month": None,
            "knowledge_sources": None,
            "storage_megabytes": None,
        },
    },
)

PACKAGES: Final[Sequence[AgentPackageValues]] = (
    {
        "name": "Support",
        "slug": "support",
        "description": "Solves customers' problems and hands over to a person when it cannot.",
        "category": "support",
        "icon": "life-buoy",
        "base_prompt": (
            "You are a support agent. Find out what the customer wants to achieve, answer from the company's"
            " knowledge, and give one step at a time. Say so when you do not know, and offer to hand over to"
            " a person. Never invent a policy, a price or a date."
        ),
        "suggested_tools": [
            {"name": "search_knowledge", "description": "Look the answer up in the company's knowledge"},
            {"name": "escalate", "description": "Hand the conversation over to a person"},
        ],
    },
    {
        "name": "Sales",
        "slug": "sales",
        "description": "Helps visitors choose and collects what the sales team needs.",
        "category": "sales",
        "icon": "shopping-bag",
        "base_prompt": (
            "You are a sales assistant. Ask what the visitor needs before you recommend anything, compare the"
            " company's offers honestly, and quote prices only from its knowledge. When the visitor is"
            " interested, ask for a name and an e-mail address and tell them who will be in touch."
        ),
        "suggested_tools": [
            {"name": "search_knowledge", "description": "Look products and prices up"},
            {"name": "capture_lead", "description": "Note a visitor's name, e-mail and interest"},
            {"name": "escalate", "description": "Hand the conversation over to the sales team"},
        ],
    },
    {
        "name": "FAQ",
        "slug": "faq",
        "description": "Answers common questions in a few sentences, from the company's knowledge alone.",
        "category": "support",
        "icon": "help-circle",
        "base_prompt": (
            "You answer frequently asked questions. Answer in at most three sentences, only from the"
            " company's knowledge, and name the page it comes from. If the answer is not there, say so."
        ),
        "suggested_tools": [
            {"name": "search_knowledge", "description": "Look the answer up in the company's knowledge"},
        ],
    },
    {
        "name": "Onboarding",
        "slug": "onboarding",
        "description": "Takes new customers through their first steps.",
        "category": "onboarding",
        "icon": "compass",
        "base_prompt": (
            "You welcome new customers and take them through their first steps with the product. Ask what"
            " they have done already, explain the next step only, and make sure it worked before you go on."
            " Offer a person's help after two failed attempts."
        ),
        "suggested_tools": [
            {"name": "search_knowledge", "description": "Look a step up in the guides"},
            {"name": "escalate", "description": "Hand the conversation over to a person"},
        ],
    },
)

_DEVELOPER: Final[UserValues] = {
    "email": DEVELOPER_EMAIL,
    "name": "Developer",
    "role": UserRole.MASTER_ADMIN,
    "status": UserStatus.ACTIVE,
}


@dataclass(frozen=True, slots=True)
class Seeded:
    """How many rows were added; what was there already does not count."""

    plans: int
    packages: int
    admins: int

    def __str__(self) -> str:
        added = f"{self.plans} plans, {self.packages} agent packages"
        return f"added {added}, {self.admins} admin" if self.admins else f"added {added}"


def seed(db: Database, *, dev: bool = False) -> Seeded:
    """Add the plans and the agent packages that are not there yet, in one transaction.

    Safe to run twice and from several processes at once. ``dev`` also adds a master admin for development:
    a row without credentials, since signing in is the service's matter.
    """
    with db.platform(_REASON) as platform:
        return finish(_sow(platform.carrier, dev=dev))


async def aseed(db: AsyncDatabase, *, dev: bool = False) -> Seeded:
    """Add the plans and the agent packages that are not there yet; see seed()."""
    async with db.platform(_REASON) as platform:
        return await _sow(platform.carrier, dev=dev)


async def _sow(carrier: Carrier, *, dev: bool) -> Seeded:
    """Add in one order everywhere, so that two runs at once wait for each other instead of deadlocking."""
    plans = [await _add(carrier, SubscriptionPlan, SubscriptionPlanValues, plan) for plan in PLANS]
    packages = [await _add(carrier, AgentPackage, AgentPackageValues, package) for package in PACKAGES]
    admins = [await _add(carrier, User, UserValues, _DEVELOPER)] if dev else []
    return Seeded(sum(plans), sum(packages), sum(admins))


async def _add(carrier: Carrier, model: type[Base], kind: type[Any], values: Mapping[str, Any]) -> int:
    given: dict[str, Any] = {"id": uuid7(), **checked(kind, values)}
    statement = _unless_there(model, frozenset(given))
    return len(await carrier.fetch(statement, {f"new_{name}": value for name, value in given.items()}))


@cache
def _unless_there(model: type[Base], names: frozenset[str]) -> Statement[UUID]:
    table = table_of(model)
    known_by = "slug" if "slug" in names else "email"
    insertion = insert(table).values({name: written(table.c[name]) for name in sorted(names)})
    once: Any = insertion.on_conflict_do_nothing(index_elements=[known_by])
    return Statement(once.returning(table.c.id), scalar, across_companies=True)
