"""Mistakes that both type checkers must refuse: each line marked ``refused`` and no other."""

from __future__ import annotations

from uuid import UUID

import chatapp_db
from chatapp_db import AsyncDatabase, Conflict, Database, MessageRole
from chatapp_db.database import DatabaseSettings
from chatapp_db.fastapi import company
from chatapp_db.rows import AgentChanges, AgentValues, ConversationRow
from chatapp_db.schema import Customer
from chatapp_db.testing import CompanyRows

CHANGES: AgentChanges = {"colour": "red"}  # refused
VALUES: AgentValues = {"status": "active"}  # refused
SETTINGS: DatabaseSettings = {"rls": "perhaps"}  # refused
NAME = chatapp_db.NoSuchName  # refused
SCOPE = company("signed in")  # refused


def blocking(db: Database, company_id: UUID, id: UUID) -> None:
    tenant = db.company(company_id)
    tenant.conversations.get("id")  # refused
    tenant.conversations.update(id, colour="red")  # refused
    tenant.conversations.open(customer_id=id)  # refused
    tenant.messages.append(id, role=MessageRole.USER)  # refused
    tenant.messages.append(id, MessageRole.USER, "Hello")  # refused
    print(tenant.companies)  # refused
    db.tenant()  # refused


async def asynchronous(db: AsyncDatabase, company_id: UUID, id: UUID) -> None:
    tenant = db.company(company_id)
    print((await tenant.conversations.get(id)).priority)
    print(tenant.conversations.get(id).priority)  # refused
    print(tenant.conversations.inbox().items)  # refused
    tenant.messages.append(id, role=MessageRole.USER, content="Hello")  # refused
    await tenant.messages.append(id, role=MessageRole.USER, content="Hello")
    with db.tenant(company_id):  # refused
        pass


def read(row: ConversationRow, error: Conflict, rows: CompanyRows) -> str:
    print(row.colour)  # refused
    print(rows.add(Customer).colour)  # refused
    return error.retry_after  # refused
