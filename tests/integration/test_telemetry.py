"""What is reported of calls: enough to find what is slow or fails, and nothing that anybody said."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from chatapp_db.errors import Conflict, InvalidValue, NotFound, Unavailable
from chatapp_db.repositories import AgentRepository, AsyncAgentRepository
from chatapp_db.retrying import retry
from chatapp_db.telemetry import uninstrument
from tests.integration.test_round_trips import calls
from tests.isolation.calling import REPOSITORIES, Caller
from tests.isolation.population import KEYS
from tests.reported import reporting
from tests.rows import new_company

NAMES = {
    "db.system.name",
    "db.namespace",
    "db.operation.name",
    "server.address",
    "error.type",
    "db.response.status_code",
    "chatapp_db.company.id",
}
DURATION = "db.client.operation.duration"
SECRET = "the parcel of Ada Lovelace"


async def test_a_call_is_a_span_by_its_name_and_a_duration(db, reported):
    company_id = await new_company(db)
    reported.exporter.clear()
    agent = await db.company(company_id).agents.add(name="Ada")
    await db.company(company_id).agents.get(agent.id)

    added, read = reported.spans
    assert (added.name, read.name) == ("AgentRepository.add", "AgentRepository.get")
    assert added.kind is SpanKind.CLIENT
    assert added.status.status_code is StatusCode.UNSET
    assert added.attributes["db.system.name"] == "postgresql"
    assert added.attributes["db.operation.name"] == "AgentRepository.add"
    assert added.attributes["db.namespace"] == db.engine.url.unwrap().database
    assert added.attributes["server.address"]
    assert added.attributes["chatapp_db.company.id"] == str(company_id)
    (point,) = (
        one
        for one in reported.points(DURATION)
        if one.attributes["db.operation.name"] == "AgentRepository.get"
    )
    assert point.count == 1
    assert 0 < point.sum < 5
    assert "chatapp_db.company.id" not in point.attributes


async def test_an_error_is_named_and_its_words_stay_here(db, reported):
    company_id = await new_company(db)
    await db.company(company_id).customers.add(email="ada@example.com")
    reported.exporter.clear()
    with pytest.raises(Conflict):
        await db.company(company_id).customers.add(email="ada@example.com", name=SECRET)
    with pytest.raises(NotFound):
        await db.company(company_id).customers.get(uuid4())
    with pytest.raises(InvalidValue):
        await db.company(company_id).customers.add(email=SECRET)

    conflict, missing, invalid = reported.spans
    assert {span.status.status_code for span in reported.spans} == {StatusCode.ERROR}
    assert conflict.attributes["error.type"] == "chatapp_db.errors.calls.Conflict"
    assert conflict.attributes["db.response.status_code"] == "23505"
    assert missing.attributes["error.type"].endswith(".NotFound")
    assert "db.response.status_code" not in missing.attributes
    assert invalid.attributes["error.type"].endswith(".InvalidValue")
    assert [span.events for span in reported.spans] == [()] * 3
    assert SECRET not in reported.text()
    assert "ada@example.com" not in reported.text()


@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_no_method_has_what_was_said_reported(world, server, filled, reported, repository):
    with server.database(filled.name) as url:
        db = world.open(server.login_url("service", url), keys=KEYS)
        caller = Caller(db, filled.populations)
        given: set[str] = set()
        names = []
        for probe in calls(repository):
            arguments = await caller.arguments(probe, caller.ours)
            reported.exporter.clear()
            await caller.undone(probe.method, arguments, caller.ours)
            names.append((probe.method.name, [span.name.split(".")[1] for span in reported.spans]))
            given |= set(texts(arguments)) - {str(caller.ours.id)}
            assert {name for span in reported.spans for name in span.attributes} <= NAMES
            assert not [text for text in given if text in reported.text()]
        assert names == [(name, [name]) for name, _ in names]
        await db.close()


def texts(value: Any) -> Iterator[str]:
    """Give what is said in arguments; a word that is short may be a part of any other."""
    if isinstance(value, dict):
        for one in value.values():
            yield from texts(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str | UUID | datetime) and len(str(value)) > 7:
        yield str(value)


async def test_a_pool_is_counted_from_its_first_call_on_and_as_long_as_it_lives(db, reported):
    await new_company(db)
    counts = {
        point.attributes["db.client.connection.state"]: point.value
        for point in reported.points("db.client.connection.count")
        if point.attributes["db.namespace"] == db.engine.url.unwrap().database
    }
    assert counts["used"] == 0
    assert counts["idle"] >= 1
    assert reported.points("db.client.connection.max")[0].value == 15


async def test_a_pool_that_stays_full_is_counted(world, login_url, reported):
    db = world.open(login_url("service"), pool_size=1, max_overflow=0, pool_timeout=0.05)
    company_id = uuid4()
    async with db.tenant(company_id):
        with pytest.raises(Unavailable):
            await db.company(company_id).agents.page()
    (point,) = reported.points("db.client.connection.timeouts")
    assert point.value == 1


async def test_who_reports_next_counts_the_pools_alone(db, reported):
    await new_company(db)
    with reporting() as next_one:
        assert reported.points("db.client.connection.count") == []
        await db.company(uuid4()).agents.page()
        assert next_one.points("db.client.connection.count")


async def test_a_try_after_the_first_is_counted_and_logged(world, reported, caplog):
    tries = []

    def work() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("for now")

    with caplog.at_level(logging.WARNING, "chatapp_db"):
        retry(longest_wait=0.01)(work)()
    (point,) = reported.points("chatapp_db.retries")
    assert point.value == 2
    assert point.attributes["error.type"].endswith(".Unavailable")
    assert [record.error_type for record in caplog.records] == ["Unavailable"] * 2


async def test_a_repository_in_a_session_of_a_host_is_reported_without_its_address(
    world, db, login_url, reported
):
    company_id = await new_company(db)
    session = world.session(login_url("service"))
    reported.exporter.clear()
    agents = world.bound(AgentRepository, AsyncAgentRepository, session, company_id)
    await agents.page()
    await session.rollback()
    (span,) = reported.spans
    assert span.name == "AgentRepository.page"
    assert span.attributes["db.system.name"] == "postgresql"
    assert "server.address" not in span.attributes


async def test_nothing_is_reported_once_that_is_over(db, reported):
    company_id = await new_company(db)
    uninstrument()
    reported.exporter.clear()
    await db.company(company_id).agents.page()
    assert reported.spans == []
