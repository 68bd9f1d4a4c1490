"""Every repository method, called with another company's ids, keys and cursors, finds nothing.

Each is called three times as our company: with values of nobody, of theirs, and of our own. The first
two must come to the same, to the last word; the third must not, or the first two would prove nothing.
"""

from __future__ import annotations

import pytest

from chatapp_db.execution.operation import operation
from chatapp_db.scopes import AsyncCompanyScope, AsyncTenant, Tenant
from tests.isolation.calling import REPOSITORIES, probes
from tests.isolation.methods import methods, public, repositories
from tests.isolation.population import OWNED

# A number changes when a method is added or taken away, on purpose and with a look at what it was given.
EXPECTED = {
    "agents": 13,
    "audit": 7,
    "canned_responses": 12,
    "company": 4,
    "conversation_analytics": 8,
    "conversations": 24,
    "customers": 14,
    "daily_analytics": 8,
    "embedding_sets": 6,
    "integrations": 11,
    "invitations": 9,
    "knowledge": 14,
    "knowledge_chunks": 7,
    "messages": 14,
    "packages": 6,
    "plans": 6,
    "usage": 11,
    "users": 10,
    "webhook_deliveries": 11,
    "webhooks": 14,
    "widget": 5,
}


@pytest.fixture
def database_url(untouched_url):
    """Every call of this module is undone."""
    return untouched_url


def test_every_method_is_covered():
    found = {name: len(methods(name, kind)) for name, kind in REPOSITORIES.items()}
    assert found == EXPECTED


@pytest.mark.parametrize("scope", [AsyncCompanyScope, Tenant, AsyncTenant])
def test_all_scopes_of_a_company_offer_the_same(scope):
    offered = repositories(scope)
    assert [m for name, kind in offered.items() for m in methods(name, kind)] == [
        m for name, kind in REPOSITORIES.items() for m in methods(name, kind)
    ]


@pytest.mark.parametrize("repository", REPOSITORIES)
def test_a_repository_offers_nothing_but_its_operations(repository):
    other = {name for name, member in public(REPOSITORIES[repository]) if not isinstance(member, operation)}
    assert other <= {"entity"}


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_their_rows_are_as_good_as_none(caller, repository):
    count = 0
    for probe in probes(repository):
        if probe.is_of_companies:
            await caller.finds_nothing_of_theirs(probe)
            count += 1
    assert count or repository in {"company", "embedding_sets", "packages", "plans"}


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_what_is_shared_is_the_same_for_everybody(caller, repository):
    for probe in probes(repository):
        if not probe.targets or probe.is_of_companies:
            continue
        if any(slot.table in OWNED for slot in probe.targets):
            continue
        nobody, shared = [await caller.arguments(probe, whose) for whose in (None, caller.ours)]
        missing = await caller.undone(probe.method, nobody, caller.ours)
        ours = await caller.undone(probe.method, shared, caller.ours)
        assert caller.plain(ours, probe, shared) != caller.plain(missing, probe, nobody), probe
        if probe.method.repository in {"embedding_sets", "packages", "plans"} and "cursor" not in shared:
            assert ours.text == (await caller.undone(probe.method, shared, caller.theirs)).text, probe
