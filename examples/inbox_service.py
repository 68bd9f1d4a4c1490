"""A support inbox over HTTP: FastAPI on chatapp_db, with a PostgreSQL that lives in a folder.

    pip install "chatapp-db[embedded,fastapi]" uvicorn
    python examples/inbox_service.py

Open http://127.0.0.1:8000/docs, authorise with ``acme-key`` or ``bolt-key``, and let a visitor write by the
widget's key that the start prints. For production, ``lifespan(url)`` takes the place of the embedded
database, and your sign-in that of ``colleague``; nothing else changes.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from chatapp_db import (
    AsyncDatabase,
    ChannelType,
    ConversationStatus,
    InboxCounts,
    InboxItem,
    InboxSort,
    InboxView,
    MessageRole,
    NotFound,
    Page,
    aseed,
)
from chatapp_db.fastapi import PROBLEMS, answer_errors, company, database, lifespan
from chatapp_db.rows import ConversationRow, MessageRow
from chatapp_db.scopes import AsyncCompanyScope


@asynccontextmanager
async def start(app: FastAPI) -> AsyncGenerator[None]:
    opening = partial(AsyncDatabase.embedded, os.environ.get("INBOX_FOLDER", "inbox-db"))
    async with lifespan(opening, migrate=True)(app):
        db: AsyncDatabase = app.state.chatapp_database
        await aseed(db)
        app.state.colleagues = {f"{slug}-key": await demo(db, slug) for slug in ("acme", "bolt")}
        yield


app = FastAPI(title="Inbox", lifespan=start, responses={**PROBLEMS, 401: {"description": "No such key"}})
answer_errors(app)


@dataclass
class Colleague:
    """Who asks: a person of a company."""

    id: UUID
    company_id: UUID


async def demo(db: AsyncDatabase, slug: str) -> Colleague:
    """Find a company with its one person, or set it up."""
    async with db.platform("set up the demo") as platform:
        try:
            client = await platform.companies.by_slug(slug)
        except NotFound:
            client = await platform.companies.create(name=slug.title(), slug=slug, plan="starter")
    async with db.tenant(client.id) as tenant:
        people = (await tenant.users.page(limit=1)).items
        if not people:
            people = [await tenant.users.add(email=f"ben@{slug}.example", name="Ben")]
            await tenant.widget.upsert(agent_id=(await tenant.agents.add(name="Ada")).id)
        widget = await tenant.widget.get()
    print(f"{client.name}: X-API-Key {slug}-key, widget {widget.public_key}")
    return Colleague(people[0].id, client.id)


async def colleague(
    request: Request, key: Annotated[str, Security(APIKeyHeader(name="X-API-Key"))]
) -> Colleague:
    """Tell who asks. This is a demonstration, whose keys anybody can guess: put your own sign-in here."""
    found: Colleague | None = request.app.state.colleagues.get(key)
    if found is None:
        raise HTTPException(401, "no such key")
    return found


Me = Annotated[Colleague, Depends(colleague)]


def my_company(me: Me) -> UUID:
    return me.company_id


# The company's repositories, which see nothing beyond it.
Ours = Annotated[AsyncCompanyScope, company(my_company)]
Database = Annotated[AsyncDatabase, Depends(database)]


class Filters(BaseModel, extra="forbid"):
    view: InboxView = InboxView.ALL
    status: ConversationStatus | None = None
    channel: ChannelType | None = None
    tags: list[str] = []
    priority: int | None = None
    sort: InboxSort = InboxSort.LAST_ACTIVITY
    limit: int = 25
    cursor: str | None = None


class Words(BaseModel):
    content: str


class VisitorMessage(Words):
    """What the widget's page sends; by the ids, random ones of its own, it may send it again."""

    id: str
    visitor_id: str
    name: str | None = None


@dataclass
class Thread:
    conversation: ConversationRow
    history: Page[MessageRow]


@app.get("/inbox")
async def inbox(me: Me, ours: Ours, filters: Annotated[Filters, Query()]) -> Page[InboxItem]:
    mine = me.id if filters.view is InboxView.MINE else None
    return await ours.conversations.inbox(user_id=mine, **filters.model_dump())


@app.get("/inbox/counts")
async def inbox_counts(me: Me, ours: Ours) -> InboxCounts:
    return await ours.conversations.inbox_counts(me.id)


@app.get("/conversations/{id}")
async def thread(ours: Ours, id: UUID, cursor: str | None = None) -> Thread:
    conversation = await ours.conversations.get(id)
    return Thread(conversation, await ours.messages.history(id, cursor=cursor))


@app.post("/conversations/{id}/replies", status_code=201)
async def reply(me: Me, ours: Ours, id: UUID, words: Words) -> MessageRow:
    return await ours.messages.append(
        id, role=MessageRole.ASSISTANT, content=words.content, sender_user_id=me.id
    )


@app.post("/conversations/{id}/notes", status_code=201)
async def note(me: Me, ours: Ours, id: UUID, words: Words) -> MessageRow:
    """Write what the team reads and the customer does not."""
    return await ours.messages.append(
        id, role=MessageRole.ASSISTANT, content=words.content, sender_user_id=me.id, is_private=True
    )


@app.post("/conversations/{id}/assign-to-me")
async def assign_to_me(me: Me, ours: Ours, id: UUID, version: int | None = None) -> ConversationRow:
    """Take a conversation over, unless it is no longer at the version that was looked at."""
    return await ours.conversations.assign(id, me.id, expected_version=version)


@app.post("/conversations/{id}/resolve")
async def resolve(ours: Ours, id: UUID, version: int | None = None) -> ConversationRow:
    return await ours.conversations.resolve(id, expected_version=version)


@app.post("/conversations/{id}/reopen")
async def reopen(ours: Ours, id: UUID, version: int | None = None) -> ConversationRow:
    return await ours.conversations.reopen(id, expected_version=version)


@app.get("/messages")
async def search(ours: Ours, query: str, limit: int = 25, cursor: str | None = None) -> Page[MessageRow]:
    return await ours.messages.search(query, limit=limit, cursor=cursor)


@app.post("/widget/{public_key}/messages", status_code=201)
async def visitor_writes(
    db: Database, public_key: str, message: VisitorMessage, origin: Annotated[str | None, Header()] = None
) -> MessageRow:
    """Take a visitor's message in one transaction; the key of the page's widget says whose visitor it is."""
    widget = await db.widget(public_key, origin=origin)
    visitor = f"visitor:{message.visitor_id}"  # never taken for a customer whom the company itself has named
    async with db.tenant(widget.company_id) as tenant:
        customer = await tenant.customers.identify(external_id=visitor, name=message.name)
        conversation = await tenant.conversations.open_or_get(
            ChannelType.WIDGET, visitor, agent_id=widget.agent_id, customer_id=customer.id
        )
        return await tenant.messages.append(
            conversation.id, role=MessageRole.USER, content=message.content, external_id=message.id
        )


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ.get("PORT", "8000")))
