"""A support inbox over HTTP: FastAPI on chatapp_db, with a PostgreSQL that lives in a folder.

    pip install "chatapp-db[embedded]" fastapi uvicorn
    python examples/inbox_service.py

Open http://127.0.0.1:8000/docs, authorise with ``acme-key`` or ``bolt-key``, and let a visitor write by the
widget's key that the start prints. For production, ``AsyncDatabase(url)`` takes the place of the embedded
one, and your sign-in that of ``colleague``; nothing else changes.
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request, Security
from fastapi.responses import JSONResponse
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from chatapp_db import (
    AsyncDatabase,
    ChannelType,
    ChatAppDbError,
    Conflict,
    ConversationStatus,
    InboxCounts,
    InboxItem,
    InboxSort,
    InboxView,
    InvalidReference,
    InvalidValue,
    MessageRole,
    NotFound,
    Page,
    Unavailable,
    VersionConflict,
    amigrate,
    aseed,
)
from chatapp_db.rows import ConversationRow, MessageRow
from chatapp_db.scopes import AsyncCompanyScope


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
    async with await AsyncDatabase.embedded(os.environ.get("INBOX_FOLDER", "inbox-db")) as db:
        await amigrate(db.engine)  # at the start of every replica: it waits, it never races
        await aseed(db)
        app.state.db = db
        app.state.colleagues = {f"{slug}-key": await demo(db, slug) for slug in ("acme", "bolt")}
        yield


app = FastAPI(title="Inbox", lifespan=lifespan)


@dataclass
class Colleague:
    """Who asks: a person, and the company's repositories, which see nothing beyond it."""

    id: UUID
    company: AsyncCompanyScope


async def demo(db: AsyncDatabase, slug: str) -> Colleague:
    """Find a company with its one person, or set it up."""
    async with db.platform("set up the demo") as platform:
        try:
            company = await platform.companies.by_slug(slug)
        except NotFound:
            company = await platform.companies.create(name=slug.title(), slug=slug, plan="starter")
    async with db.tenant(company.id) as tenant:
        people = (await tenant.users.page(limit=1)).items
        if not people:
            people = [await tenant.users.add(email=f"ben@{slug}.example", name="Ben")]
            await tenant.widget.upsert(agent_id=(await tenant.agents.add(name="Ada")).id)
        widget = await tenant.widget.get()
    print(f"{company.name}: X-API-Key {slug}-key, widget {widget.public_key}")
    return Colleague(people[0].id, db.company(company.id))


async def colleague(
    request: Request, key: Annotated[str, Security(APIKeyHeader(name="X-API-Key"))]
) -> Colleague:
    """Tell who asks. This is a demonstration, whose keys anybody can guess: put your own sign-in here."""
    found: Colleague | None = request.app.state.colleagues.get(key)
    if found is None:
        raise HTTPException(401, "no such key")
    return found


STATUS: dict[type[ChatAppDbError], int] = {
    NotFound: 404,  # absent, or another company's: deliberately the same
    VersionConflict: 412,  # a kind of Conflict, so it comes first
    Conflict: 409,
    InvalidReference: 422,
    InvalidValue: 422,
    Unavailable: 503,
}


@app.exception_handler(ChatAppDbError)
async def refuse(_request: Request, error: ChatAppDbError) -> JSONResponse:
    """Say what went wrong; what no caller can mend is raised on, and a 500."""
    status = next((code for kind, code in STATUS.items() if isinstance(error, kind)), None)
    if status is None:
        raise error
    return JSONResponse({"detail": str(error)}, status, {"Retry-After": "1"} if error.retryable else None)


Me = Annotated[Colleague, Depends(colleague)]


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
async def inbox(me: Me, filters: Annotated[Filters, Query()]) -> Page[InboxItem]:
    mine = me.id if filters.view is InboxView.MINE else None
    return await me.company.conversations.inbox(user_id=mine, **filters.model_dump())


@app.get("/inbox/counts")
async def inbox_counts(me: Me) -> InboxCounts:
    return await me.company.conversations.inbox_counts(me.id)


@app.get("/conversations/{id}")
async def thread(me: Me, id: UUID, cursor: str | None = None) -> Thread:
    conversation = await me.company.conversations.get(id)
    return Thread(conversation, await me.company.messages.history(id, cursor=cursor))


@app.post("/conversations/{id}/replies", status_code=201)
async def reply(me: Me, id: UUID, words: Words) -> MessageRow:
    return await me.company.messages.append(
        id, role=MessageRole.ASSISTANT, content=words.content, sender_user_id=me.id
    )


@app.post("/conversations/{id}/notes", status_code=201)
async def note(me: Me, id: UUID, words: Words) -> MessageRow:
    """Write what the team reads and the customer does not."""
    return await me.company.messages.append(
        id, role=MessageRole.ASSISTANT, content=words.content, sender_user_id=me.id, is_private=True
    )


@app.post("/conversations/{id}/assign-to-me")
async def assign_to_me(me: Me, id: UUID, version: int | None = None) -> ConversationRow:
    """Take a conversation over, unless it is no longer at the version that was looked at."""
    return await me.company.conversations.assign(id, me.id, expected_version=version)


@app.post("/conversations/{id}/resolve")
async def resolve(me: Me, id: UUID, version: int | None = None) -> ConversationRow:
    return await me.company.conversations.resolve(id, expected_version=version)


@app.post("/conversations/{id}/reopen")
async def reopen(me: Me, id: UUID, version: int | None = None) -> ConversationRow:
    return await me.company.conversations.reopen(id, expected_version=version)


@app.get("/messages")
async def search(me: Me, query: str, limit: int = 25, cursor: str | None = None) -> Page[MessageRow]:
    return await me.company.messages.search(query, limit=limit, cursor=cursor)


@app.post("/widget/{public_key}/messages", status_code=201)
async def visitor_writes(
    request: Request, public_key: str, message: VisitorMessage, origin: Annotated[str | None, Header()] = None
) -> MessageRow:
    """Take a visitor's message in one transaction; the key of the page's widget says whose visitor it is."""
    db: AsyncDatabase = request.app.state.db
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
