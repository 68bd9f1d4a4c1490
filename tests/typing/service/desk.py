"""Answer customers, in a process that blocks."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from chatapp_db import (
    Actor,
    ChatAppDbError,
    Conflict,
    ConversationStatus,
    Database,
    InboxItem,
    InboxView,
    KeyRing,
    MessageRole,
    NotFound,
    Unavailable,
    retry,
    tenant_scope,
)
from chatapp_db.database import DatabaseSettings
from chatapp_db.repositories import ConversationRepository
from chatapp_db.rows import AgentChanges, ConversationRow, CustomerRow, CustomerValues, MessageRow
from chatapp_db.schema import Agent, Customer
from chatapp_db.scopes import CompanyScope, Tenant

SETTINGS: DatabaseSettings = {"keys": KeyRing({"a": bytes(32)}), "pool_size": 5, "rls": "require"}


def opened(url: str) -> Database:
    return Database(url, **SETTINGS)


@retry(attempts=3)
def answered(db: Database, company_id: UUID, id: UUID, said: str, *, by: UUID) -> MessageRow:
    with db.tenant(company_id, actor=Actor(user_id=by)) as tenant:
        taken_over(tenant, id, by)
        return tenant.messages.append(id, role=MessageRole.ASSISTANT, content=said, sender_user_id=by)


def taken_over(tenant: Tenant, id: UUID, by: UUID) -> ConversationRow:
    return tenant.conversations.assign(id, by)


def waiting(ours: CompanyScope) -> Iterator[InboxItem]:
    cursor: str | None = None
    while True:
        page = ours.conversations.inbox(view=InboxView.UNATTENDED, cursor=cursor)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def known(ours: CompanyScope, values: CustomerValues) -> CustomerRow | None:
    try:
        return ours.customers.add(**values)
    except Conflict as error:
        name: str | None = error.constraint
        print(name)
    except Unavailable as error:
        if not error.retryable:
            raise
    except ChatAppDbError:
        raise
    return None


def renamed(ours: CompanyScope, id: UUID, name: str) -> str:
    changes: AgentChanges = {"name": name}
    if not name:
        changes["description"] = None
    try:
        row = ours.agents.update(id, **changes)
    except NotFound:
        return ""
    return row.name


def is_open(row: ConversationRow) -> bool:
    return row.status == ConversationStatus.ACTIVE and row.resolved_at is None


def names(session: Session, company_id: UUID, conversation: UUID) -> list[str | None]:
    """A session of the service's own, with its own statements on our tables."""
    ConversationRepository(session, company_id).resolve(conversation)
    with tenant_scope(session, company_id):
        agents: list[str] = list(session.scalars(select(Agent.name)))
        print(len(agents))
        return list(session.scalars(select(Customer.name)))
