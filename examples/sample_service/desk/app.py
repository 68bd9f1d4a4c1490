"""The desk's API, which takes from whoever signs people in what company they are of."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, FastAPI, HTTPException, Request, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from chatapp_db import InboxItem, InboxView, MessageRole, Page
from chatapp_db.fastapi import PROBLEMS, JsonBody, answer_errors, company, lifespan, tenant
from chatapp_db.rows import CustomerChanges, CustomerRow, MessageRow
from chatapp_db.scopes import AsyncCompanyScope, AsyncTenant

SignIn = Callable[[str], UUID | None]


def signed_in(request: Request, key: Annotated[str, Security(APIKeyHeader(name="X-API-Key"))]) -> UUID:
    found: UUID | None = request.app.state.sign_in(key)
    if found is None:
        raise HTTPException(401, "no such key")
    return found


Company = Annotated[AsyncCompanyScope, company(signed_in)]
Tenant = Annotated[AsyncTenant, tenant(signed_in)]

desk = APIRouter()


class Reply(BaseModel):
    content: str
    user_id: UUID


@desk.get("/waiting")
async def waiting(ours: Company, cursor: str | None = None) -> Page[InboxItem]:
    return await ours.conversations.inbox(view=InboxView.UNATTENDED, cursor=cursor)


@desk.post("/conversations/{id}/replies", status_code=201)
async def reply(ours: Tenant, id: UUID, said: Reply) -> MessageRow:
    """Take the conversation over and answer, or neither."""
    await ours.conversations.assign(id, said.user_id)
    return await ours.messages.append(
        id, role=MessageRole.ASSISTANT, content=said.content, sender_user_id=said.user_id
    )


@desk.patch("/customers/{id}")
async def correct(ours: Company, id: UUID, changes: JsonBody[CustomerChanges]) -> CustomerRow:
    return await ours.customers.update(id, **changes)


def create_app(url: str, sign_in: SignIn) -> FastAPI:
    """Make the app; `sign_in` gives the company of a key, None for what is no key."""
    app = FastAPI(title="Desk", lifespan=lifespan(url), responses=PROBLEMS)
    app.state.sign_in = sign_in
    app.include_router(desk)
    answer_errors(app)
    return app
