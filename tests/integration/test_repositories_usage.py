"""Usage: what is counted and held never passes the plan's limit, whoever counts at once."""

from __future__ import annotations

import datetime as dt
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from chatapp_db.errors import Conflict, InvalidValue, LimitReached, NotFound
from chatapp_db.schema import PlanType
from tests.rows import new_company

METRIC = "messages_per_month"
HOUR = dt.timedelta(hours=1)
MANY = 32


@pytest.fixture
def sql(database_url):
    def execute(statement: str, *parameters: object) -> list[tuple]:
        with psycopg.connect(database_url, autocommit=True) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    return execute


async def company_with(db, **limits):
    """Make a company whose plan has these limits."""
    async with db.platform("a test needs a plan") as platform:
        slug = f"plan-{uuid4()}"
        await platform.plans.add(name="Limited", slug=slug, type=PlanType.STARTER, limits=limits)
        company = await platform.companies.create(name="Acme", slug=f"company-{uuid4()}", plan=slug)
    return db.company(company.id)


async def test_what_is_used_and_held_is_taken_of_the_limit(db):
    company = await company_with(db, **{METRIC: 10})
    usage = company.usage
    assert await usage.remaining(METRIC) == 10
    assert (await usage.increment(METRIC, 2)).used == 2
    held = await usage.reserve(METRIC, 3)
    assert (held.amount, held.used, held.settled_at) == (3, None, None)
    assert await usage.remaining(METRIC) == 5
    with pytest.raises(LimitReached) as refused:
        await usage.reserve(METRIC, 6)
    assert (refused.value.limit, refused.value.remaining, refused.value.constraint) == (METRIC, 5, METRIC)
    assert isinstance(refused.value, Conflict)
    assert await usage.count() == 1
    committed = await usage.commit(held.id)
    assert (committed.used, committed.settled_at is None) == (3, False)
    other = await usage.reserve(METRIC, 5)
    assert await usage.remaining(METRIC) == 0
    assert (await usage.release(other.id)).used is None
    assert await usage.remaining(METRIC) == 5
    assert [row.used for row in await usage.history(METRIC)] == [5]


async def test_it_comes_to_more_or_less_than_was_held(db):
    usage = (await company_with(db, tokens_per_month=100)).usage
    for amount, left in ((10, 90), (0, 90), (120, 0)):
        held = await usage.reserve("tokens_per_month", 50)
        assert (await usage.commit(held.id, amount=amount)).used == amount
        assert await usage.remaining("tokens_per_month") == left
    with pytest.raises(LimitReached):
        await usage.reserve("tokens_per_month")


async def test_what_is_settled_twice_is_settled_once(db):
    usage = (await company_with(db, **{METRIC: 10})).usage
    held, given_back = await usage.reserve(METRIC, 4), await usage.reserve(METRIC, 4)
    first = await usage.commit(held.id)
    assert await usage.commit(held.id, amount=1) == first
    assert await usage.release(given_back.id) == await usage.release(given_back.id)
    assert await usage.remaining(METRIC) == 6
    with pytest.raises(Conflict, match="was released"):
        await usage.commit(given_back.id)
    with pytest.raises(Conflict, match="was committed"):
        await usage.release(held.id)


async def test_what_the_plan_does_not_limit_is_counted_all_the_same(db):
    usage = (await company_with(db, **{METRIC: None, "agents": 3})).usage
    for metric in (METRIC, "tokens_per_month"):
        held = await usage.reserve(metric, 10**9)
        await usage.commit(held.id)
        assert await usage.remaining(metric) is None
        assert [row.used for row in await usage.history(metric)] == [10**9]


async def test_a_limit_is_a_number_whatever_else_a_plan_says(db, sql):
    usage = (await company_with(db)).usage
    for said, expected in (("7.9", 7), ('"7"', None), ("null", None), ("[1]", None), ("0", 0), ("-1", 0)):
        limits = f'{{"{METRIC}": {said}}}'
        sql("UPDATE chatapp_subscription_plans SET limits = %s::jsonb", limits)
        assert await usage.remaining(METRIC) == expected, said


async def test_a_subscription_that_is_over_includes_nothing(db, sql):
    usage = (await company_with(db, **{METRIC: 10})).usage
    held = await usage.reserve(METRIC)
    sql("UPDATE chatapp_companies SET subscription_status = 'canceled'")
    for metric in (METRIC, "unlimited"):
        assert await usage.remaining(metric) == 0
        with pytest.raises(LimitReached) as refused:
            await usage.reserve(metric)
        assert refused.value.remaining == 0
    # What was used was used.
    assert (await usage.commit(held.id)).used == 1
    assert (await usage.increment(METRIC)).used == 2


async def test_what_expired_holds_nothing_and_counts_all_the_same(db, sql):
    usage = (await company_with(db, **{METRIC: 4})).usage
    lost = await usage.reserve(METRIC, 4, expires_in=HOUR)
    with pytest.raises(LimitReached):
        await usage.reserve(METRIC)
    sql("UPDATE chatapp_usage_reservations SET expires_at = now()")
    assert await usage.remaining(METRIC) == 4
    await usage.reserve(METRIC, 4)
    assert (await usage.commit(lost.id)).used == 4
    assert await usage.remaining(METRIC) == 0


async def test_what_has_a_key_is_counted_once(db):
    usage = (await company_with(db, **{METRIC: 10})).usage
    held = await usage.reserve(METRIC, 3, key="a")
    assert await usage.reserve(METRIC, 3, key="a") == held
    await usage.commit(held.id)
    assert (await usage.reserve(METRIC, 3, key="a")).used == 3
    counted = await usage.increment(METRIC, 2, key="b")
    assert counted.used == 5
    assert await usage.increment(METRIC, 2, key="b") == counted
    assert await usage.remaining(METRIC) == 5
    # One that was refused was not noted.
    with pytest.raises(LimitReached):
        await usage.reserve(METRIC, 6, key="c")
    assert (await usage.reserve(METRIC, 5, key="c")).amount == 5


async def test_a_key_is_the_companys_own(db):
    ours, theirs = [(await company_with(db, **{METRIC: 5})).usage for _ in range(2)]
    await ours.increment(METRIC, key="a")
    assert (await theirs.increment(METRIC, 2, key="a")).used == 2
    held = await theirs.reserve(METRIC)
    for verb in (ours.commit, ours.release):
        with pytest.raises(NotFound, match="reservation not found"):
            await verb(held.id)
    assert (await ours.remaining(METRIC), await theirs.remaining(METRIC)) == (4, 2)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
async def test_a_month_is_the_companys(db, sql, zone):
    company = await company_with(db, **{METRIC: 5})
    await company.company.update(timezone=zone)
    ((first_of_month,),) = sql("SELECT date_trunc('month', now() AT TIME ZONE %s)::date", zone)
    assert (await company.usage.increment(METRIC)).period == first_of_month
    sql("UPDATE chatapp_usage_counters SET period = (period - interval '1 month')::date")
    sql("INSERT INTO chatapp_usage_reservations (company_id, metric, period, amount)"
        " SELECT company_id, metric, period, 2 FROM chatapp_usage_counters")  # fmt: skip
    assert await company.usage.remaining(METRIC) == 5
    assert (await company.usage.increment(METRIC, 3)).used == 3
    assert [row.used for row in await company.usage.history(METRIC)] == [3, 1]
    (last_months,) = [row for row in (await company.usage.page()).items if row.key is None]
    await company.usage.commit(last_months.id)
    assert [row.used for row in await company.usage.history(METRIC)] == [3, 3]
    assert len(await company.usage.history(METRIC, limit=1)) == 1


async def test_thirty_two_at_once_never_hold_more_than_the_limit(world, login_url, db):
    company = await company_with(db, **{METRIC: 20})
    usage = (
        world.open(login_url("service"), pool_size=MANY, max_overflow=0)
        .company((await company.company.get()).id)
        .usage
    )
    held, refused = [], []

    def reserve_here():
        try:
            held.append(usage.reserve(METRIC).unwrap())
        except LimitReached as error:
            refused.append(error)

    async def reserve():
        try:
            held.append(await usage.reserve(METRIC))
        except LimitReached as error:
            refused.append(error)

    await world.together(*[reserve_here if world.blocking else reserve] * MANY)
    assert (len(held), len(refused)) == (20, MANY - 20)
    assert {error.remaining for error in refused} == {0}
    await world.together(*[partial(usage.commit, row.id) for row in held] * 2)
    assert [row.used for row in await usage.history(METRIC)] == [20]


async def test_thirty_two_at_once_lose_no_count_and_one_key_counts_once(world, login_url, db):
    company = await company_with(db)
    id = (await company.company.get()).id
    usage = world.open(login_url("service"), pool_size=MANY, max_overflow=0).company(id).usage
    metrics = ["a", "b"] * (MANY // 2)
    await world.together(*[partial(usage.increment, metric, 3) for metric in metrics])
    await world.together(*[partial(usage.increment, "a", 5, key="once") for _ in metrics])
    assert [(await usage.history(metric))[0].used for metric in "ab"] == [3 * 16 + 5, 3 * 16]
    rows = await world.together(*[partial(usage.reserve, "a", 5, key="held") for _ in metrics])
    assert len({row.id for row in rows}) == 1


async def test_transactions_that_count_in_opposite_orders_wait_and_end(world, db):
    company = await company_with(db, a=1000, b=1000)
    id = (await company.company.get()).id

    def count_here(*metrics: str):
        with db.unwrap().tenant(id) as tenant:
            for metric in metrics:
                tenant.usage.increment(metric)
                tenant.usage.reserve(metric)

    async def count(*metrics: str):
        async with db.tenant(id) as tenant:
            for metric in metrics:
                await tenant.usage.increment(metric)
                await tenant.usage.reserve(metric)

    both = [partial(count_here if world.blocking else count, *order) for order in ("ab", "ba")]
    await world.together(*both * 4)
    assert [await company.usage.remaining(metric) for metric in "ab"] == [1000 - 16] * 2


async def test_what_expired_long_ago_is_pruned_in_batches(db, sql):
    company, other = await company_with(db, **{METRIC: 100}), await company_with(db)
    for usage in (company.usage, other.usage):
        for key in "abc":
            await usage.increment(METRIC, key=key)
        await usage.reserve(METRIC)
    ((now,),) = sql("SELECT now() + interval '1 day'")
    assert [await company.usage.prune(now, limit=2) for _ in range(3)] == [2, 1, 0]
    assert (await company.usage.count(), await other.usage.count()) == (1, 4)
    assert await company.usage.remaining(METRIC) == 96
    async with db.platform("retention") as platform:
        assert await platform.usage.prune(now - 48 * HOUR) == 0
        assert await platform.usage.prune(now) == 3
    assert await other.usage.count() == 1


async def test_without_a_company_nothing_is_counted(db):
    await new_company(db)
    usage = db.company(uuid4()).usage
    for attempt in (usage.reserve, usage.increment, partial(usage.increment, key="a"), usage.remaining):
        with pytest.raises(NotFound, match="company not found"):
            await attempt(METRIC)
    assert await usage.history(METRIC) == []


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("reserve", {"metric": ""}),
        ("reserve", {"amount": 0}),
        ("reserve", {"amount": True}),
        ("reserve", {"key": ""}),
        ("reserve", {"key": "a" * 256}),
        ("reserve", {"expires_in": dt.timedelta(0)}),
        ("commit", {"amount": -1}),
        ("commit", {"id": "1"}),
        ("increment", {"amount": 2**31}),
        ("increment", {"metric": "a" * 101}),
        ("history", {"limit": 0}),
        ("remaining", {"metric": "\0"}),
    ],
    ids=str,
)
async def test_bad_input_is_refused_before_anything_is_sent(db, verb, wrong):
    good = {"id": uuid4()} if verb == "commit" else {"metric": METRIC}
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue, match=next(iter(wrong))):
            await getattr(tenant.usage, verb)(**{**good, **wrong})
        assert await tenant.usage.count() == 0
