"""Every method of a company, called by itself, is one round trip; what is more has a test of its own."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from itertools import groupby
from uuid import UUID

import psycopg
import pytest

from chatapp_db.errors import Conflict
from tests.isolation.calling import REPOSITORIES, Caller, Probe, probes
from tests.isolation.population import KEYS
from tests.rows import new_company, new_conversation, new_customer
from tests.wire import RoundTrips, round_trips
from tests.worlds import Awaited

NO_KEYS = {"add", "open", "record", "register", "update"}
"""Verbs that write keys: they are given none that is taken already."""

GOING_ON = {
    "agents.for_channel": "UPDATE chatapp_agents SET status = 'active'",
    "agents.pause": "UPDATE chatapp_agents SET status = 'active'",
    "embedding_sets.active": "UPDATE chatapp_embedding_sets SET status = 'active', name = 'said by us'"
    " WHERE version = 0",
    "conversations.reopen": "UPDATE chatapp_conversations SET status = 'resolved', resolved_at = now()",
}
"""The rows that a verb goes on from: where it changes nothing, it reads why."""


@pytest.fixture
def counted(world, login_url, tmp_path) -> Generator[tuple[Awaited, RoundTrips]]:
    db = one_connection(world, login_url("service"))
    with round_trips(db, tmp_path / "wire") as trips:
        yield db, trips


@pytest.mark.slow
@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_a_call_is_one_round_trip(world, server, filled, tmp_path, repository):
    counts = {}
    for probe in calls(repository):
        with server.database(filled.name) as url:
            execute(url, GOING_ON.get(str(probe.method), "SELECT"))
            db = one_connection(world, server.login_url("service", url))
            caller = Caller(db, filled.populations)
            with round_trips(db, tmp_path / str(probe.method)) as trips:
                arguments = await caller.arguments(probe, caller.ours)
                await settle(db, caller.ours.id, trips)
                outcome = await caller.done(probe.method, arguments)
                assert outcome.error is None, f"{probe.method}: {outcome.text}"
                counts[str(probe.method)] = trips.since()
            await db.close()
    assert counts == dict.fromkeys(counts, 1)


def calls(repository: str) -> Iterator[Probe]:
    """Give each method with all it can be given, each id and key that of a row of ours."""
    for method, found in groupby(probes(repository), key=lambda probe: probe.method):
        fitting = [probe for probe in found if method.name not in NO_KEYS or writes_no_key(probe)]
        yield max(fitting, key=lambda probe: (len(probe.targets), len(probe.filling)))


def writes_no_key(probe: Probe) -> bool:
    return {slot.name for slot in probe.targets} <= ({"id"} if probe.method.name == "update" else set())


async def test_a_call_that_is_refused_is_one_too(counted):
    db, trips = counted
    company_id = await new_company(db)
    customer = await db.company(company_id).customers.get(await new_customer(db, company_id))
    trips.since()
    with pytest.raises(Conflict):
        await db.company(company_id).customers.add(email=customer.email)
    assert trips.since() == 1


# What is more than one.


async def test_a_verb_that_changes_nothing_reads_why(counted):
    db, trips = counted
    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    conversations = db.company(company_id).conversations
    await conversations.archive(conversation_id)
    trips.since()
    await conversations.archive(conversation_id)
    assert trips.since() == 2
    with pytest.raises(Conflict):
        await conversations.resolve(conversation_id)
    assert trips.since() == 2


async def test_a_tag_is_renamed_in_batches(counted, database_url):
    db, trips = counted
    company_id = await new_company(db)
    await new_conversation(db, company_id)
    execute(database_url, COPIES)
    trips.since()
    assert await db.company(company_id).conversations.rename_tag("old", "new") == 1200
    assert trips.since() == 3


COPIES = """
INSERT INTO chatapp_conversations (company_id, agent_id, customer_id, tags)
SELECT company_id, agent_id, customer_id, '{old}' FROM chatapp_conversations, generate_series(1, 1200)
"""


def one_connection(world, url: str) -> Awaited:
    return world.open(url, pool_size=1, max_overflow=0, keys=KEYS)


async def settle(db: Awaited, company_id: UUID, trips: RoundTrips) -> None:
    """Let the connection be made, and asked once what it is."""
    await db.company(company_id).customers.count()
    trips.since()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)
