"""The audit trail of changes: what a line says, who acted, and how it is read."""

from __future__ import annotations

import datetime as dt
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

from chatapp_db.encryption import KeyRing
from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue
from chatapp_db.execution.scope import PURGE
from chatapp_db.repositories.acting import Actor
from chatapp_db.repositories.agents.agents import AgentRepository, AsyncAgentRepository
from chatapp_db.schema.audit_triggers import LONGEST_VALUE, REDACTED
from chatapp_db.schema.security import APP_ROLE, PLATFORM_ROLE
from tests.integration.test_guest_session import tenant_scope_of
from tests.rows import SOMEBODY, new_agent, new_company, new_conversation, new_user
from tests.wire import round_trips

SECRET = "the-secret-marker"
NASTY = 'it\'s \\ "quoted" — ключ $1 %s; DROP TABLE x'
HERE = {"ip_address": "192.0.2.7", "user_agent": "Firefox"}


@pytest.fixture
def keyed(world, login_url):
    return world.open(login_url("service"), keys=KeyRing({"one": bytes(32)}))


async def trail(db, company_id):
    return list(reversed((await db.company(company_id).audit.list(limit=500)).items))


async def last(db, company_id):
    return (await db.company(company_id).audit.list(limit=1)).items[0]


def lines(url: str) -> str:
    with psycopg.connect(url) as connection:
        return str(connection.execute("SELECT a::text FROM chatapp_audit_logs a").fetchall())


async def test_a_change_tells_what_changed_and_nothing_else(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id, "Old")
    await db.company(company_id).agents.update(agent_id, name="New")
    line = await last(db, company_id)
    assert (line.action, line.resource_type, line.resource_id) == ("agent.updated", "agent", agent_id)
    assert (line.old_values, line.new_values) == ({"name": "Old"}, {"name": "New"})
    assert (line.user_id, line.staff_id, line.actor_label, line.ip_address, line.user_agent) == (None,) * 5


async def test_a_row_that_is_made_or_deleted_is_told_whole(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id, "Ada")
    await db.company(company_id).agents.delete(agent_id)
    created, deleted = await trail(db, company_id)
    assert (created.action, created.old_values) == ("agent.created", None)
    assert (deleted.action, deleted.new_values) == ("agent.deleted", None)
    assert created.new_values == deleted.old_values
    assert created.new_values.items() >= {"name": "Ada", "status": "active"}.items()
    assert "description" not in created.new_values


async def test_an_update_that_changes_nothing_is_not_told(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id, "Same")
    await db.company(company_id).agents.update(agent_id, name="Same")
    assert [line.action for line in await trail(db, company_id)] == ["agent.created"]


async def test_a_message_is_not_told_but_that_it_reopens_a_conversation_is(db):
    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    before = await trail(db, company_id)
    company = db.company(company_id)
    for role in ("user", "assistant", "system"):
        await company.messages.append(conversation_id, role=role, content="Hello")
    assert await trail(db, company_id) == before
    await company.conversations.resolve(conversation_id)
    await company.messages.append(conversation_id, role="user", content="Wait")
    resolved, reopened = (await trail(db, company_id))[len(before) :]
    assert (resolved.action, reopened.action) == ("conversation.resolved", "conversation.reopened")
    assert (reopened.old_values, reopened.new_values) == ({"status": "resolved"}, {"status": "active"})


async def test_lines_of_one_transaction_keep_their_order(db):
    company_id = await new_company(db)
    async with db.tenant(company_id) as tenant:
        agent = await tenant.agents.add(name="0")
        for number in range(1, 30):
            await tenant.agents.update(agent.id, name=str(number))
    names = [line.new_values["name"] for line in await trail(db, company_id)]
    assert names == [str(number) for number in range(30)]


async def test_no_secret_is_in_the_trail_and_nobody_s_name(keyed, database_url):
    company_id = await new_company(keyed)
    company = keyed.company(company_id)
    connected = await company.integrations.connect("slack", "Slack", {"token": SECRET})
    await company.integrations.reconnect(connected.id, {"token": f"{SECRET}-2"})
    hook, first = await company.webhooks.subscribe("https://example.com", ["message.created"])
    _, second = await company.webhooks.rotate_secret(hook.id, dt.datetime.now(dt.UTC))
    email = f"{SECRET}@example.com"
    invitation, token = await company.invitations.create(email)
    user = await company.invitations.accept(token.get_secret_value(), email, SECRET)
    await company.users.update(user.id, name=f"{SECRET} again", settings={"note": SECRET})
    told = lines(database_url)
    for secret in (SECRET, first, second, token, invitation.token_hash, connected.config["ct"], hook.secret):
        assert getattr(secret, "get_secret_value", lambda secret=secret: secret)() not in told
    line = await last(keyed, company_id)
    assert line.new_values == line.old_values == {"name": REDACTED, "settings": REDACTED}


async def test_a_long_value_is_cut(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    prompt, notes = "é" * (LONGEST_VALUE + 1), {"notes": "x" * 90_000}
    await db.company(company_id).agents.update(agent_id, system_prompt=prompt, widget_config=notes)
    told = (await last(db, company_id)).new_values
    assert told["system_prompt"] == f"{'é' * LONGEST_VALUE}… [{LONGEST_VALUE + 1} characters]"
    assert told["widget_config"].endswith("… [90013 characters]")
    await db.company(company_id).agents.update(agent_id, system_prompt="é" * LONGEST_VALUE)
    assert (await last(db, company_id)).new_values == {"system_prompt": "é" * LONGEST_VALUE}


async def test_a_change_that_fails_or_is_undone_is_not_told(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    before = await trail(db, company_id)
    with pytest.raises(LookupError):
        async with db.tenant(company_id) as tenant:
            await tenant.agents.update(agent_id, name="Undone")
            raise LookupError
    with pytest.raises(InvalidReference):
        await db.company(company_id).agents.add(name="Refused", created_by=uuid4())
    async with db.tenant(company_id) as tenant:
        with pytest.raises(LookupError):
            async with tenant.savepoint():
                await tenant.agents.update(agent_id, name="Undone")
                raise LookupError
    assert await trail(db, company_id) == before


# Who acted.


async def actor_of(db, company_id, label=None):
    return Actor(user_id=await new_user(db, company_id), label=label, **HERE)


def assert_told(line, actor):
    told = (line.user_id, line.staff_id, line.ip_address, line.user_agent, line.actor_label)
    assert told == (actor.user_id, actor.staff_id, actor.ip_address, actor.user_agent, actor.label)


@pytest.mark.parametrize("label", [None, "nightly job", NASTY])
async def test_who_acts_is_told(db, label):
    company_id = await new_company(db)
    actor = await actor_of(db, company_id, label)
    await db.company(company_id, actor=actor).agents.add(name="Ada")
    assert_told(await last(db, company_id), actor)
    async with db.tenant(company_id, actor=actor) as tenant:
        await tenant.agents.add(name="Eve")
    assert_told(await last(db, company_id), actor)


async def test_an_actor_ends_with_their_scope(world, login_url):
    db = world.open(login_url("service"), pool_size=1, max_overflow=0)
    company_id = await new_company(db)
    actor = await actor_of(db, company_id)
    for scope in (db.company(company_id, actor=actor), db.company(company_id)) * 7:
        await scope.agents.add(name="Ada")
        assert (await last(db, company_id)).user_id == (
            actor.user_id if scope.unwrap().carrier.actor else None
        )
    async with db.tenant(company_id, actor=actor) as tenant:
        await tenant.agents.add(name="Eve")
    async with db.tenant(company_id) as tenant:
        await tenant.agents.add(name="Bob")
    assert (await last(db, company_id)).user_id is None


async def test_behind_a_pooler_nobody_acts_as_another(world, login_url, pgbouncer_url):
    pooled = world.open(pgbouncer_url, pool_size=4)
    company_id = await new_company(pooled)
    actors = [await actor_of(pooled, company_id, f"{number}") for number in range(4)]

    def adding(actor):
        name = actor.label if actor else "nobody"
        return lambda: pooled.company(company_id, actor=actor).agents.add(name=name)

    for _ in range(5):
        await world.together(*map(adding, [*actors, None] * 4))
        for actor in (*actors, None):
            async with pooled.tenant(company_id, actor=actor) as tenant:
                await tenant.agents.add(name=actor.label if actor else "nobody")
    told = [line for line in await trail(pooled, company_id) if line.action == "agent.created"]
    assert len(told) == 5 * 5 * 5
    assert {line.new_values["name"] == (line.actor_label or "nobody") for line in told} == {True}


async def test_an_actor_costs_no_round_trip(world, login_url, tmp_path):
    db = world.open(login_url("service"), pool_size=1, max_overflow=0)
    company_id = await new_company(db)
    company = db.company(company_id, actor=await actor_of(db, company_id))
    agent_id = await new_agent(db, company_id)
    with round_trips(db, tmp_path / "wire") as trips:
        await company.agents.count()
        trips.since()
        await company.agents.update(agent_id, name="New")
        assert trips.since() == 1


@pytest.mark.parametrize("scope", ["company", "tenant"])
async def test_an_actor_whom_the_company_does_not_have_changes_nothing(db, scope):
    company_id, other = await new_company(db), await new_company(db)
    agent_id = await new_agent(db, company_id, "Old")
    before = await trail(db, company_id)
    for stranger in (uuid4(), await new_user(db, other)):
        actor = Actor(user_id=stranger)
        with pytest.raises(InvalidReference, match="audit_logs"):
            if scope == "company":
                await db.company(company_id, actor=actor).agents.update(agent_id, name="New")
            else:
                async with db.tenant(company_id, actor=actor) as tenant:
                    await tenant.agents.update(agent_id, name="New")
    assert (await db.company(company_id).agents.get(agent_id)).name == "Old"
    assert await trail(db, company_id) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("user_id", str(SOMEBODY)),
        ("staff_id", 7),
        ("ip_address", "here"),
        ("user_agent", "x" * 2001),
        ("user_agent", "a\0b"),
        ("label", "\ud800"),
        ("label", "x" * 201),
    ],
)
def test_what_the_trail_could_not_hold_is_no_actor(field, value):
    with pytest.raises(InvalidValue, match=field):
        Actor(**{field: value})


async def test_only_an_actor_is_bound_before_any_sql(world):
    db = world.open("postgresql://nowhere.invalid/x")
    for wrong in ({"user_id": uuid4()}, "ada", uuid4()):
        for opened in (db.tenant, db.company):
            with pytest.raises(InvalidValue, match="actor"):
                opened(uuid4(), actor=wrong)
        with pytest.raises(InvalidValue, match="actor"):
            db.platform("a test", actor=wrong)
    with pytest.raises(InvalidValue, match="staff_id"):
        db.platform("a test", staff_id=uuid4(), actor=Actor(staff_id=uuid4()))
    with pytest.raises(InvalidValue, match="actor"):
        db.platform("a test", actor=Actor(user_id=uuid4()))


async def test_the_platform_s_staff_is_told_beside_every_change(db):
    company_id, staff_id = await new_company(db), uuid4()
    described = Actor(label="support desk", **HERE)
    async with db.platform("a test", staff_id=staff_id, actor=described) as platform:
        await platform.companies.update(company_id, name="Renamed")
        entry = (await platform.audit.list(None, action="platform.enter", limit=1)).items[0]
        (line,) = (await platform.audit.for_resource(company_id, "company", company_id)).items
        (made,) = (await platform.audit.for_resource(None, "company", company_id)).items
    whole = Actor(staff_id=staff_id, label="support desk", **HERE)
    assert_told(entry, whole)
    assert_told(line, whole)
    assert (line.action, line.company_id) == ("company.updated", company_id)
    assert (made.action, made.company_id) == ("company.created", None)


async def test_a_line_of_one_s_own_names_who_acts_unless_it_names_somebody_else(db):
    company_id = await new_company(db)
    actor, other = await actor_of(db, company_id, "API"), await new_user(db, company_id)
    audit = db.company(company_id, actor=actor).audit
    assert_told(await audit.record(action="user.signed_in", resource_type="user"), actor)
    line = await audit.record(action="user.signed_in", resource_type="user", user_id=other)
    assert_told(line, Actor(user_id=other))


async def test_a_repository_in_a_host_s_session_tells_its_actor(world, db, login_url):
    company_id = await new_company(db)
    actor = await actor_of(db, company_id, NASTY)
    session = world.session(login_url("service"))
    kind = world.pick(AgentRepository, AsyncAgentRepository)
    agents = type(session)(kind(session.unwrap(), company_id, actor=actor))
    nobody = type(session)(kind(session.unwrap(), company_id))
    setting = sa.text("SELECT coalesce(current_setting('chatapp.actor', true), '')")
    await agents.add(name="Ada")
    assert await session.scalar(setting) == ""
    await nobody.add(name="Eve")
    await session.commit()
    by_name = {
        line.new_values["name"]: line for line in await trail(db, company_id) if "agent" in line.action
    }
    assert_told(by_name["Ada"], actor)
    assert by_name["Eve"].user_id is None
    with pytest.raises(InvalidValue, match="actor"):
        kind(db.company(company_id).unwrap().carrier, company_id, actor=actor)


async def test_a_host_s_own_statements_tell_the_actor_of_its_scope(world, db, login_url):
    company_id = await new_company(db)
    actor = await actor_of(db, company_id)
    agent_id = await new_agent(db, company_id)
    session = world.session(login_url("service"))
    nobody = world.bound(AgentRepository, AsyncAgentRepository, session, company_id)
    async with tenant_scope_of(session, company_id, actor=actor):
        await session.execute(sa.text("UPDATE chatapp_agents SET name = 'By hand'"))
        assert (await nobody.update(agent_id, description="By a repository")).name == "By hand"
    await session.commit()
    for line in (await trail(db, company_id))[-2:]:
        assert_told(line, actor)


# What no repository did.


def acting_as(connection, role, company_id, **settings):
    connection.execute(f"SET LOCAL ROLE {role}")
    for name, value in {"chatapp.company_id": str(company_id), **settings}.items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])


@pytest.mark.parametrize("role", [APP_ROLE, PLATFORM_ROLE, "none"])
async def test_what_is_done_by_hand_is_told_too(db, database_url, role):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    with psycopg.connect(database_url) as connection:
        acting_as(connection, role, company_id)
        connection.execute("UPDATE chatapp_agents SET status = 'paused'")
    line = await last(db, company_id)
    assert (line.action, line.resource_id) == ("agent.paused", agent_id)


async def test_a_company_cannot_tell_a_line_of_another_s(db, database_url):
    """The trigger writes as whoever changes the row, below the policies."""
    ours, theirs = await new_company(db), await new_company(db)
    await new_agent(db, theirs)
    before = await trail(db, theirs)
    with psycopg.connect(database_url) as connection:
        acting_as(connection, APP_ROLE, ours)
        assert connection.execute("UPDATE chatapp_agents SET name = 'x'").rowcount == 0
    assert await trail(db, theirs) == before


async def purging(db, database_url, role):
    company_id = await new_company(db)
    await new_agent(db, company_id)
    before = await trail(db, company_id)
    with psycopg.connect(database_url) as connection:
        acting_as(connection, role, company_id, **{PURGE: "on"})
        assert connection.execute("DELETE FROM chatapp_agents").rowcount == 1
    return (await trail(db, company_id))[len(before) :]


async def test_while_the_platform_purges_no_row_is_told(db, database_url):
    assert await purging(db, database_url, PLATFORM_ROLE) == []


@pytest.mark.parametrize("role", [APP_ROLE, "none"])
async def test_nobody_else_is_silent(db, database_url, role):
    assert [line.action for line in await purging(db, database_url, role)] == ["agent.deleted"]


async def test_a_rotation_of_keys_is_told_once(world, login_url):
    old, new = {"old": bytes(32)}, {"new": bytes([1] * 32)}
    before = world.open(login_url("service"), keys=KeyRing(old))
    company_id = await new_company(before)
    await before.company(company_id).integrations.connect("slack", "Slack", {"token": SECRET})
    told = await trail(before, company_id)
    after = world.open(login_url("service"), keys=KeyRing({**new, **old}, primary="new"))
    assert (await after.rotate_keys()).resealed == 1
    assert await trail(after, company_id) == told


async def test_a_company_that_has_nothing_yet_can_be_deleted(db):
    company_id = await new_company(db)
    async with db.platform("a test") as platform:
        await platform.companies.delete(company_id)
        made, gone = reversed((await platform.audit.for_resource(None, "company", company_id)).items)
    assert (made.action, gone.action) == ("company.created", "company.deleted")


async def test_what_outlives_a_company_tells_its_id_alone(db):
    company_id = await new_company(db)
    async with db.platform("a test") as platform:
        await platform.companies.delete(company_id)
        lines = (await platform.audit.for_resource(None, "company", company_id)).items
    assert [(line.resource_id, line.old_values, line.new_values) for line in lines] == [
        (company_id, None, None)
    ] * 2


async def test_a_company_whose_trail_tells_of_it_stays(db):
    company_id = await new_company(db)
    async with db.platform("a test") as platform:
        await platform.companies.update(company_id, name="Renamed")
        with pytest.raises(Conflict):
            async with platform.savepoint():
                await platform.companies.delete(company_id)


# How it is read.


async def filled(db) -> tuple[UUID, UUID, UUID, UUID]:
    """Two people, who each change one of two agents in turn."""
    company_id = await new_company(db)
    people = [await new_user(db, company_id) for _ in range(2)]
    agents = [await new_agent(db, company_id) for _ in range(2)]
    for number in range(6):
        scope = db.company(company_id, actor=Actor(user_id=people[number % 2]))
        await scope.agents.update(agents[number % 2], name=f"Name {number}")
    return company_id, people[1], agents[0], agents[1]


def names(page):
    return [line.new_values["name"] for line in page.items]


async def test_each_filter_finds_its_lines(db):
    company_id, person, agent_id, _ = await filled(db)
    audit = db.company(company_id).audit
    assert names(await audit.list(user_id=person)) == ["Name 5", "Name 3", "Name 1"]
    assert len((await audit.list(action="agent.updated")).items) == 6
    assert len((await audit.list(resource_type="agent")).items) == 8
    assert names(await audit.list(action="agent.updated", user_id=person, limit=1)) == ["Name 5"]
    assert (await audit.list(action="nothing")).items == []
    assert names(await audit.for_resource("agent", agent_id))[:3] == ["Name 4", "Name 2", "Name 0"]
    assert (await audit.for_resource("user", agent_id)).items == []


async def test_a_time_begins_with_its_first_moment_and_ends_before_its_last(db):
    company_id, *_ = await filled(db)
    audit = db.company(company_id).audit
    moments = [line.created_at for line in (await audit.list(action="agent.updated")).items]
    found = await audit.list(action="agent.updated", since=moments[3], until=moments[1])
    assert names(found) == ["Name 3", "Name 2"]


async def test_pages_go_on_where_the_last_one_ended(db):
    company_id, person, agent_id, _ = await filled(db)
    audit = db.company(company_id).audit
    for read in (
        lambda **page: audit.list(user_id=person, **page),
        lambda **page: audit.for_resource("agent", agent_id, **page),
        audit.list,
    ):
        whole, cursor, parts = (await read(limit=500)).items, None, []
        while True:
            page = await read(limit=1, cursor=cursor)
            parts += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        assert parts == whole


async def test_a_cursor_fits_its_own_list_alone(db):
    company_id, person, agent_id, other = await filled(db)
    audit = db.company(company_id).audit
    cursor = (await audit.list(user_id=person, limit=1)).next_cursor
    for wrong in (
        lambda: audit.list(cursor=cursor),
        lambda: audit.list(user_id=uuid4(), cursor=cursor),
        lambda: audit.for_resource("agent", agent_id, cursor=cursor),
    ):
        with pytest.raises(InvalidCursor):
            await wrong()
    cursor = (await audit.for_resource("agent", agent_id, limit=1)).next_cursor
    with pytest.raises(InvalidCursor):
        await audit.for_resource("agent", other, cursor=cursor)


async def test_the_platform_reads_each_company_s_trail_and_all_of_them(db):
    left, right = (await filled(db))[0], (await filled(db))[0]
    own = await db.company(left).audit.list(limit=500)
    async with db.platform("a test") as platform:
        assert (await platform.audit.list(left, limit=500)).items == own.items
        everything = (await platform.audit.page(limit=500)).items
        assert {line.company_id for line in everything} == {left, right, None}
        cursor = (await platform.audit.list(left, limit=1)).next_cursor
        with pytest.raises(InvalidCursor):
            await platform.audit.list(right, limit=1, cursor=cursor)
        assert (await platform.audit.list(left, limit=1, cursor=cursor)).items == own.items[1:2]
