"""What a company shares with the platform, and its connections, which it reads; blocking and asyncio."""

from dataclasses import fields
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.repositories.companies.subscriptions import CompanyUsage
from chatapp_db.schema import BillingCycle, IntegrationStatus, PlanType, SubscriptionStatus
from chatapp_db.schema.payloads import PlanLimits
from chatapp_db.scopes import AsyncCompanyScope, AsyncPlatformScope, CompanyScope, PlatformScope
from tests.rows import PLAN, new_agent, new_company, new_conversation, new_plan, new_user


async def test_a_company_is_created_with_a_plan(db):
    async with db.platform("a sale") as platform:
        plan_id = await new_plan(platform)
        company = await platform.companies.create(
            name="Acme",
            slug="acme",
            plan=PLAN,
            subscription_status=SubscriptionStatus.ACTIVE,
            billing_cycle=BillingCycle.YEARLY,
            timezone="Europe/Berlin",
            trial_ends_at=datetime(2030, 1, 1, tzinfo=UTC),
        )
        assert await platform.companies.get(company.id) == company
    assert (company.subscription_plan_id, company.slug, company.settings) == (plan_id, "acme", {})
    assert (company.subscription_status, company.billing_cycle) == ("active", "yearly")
    assert (company.timezone, company.trial_ends_at) == (
        "Europe/Berlin",
        datetime(2030, 1, 1, tzinfo=UTC),
    )


async def test_a_companys_slug_is_unique(db):
    async with db.platform("a sale") as platform:
        await new_plan(platform)
        await platform.companies.create(name="Acme", slug="acme", plan=PLAN)
        with pytest.raises(Conflict, match="uq_chatapp_companies_slug"):
            async with platform.savepoint():
                await platform.companies.create(name="Other", slug="acme", plan=PLAN)
        assert await platform.companies.count() == 1


async def test_a_company_takes_a_plan_that_is_offered(db):
    async with db.platform("a sale") as platform:
        await platform.plans.update(await new_plan(platform, "old"), is_active=False)
        for plan in ("old", "unknown"):
            with pytest.raises(InvalidReference, match="subscription_plan_id"):
                await platform.companies.create(name="Acme", slug="acme", plan=plan)
        assert await platform.companies.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"slug": "Acme"},
        {"slug": "a--b"},
        {"slug": "acme\n"},
        {"slug": "a" * 101},
        {"slug": None},
        {"plan": 1},
        {"timezone": "Mars/Olympus"},
        {"settings": {"a": float("nan")}},
        {"settings": []},
        {"subscription_status": "king"},
        {"billing_cycle": "daily"},
        {"trial_ends_at": datetime(2030, 1, 1)},  # noqa: DTZ001  # naive, that is the point
        {"logo_url": "a\0b"},
    ],
    ids=str,
)
async def test_a_bad_company_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.platform("a sale") as platform:
        await new_plan(platform)
        with pytest.raises(InvalidValue):
            await platform.companies.create(**{"name": "Acme", "slug": "acme", "plan": PLAN, **wrong})
        assert await platform.companies.count() == 0


async def test_companies_are_paged_the_newest_first(db):
    made = [await new_company(db) for _ in range(5)]
    async with db.platform("a census") as platform:
        listed, cursor = [], None
        for _ in range(3):
            page = await platform.companies.page(limit=2, cursor=cursor)
            listed += [company.id for company in page.items]
            cursor = page.next_cursor or cursor
        with pytest.raises(InvalidCursor):
            await platform.plans.page(limit=2, cursor=cursor)
        assert await platform.companies.count() == 5
    assert listed == made[::-1]


async def test_the_platform_changes_and_deletes_a_company(db):
    empty, full = await new_company(db), await new_company(db)
    await new_agent(db, full)
    async with db.platform("a mistake") as platform:
        changed = await platform.companies.update(empty, name="Mistake", domain="example.com")
        assert (changed.name, changed.domain) == ("Mistake", "example.com")
        with pytest.raises(Conflict, match="still referred to"):
            async with platform.savepoint():  # by the line of the trail that tells of the change
                await platform.companies.delete(empty)
    empty = await new_company(db)
    async with db.platform("a mistake") as platform:
        await platform.companies.delete(empty)
        assert await platform.companies.find(empty) is None
        with pytest.raises(NotFound):
            await platform.companies.delete(empty)
        with pytest.raises(Conflict, match="still referred to"):
            async with platform.savepoint():
                await platform.companies.delete(full)
        assert await platform.companies.find(full) is not None


async def test_a_company_reads_and_changes_its_own_row(db):
    first, second = await new_company(db, "First"), await new_company(db, "Second")
    company = db.company(first).company
    assert (await company.get()).name == "First"
    changed = await company.update(name="Mine", settings={"language": "de"}, timezone="Asia/Tokyo")
    assert (changed.id, changed.name, changed.timezone) == (first, "Mine", "Asia/Tokyo")
    assert changed.settings == {"language": "de"}
    assert await company.get() == await company.update() == changed
    assert (await db.company(second).company.get()).name == "Second"


async def test_a_company_that_does_not_exist_is_not_found(db):
    company = db.company(uuid4()).company
    with pytest.raises(NotFound, match="company"):
        await company.get()
    with pytest.raises(NotFound, match="company"):
        await company.update(name="Mine")


@pytest.mark.parametrize(
    "wrong",
    [
        {"subscription_plan_id": uuid4()},
        {"subscription_status": SubscriptionStatus.ACTIVE},
        {"trial_ends_at": datetime(2099, 1, 1, tzinfo=UTC)},
        {"slug": "mine"},
        {"id": uuid4()},
        {"name": None},
        {"timezone": "Mars/Olympus"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_company_changes_neither_plan_nor_trial(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        before = await tenant.company.get()
        with pytest.raises(InvalidValue):
            await tenant.company.update(**wrong)
        assert await tenant.company.get() == before


async def test_a_company_is_bound_by_the_statement_alone(world, db, database_url):
    """With row-level security out of the way: the superuser, in no role."""
    first, second = await new_company(db, "First"), await new_company(db, "Second")
    bare = world.open(database_url, app_role=None, rls="off")
    theirs = await bare.company(first).widget.upsert(agent_id=await new_agent(db, first))
    assert (await bare.company(second).company.get()).name == "Second"
    assert (await bare.company(second).company.update(name="Mine")).id == second
    with pytest.raises(NotFound):
        await bare.company(second).widget.get()
    mine = await bare.company(second).widget.upsert(agent_id=await new_agent(db, second))
    assert (await bare.company(first).company.get()).name == "First"
    assert [await bare.company(id).widget.get() for id in (first, second)] == [theirs, mine]


async def test_a_company_is_found_by_its_slug(db):
    company_id = await new_company(db)
    async with db.platform("support") as platform:
        company = await platform.companies.get(company_id)
        assert await platform.companies.by_slug(company.slug) == company
        with pytest.raises(NotFound):
            await platform.companies.by_slug("nobody")
        with pytest.raises(InvalidValue, match="slug"):
            await platform.companies.by_slug("No body")


async def test_a_company_changes_its_plan(db):
    company_id = await new_company(db)
    async with db.platform("an upgrade") as platform:
        pro = await platform.plans.add(name="Pro", slug="pro", type=PlanType.PROFESSIONAL)
        free = await platform.plans.add(name="Free", slug="free", type=PlanType.FREE)
        await platform.plans.add(name="Old", slug="old", type=PlanType.STARTER, is_active=False)
        changed = await platform.companies.change_plan(
            company_id, "pro", billing_cycle=BillingCycle.YEARLY, subscription_status="active"
        )
        assert (changed.subscription_plan_id, changed.billing_cycle, changed.subscription_status) == (
            pro.id,
            BillingCycle.YEARLY,
            SubscriptionStatus.ACTIVE,
        )
        assert await platform.companies.change_plan(company_id, "pro") == changed
        freed = await platform.companies.change_plan(company_id, "free")
        assert (freed.subscription_plan_id, freed.billing_cycle) == (free.id, None)
        for plan in ("old", "unknown"):
            with pytest.raises(InvalidReference, match="subscription_plan_id"):
                await platform.companies.change_plan(company_id, plan)
        with pytest.raises(NotFound):
            await platform.companies.change_plan(uuid4(), "pro")
        for wrong in ({"plan": "Pro"}, {"billing_cycle": "daily"}, {"subscription_status": 1}, {"id": "1"}):
            with pytest.raises(InvalidValue, match=next(iter(wrong))):
                await platform.companies.change_plan(**{"id": company_id, "plan": "pro", **wrong})
        assert await platform.companies.get(company_id) == freed


SOON = datetime(2099, 1, 1, tzinfo=UTC)


async def test_a_company_has_one_trial_and_none_beside_a_subscription(db):
    company_id, subscribed = await new_company(db), await new_company(db)
    async with db.platform("a trial") as platform:
        await platform.companies.change_plan(subscribed, PLAN, subscription_status="active")
        trial = await platform.companies.start_trial(company_id, ends_at=SOON)
        assert (trial.subscription_status, trial.trial_ends_at) == (SubscriptionStatus.TRIALING, SOON)
        for id in (company_id, subscribed):
            with pytest.raises(Conflict, match="trial"):
                await platform.companies.start_trial(id, ends_at=SOON)
        with pytest.raises(NotFound):
            await platform.companies.start_trial(uuid4(), ends_at=SOON)
        with pytest.raises(InvalidValue, match="ends_at"):
            await platform.companies.start_trial(company_id, ends_at=datetime(2099, 1, 1))  # noqa: DTZ001  # naive, that is the point
        assert await platform.companies.get(company_id) == trial


async def test_trials_expire_in_batches(db):
    made = [await new_company(db) for _ in range(4)]
    async with db.platform("the night") as platform:
        for day, id in enumerate(made, start=1):
            await platform.companies.start_trial(id, ends_at=datetime(2030, 1, day, tzinfo=UTC))
        now = datetime(2030, 1, 3, tzinfo=UTC)
        batches = [await platform.companies.expire_trials(now, limit=2) for _ in range(3)]
        assert [len(batch) for batch in batches] == [2, 1, 0]
        assert {company.id for batch in batches for company in batch} == set(made[:3])
        assert {company.subscription_status for batch in batches for company in batch} == {"expired"}
        assert (await platform.companies.get(made[3])).subscription_status == SubscriptionStatus.TRIALING
        with pytest.raises(InvalidValue, match="now"):
            await platform.companies.expire_trials(None)
        with pytest.raises(InvalidValue, match="limit"):
            await platform.companies.expire_trials(now, limit=0)


async def test_a_trial_that_another_call_is_ending_is_left_to_it(db):
    company_id = await new_company(db)
    async with db.platform("a trial") as platform:
        await platform.companies.start_trial(company_id, ends_at=datetime(2030, 1, 1, tzinfo=UTC))
    async with db.platform("one night") as one:
        assert len(await one.companies.expire_trials(SOON)) == 1
        async with db.platform("the same night") as other:
            assert await other.companies.expire_trials(SOON) == []


async def test_a_companys_limits_are_its_plans_while_the_subscription_is_in_force(db):
    company_id = await new_company(db)
    async with db.platform("limits") as platform:
        plan = await platform.plans.by_slug(PLAN)
        await platform.plans.update(plan.id, limits={"agents": 3, "team_members": None, "robots": 7})
        limits = await platform.companies.effective_limits(company_id)
        await platform.companies.start_trial(company_id, ends_at=SOON)
        assert await platform.companies.effective_limits(company_id) == limits
        with pytest.raises(NotFound):
            await platform.companies.effective_limits(uuid4())
        with pytest.raises(InvalidValue, match="id"):
            await platform.companies.effective_limits(str(company_id))
    assert await db.company(company_id).company.effective_limits() == limits
    named = {"agents": 3, "team_members": None, "robots": 7, "messages_per_month": None}
    assert named.items() <= limits.items()
    for status in ("canceled", "paused", "expired"):
        async with db.platform("the end") as platform:
            await platform.companies.change_plan(company_id, PLAN, subscription_status=status)
        assert set((await db.company(company_id).company.effective_limits()).values()) == {0}


async def test_a_trial_that_is_over_includes_nothing_before_it_is_expired(db):
    company_id = await new_company(db)
    async with db.platform("a trial") as platform:
        await platform.companies.start_trial(company_id, ends_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert (await db.company(company_id).company.effective_limits())["agents"] == 0
    with pytest.raises(NotFound):
        await db.company(uuid4()).company.effective_limits()


async def test_a_companys_usage_is_counted_under_the_names_of_the_limits(db, database_url):
    company_id, other = await new_company(db), await new_company(db)
    for id in (company_id, other):
        await new_conversation(db, id)
    tenant = db.company(company_id)
    old, new = [await new_conversation(db, company_id) for _ in range(2)]
    for id in (old, new):
        await tenant.messages.append(id, role="user", content="Hello")
    await tenant.messages.append(new, role="assistant", content="A note", is_private=True)
    gone = await new_user(db, company_id)
    await new_user(db, company_id)
    await tenant.users.deactivate(gone)
    await tenant.agents.archive(await new_agent(db, company_id))
    for size in (1024 * 1024, 1, None):
        await tenant.knowledge.register(name="Returns", type="file", file_size=size)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE chatapp_conversations SET started_at = now() - interval '32 days' WHERE id = %s", [old]
        )
        connection.execute(
            "UPDATE chatapp_messages SET created_at = now() - interval '32 days' WHERE conversation_id = %s",
            [old],
        )
    used = await tenant.company.usage()
    assert used == CompanyUsage(
        agents=3,
        team_members=1,
        conversations_per_month=2,
        messages_per_month=1,
        knowledge_sources=3,
        storage_megabytes=2,
    )
    async with db.platform("a bill") as platform:
        assert await platform.companies.usage(company_id) == used
        assert (await platform.companies.usage(other)).conversations_per_month == 1
        with pytest.raises(NotFound):
            await platform.companies.usage(uuid4())
    assert {field.name for field in fields(CompanyUsage)} == set(PlanLimits.__annotations__)


async def test_what_is_no_longer_offered_is_not_listed(db, offer):
    name, values = offer
    company_id = await new_company(db)
    async with db.platform("an offer") as platform:
        kept = getattr(platform, name)
        made = [await kept.add(slug=slug, **values) for slug in ("b", "a", "old")]
        await kept.update(made[2].id, is_active=False)
        listed = await kept.active()
    assert [row.slug for row in listed if row.slug != PLAN] == ["a", "b"]
    assert await getattr(db.company(company_id), name).active() == listed


OFFERS = {
    "plans": {"name": "Pro", "type": PlanType.PROFESSIONAL},
    "packages": {"name": "Support", "base_prompt": "You help."},
}


@pytest.fixture(params=OFFERS)
def offer(request):
    """Plans and packages are kept the same way: the attribute, and what a row needs besides its slug."""
    return request.param, OFFERS[request.param]


async def test_the_platform_keeps_what_every_company_reads(db, offer):
    name, values = offer
    company_id = await new_company(db)
    async with db.platform("an offer") as platform:
        kept = getattr(platform, name)
        row = await kept.add(slug="pro", **values)
        changed = await kept.update(row.id, name="Professional", is_active=False)
        assert (changed.name, changed.slug, changed.is_active) == ("Professional", "pro", False)
        assert await kept.get(row.id) == changed
    read = getattr(db.company(company_id), name)
    assert await read.get(row.id) == await read.find(row.id) == await read.by_slug("pro") == changed
    for slug in ("unknown", "p"):
        with pytest.raises(NotFound):
            await read.by_slug(slug)
    with pytest.raises(InvalidValue, match="slug"):
        await read.by_slug("pro\0")


async def test_a_company_pages_through_the_offers(db, offer):
    name, values = offer
    first, second = await new_company(db), await new_company(db)
    async with db.platform("an offer") as platform:
        made = [await getattr(platform, name).add(slug=f"s{number}", **values) for number in range(3)]
    read = getattr(db.company(first), name)
    page = await read.page(limit=2)
    rest = await read.page(limit=2, cursor=page.next_cursor)
    assert (page.items + rest.items)[:3] == made[::-1]
    assert await read.count() == len(page.items + rest.items)
    with pytest.raises(InvalidCursor):
        await getattr(db.company(second), name).page(limit=2, cursor=page.next_cursor)


async def test_a_slug_of_an_offer_is_unique(db, offer):
    name, values = offer
    async with db.platform("an offer") as platform:
        kept = getattr(platform, name)
        row = await kept.add(slug="pro", **values)
        with pytest.raises(Conflict, match="slug"):
            async with platform.savepoint():
                await kept.add(slug="pro", **values)
        await kept.delete(row.id)
        assert await kept.find(row.id) is None


async def test_an_offer_that_is_taken_is_not_deleted(db):
    company_id = await new_company(db)
    async with db.platform("an offer") as platform:
        package = await platform.packages.add(slug="support", **OFFERS["packages"])
    agent = await db.company(company_id).agents.add(name="Bot", package_id=package.id)
    assert agent.package_id == package.id
    async with db.platform("the end of an offer") as platform:
        for kept, id in (
            (platform.packages, package.id),
            (platform.plans, (await platform.plans.by_slug(PLAN)).id),
        ):
            with pytest.raises(Conflict, match="still referred to"):
                async with platform.savepoint():
                    await kept.delete(id)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"slug": "pro\0"},
        {"price_monthly": Decimal("NaN")},
        {"price_monthly": Decimal("1e20")},
        {"type": "king"},
        {"limits": {"agents": float("inf")}},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_bad_plan_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.platform("an offer") as platform:
        with pytest.raises(InvalidValue):
            await platform.plans.add(**{"slug": "pro", **OFFERS["plans"], **wrong})
        assert await platform.plans.count() == 0


def test_a_company_has_no_verb_that_changes_an_offer():
    for scope in (CompanyScope, AsyncCompanyScope):
        for name in OFFERS:
            kind = vars(scope)[name]._load()
            assert not {"add", "update", "delete"} & set(dir(kind))


def test_the_platform_and_a_company_share_no_repository():
    for company, platform in ((CompanyScope, PlatformScope), (AsyncCompanyScope, AsyncPlatformScope)):
        kinds = [
            {member._load() for member in vars(scope).values() if hasattr(member, "_load")}
            for scope in (company, platform)
        ]
        assert all(kinds)
        assert not kinds[0] & kinds[1]


INTEGRATION = (
    "INSERT INTO chatapp_integrations (company_id, type, name) VALUES (%s, 'slack', 'Support') RETURNING id"
)
WEBHOOK = (
    "INSERT INTO chatapp_webhooks (company_id, url) VALUES (%s, 'https://example.com/hook') RETURNING id"
)


def insert(url: str, statement: str, company_id: UUID) -> UUID:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, [company_id]).fetchone()[0]


@pytest.mark.parametrize(("name", "statement"), [("integrations", INTEGRATION), ("webhooks", WEBHOOK)])
async def test_a_company_reads_its_own_connections(db, database_url, name, statement):
    first, second = await new_company(db), await new_company(db)
    made = [insert(database_url, statement, company_id) for company_id in (first, second)]
    mine, theirs = (getattr(db.company(company_id), name) for company_id in (first, second))
    row = await mine.get(made[0])
    assert (row.id, row.company_id) == (made[0], first)
    assert (await mine.page()).items == [row]
    assert (await mine.count(), await theirs.count()) == (1, 1)
    assert await theirs.find(made[0]) is None
    with pytest.raises(NotFound):
        await theirs.get(made[0])


async def test_an_integration_starts_inactive_with_nothing_to_keep_secret(db, database_url):
    company_id = await new_company(db)
    id = insert(database_url, INTEGRATION, company_id)
    row = await db.company(company_id).integrations.get(id)
    assert (row.status, row.config) == (IntegrationStatus.INACTIVE, {})
