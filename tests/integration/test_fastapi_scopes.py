"""A FastAPI service on the package: its database, its scopes, and when a transaction ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI, Header, Request

from chatapp_db import Actor, AsyncDatabase
from chatapp_db.fastapi import JsonBody, answer_errors, company, database, lifespan, tenant
from chatapp_db.rows import AgentChanges, AgentRow
from chatapp_db.schema import Agent, User
from chatapp_db.scopes import AsyncCompanyScope, AsyncTenant


async def signed_in(x_company: Annotated[UUID, Header()]) -> UUID:
    return x_company


def acting(request: Request, x_user: Annotated[UUID, Header()]) -> Actor:
    return Actor(user_id=x_user, user_agent=request.headers["user-agent"])


Company = Annotated[AsyncCompanyScope, company(signed_in)]
Tenant = Annotated[AsyncTenant, tenant(signed_in)]
ActingCompany = Annotated[AsyncCompanyScope, company(signed_in, actor=acting)]
ActingTenant = Annotated[AsyncTenant, tenant(signed_in, actor=acting)]


def service(*arguments: Any, **options: Any) -> FastAPI:
    app = FastAPI(lifespan=lifespan(*arguments, **options))
    answer_errors(app)

    @app.get("/agents/{id}")
    async def read(ours: Company, id: UUID) -> AgentRow:
        return await ours.agents.get(id)

    @app.patch("/agents/{id}")
    async def change(ours: Tenant, id: UUID, changes: JsonBody[AgentChanges]) -> AgentRow:
        return await ours.agents.update(id, **changes)

    @app.post("/agents")
    async def add_two(ours: Tenant, second: str) -> AgentRow:
        await ours.agents.add(name="First")
        return await ours.agents.add(name=second)

    return app


@asynccontextmanager
async def running(app: FastAPI, company_id: UUID) -> AsyncIterator[httpx.AsyncClient]:
    client = httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://service",
        headers={"x-company": str(company_id)},
    )
    async with app.router.lifespan_context(app), client:
        yield client


async def test_a_request_sees_its_company_alone(runner, chatapp_database_url, chatapp_company):
    agent = chatapp_company.add(Agent, name="Ada")
    app = service(chatapp_database_url)
    async with running(app, chatapp_company.id) as client:
        assert (await client.get(f"/agents/{agent.id}")).json()["name"] == "Ada"
    async with running(app, uuid4()) as client:
        assert (await client.get(f"/agents/{agent.id}")).status_code == 404


async def test_a_body_changes_what_it_names(runner, chatapp_database_url, chatapp_company):
    agent = chatapp_company.add(Agent, name="Ada")
    async with running(service(chatapp_database_url), chatapp_company.id) as client:
        changed = await client.patch(f"/agents/{agent.id}", json={"name": "Bea"})
        refused = await client.patch(f"/agents/{agent.id}", json={"nmae": "Bea"})
    assert (changed.json()["name"], refused.status_code) == ("Bea", 422)


async def test_a_request_that_fails_saves_nothing(runner, chatapp_database_url, chatapp_company):
    async with running(service(chatapp_database_url), chatapp_company.id) as client:
        assert (await client.post("/agents?second=")).status_code == 422
        assert chatapp_company.scope.agents.page().items == []
        assert (await client.post("/agents?second=Second")).status_code == 200
    assert len(chatapp_company.scope.agents.page().items) == 2


async def test_nobody_is_told_of_what_is_then_not_saved(
    runner, chatapp_database_url, chatapp_superuser_url, chatapp_company
):
    """A deferred trigger speaks at the COMMIT, after the endpoint has returned."""
    with psycopg.connect(chatapp_superuser_url) as connection:
        connection.execute(
            "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE unique_violation USING CONSTRAINT = 'late'; END $$"
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON chatapp_agents DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION public.refuse()"
        )
    async with running(service(chatapp_database_url), chatapp_company.id) as client:
        assert (await client.post("/agents?second=Second")).status_code == 409
    assert chatapp_company.scope.agents.page().items == []


async def test_whoever_is_signed_in_is_named_beside_every_change(
    runner, chatapp_database_url, chatapp_company
):
    ada = chatapp_company.add(User, name="Ada")
    agent = chatapp_company.add(Agent, name="Bot")

    app = FastAPI(lifespan=lifespan(chatapp_database_url))

    @app.put("/company")
    async def by_company(ours: ActingCompany) -> None:
        await ours.agents.update(agent.id, name="Helper")

    @app.put("/tenant")
    async def by_tenant(ours: ActingTenant) -> None:
        await ours.agents.update(agent.id, name="Helper of ours")

    async with running(app, chatapp_company.id) as client:
        for path in ("/company", "/tenant"):
            assert (
                await client.put(path, headers={"user-agent": "Firefox", "x-user": str(ada.id)})
            ).status_code == 200
    lines = chatapp_company.scope.audit.list(action="agent.updated").items
    assert [(line.user_id, line.user_agent) for line in lines] == [(ada.id, "Firefox")] * 2


async def test_a_start_migrates_where_it_is_asked_to(runner, empty_database_url):
    app = service(empty_database_url, migrate=True)
    async with running(app, uuid4()) as client:
        assert (await client.get(f"/agents/{uuid4()}")).status_code == 404


async def test_the_database_may_be_opened_by_the_service(runner, chatapp_database_url):
    async def opening() -> AsyncDatabase:
        return AsyncDatabase(chatapp_database_url)

    async with running(service(opening), uuid4()) as client:
        assert (await client.get(f"/agents/{uuid4()}")).status_code == 404


async def test_a_service_that_was_not_started_says_so(runner, chatapp_database_url):
    app = service(chatapp_database_url)
    transport = httpx.ASGITransport(app)
    headers = {"x-company": str(uuid4())}
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
        with pytest.raises(RuntimeError, match="lifespan"):
            await client.get(f"/agents/{uuid4()}")


async def test_a_database_may_be_put_in_its_place(runner, chatapp_async_database):
    app = service("postgresql://nowhere")
    app.dependency_overrides[database] = lambda: chatapp_async_database
    headers = {"x-company": str(uuid4())}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client:
        assert (await client.get(f"/agents/{uuid4()}")).status_code == 404
    await chatapp_async_database.close()
