"""What a company knows of its customers: found, tagged, seen and merged, blocking and asyncio."""

import threading
import time
from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from chatapp_db.errors import Conflict, InvalidValue, NotFound, SerializationFailure
from tests.rows import new_agent, new_company, new_conversation, new_customer

HOSTILE = [None, 1, "", "a\0", "\ud800", ["a"], "a" * 201]


async def test_a_customer_is_seen(db, database_url):
    company_id = await new_company(db)
    customers = db.company(company_id).customers
    id = await new_customer(db, company_id)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE chatapp_customers SET last_seen_at = last_seen_at - interval '1 day'")
    before = await customers.get(id)
    seen = await customers.touch_seen(id)
    assert seen.last_seen_at > before.last_seen_at
    assert seen.first_seen_at == before.first_seen_at
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).customers.touch_seen(id)


async def test_a_tag_is_there_once(db):
    company_id = await new_company(db)
    customers = db.company(company_id).customers
    id = await new_customer(db, company_id)
    await customers.tag(id, "vip")
    assert (await customers.tag(id, "de")).tags == ["vip", "de"]
    assert (await customers.tag(id, "vip")).tags == ["vip", "de"]
    assert (await customers.untag(id, "vip")).tags == ["de"]
    assert (await customers.untag(id, "vip")).tags == ["de"]
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).customers.tag(id, "vip")


async def test_tags_of_many_calls_at_once_are_all_kept(db, world):
    company_id = await new_company(db)
    id = await new_customer(db, company_id)
    tags = [f"tag {number}" for number in range(8)]
    calls = [lambda tag=tag: db.company(company_id).customers.tag(id, tag) for tag in tags]
    await world.together(*calls)
    assert set((await db.company(company_id).customers.get(id)).tags) == set(tags)


async def test_a_customer_has_a_hundred_tags_at_most(db):
    async with db.tenant(await new_company(db)) as tenant:
        customer = await tenant.customers.add(name="Ada", tags=[str(number) for number in range(100)])
        with pytest.raises(Conflict, match="tags"):
            await tenant.customers.tag(customer.id, "one more")
        assert await tenant.customers.tag(customer.id, "0") == customer
        with pytest.raises(NotFound):
            await tenant.customers.tag(uuid4(), "0")


@pytest.mark.parametrize("wrong", HOSTILE, ids=lambda wrong: repr(wrong)[:10])
async def test_a_bad_tag_or_term_is_refused_and_the_scope_goes_on(db, wrong):
    company_id = await new_company(db)
    id = await new_customer(db, company_id)
    async with db.tenant(company_id) as tenant:
        for verb in (tenant.customers.tag, tenant.customers.untag):
            with pytest.raises(InvalidValue, match="tag"):
                await verb(id, wrong)
        with pytest.raises(InvalidValue, match="term"):
            await tenant.customers.search(wrong)
        assert (await tenant.customers.get(id)).tags == []


async def test_customers_are_found_by_a_part_of_what_is_known(db):
    company_id = await new_company(db)
    customers = db.company(company_id).customers
    ada = await customers.add(name="Ada Lovelace", email="countess@example.com", external_id="crm-1")
    grace = await customers.add(name="Grace Hopper", email="grace@example.com", external_id="2-crm")
    await db.company(await new_company(db)).customers.add(name="Ada Lovelace")
    for term in ("ada", "LOVE", "countess@", "CRM"):
        assert await customers.search(term) == [ada]
    assert await customers.search("example.com") == [grace, ada]
    ada = await customers.touch_seen(ada.id)
    assert await customers.search("example.com") == [ada, grace]
    assert await customers.search("example.com", limit=1) == [ada]


async def test_a_wildcard_that_is_searched_for_is_a_character(db):
    customers = db.company(await new_company(db)).customers
    made = {sign: await customers.add(name=f"a{sign}b") for sign in ("%", "_", "\\", "x")}
    for sign in ("%", "_", "\\", "a\\b", "a_", "%b"):
        assert await customers.search(sign) == [made[next(one for one in made if one in sign)]]


async def test_a_customers_conversations_come_the_newest_first(db):
    company_id = await new_company(db)
    grace, ada = await new_customer(db, company_id), await new_customer(db, company_id)
    made = [await new_conversation(db, company_id, customer_id=grace) for _ in range(3)]
    await new_conversation(db, company_id, customer_id=ada)
    customers = db.company(company_id).customers
    assert [row.id for row in await customers.recent_conversations(grace)] == made[::-1]
    assert [row.id for row in await customers.recent_conversations(grace, limit=1)] == made[2:]
    assert await db.company(await new_company(db)).customers.recent_conversations(grace) == []
    with pytest.raises(InvalidValue, match="limit"):
        await customers.recent_conversations(grace, limit=0)


async def two(db, company_id):
    customers = db.company(company_id).customers
    day = datetime(2026, 1, 1, tzinfo=UTC)
    keep = await customers.add(
        name="Grace", external_id="g-1", tags=["vip", "de"], metadata={"plan": "pro"}, first_seen_at=day
    )
    lose = await customers.add(
        name="G.",
        email="grace@example.com",
        external_id="g-2",
        phone="1",
        tags=["de", "eu"],
        metadata={"plan": "free", "locale": "de"},
        last_seen_at=datetime(2099, 1, 1, tzinfo=UTC),
    )
    return keep, lose


async def test_two_customers_who_are_one_are_merged(db):
    company_id = await new_company(db)
    tenant = db.company(company_id)
    keep, lose = await two(db, company_id)
    moving, staying = (
        await new_conversation(db, company_id, customer_id=lose.id),
        await new_conversation(db, company_id),
    )
    merged = await tenant.customers.merge(keep.id, lose.id)
    assert (merged.id, merged.name, merged.external_id) == (keep.id, "Grace", "g-1")
    assert (merged.email, merged.phone) == ("grace@example.com", "1")
    assert (sorted(merged.tags), merged.metadata) == (["de", "eu", "vip"], {"plan": "pro", "locale": "de"})
    assert (merged.first_seen_at, merged.last_seen_at) == (keep.first_seen_at, lose.last_seen_at)
    assert await tenant.customers.get(keep.id) == merged
    assert await tenant.customers.find(lose.id) is None
    assert (await tenant.conversations.get(moving)).customer_id == keep.id
    assert (await tenant.conversations.get(moving)).version == 2
    assert (await tenant.conversations.get(staying)).version == 1
    with pytest.raises(NotFound):
        await tenant.customers.merge(keep.id, lose.id)


async def test_what_cannot_be_merged_stays_as_it_is(db):
    company_id = await new_company(db)
    keep, lose = await two(db, company_id)
    stranger = await new_customer(db, await new_company(db))
    async with db.tenant(company_id) as tenant:
        for pair in ((keep.id, stranger), (stranger, lose.id), (keep.id, uuid4())):
            with pytest.raises(NotFound):
                await tenant.customers.merge(*pair)
        with pytest.raises(InvalidValue, match="lose"):
            await tenant.customers.merge(keep.id, keep.id)
        for field, pair in {"keep": (str(keep.id), lose.id), "lose": (keep.id, None)}.items():
            with pytest.raises(InvalidValue, match=field):
                await tenant.customers.merge(*pair)
        assert [await tenant.customers.get(one.id) for one in (keep, lose)] == [keep, lose]


async def test_two_merges_of_one_pair_leave_one_customer(db, world):
    company_id = await new_company(db)
    keep, lose = await two(db, company_id)
    customers = db.company(company_id).customers
    with pytest.raises(NotFound):
        await world.together(
            lambda: customers.merge(keep.id, lose.id), lambda: customers.merge(lose.id, keep.id)
        )
    assert await customers.count() == 1


OPENING = "INSERT INTO chatapp_conversations (company_id, agent_id, customer_id) VALUES (%s, %s, %s)"
WAITS = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
)


async def test_a_conversation_that_begins_meanwhile_is_not_lost(db, database_url):
    """The merge waits for it, sees that it is not among those that moved, and is to be tried again."""
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    keep, lose = await two(db, company_id)
    with psycopg.connect(database_url) as connection:
        connection.execute(OPENING, [company_id, agent_id, lose.id])

        def commit_when_somebody_waits():
            with psycopg.connect(database_url, autocommit=True) as watch:
                for _ in range(500):
                    if watch.execute(WAITS).fetchone()[0]:
                        break
                    time.sleep(0.01)
            connection.commit()

        other = threading.Thread(target=commit_when_somebody_waits)
        other.start()
        with pytest.raises(SerializationFailure) as refused:
            await db.company(company_id).customers.merge(keep.id, lose.id)
        other.join()
    assert refused.value.retryable
    await db.company(company_id).customers.merge(keep.id, lose.id)
    assert len(await db.company(company_id).customers.recent_conversations(keep.id)) == 1
