"""Offer it over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, FastAPI

from chatapp_db import AsyncDatabase, InboxItem, Page
from chatapp_db.fastapi import PROBLEMS, JsonBody, answer_errors, company, database, lifespan, tenant
from chatapp_db.rows import CompanyRow, CustomerChanges, CustomerRow
from chatapp_db.scopes import AsyncCompanyScope, AsyncTenant


async def signed_in(key: str) -> UUID:
    return UUID(key)


Company = Annotated[AsyncCompanyScope, company(signed_in)]
Tenant = Annotated[AsyncTenant, tenant(signed_in)]


async def inbox(ours: Company, cursor: str | None = None) -> Page[InboxItem]:
    return await ours.conversations.inbox(cursor=cursor)


async def correct(ours: Tenant, id: UUID, changes: JsonBody[CustomerChanges]) -> CustomerRow:
    return await ours.customers.update(id, **changes)


async def acme(db: Annotated[AsyncDatabase, Depends(database)]) -> CompanyRow:
    async with db.platform("a page that anybody sees") as platform:
        return await platform.companies.by_slug("acme")


def created(url: str) -> FastAPI:
    app = FastAPI(lifespan=lifespan(url, migrate=True), responses=PROBLEMS)
    app.get("/inbox")(inbox)
    app.patch("/customers/{id}")(correct)
    app.get("/acme")(acme)
    answer_errors(app)
    return app
