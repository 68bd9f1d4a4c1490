"""Rows a test needs but does not speak of, written through the repositories in either world.

::

    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
"""

from __future__ import annotations

import secrets
from uuid import UUID

from chatapp_db.errors import NotFound
from chatapp_db.schema import AgentStatus, ChannelType, PlanType
from tests.worlds import Awaited

PLAN = "test-plan"
# Nobody's id, for a test's parameter: its text is part of the test's name, alike in every process.
SOMEBODY = UUID("01900000-0000-7000-8000-000000000001")


async def new_plan(platform: Awaited, slug: str = PLAN) -> UUID:
    """Add a plan in a platform scope, unless it is there."""
    try:
        plan = await platform.plans.by_slug(slug)
    except NotFound:
        plan = await platform.plans.add(name="Test", slug=slug, type=PlanType.STARTER)
    return plan.id


async def new_company(db: Awaited, name: str = "Acme") -> UUID:
    """Two companies may have one name; their slugs differ."""
    async with db.platform("a test needs a company") as platform:
        await new_plan(platform)
        slug = f"company-{secrets.token_hex(8)}"
        company = await platform.companies.create(name=name, slug=slug, plan=PLAN)
    return company.id


async def new_user(db: Awaited, company_id: UUID, name: str = "Ada") -> UUID:
    email = f"{secrets.token_hex(8)}@example.com"
    user = await db.company(company_id).users.add(name=name, email=email)
    return user.id


async def new_agent(db: Awaited, company_id: UUID, name: str = "Bot") -> UUID:
    agent = await db.company(company_id).agents.add(name=name, status=AgentStatus.ACTIVE)
    return agent.id


async def new_customer(db: Awaited, company_id: UUID, name: str = "Grace") -> UUID:
    email = f"{secrets.token_hex(8)}@example.com"
    customer = await db.company(company_id).customers.add(name=name, email=email)
    return customer.id


async def new_conversation(
    db: Awaited,
    company_id: UUID,
    *,
    agent_id: UUID | None = None,
    customer_id: UUID | None = None,
    channel: ChannelType = ChannelType.WIDGET,
) -> UUID:
    conversation = await db.company(company_id).conversations.open(
        agent_id=agent_id or await new_agent(db, company_id),
        customer_id=customer_id or await new_customer(db, company_id),
        channel=channel,
    )
    return conversation.id
