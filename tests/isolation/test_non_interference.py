"""Calls that are kept leave another company's rows as they are, and do not depend on them."""

from __future__ import annotations

import pytest

from chatapp_db.repositories.paging import Page
from tests.isolation.arguments import slots
from tests.isolation.calling import NOTHING_TO_ASK, REPOSITORIES, probes
from tests.isolation.population import fingerprint, remove


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_their_rows_stay_as_they_are(caller, repository, database_url):
    before = fingerprint(database_url, caller.theirs.id)
    for probe in probes(repository):
        await caller.done(probe.method, await caller.arguments(probe, caller.theirs))
    assert fingerprint(database_url, caller.theirs.id) == before
    assert all(not digest.startswith("0") for digest in before.values())


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_what_names_no_row_is_answered_as_if_they_were_not_there(caller, repository, database_url):
    calls = [
        (probe, await caller.arguments(probe, caller.ours))
        for probe in probes(repository)
        if not probe.targets and str(probe) not in NOTHING_TO_ASK
    ]
    beside_them = [await caller.undone(probe.method, given, caller.ours) for probe, given in calls]
    remove(database_url, caller.theirs)
    alone = [await caller.undone(probe.method, given, caller.ours) for probe, given in calls]
    for (probe, given), got, expected in zip(calls, beside_them, alone, strict=True):
        assert got.reached_the_database(), (probe, got)
        assert not caller.shows_theirs(got, given.values()), probe
        assert caller.plain(got, probe, given) == caller.plain(expected, probe, given), probe
        # What is found by a key is not found by one of nobody.
        asks_by_key = any(slot.parameter.required and not slot.is_id for slot in slots(probe.method))
        if isinstance(got.value, Page | int) and not asks_by_key:
            assert getattr(got.value, "items", got.value), probe
