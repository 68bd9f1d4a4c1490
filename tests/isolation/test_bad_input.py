"""A hostile argument is refused before anything is sent, and the scope that it was given to goes on."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from chatapp_db.database import Database
from chatapp_db.errors import ChatAppDbError, Conflict, InvalidCursor, InvalidValue
from chatapp_db.repositories import AgentRepository, AsyncAgentRepository
from chatapp_db.repositories.border import as_term, checked
from chatapp_db.rows import AgentChanges, CustomerChanges
from chatapp_db.scopes import Platform, Tenant
from tests.isolation.arguments import slots
from tests.isolation.calling import Undo
from tests.isolation.hostile import (
    MANY,
    NO_COMPANY,
    SECRET,
    Attack,
    attacked,
    attacks,
    good_call,
    is_list_of_ids,
    required_arguments,
    takes_any_keyword,
)
from tests.isolation.methods import Method, methods, repositories
from tests.isolation.population import KEYS, Population
from tests.isolation.strategies import JSON, LOSSY_JSON, UNSTORABLE_TEXTS
from tests.worlds import Awaited

SCOPES = {"tenant": Tenant, "platform": Platform}
OFFERED = {kind: repositories(scope) for kind, scope in SCOPES.items()}
EVERY_METHOD = {
    kind: [method for name, repository in offered.items() for method in methods(name, repository)]
    for kind, offered in OFFERED.items()
}


@dataclass
class Wire:
    """A database on one connection, and how many bytes have gone over it in either direction."""

    db: Awaited
    length: Callable[[], int]
    ours: Population

    def open(self, kind: str) -> Awaited:
        return self.db.tenant(self.ours.id) if kind == "tenant" else self.db.platform("hostile arguments")


@pytest.fixture
def wire(world, login_url, tmp_path, populations):
    db = world.open(login_url("service"), pool_size=1, max_overflow=0, keys=KEYS)
    trace = (tmp_path / "wire").open("wb")
    engine = db.unwrap().engine

    @sa.event.listens_for(getattr(engine, "sync_engine", engine), "checkout")
    def follow(connection, record, proxy):
        proxy.driver_connection.pgconn.trace(trace.fileno())

    yield Wire(db, lambda: os.fstat(trace.fileno()).st_size, populations.ours)
    trace.close()


async def call(scope: Awaited, method: Method, arguments: dict[str, Any]) -> Any:
    return await getattr(getattr(scope, method.repository), method.name)(**arguments)


async def reaches_the_server(wire: Wire, scope: Awaited, method: Method) -> bool:
    """Call with nothing wrong and undo it: what is refused afterwards is refused for the one argument."""
    with suppress(Undo):
        async with scope.savepoint():
            before = wire.length()
            with suppress(ChatAppDbError):
                await call(scope, method, good_call(method))
            sent = wire.length() > before
            raise Undo
    return sent


async def refusal_of(
    wire: Wire, scope: Awaited, method: Method, arguments: dict[str, Any]
) -> Exception | str:
    """Give the error, or say what went wrong instead."""
    before = wire.length()
    try:
        await call(scope, method, arguments)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is told with its call
        return "was sent" if wire.length() > before else error
    return "was accepted"


def complaint(attack: Attack, refusal: Exception | str) -> str | None:
    """Say what is wrong with a refusal."""
    if not isinstance(refusal, InvalidValue):
        return f"{attack}: {refusal!r:.200}"
    if refusal.field.partition(".")[0] != attack.argument:
        return f"{attack}: told of {refusal.field}"
    if attack.argument == "cursor" and not isinstance(refusal, InvalidCursor):
        return f"{attack}: {refusal!r}"
    if SECRET in "".join(traceback.format_exception(refusal)) + repr(vars(refusal)):
        return f"{attack}: repeated in {refusal}"
    return None


async def still_works(scope: Awaited, kind: str, wire: Wire, name: str) -> None:
    if kind == "tenant":
        await scope.company.update(name=name)
    else:
        await scope.companies.update(wire.ours.id, name=name)


@pytest.mark.parametrize("kind", SCOPES)
async def test_every_hostile_argument_is_refused_unsent_and_the_scope_goes_on(wire, kind):
    count = 0
    for name, repository in OFFERED[kind].items():
        async with wire.open(kind) as scope:
            for method in methods(name, repository):
                assert await reaches_the_server(wire, scope, method), method
                for attack in attacks(method):
                    refusal = await refusal_of(wire, scope, method, attack.arguments)
                    assert complaint(attack, refusal) is None
                    count += 1
                    assert await scope.plans.count(), attack
                await still_works(scope, kind, wire, f"after {count} refusals")
        company = await wire.db.company(wire.ours.id).company.get()
        assert not count or company.name == f"after {count} refusals"


@pytest.mark.parametrize("kind", SCOPES)
def test_no_method_and_no_argument_is_left_out(kind):
    for method in EVERY_METHOD[kind]:
        spoilt = {attack.argument for attack in attacks(method)}
        assert spoilt == {one.name for one in attacked(method)}, method


@pytest.mark.parametrize("kind", SCOPES)
async def test_a_keyword_that_nobody_knows_is_refused_unsent(wire, kind):
    async with wire.open(kind) as scope:
        for method in EVERY_METHOD[kind]:
            for keyword in ("nmae", "a\ud800", "a\0b", f"two\nlines of {SECRET}", SECRET * 1000):
                given = good_call(method) | {keyword: SECRET}
                refusal = await refusal_of(wire, scope, method, given)
                if not takes_any_keyword(OFFERED[kind][method.repository], method):
                    assert isinstance(refusal, TypeError), (method, refusal)
                    continue
                assert isinstance(refusal, InvalidValue), (method, refusal)
                assert SECRET not in str(refusal), method
                assert keyword != "nmae" or refusal.field == "nmae", (method, refusal)
        await still_works(scope, kind, wire, "goes on")


async def test_a_company_is_a_uuid_or_no_scope_is_opened(world, wire, login_url):
    bound = partial(world.bound, AgentRepository, AsyncAgentRepository, world.session(login_url("service")))
    for opened in (wire.db.company, wire.db.tenant, bound):
        for value in NO_COMPANY:
            with pytest.raises(InvalidValue) as refused:
                opened(value)
            assert refused.value.field == "company_id"
            assert SECRET not in "".join(traceback.format_exception(refused.value))
    assert wire.length() == 0


async def test_as_many_ids_as_anybody_has_are_one_call(wire):
    async with wire.db.tenant(wire.ours.id) as tenant:
        for method in filter(is_list_of_ids, EVERY_METHOD["tenant"]):
            (slot,) = (one for one in slots(method) if one.name == "ids")
            ours = wire.ours.rows[slot.table][0]["id"]
            found = await call(tenant, method, {"ids": [*(uuid4() for _ in range(MANY)), ours, ours]})
            assert [getattr(one, "id", one) for one in found] == [ours], method


async def test_what_stands_for_others_in_a_pattern_stands_for_itself(wire):
    asked = [
        method
        for method in EVERY_METHOD["tenant"]
        if {"term", "query"} & {one.name for one in method.parameters}
    ]
    async with wire.db.tenant(wire.ours.id) as tenant:
        for method in asked:
            (name,) = {"term", "query"} & {one.name for one in method.parameters}
            required = required_arguments(method, wire.ours)
            assert await found(tenant, method, {**required, name: wire.ours.mark}), method
            for pattern in ("%", "\\", "o%", f"_{wire.ours.mark[1:]}", f"{wire.ours.mark[:-1]}_"):
                assert not await found(tenant, method, {**required, name: pattern}), (method, pattern)
    assert len(asked) >= 4


async def found(scope: Awaited, method: Method, arguments: dict[str, Any]) -> list[Any]:
    answer = await call(scope, method, arguments)
    return getattr(answer, "items", answer)


# Whatever there is to write.


@given(text=st.text())
def test_a_text_is_refused_or_goes_into_the_database(text):
    with suppress(InvalidValue):
        assert checked(AgentChanges, {"description": text}) == {"description": text}
        assert as_term(text).encode()
        assert "\0" not in text


@given(text=UNSTORABLE_TEXTS)
def test_no_text_hides_what_the_database_cannot_hold(text):
    for attempt in (lambda: checked(AgentChanges, {"description": text}), lambda: as_term(text)):
        with pytest.raises(InvalidValue):
            attempt()


@given(value=LOSSY_JSON)
def test_no_payload_hides_what_json_would_lose(value):
    with pytest.raises(InvalidValue) as refused:
        checked(CustomerChanges, {"metadata": {"any": value}})
    assert refused.value.field == "metadata"


@settings(deadline=None, max_examples=60)
@given(values=st.lists(JSON, min_size=1, max_size=20))
def test_what_a_payload_takes_comes_back_and_is_taken_again(customer, values):
    scope, id = customer
    written = scope.customers.update(id, metadata={"any": values}).metadata
    assert written == {"any": values}
    assert scope.customers.update(id, metadata=written).metadata == written


@pytest.fixture(scope="module")
def customer(untouched_url, filled):
    """A customer in a transaction that is undone."""
    ours = filled.populations.ours
    with Database(untouched_url, rls="off") as db, suppress(Undo), db.tenant(ours.id) as tenant:
        yield tenant, ours.rows["chatapp_customers"][0]["id"]
        raise Undo


# What is taken already.


@pytest.fixture
def unprotected(world, database_url):
    """Below row-level security the server itself leaves the value out of its message."""
    return world.open(database_url, rls="off")


async def test_an_email_that_another_company_has_is_not_repeated(unprotected, populations):
    ours, theirs = populations.ours, populations.theirs
    person = ours.rows["chatapp_users"][0]["id"]
    taken = f" {theirs.rows['chatapp_users'][0]['email'].upper()}"
    async with unprotected.tenant(ours.id) as tenant:
        for attempt in (
            lambda: tenant.users.add(name="Ada", email=taken),
            lambda: tenant.users.update(person, email=taken),
        ):
            conflict = await conflict_of(tenant, attempt)
            assert conflict.constraint == "uq_chatapp_users_email"
            assert theirs.mark not in f"{conflict} {vars(conflict)}".lower()


async def test_a_slug_that_is_taken_is_not_repeated(unprotected, populations):
    taken = {
        name: (populations.shared.rows.get(name) or populations.theirs.rows[name])[0]["slug"]
        for name in ("chatapp_subscription_plans", "chatapp_agent_packages", "chatapp_companies")
    }
    plan, package, company = taken.values()
    async with unprotected.platform("slugs that are taken") as platform:
        for slug, attempt in (
            (plan, lambda: platform.plans.add(name="A", slug=plan, type="free")),
            (package, lambda: platform.packages.add(name="A", slug=package)),
            (company, lambda: platform.companies.create(name="A", slug=company, plan=plan)),
        ):
            conflict = await conflict_of(platform, attempt)
            assert slug not in f"{conflict} {vars(conflict)}"


async def conflict_of(scope: Awaited, attempt: Callable[[], Any]) -> Conflict:
    """Try it, and undo it."""
    with suppress(Undo):
        async with scope.savepoint():
            with pytest.raises(Conflict) as conflict:
                await attempt()
            raise Undo
    return conflict.value
