"""A cursor is good for one list of one company and for nothing else, whatever is done to it."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chatapp_db.errors import InvalidCursor
from chatapp_db.repositories.paging import _digest, seal, unseal
from chatapp_db.scopes import Platform, Tenant
from tests.isolation.arguments import ONE_OF
from tests.isolation.hostile import other_value, required_arguments
from tests.isolation.methods import Method, methods, repositories
from tests.isolation.population import NOON, Population
from tests.isolation.strategies import JSON
from tests.worlds import Awaited

COMPANY, SHAPE = uuid4(), "message.history"
KEY = (NOON, 7, uuid4())
KINDS = [datetime, int, UUID]
CURSOR = seal(COMPANY, SHAPE, KEY)


@pytest.fixture
def database_url(untouched_url):
    """Nothing is written here."""
    return untouched_url


# Of the lists there are.


def lists(scope: type) -> list[Method]:
    return [
        method
        for name, repository in repositories(scope).items()
        for method in methods(name, repository)
        if any(one.name == "cursor" for one in method.parameters)
    ]


async def page(scope: Awaited, method: Method, whose: Population, **more: Any) -> Any:
    call = getattr(getattr(scope, method.repository), method.name)
    return await call(**required_arguments(method, whose) | more)


async def cursors(scope: Awaited, offered: list[Method], whose: Population) -> dict[Method, str]:
    """Give a cursor of every list."""
    found = {method: (await page(scope, method, whose, limit=1)).next_cursor for method in offered}
    assert all(found.values()), found
    return found


async def test_a_cursor_fits_no_other_list_and_no_other_company(db, populations):
    ours, theirs = populations.ours, populations.theirs
    of_a_company, of_all = lists(Tenant), lists(Platform)
    async with db.tenant(theirs.id) as tenant:
        foreign = await cursors(tenant, of_a_company, theirs)
    async with db.platform("cursors") as platform, db.tenant(ours.id) as tenant:
        above, own = await cursors(platform, of_all, ours), await cursors(tenant, of_a_company, ours)
        everybodys = [*foreign.values(), *above.values(), *own.values()]
        for scope, made in ((platform, above), (tenant, own)):
            for method, cursor in made.items():
                assert (await page(scope, method, ours, cursor=cursor)).items, method
                for other in everybodys:
                    if other != cursor:
                        with pytest.raises(InvalidCursor):
                            await page(scope, method, ours, cursor=other)


async def test_a_cursor_fits_no_other_filter_and_no_other_order(db, populations):
    count, ours = 0, populations.ours
    async with db.tenant(ours.id) as tenant:
        for method, cursor in (await cursors(tenant, lists(Tenant), ours)).items():
            required = required_arguments(method, ours)
            for parameter in method.parameters:
                if parameter.name in {"limit", *ONE_OF}:
                    continue
                other = other_value(method, parameter, required.get(parameter.name))
                with pytest.raises(InvalidCursor):
                    await page(tenant, method, ours, **{parameter.name: other, "cursor": cursor})
                count += 1
    assert count > 10


# Of any shape.


def refused(cursor: Any, *, company: UUID | None = COMPANY, shape: str = SHAPE) -> bool:
    try:
        unseal(company, shape, cursor, KINDS)
    except InvalidCursor as error:
        return error.field == "cursor" and "not a cursor of this list" in str(error)
    return False


def test_a_cursor_gives_its_key_back():
    assert unseal(COMPANY, SHAPE, CURSOR, KINDS) == KEY


def as_text(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


@given(st.text() | st.binary() | st.binary().map(as_text) | JSON)
def test_nothing_that_was_made_up_is_a_cursor(cursor):
    assert refused(cursor)


@pytest.mark.parametrize("length", range(len(CURSOR)))
def test_no_part_of_a_cursor_is_one(length):
    assert refused(CURSOR[:length])
    assert refused(CURSOR[-length - 1 :]) or length == len(CURSOR) - 1


@given(place=st.integers(0, len(CURSOR) - 1), bit=st.integers(0, 7))
def test_no_cursor_with_another_bit_is_one(place, bit):
    sign = chr(ord(CURSOR[place]) ^ 1 << bit)
    assert refused(CURSOR[:place] + sign + CURSOR[place + 1 :])


@given(place=st.integers(0, len(CURSOR)), more=st.text(min_size=1))
@example(place=len(CURSOR), more="=")
@example(place=len(CURSOR), more="\n")
def test_no_cursor_with_something_added_is_one(place, more):
    assume(CURSOR[:place] + more + CURSOR[place:] != CURSOR)
    assert refused(CURSOR[:place] + more + CURSOR[place:])


@given(key=st.tuples(st.datetimes(timezones=st.just(NOON.tzinfo)), st.integers(0, 2**31 - 1), st.uuids()))
def test_no_cursor_of_another_company_or_list_is_one(key):
    cursor = seal(COMPANY, SHAPE, key)
    assert refused(cursor, company=uuid4())
    assert refused(cursor, company=None)
    assert refused(cursor, shape=f"{SHAPE}|")
    assert refused(cursor, shape="message.search")


FORGED = st.lists(
    JSON | st.datetimes().map(str) | st.integers() | st.uuids().map(str), min_size=3, max_size=3
).map(json.dumps)


@given(body=FORGED | JSON.map(json.dumps) | st.text(st.characters(codec="utf-8")))
@example(body="[" * 100_000)
@example(body=json.dumps(["2026-01-01T00:00:00", 1, str(uuid4())]))
@example(body=json.dumps([str(datetime.max.replace(tzinfo=NOON.tzinfo)), 1, str(uuid4())]))
@example(body=json.dumps([str(NOON), 2**31, str(uuid4())]))
@example(body=json.dumps([str(NOON), True, str(uuid4())]))
@example(body=f'["{NOON}", {"9" * 5000}, "{uuid4()}"]')
def test_a_cursor_that_was_forged_for_the_right_list_holds_what_its_columns_hold(body):
    raw = body.encode()
    cursor = as_text(_digest(COMPANY, SHAPE, raw) + raw)
    if refused(cursor):
        return
    moment, number, id = unseal(COMPANY, SHAPE, cursor, KINDS)
    assert moment is None or moment.utcoffset() is not None
    assert number is None or (type(number) is int and 0 <= number < 2**31)
    assert id is None or isinstance(id, UUID)
