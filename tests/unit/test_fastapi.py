"""The FastAPI part: each error has an answer that tells nothing, each body its limits in OpenAPI."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import TypeAdapter

from chatapp_db import errors, rows
from chatapp_db.errors import ChatAppDbError
from chatapp_db.fastapi import PROBLEMS, STATUS, JsonBody, answer_errors

MADE: dict[type[ChatAppDbError], ChatAppDbError] = {
    errors.NotFound: errors.NotFound("agent"),
    errors.Conflict: errors.Conflict("uq_chatapp_users_email"),
    errors.VersionConflict: errors.VersionConflict("agent", 3),
    errors.LimitReached: errors.LimitReached("max_users"),
    errors.InvalidReference: errors.InvalidReference("fk_chatapp_agents_created_by"),
    errors.InvalidValue: errors.InvalidValue("name", "too long"),
    errors.InvalidCursor: errors.InvalidCursor(),
    errors.KeyUnavailable: errors.KeyUnavailable("key-1", "hunter2"),
}
TOLD = {"agent", "uq_chatapp_users_email", "max_users", "fk_chatapp_agents_created_by", "name: too long"}


def tree(kind: type[ChatAppDbError]) -> set[type[ChatAppDbError]]:
    return {kind}.union(*map(tree, kind.__subclasses__()))


def app_that_raises(error: Exception) -> FastAPI:
    app = FastAPI()
    answer_errors(app)

    @app.get("/")
    async def fail() -> None:
        raise error

    return app


@asynccontextmanager
async def visitor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


def test_every_error_of_the_package_is_mapped():
    known = {kind for kind in tree(ChatAppDbError) if kind.__module__.startswith("chatapp_db.")}
    assert set(STATUS) == known


@pytest.mark.parametrize("kind", [kind for kind, status in STATUS.items() if status != 500])
async def test_an_error_is_answered_as_a_problem(runner, kind):
    error = MADE.get(kind) or kind("hunter2")
    async with visitor(app_that_raises(error)) as client:
        answer = await client.get("/")
    problem = answer.json()
    assert answer.status_code == problem["status"] == STATUS[kind]
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.headers.get("retry-after") == "1") is kind.retryable
    assert "hunter2" not in answer.text
    assert set(problem) == {"type", "title", "status", "detail"}


@pytest.mark.parametrize("kind", [kind for kind, status in STATUS.items() if status == 500])
async def test_a_fault_is_raised_on(runner, kind):
    error = kind.__new__(kind)
    with pytest.raises(kind):
        async with visitor(app_that_raises(error)) as client:
            await client.get("/")


async def test_an_error_of_a_services_own_is_answered_as_what_it_is(runner):
    class NoDesk(errors.NotFound):
        pass

    async with visitor(app_that_raises(NoDesk("desk"))) as client:
        answer = await client.get("/")
    assert (answer.status_code, answer.json()["type"]) == (404, "urn:chatapp-db:not-found")
    assert answer.json()["detail"] == "desk not found"


def test_every_answer_is_documented():
    assert set(PROBLEMS) | {401, 500} == {int(status) for status in STATUS.values()}


def properties(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()["properties"]


def test_a_body_shows_its_limits_and_formats():
    user, plan = properties(rows.UserValues), properties(rows.SubscriptionPlanValues)
    assert user["email"] == {"title": "Email", "type": "string", "maxLength": 320, "format": "email"}
    assert user["name"] == {"title": "Name", "type": "string", "maxLength": 200, "minLength": 1}
    assert user["avatar_url"]["anyOf"][0]["maxLength"] == 2048
    assert plan["slug"]["pattern"] == "^[a-z0-9](-?[a-z0-9])*$"
    assert plan["currency"]["pattern"] == "^[A-Z]{3}$"
    address = properties(rows.AuditLogValues)["ip_address"]["anyOf"][0]
    assert address["anyOf"] == [{"format": "ipv4"}, {"format": "ipv6"}]
    tags = properties(rows.CustomerChanges)["tags"]
    assert (tags["maxItems"], tags["items"]["maxLength"]) == (100, 100)
    assert properties(rows.CustomerValues)["first_seen_at"]["format"] == "date-time"


KINDS = [
    kind for name in rows.__all__ if name.endswith(("Values", "Changes")) for kind in [getattr(rows, name)]
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_body_has_a_schema_in_which_each_text_is_limited(kind):
    shown = TypeAdapter(JsonBody[kind]).json_schema()
    assert shown["additionalProperties"] is False
    for name, field in shown["properties"].items():
        for one in field.get("anyOf", [field]):
            free = one.get("type") == "string" and not {"format", "pattern"} & one.keys()
            assert not free or "maxLength" in one or "price" in name or "score" in name or "avg" in name, name


def test_a_body_is_read_by_the_rules_of_json():
    adapter = TypeAdapter(JsonBody[rows.CustomerValues])
    read = adapter.validate_python({"email": "Grace@Example.com", "first_seen_at": "2026-01-01T00:00:00Z"})
    assert (read["email"], read["first_seen_at"].year) == ("grace@example.com", 2026)
    with pytest.raises(ValueError, match="first_seen_at"):
        adapter.validate_python({"first_seen_at": "2026-01-01T00:00:00"})
