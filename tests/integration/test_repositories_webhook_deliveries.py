"""Webhook deliveries: an event goes to each of its addresses once, whoever dies in between."""

from __future__ import annotations

import datetime as dt
from functools import partial
from uuid import UUID, uuid4

import psycopg
import pytest

from chatapp_db import DeliveryState, KeyRing, back_off
from chatapp_db.errors import Conflict, InvalidCursor, InvalidValue, NotFound
from tests.rows import new_company
from tests.worlds import Awaited

KEYS = KeyRing({"2026-11": bytes(range(32))})
URL = "https://example.com/hooks"
EVENT = "conversation.created"
SECOND, HOUR = dt.timedelta(seconds=1), dt.timedelta(hours=1)
NOW = "UPDATE chatapp_webhook_deliveries SET next_attempt_at = now() WHERE next_attempt_at IS NOT NULL"


@pytest.fixture
def db(world, login_url):
    return world.open(login_url("service"), keys=KEYS)


@pytest.fixture
def sql(database_url):
    def execute(statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    return execute


async def webhook_of(company: Awaited, *events: str, url: str = URL) -> UUID:
    row, _ = await company.webhooks.subscribe(url, events or (EVENT,))
    return row.id


async def company_of(db: Awaited) -> Awaited:
    return db.company(await new_company(db))


async def enqueued(company: Awaited, data: int = 1) -> list:
    return await company.webhook_deliveries.enqueue(EVENT, {"type": EVENT, "data": {"n": data}})


async def claimed(company: Awaited, n: int = 25):
    return await company.webhook_deliveries.claim_due(n)


async def failed(company: Awaited, one, error: str = "500", **more):
    delivery = one.delivery
    deliveries = company.webhook_deliveries
    return await deliveries.record_failure(delivery.id, delivery.lease_token, error, **more)


async def arrived(company: Awaited, one, status_code: int = 204):
    delivery = one.delivery
    deliveries = company.webhook_deliveries
    return await deliveries.record_success(delivery.id, delivery.lease_token, status_code=status_code)


async def test_an_event_goes_to_all_who_asked_for_it(db):
    company, other = await company_of(db), await company_of(db)
    first, second = await webhook_of(company), await webhook_of(company, "other", EVENT)
    off = await webhook_of(company)
    await company.webhooks.disable(off)
    await webhook_of(company, "other")
    await webhook_of(other)

    made = await enqueued(company)

    assert {row.webhook_id for row in made} == {first, second}
    assert len({row.event_id for row in made}) == 1
    assert len({row.id for row in made}) == 2
    assert {(row.event, row.attempts, row.payload["data"]["n"]) for row in made} == {(EVENT, 0, 1)}
    assert await other.webhook_deliveries.count() == 0
    assert await company.webhook_deliveries.enqueue("nobody.asked", {}) == []


async def test_what_is_enqueued_goes_out_with_the_transaction_or_not_at_all(db):
    company_id = await new_company(db)
    await webhook_of(db.company(company_id))
    with pytest.raises(RuntimeError):
        async with db.tenant(company_id) as tenant:
            await enqueued(tenant)
            assert await claimed(db.company(company_id)) == []
            raise RuntimeError
    assert await db.company(company_id).webhook_deliveries.count() == 0


async def test_an_event_enqueued_again_goes_to_nobody_twice(db):
    company = await company_of(db)
    first, event_id = await webhook_of(company), uuid4()
    enqueue = partial(company.webhook_deliveries.enqueue, EVENT, {}, event_id=event_id)
    assert [row.webhook_id for row in await enqueue()] == [first]
    second = await webhook_of(company)
    assert [row.webhook_id for row in await enqueue()] == [second]
    assert await enqueue() == []


async def test_a_claim_says_what_is_sent_and_where(db):
    company = await company_of(db)
    webhook = await webhook_of(company, url="https://example.com/there")
    (made,) = await enqueued(company)
    (one,) = await claimed(company)
    assert one.url == "https://example.com/there"
    assert (one.delivery.id, one.delivery.webhook_id) == (made.id, webhook)
    assert (one.delivery.event_id, one.delivery.payload) == (made.event_id, made.payload)
    assert one.delivery.attempts == 1
    assert one.lease_token == one.delivery.lease_token is not None


async def test_while_a_lease_lasts_nobody_else_gets_it_and_afterwards_somebody_does(db, sql):
    """A worker that dies between its claim and its record loses nothing."""
    company = await company_of(db)
    await webhook_of(company)
    await enqueued(company)
    (lost,) = await claimed(company)
    assert await claimed(company) == []
    ((left,),) = sql("SELECT next_attempt_at - now() FROM chatapp_webhook_deliveries")
    assert dt.timedelta(seconds=50) < left <= dt.timedelta(minutes=1)
    sql(NOW)

    (again,) = await claimed(company)

    assert (again.delivery.id, again.delivery.attempts) == (lost.delivery.id, 2)
    for tell in (arrived, failed):
        with pytest.raises(Conflict, match="the claim is over"):
            await tell(company, lost)
    assert (await arrived(company, again)).delivered_at is not None
    with pytest.raises(Conflict, match="the claim is over"):
        await arrived(company, again)


async def test_workers_at_once_never_send_the_same_attempt(world, db):
    company = await company_of(db)
    await webhook_of(company)
    for n in range(40):
        await enqueued(company, n)
    taken = await world.together(*[partial(company.webhook_deliveries.claim_due, 7)] * 8)
    ids = [one.delivery.id for batch in taken for one in batch]
    ids += [one.delivery.id for one in await claimed(company, 100)]
    assert len(ids) == len(set(ids)) == 40


async def test_what_has_been_due_for_longest_comes_first(db, sql):
    company = await company_of(db)
    await webhook_of(company)
    rows = [(await enqueued(company, n))[0] for n in range(3)]
    sql(
        "UPDATE chatapp_webhook_deliveries SET next_attempt_at = now() - interval '1 hour' WHERE id = %s",
        rows[2].id,
    )
    assert [one.delivery.id for one in await claimed(company, 1)] == [rows[2].id]
    assert [one.delivery.id for one in await claimed(company, 1)] == [rows[0].id]


async def test_one_worker_of_the_platform_serves_everybody(db):
    companies = [await company_of(db) for _ in range(3)]
    for place, company in enumerate(companies):
        await webhook_of(company, url=f"{URL}/{place}")
        await enqueued(company, place)
    async with db.platform("deliver") as platform:
        first = await platform.webhook_deliveries.claim_due(2)
    async with db.platform("deliver") as platform:
        rest = await platform.webhook_deliveries.claim_due()
    everything = [*first, *rest]
    assert len(first) == 2
    assert sorted(one.url for one in everything) == [f"{URL}/{place}" for place in range(3)]
    for one in everything:
        assert one.url == f"{URL}/{one.delivery.payload['data']['n']}"
        company = db.company(one.delivery.company_id)
        assert (await arrived(company, one)).delivered_at is not None
        for other in companies:
            if (await other.company.get()).id != one.delivery.company_id:
                with pytest.raises(NotFound):
                    await arrived(other, one)


async def test_a_success_settles_the_delivery_and_forgets_the_failures_of_its_address(db):
    company = await company_of(db)
    webhook = await webhook_of(company)
    await company.webhooks.record_failure(webhook, "timeout")
    await enqueued(company)
    (one,) = await claimed(company)
    row = await arrived(company, one, 200)
    assert (row.status_code, row.error, row.next_attempt_at, row.lease_token) == (200, None, None, None)
    assert row.delivered_at is not None
    after = await company.webhooks.get(webhook)
    assert (after.failure_count, after.last_triggered_at is None) == (0, False)


async def test_after_a_failure_it_waits_longer_each_time(db, sql):
    company = await company_of(db)
    webhook = await webhook_of(company)
    await enqueued(company)
    for attempt in (1, 2, 3):
        (one,) = await claimed(company)
        row = await failed(company, one, "timeout")
        assert (row.attempts, row.error, row.status_code, row.lease_token) == (attempt, "timeout", None, None)
        ((wait,),) = sql("SELECT next_attempt_at - updated_at FROM chatapp_webhook_deliveries")
        assert back_off(attempt) <= wait <= 1.2 * back_off(attempt)
        assert (await company.webhooks.get(webhook)).failure_count == attempt
        assert await claimed(company) == []
        sql(NOW)
    (one,) = await claimed(company)
    await failed(company, one, "429", status_code=429, retry_in=HOUR)
    assert sql("SELECT next_attempt_at - updated_at, status_code FROM chatapp_webhook_deliveries") == [
        (HOUR, 429)
    ]


async def test_the_last_attempt_gives_it_up_and_only_then_its_address_is_disabled(db, sql):
    company = await company_of(db)
    webhook = await webhook_of(company)
    await enqueued(company)
    for attempt in (1, 2, 3):
        sql(NOW)
        (one,) = await claimed(company)
        row = await failed(company, one, f"503 at {attempt}", max_attempts=3, disable_after=2)
        address = await company.webhooks.get(webhook)
        assert (row.dead_at is not None, address.is_active) == (attempt == 3, attempt < 3)
    assert (row.next_attempt_at, address.disabled_reason, address.failure_count) == (None, "503 at 3", 3)
    assert address.disabled_at is not None


async def test_giving_one_up_disables_no_address_that_works(db):
    company = await company_of(db)
    webhook = await webhook_of(company)
    await enqueued(company)
    (one,) = await claimed(company)
    assert (await failed(company, one, max_attempts=1, disable_after=2)).dead_at is not None
    assert (await company.webhooks.get(webhook)).is_active


async def test_what_is_due_to_a_disabled_address_is_given_up_and_keeps_nobody_waiting(db):
    company = await company_of(db)
    off = await webhook_of(company)
    for n in range(5):
        await enqueued(company, n)
    await company.webhooks.disable(off)
    on = await webhook_of(company)
    await enqueued(company)

    assert [one.delivery.webhook_id for one in await claimed(company, 2)] == [on]

    dead = (await company.webhook_deliveries.list(state=DeliveryState.DEAD)).items
    assert {(row.webhook_id, row.error, row.attempts) for row in dead} == {
        (off, "the webhook is disabled", 0)
    }
    assert len(dead) == 5
    assert await claimed(company) == []


async def test_whatever_became_of_it_it_is_sent_once_more(db):
    company = await company_of(db)
    await webhook_of(company)
    await enqueued(company)
    (one,) = await claimed(company)
    deliveries = company.webhook_deliveries
    assert (await deliveries.redeliver(one.delivery.id)).lease_token == one.delivery.lease_token
    await failed(company, one, max_attempts=1)
    again = await deliveries.redeliver(one.delivery.id)
    assert (again.attempts, again.dead_at, again.delivered_at) == (0, None, None)
    (one,) = await claimed(company)
    assert one.delivery.event_id == again.event_id
    await arrived(company, one)
    assert (await deliveries.redeliver(one.delivery.id)).next_attempt_at is not None
    with pytest.raises(NotFound, match="webhook delivery not found"):
        await deliveries.redeliver(uuid4())


async def test_deliveries_are_listed_by_webhook_and_state(db):
    company = await company_of(db)
    first, second = await webhook_of(company), await webhook_of(company)
    for n in range(3):
        await enqueued(company, n)
    ones = await claimed(company)
    await arrived(company, ones[0])
    await failed(company, ones[1], max_attempts=1)
    deliveries = company.webhook_deliveries

    async def ids(**given) -> list[UUID]:
        return [row.id for row in (await deliveries.list(**given)).items]

    everything = [one.delivery.id for one in reversed(ones)]
    assert await ids() == everything
    assert await ids(state="delivered") == [ones[0].delivery.id]
    assert await ids(state="dead") == [ones[1].delivery.id]
    assert await ids(state="pending") == everything[:-2]
    of_first = [one.delivery.id for one in reversed(ones) if one.delivery.webhook_id == first]
    assert await ids(webhook_id=first) == of_first
    assert await ids(webhook_id=uuid4()) == []

    page = await deliveries.list(webhook_id=first, limit=1)
    rest = await deliveries.list(webhook_id=first, cursor=page.next_cursor)
    assert [row.id for row in [*page.items, *rest.items]] == of_first
    for other in ({"webhook_id": second}, {}, {"webhook_id": first, "state": "pending"}):
        with pytest.raises(InvalidCursor):
            await deliveries.list(**other, cursor=page.next_cursor)


async def test_what_is_settled_is_pruned_in_batches_and_what_is_pending_stays(db, sql):
    company, other = await company_of(db), await company_of(db)
    for one in (company, other):
        await webhook_of(one)
        for n in range(4):
            await enqueued(one, n)
        first, second, third, _ = await claimed(one)
        await arrived(one, first)
        await failed(one, second, max_attempts=1)
        await arrived(one, third)
    ((now,),) = sql("SELECT now() + interval '1 second'")
    prune = company.webhook_deliveries.prune
    assert await prune(now - HOUR) == 0
    assert [await prune(now, limit=2) for _ in range(3)] == [2, 1, 0]
    assert (await company.webhook_deliveries.count(), await other.webhook_deliveries.count()) == (1, 4)
    async with db.platform("retention") as platform:
        assert await platform.webhook_deliveries.prune(now) == 3
    assert await other.webhook_deliveries.count() == 1


async def test_an_address_takes_its_deliveries_along(db):
    company = await company_of(db)
    webhook = await webhook_of(company)
    await enqueued(company)
    await company.webhooks.delete(webhook)
    assert await company.webhook_deliveries.count() == 0


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("enqueue", {"event": ""}),
        ("enqueue", {"payload": {"type": 1}}),
        ("enqueue", {"payload": []}),
        ("enqueue", {"event_id": "1"}),
        ("claim_due", {"n": 0}),
        ("claim_due", {"n": 101}),
        ("claim_due", {"lease": dt.timedelta(0)}),
        ("record_success", {"status_code": 99}),
        ("record_success", {"lease_token": "1"}),
        ("record_failure", {"error": "a" * 2001}),
        ("record_failure", {"retry_in": -SECOND}),
        ("record_failure", {"max_attempts": 101}),
        ("record_failure", {"disable_after": 0}),
        ("list", {"state": "lost"}),
        ("prune", {"before": dt.datetime(2026, 1, 1)}),  # noqa: DTZ001  # what is to be refused
    ],
    ids=str,
)
async def test_bad_input_is_refused_before_anything_is_sent(db, verb, wrong):
    good = {
        "enqueue": {"event": EVENT, "payload": {}},
        "record_success": {"id": uuid4(), "lease_token": uuid4(), "status_code": 200},
        "record_failure": {"id": uuid4(), "lease_token": uuid4(), "error": "x"},
    }
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue, match=next(iter(wrong))):
            await getattr(tenant.webhook_deliveries, verb)(**{**good.get(verb, {}), **wrong})
        assert await tenant.webhook_deliveries.count() == 0
