"""The seed: what a new installation starts with, added once and never touched again."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal

import psycopg
import pytest

from chatapp_db.errors import NotFound
from chatapp_db.schema import PlanType, UserRole
from chatapp_db.seeding import DEVELOPER_EMAIL, PACKAGES, PLANS, Seeded, aseed, seed
from tests.worlds import Awaited

ALL = Seeded(plans=4, packages=4, admins=0)
NOTHING = Seeded(plans=0, packages=0, admins=0)


@pytest.fixture
def sow(world):
    return Awaited(world.pick(seed, aseed))


async def test_the_seed_adds_four_plans_and_four_packages(db, sow):
    assert await sow(db) == ALL
    async with db.platform("look at the seed") as platform:
        plans = [await platform.plans.by_slug(plan["slug"]) for plan in PLANS]
        packages = [await platform.packages.by_slug(package["slug"]) for package in PACKAGES]
    assert [plan.type for plan in plans] == list(PlanType)
    assert [plan.price_monthly for plan in plans] == [0, 29, 99, 499]
    assert plans[0].limits["agents"] == 1
    assert plans[3].limits["agents"] is None
    assert [package.name for package in packages] == ["Support", "Sales", "FAQ", "Onboarding"]
    assert all(row.is_active for row in (*plans, *packages))


async def test_a_company_can_start_on_a_seeded_plan_and_package(db, sow):
    await sow(db)
    async with db.platform("a first company") as platform:
        company = await platform.companies.create(name="Acme", slug="acme", plan="starter")
    package = await db.company(company.id).packages.by_slug("sales")
    agent = await db.company(company.id).agents.add(name="Ada", package_id=package.id)
    assert agent.package_id == package.id


async def test_seeding_again_adds_nothing(db, sow):
    await sow(db, dev=True)
    assert await sow(db, dev=True) == NOTHING


async def test_what_an_operator_changed_stays(db, sow):
    await sow(db, dev=True)
    async with db.platform("an operator at work") as platform:
        plan = await platform.plans.by_slug("starter")
        changed = await platform.plans.update(plan.id, price_monthly=Decimal("19.90"), is_active=False)
        await platform.plans.delete((await platform.plans.by_slug("free")).id)
    assert await sow(db, dev=True) == Seeded(plans=1, packages=0, admins=0)
    async with db.platform("look again") as platform:
        assert await platform.plans.by_slug("starter") == changed


async def test_a_development_admin_is_added_only_when_asked_for(db, sow):
    await sow(db)
    async with db.platform("look for the admin") as platform:
        with pytest.raises(NotFound):
            await platform.users.by_email(DEVELOPER_EMAIL)
    assert await sow(db, dev=True) == Seeded(plans=0, packages=0, admins=1)
    async with db.platform("look for the admin") as platform:
        admin = await platform.users.by_email(DEVELOPER_EMAIL)
    assert (admin.role, admin.company_id) == (UserRole.MASTER_ADMIN, None)


async def test_seeding_is_in_the_audit_trail(db, sow, database_url):
    await sow(db)
    with psycopg.connect(database_url) as connection:
        reasons = connection.execute("SELECT new_values->>'reason' FROM chatapp_audit_logs").fetchall()
    assert reasons == [("seed plans and agent packages",)]


def test_the_seed_says_what_it_did():
    assert str(ALL) == "added 4 plans, 4 agent packages"
    assert str(Seeded(0, 0, 1)) == "added 0 plans, 0 agent packages, 1 admin"


@pytest.mark.slow
def test_eight_processes_may_seed_at_once(login_url, database_url):
    program = (
        "import sys; from chatapp_db import Database; from chatapp_db.seeding import seed\n"
        "with Database(sys.argv[1]) as db:\n"
        "    print('ready', flush=True); sys.stdin.readline()\n"
        "    done = seed(db, dev=True); print(done.plans, done.packages, done.admins)"
    )
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, login_url("service")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(8)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    results = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0] * 8
    assert [sum(map(int, column)) for column in zip(*results, strict=True)] == [4, 4, 1]
    with psycopg.connect(database_url) as connection:
        for table, rows in {"subscription_plans": 4, "agent_packages": 4, "users": 1}.items():
            assert connection.execute(f"SELECT count(*) FROM chatapp_{table}").fetchone()[0] == rows
