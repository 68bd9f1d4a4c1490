"""A server that is busy, slow, down or strict: what is tried again, how long, and what is told of it."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest

from chatapp_db.errors import InvalidValue, VectorStoreError, VectorStoreUnavailable
from chatapp_db.vectors import Patience, Point, StoreCall
from chatapp_db.vectors.breaker import Breaker
from tests.contract.oracle import SOURCES
from tests.contract.stand_in import Fault, StandIn, running_stand_in
from tests.worlds import Awaited, World, settled

QUERY = [1.0, 0.5, 0.5, 0.5]


@pytest.fixture(scope="module")
def running() -> Generator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def failing(running: StandIn) -> Generator[StandIn]:
    """A server that fails as it is told to, until the test is over."""
    yield running
    running.always = None
    running.faults.clear()
    running.forget()


@pytest.fixture(params=["grpc", "rest"])
def front(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def calls() -> list[StoreCall]:
    return []


@pytest.fixture
def opened(
    failing: StandIn, front: str, open_store: Any, calls: list[StoreCall]
) -> Callable[..., Coroutine[Any, Any, Awaited]]:
    """Open a store whose collection is made, and that is watched from then on."""

    async def open_one(**options: Any) -> Awaited:
        store: Awaited = open_store(failing.urls[front], observe=calls.append, **options)
        await store.ensure_collection()
        calls.clear()
        failing.requests.clear()
        return store

    return open_one


def a_point() -> Point:
    return Point(uuid.uuid4(), QUERY, SOURCES[0])


def told(calls: list[StoreCall]) -> list[tuple[str, str, int]]:
    return [(call.operation, call.outcome, call.retries) for call in calls]


# Tried again.


async def test_a_busy_server_is_asked_again(
    opened: Any, failing: StandIn, calls: list[StoreCall], company: uuid.UUID
) -> None:
    store = await opened()
    failing.faults.extend([Fault(503), Fault(503)])
    await store.upsert(company, [a_point()])
    failing.faults.append(Fault(429, retry_after=1))
    assert len(await store.search(company, QUERY)) == 1
    assert told(calls) == [("upsert", "ok", 2), ("search", "ok", 1)]
    assert calls[1].seconds >= 1
    assert {call.engine for call in calls} == {"qdrant"}
    assert str(company) not in repr(calls)


async def test_a_server_that_stays_busy_is_asked_three_times(
    opened: Any, failing: StandIn, calls: list[StoreCall], company: uuid.UUID
) -> None:
    store = await opened()
    failing.always = Fault(503)
    with pytest.raises(VectorStoreUnavailable):
        await store.count(company)
    assert len(failing.requests) == 3
    assert told(calls) == [("count", "unavailable", 2)]


async def test_a_wait_beyond_the_timeout_is_left_to_the_caller(
    opened: Any, failing: StandIn, company: uuid.UUID
) -> None:
    store = await opened()
    failing.always = Fault(429, retry_after=60)
    with pytest.raises(VectorStoreUnavailable) as raised:
        await store.search(company, QUERY)
    assert raised.value.retry_after == 60
    assert len(failing.requests) == 1


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(429, True), (503, True), (504, True), (400, False), (401, False), (404, False), (500, False)],
)
async def test_an_answer_says_whether_to_try_again(
    opened: Any, failing: StandIn, company: uuid.UUID, status: int, retryable: bool
) -> None:
    store = await opened(patience=Patience(tries=2))
    failing.always = Fault(status)
    with pytest.raises(VectorStoreError) as raised:
        await store.search(company, QUERY)
    assert isinstance(raised.value, VectorStoreUnavailable) is raised.value.retryable is retryable
    assert len(failing.requests) == (2 if retryable else 1)
    assert "told secret" not in str(raised.value)
    assert raised.value.__cause__ is not None


async def test_a_delete_is_repeated_only_where_the_server_had_not_begun(
    opened: Any, failing: StandIn, company: uuid.UUID
) -> None:
    store = await opened()
    failing.faults.append(Fault(503))
    with pytest.raises(VectorStoreUnavailable):
        await store.delete_source(company, SOURCES[0])
    assert len(failing.requests) == 1
    failing.faults.append(Fault(429, retry_after=1))
    await store.delete_source(company, SOURCES[0])
    assert len(failing.requests) == 3


async def test_a_proxy_may_say_when_to_come_back(
    open_store: Any, failing: StandIn, company: uuid.UUID
) -> None:
    store = open_store(failing.urls["rest"])
    await store.ensure_collection()
    failing.requests.clear()
    failing.faults.append(Fault(503, retry_after=1))
    await store.delete_source(company, SOURCES[0])
    assert len(failing.requests) == 2


# Within the timeout.


async def test_a_hanging_server_is_given_up_in_time(front: str, open_store: Any, company: uuid.UUID) -> None:
    with running_stand_in() as failing:
        store = open_store(failing.urls[front], timeout=1)
        await store.ensure_collection()
        failing.requests.clear()
        failing.faults.append(Fault(503, hangs=True))
        began = time.monotonic()
        with pytest.raises(VectorStoreUnavailable):
            await store.search(company, QUERY)
        assert 0.9 < time.monotonic() - began < 2
        assert len(failing.requests) == 1


async def test_a_second_try_has_only_the_time_that_is_left(
    front: str, open_store: Any, company: uuid.UUID
) -> None:
    with running_stand_in() as failing:
        store = open_store(failing.urls[front], timeout=3)
        await store.ensure_collection()
        failing.faults.extend([Fault(429, retry_after=1), Fault(503, hangs=True)])
        began = time.monotonic()
        with pytest.raises(VectorStoreUnavailable):
            await store.search(company, QUERY)
        assert 1.9 < time.monotonic() - began < 3.5
        assert not failing.faults


# Refused.


# Sent in the clear, over loopback.
@pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")
async def test_a_wrong_key_is_refused_and_the_right_one_is_not(
    front: str, open_store: Any, company: uuid.UUID
) -> None:
    with running_stand_in(api_key="hush") as failing:
        right, wrong = (open_store(failing.urls[front], api_key=key) for key in ("hush", "guess"))
        await right.ensure_collection()
        failing.requests.clear()
        with pytest.raises(VectorStoreError) as raised:
            await wrong.search(company, QUERY)
        assert not raised.value.retryable
        assert len(failing.requests) == 1
        assert "guess" not in str(raised.value)


async def test_a_request_beyond_32_mib_is_refused_and_ours_stay_below(
    opened: Any, failing: StandIn, company: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(dimension=65536)
    points = [Point(uuid.uuid4(), [1 / 3] * 65536, SOURCES[0]) for _ in range(4)]
    failing.largest = 0
    await store.upsert(company, points)
    assert failing.largest <= 4 * 1024 * 1024
    assert await store.count(company) == 4
    monkeypatch.setattr("tests.contract.stand_in.core.LARGEST_REQUEST", 200_000)
    with pytest.raises(VectorStoreError) as raised:
        await store.upsert(company, points)
    assert not raised.value.retryable


async def test_strict_mode_refuses_what_no_index_serves(
    opened: Any, failing: StandIn, company: uuid.UUID
) -> None:
    store = await opened()
    del failing.indexes[store.unwrap().collection.name]["source_id"]
    with pytest.raises(VectorStoreError) as raised:
        await store.delete_source(company, SOURCES[0])
    assert not raised.value.retryable
    assert "source_id" in str(raised.value.__cause__)


# The circuit.


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_server_that_is_down_is_spared_for_a_while(
    opened: Any, failing: StandIn, calls: list[StoreCall], company: uuid.UUID
) -> None:
    clock = Clock()
    store = await opened(patience=Patience(tries=1, failures=2, pause=10, clock=clock))
    failing.always = Fault(503)
    for _ in range(2):
        with pytest.raises(VectorStoreUnavailable):
            await store.count(company)
    clock.now += 4
    with pytest.raises(VectorStoreUnavailable, match="pause") as raised:
        await store.search(company, QUERY)
    assert raised.value.retry_after == pytest.approx(6)
    assert len(failing.requests) == 2
    clock.now += 6
    with pytest.raises(VectorStoreUnavailable, match=r"503|UNAVAILABLE"):
        await store.count(company)
    with pytest.raises(VectorStoreUnavailable, match="pause"):
        await store.count(company)
    clock.now += 10
    failing.always = None
    assert await store.count(company) == await store.count(company) == 0
    outcomes = ["unavailable", "unavailable", "circuit open", "unavailable", "circuit open", "ok", "ok"]
    assert [call.outcome for call in calls] == outcomes


async def test_a_refusal_says_nothing_against_the_server(
    opened: Any, failing: StandIn, company: uuid.UUID
) -> None:
    store = await opened(patience=Patience(tries=1, failures=2))
    for status in (503, 400, 503, 400, 503):
        failing.faults.append(Fault(status))
        with pytest.raises(VectorStoreError):
            await store.count(company)
    assert await store.count(company) == 0


def test_one_thread_finds_out_for_all() -> None:
    clock = Clock()
    breaker = Breaker(Patience(failures=1, clock=clock))
    with pytest.raises(VectorStoreUnavailable), breaker.passage():
        raise VectorStoreUnavailable("down")
    assert breaker.state == "open"
    clock.now += 10
    assert breaker.state == "half-open"
    inside, leave = threading.Event(), threading.Event()

    def find_out() -> None:
        with breaker.passage():
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=find_out)
    thread.start()
    assert inside.wait(10)
    with pytest.raises(VectorStoreUnavailable, match="pause"), breaker.passage():
        pass
    leave.set()
    thread.join()
    assert breaker.state == "closed"


def test_an_interrupted_probe_leaves_the_next_one_its_turn() -> None:
    clock = Clock()
    breaker = Breaker(Patience(failures=1, clock=clock))
    with pytest.raises(VectorStoreUnavailable), breaker.passage():
        raise VectorStoreUnavailable("down")
    clock.now += 10
    with pytest.raises(KeyboardInterrupt), breaker.passage():
        raise KeyboardInterrupt
    assert breaker.state == "half-open"
    with breaker.passage():
        pass
    assert breaker.state == "closed"


@pytest.mark.parametrize(
    "options",
    [{"tries": 0}, {"tries": True}, {"failures": 0}, {"pause": 0}, {"pause": float("inf")}],
    ids=repr,
)
def test_a_patience_that_makes_no_sense_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        Patience(**options)


# What is told.


async def test_every_engine_says_how_it_does(store: Awaited, company: uuid.UUID) -> None:
    await store.upsert(company, [a_point() for _ in range(3)])
    health = await store.health()
    engine = store.unwrap()._engine.inner
    assert (health.reachable, health.engine, health.problem) == (True, engine.name, None)
    assert health.circuit == "closed"
    assert health.version
    # pgvector tells what the statistics say.
    assert health.points == 3 or (engine.name == "pgvector" and health.points >= 0)
    assert 0 < health.seconds < 5


async def test_a_missing_collection_is_a_problem_and_no_failure(engine_url: str, open_store: Any) -> None:
    health = await open_store(engine_url, collection=f"absent_{uuid.uuid4().hex[:8]}").health()
    assert health.reachable
    assert health.problem


async def test_a_server_that_is_down_is_told_within_the_timeout(
    front: str, open_store: Any, company: uuid.UUID
) -> None:
    with running_stand_in() as failing:
        store = open_store(failing.urls[front], timeout=1, patience=Patience(failures=1))
        await store.ensure_collection()
        failing.always = Fault(503, hangs=True)
        began = time.monotonic()
        health = await store.health()
        assert time.monotonic() - began < 2
        assert (health.reachable, health.circuit) == (False, "open")
        assert health.problem
        assert (await store.health()).circuit == "open"
        failing.always = None
        health = await store.health()
        assert (health.reachable, health.version, health.circuit) == (True, failing.version, "closed")
        assert await store.count(company) == 0


async def test_who_watches_cannot_break_what_is_watched(
    open_store: Any, company: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(call: StoreCall) -> None:
        raise RuntimeError("no metrics today")

    store = open_store("memory://", observe=fail)
    await store.ensure_collection()
    assert await store.count(company) == 0
    assert "no metrics today" in caplog.text


async def test_a_cancelled_call_is_told_as_interrupted(
    world: World, front: str, open_store: Any, company: uuid.UUID, calls: list[StoreCall]
) -> None:
    if world.blocking:
        return
    with running_stand_in() as failing:
        store = open_store(failing.urls[front], observe=calls.append)
        await store.ensure_collection()
        failing.always = Fault(503, hangs=True)
        task = asyncio.ensure_future(settled(store.unwrap().count(company)))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert told(calls) == [("ensure", "ok", 0), ("count", "interrupted", 0)]
