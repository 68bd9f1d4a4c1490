"""Mistakes that both type checkers must refuse: each line marked ``refused`` and no other."""

from __future__ import annotations

from uuid import UUID

from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.schema import MessageRole


def blocking(db: Database, company_id: UUID, id: UUID) -> None:
    tenant = db.company(company_id)
    tenant.conversations.get("id")  # refused
    tenant.conversations.update(id, colour="red")  # refused
    tenant.conversations.open(customer_id=id)  # refused
    tenant.messages.append(id, role=MessageRole.USER)  # refused
    tenant.messages.append(id, MessageRole.USER, "Hello")  # refused


async def asynchronous(db: AsyncDatabase, company_id: UUID, id: UUID) -> None:
    tenant = db.company(company_id)
    print((await tenant.conversations.get(id)).priority)
    print(tenant.conversations.get(id).priority)  # refused
    print(tenant.conversations.inbox().items)  # refused
    tenant.messages.append(id, role=MessageRole.USER, content="Hello")  # refused
    await tenant.messages.append(id, role=MessageRole.USER, content="Hello")
