"""Below row-level security every list reads its page from an index that begins with the company.

The statements are the repositories' own, explained as the app role among 1.5 million messages: with the plan
for these values, with the one for any, and with the one the server settles on.
"""

from __future__ import annotations

from contextlib import suppress
from typing import get_args, get_origin, get_type_hints

import pytest

from chatapp_db.errors import NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.repositories import Page
from chatapp_db.scopes import CompanyScope
from tests.isolation.methods import public, repositories
from tests.performance.lists import KEYS, LISTS, PAGE, WRITES, Asked, Reads
from tests.performance.place import Place
from tests.performance.plans import Explaining, Plan

REPOSITORIES = repositories(CompanyScope)
SMALL = 1_500
"""Rows of a small company that may be read and sorted instead: a plan that does is as quick."""
SPARE = 10
"""Rows that come with a page: a message that stands in its middle, an account that is looked up."""


def lists() -> set[str]:
    """Find the methods that give a page, or a list of rows."""
    return {
        f"{repository}.{name}"
        for repository, kind in REPOSITORIES.items()
        for name, member in public(kind)
        if isinstance(member, operation) and _is_list(get_type_hints(member.awaited)["return"])
    }


def _is_list(hint: object) -> bool:
    return get_origin(hint) in {list, Page} and bool(get_args(hint))


def test_every_list_says_what_serves_it():
    assert lists() - {asked.method for asked in LISTS} == WRITES


def test_whatever_reads_more_than_pages_has_a_reason():
    assert [str(asked) for asked in LISTS if bool(asked.reason) != (asked.reads is not Reads.PAGES)] == []


@pytest.mark.slow
@pytest.mark.parametrize("asked", LISTS, ids=str)
def test_a_list_reads_what_it_says_it_does(explaining, place, asked):
    plans = explained(explaining, place, asked)
    chosen = [plan for plan in plans if not plan.is_any_company_s]
    most = max(plan.rows for plan in chosen)
    leaves = any(scan.leaves_the_company for plan in plans for scan in plan.scans)
    shown = "\n".join([f"{asked} is to read {asked.reads}", *map(str, plans)])

    assert not leaves or asked.reads is Reads.EVERYTHING, shown
    assert most <= allowed(asked, place), shown
    if asked.reads is Reads.PAGES:
        assert not place.is_large or all(plan.is_small or asked.index in plan.indexes for plan in chosen), (
            shown
        )
    elif place.is_large:
        assert leaves or most > pages_of(asked), f"no exception any more: {shown}"


@pytest.mark.slow
@pytest.mark.parametrize("asked", KEYS, ids=str)
def test_a_key_reads_a_row(explaining, place, asked):
    for plan in explained(explaining, place, asked):
        assert plan.rows <= SPARE, plan
        assert asked.index in plan.indexes or plan.is_small, plan
        assert not any(scan.leaves_the_company for scan in plan.scans), plan


def explained(explaining: Explaining, place: Place, asked: Asked) -> list[Plan]:
    """Call a method, and once more for the page after the first."""
    name, _, method = asked.method.partition(".")
    call = getattr(REPOSITORIES[name](explaining, place.id), method)
    given = asked.given(place)
    if asked in LISTS and "limit" in get_type_hints(getattr(REPOSITORIES[name], method)):
        given["limit"] = PAGE
    with suppress(NotFound):
        page = call(**given)
        beside = given.keys() & {"before", "after", "around"}
        if isinstance(page, Page) and page.next_cursor and not beside:
            call(**given, cursor=page.next_cursor)
    return explaining.plans


def pages_of(asked: Asked) -> int:
    return asked.pages * (PAGE + 1) + SPARE


def allowed(asked: Asked, place: Place) -> float:
    """Give how many rows may be read."""
    if asked.reads is Reads.PAGES:
        return pages_of(asked) if place.is_large else max(pages_of(asked), SMALL)
    if asked.reads is Reads.OPEN and place.is_large:
        return place.open + 4 * pages_of(asked)
    return float("inf")
