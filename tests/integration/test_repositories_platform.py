"""What a company shares with the platform, and its connections, which it reads; blocking and asyncio."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.schema import BillingCycle, IntegrationStatus, PlanType, SubscriptionStatus
from chatapp_db.scopes import AsyncCompanyScope, AsyncPlatform, CompanyScope, Platform
from tests.rows import PLAN, new_agent, new_company, new_plan


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
            kind = vars(scope)[name]._kind
            assert not {"add", "update", "delete"} & set(dir(kind))


def test_the_platform_and_a_company_share_no_repository():
    for company, platform in ((CompanyScope, Platform), (AsyncCompanyScope, AsyncPlatform)):
        kinds = [
            {member._kind for member in vars(scope).values() if hasattr(member, "_kind")}
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
