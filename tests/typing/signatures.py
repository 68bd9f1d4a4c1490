"""What type checkers see of one body in two worlds; run by ``nox -s types``, never imported by pytest."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, assert_type
from uuid import UUID

from chatapp_db import (
    Actor,
    AsyncExport,
    Difference,
    Erasure,
    Export,
    KeyRotation,
    MigrationReport,
    ScaleOutPlan,
    ScaleOutStep,
    Secret,
    Status,
    check,
    company_of_invitation,
    migrate,
    plan,
    retry,
    scale_out_plan,
    status,
)
from chatapp_db.database import AsyncDatabase, Database
from chatapp_db.repositories.conversations.conversations import InboxItem
from chatapp_db.repositories.paging import Page
from chatapp_db.rows import AuditLogRow, ConversationRow, MessageRow, TeamInvitationRow, UserRow
from chatapp_db.schema import MessageRole
from chatapp_db.vectors import AsyncVectorStore, Query, SearchHit, VectorStore


def blocking(db: Database, company_id: UUID, id: UUID) -> None:
    with db.tenant(company_id) as tenant:
        assert_type(tenant.conversations.get(id), ConversationRow)
        assert_type(tenant.conversations.find(id), ConversationRow | None)
        assert_type(tenant.conversations.inbox(limit=25), Page[InboxItem])
        assert_type(tenant.conversations.update(id, priority=2), ConversationRow)
        assert_type(tenant.messages.append(id, role=MessageRole.USER, content="Hello"), MessageRow)
        assert_type(tenant.customers.count(), int)
    with db.tenant(company_id, actor=Actor(user_id=id)) as tenant:
        assert_type(tenant.audit.list(action="agent.updated"), Page[AuditLogRow])
    assert_type(db.privacy.erase_customer(company_id, id), Erasure)
    with db.privacy.export_company(company_id) as export:
        assert_type(export, Export)
        assert_type(list(export), list[str])


async def asynchronous(db: AsyncDatabase, company_id: UUID, id: UUID) -> None:
    async with db.tenant(company_id) as tenant:
        assert_type(await tenant.conversations.get(id), ConversationRow)
        pending = tenant.conversations.find(id)
        awaited: Coroutine[Any, Any, ConversationRow | None] = pending
        await awaited
        assert_type(await tenant.conversations.inbox(limit=25), Page[InboxItem])
        assert_type(await tenant.messages.append(id, role=MessageRole.USER, content="Hello"), MessageRow)
    assert_type(await db.privacy.erase_customer(company_id, id), Erasure)
    async with db.privacy.export_company(company_id) as export:
        assert_type(export, AsyncExport)
        assert_type([line async for line in export], list[str])


def invitations(db: Database, company_id: UUID) -> None:
    row, token = db.company(company_id).invitations.create("ben@acme.example")
    assert_type(row, TeamInvitationRow)
    assert_type(token, Secret[str])
    assert_type(db.accept_invitation(token.get_secret_value(), email=row.email, name="Ben"), UserRow)
    assert_type(company_of_invitation("token"), UUID)


async def keys(db: AsyncDatabase) -> None:
    assert_type(await db.rotate_keys(), KeyRotation)


def vectors(store: VectorStore, company_id: UUID) -> None:
    assert_type(store.search(company_id, [1.0, 0.0], 3), list[SearchHit])
    assert_type(store.for_company(company_id).search([1.0, 0.0], 3), list[SearchHit])
    assert_type(store.search_batch(company_id, [Query([1.0, 0.0])]), list[list[SearchHit]])


async def awaited_vectors(store: AsyncVectorStore, company_id: UUID) -> None:
    assert_type(await store.search(company_id, [1.0, 0.0], 3), list[SearchHit])
    assert_type(await store.for_company(company_id).search_batch([Query([1.0, 0.0])]), list[list[SearchHit]])


def migrations(url: str) -> None:
    assert_type(migrate(url), MigrationReport)
    assert_type(status(url), Status)
    assert_type(check(url), list[Difference])
    assert_type(plan(), str)
    assert_type(scale_out_plan(), ScaleOutPlan)
    assert_type(scale_out_plan().steps, tuple[ScaleOutStep, ...])


@retry(attempts=2)
def tried(count: int, *, name: str) -> list[str]:
    return [name] * count


@retry()
async def tried_awaited(count: int) -> int:
    return count


async def retries() -> None:
    assert_type(tried(2, name="a"), list[str])
    assert_type(await tried_awaited(2), int)
