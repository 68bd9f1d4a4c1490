"""What a company sets up: agents, its widget, canned responses, blocking and asyncio."""

import base64
from uuid import uuid4

import pytest

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.schema import AgentStatus, AgentType
from tests.rows import new_agent, new_company, new_conversation, new_user


async def test_an_agent_is_added_and_read_back(db):
    company_id = await new_company(db)
    agents = db.company(company_id).agents
    creator = await new_user(db, company_id)
    agent = await agents.add(name="Bot", created_by=creator, model_config={"model": "large"})
    assert (agent.status, agent.type, agent.created_by) == (AgentStatus.DRAFT, AgentType.SUPPORT, creator)
    assert await agents.get(agent.id) == await agents.find(agent.id) == agent


async def test_an_agent_is_changed_by_what_is_named_only(db):
    agents = db.company(await new_company(db)).agents
    agent = await agents.add(name="Bot", description="Answers", welcome_message="Hello")
    changed = await agents.update(agent.id, name="Robot", description=None, tools_config={"search": True})
    assert (changed.name, changed.description, changed.welcome_message) == ("Robot", None, "Hello")
    assert changed.tools_config == {"search": True}


async def test_agents_are_paged_the_newest_first(db):
    first, second = await new_company(db), await new_company(db)
    made = [await new_agent(db, first) for _ in range(5)]
    agents, listed, cursor = db.company(first).agents, [], None
    for _ in range(3):
        page = await agents.page(limit=2, cursor=cursor)
        listed += [agent.id for agent in page.items]
        cursor = page.next_cursor or cursor
    assert listed == made[::-1]
    with pytest.raises(InvalidCursor):
        await db.company(second).agents.page(limit=2, cursor=cursor)
    assert (await agents.count(), await db.company(second).agents.count()) == (5, 0)


async def test_an_agent_that_nothing_refers_to_is_deleted(db):
    agents = db.company(await new_company(db)).agents
    agent = await agents.add(name="Bot")
    await agents.delete(agent.id)
    assert await agents.find(agent.id) is None
    with pytest.raises(NotFound):
        await agents.delete(agent.id)


async def test_an_agent_that_has_spoken_is_not_deleted(db):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    await new_conversation(db, company_id, agent_id=agent_id)
    with pytest.raises(Conflict, match="still referred to"):
        await db.company(company_id).agents.delete(agent_id)


@pytest.mark.parametrize(
    ("verb", "of", "to"),
    [
        ("activate", AgentStatus.DRAFT, AgentStatus.ACTIVE),
        ("activate", AgentStatus.PAUSED, AgentStatus.ACTIVE),
        ("activate", AgentStatus.ACTIVE, AgentStatus.ACTIVE),
        ("pause", AgentStatus.ACTIVE, AgentStatus.PAUSED),
        ("pause", AgentStatus.PAUSED, AgentStatus.PAUSED),
        ("archive", AgentStatus.DRAFT, AgentStatus.ARCHIVED),
        ("archive", AgentStatus.ACTIVE, AgentStatus.ARCHIVED),
        ("archive", AgentStatus.PAUSED, AgentStatus.ARCHIVED),
        ("archive", AgentStatus.ARCHIVED, AgentStatus.ARCHIVED),
    ],
)
async def test_an_agent_goes_through_its_life(db, verb, of, to):
    agents = db.company(await new_company(db)).agents
    agent = await agents.add(name="Bot", status=of)
    changed = await getattr(agents, verb)(agent.id)
    assert changed.status == to
    assert await agents.get(agent.id) == changed


@pytest.mark.parametrize(
    ("verb", "of"),
    [
        ("activate", AgentStatus.ARCHIVED),
        ("pause", AgentStatus.DRAFT),
        ("pause", AgentStatus.ARCHIVED),
    ],
)
async def test_an_agent_does_not_leave_its_life(db, verb, of):
    async with db.tenant(await new_company(db)) as tenant:
        agent = await tenant.agents.add(name="Bot", status=of)
        with pytest.raises(Conflict, match=f"an agent that is {of} cannot become"):
            await getattr(tenant.agents, verb)(agent.id)
        assert await tenant.agents.get(agent.id) == agent


async def test_only_verbs_change_a_status(db):
    agents = db.company(await new_company(db)).agents
    agent = await agents.add(name="Bot")
    with pytest.raises(InvalidValue, match="status"):
        await agents.update(agent.id, status=AgentStatus.ACTIVE)


async def test_another_companys_agent_does_not_exist(db):
    first, second = await new_company(db), await new_company(db)
    agent = await db.company(first).agents.get(await new_agent(db, first))
    agents = db.company(second).agents
    assert await agents.find(agent.id) is None
    for verb in (agents.get, agents.delete, agents.activate, agents.pause, agents.archive):
        with pytest.raises(NotFound):
            await verb(agent.id)
    with pytest.raises(NotFound):
        await agents.update(agent.id, name="Mine")
    assert await db.company(first).agents.get(agent.id) == agent


async def test_an_agent_has_a_creator_of_its_company_and_a_package_that_exists(db):
    first, second = await new_company(db), await new_company(db)
    stranger = await new_user(db, second)
    for reference in ({"created_by": stranger}, {"created_by": uuid4()}, {"package_id": uuid4()}):
        with pytest.raises(InvalidReference):
            await db.company(first).agents.add(name="Bot", **reference)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": None},
        {"name": "a\0b"},
        {"type": "king"},
        {"system_prompt": "a" * 100_001},
        {"model_config": []},
        {"escalation_config": {"a": "\0"}},
        {"company_id": uuid4()},
        {"colour": "red"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_bad_agent_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        agent = await tenant.agents.add(name="Bot")
        with pytest.raises(InvalidValue):
            await tenant.agents.add(**{"name": "Bot", **wrong})
        with pytest.raises(InvalidValue):
            await tenant.agents.update(agent.id, **wrong)
        assert await tenant.agents.count() == 1


async def test_a_company_without_a_widget_has_none(db):
    with pytest.raises(NotFound, match="widget"):
        await db.company(await new_company(db)).widget.get()


async def test_a_widget_is_set_up_and_changed(db):
    company_id = await new_company(db)
    first, second = await new_agent(db, company_id), await new_agent(db, company_id)
    widget = db.company(company_id).widget
    made = await widget.upsert(agent_id=first, allowed_origins=["https://example.com"])
    changed = await widget.upsert(agent_id=second, appearance={"theme": "dark"})
    assert await widget.get() == changed
    assert (changed.id, changed.public_key) == (made.id, made.public_key)
    assert (changed.agent_id, changed.allowed_origins) == (second, ["https://example.com"])
    assert changed.appearance == {"theme": "dark"}


async def test_two_calls_at_once_make_one_widget(db, world):
    company_id = await new_company(db)
    agent_id = await new_agent(db, company_id)
    widget = db.company(company_id).widget
    rows = await world.together(*[lambda: widget.upsert(agent_id=agent_id).unwrap()] * 4)
    assert {row.id for row in rows} == {(await widget.get()).id}


async def test_a_public_key_names_its_company_and_cannot_be_guessed(db):
    keys = {}
    for _ in range(2):
        company_id = await new_company(db)
        settings = await db.company(company_id).widget.upsert(agent_id=await new_agent(db, company_id))
        keys[company_id] = base64.urlsafe_b64decode(settings.public_key + "=")
    assert [key[:16] for key in keys.values()] == [company_id.bytes for company_id in keys]
    first, second = (key[16:] for key in keys.values())
    assert len(first) == len(second) == 16
    assert first != second


async def test_a_widget_speaks_through_an_agent_of_its_company(db):
    first, second = await new_company(db), await new_company(db)
    theirs = await new_agent(db, second)
    for agent_id in (theirs, uuid4()):
        with pytest.raises(InvalidReference):
            await db.company(first).widget.upsert(agent_id=agent_id)
    with pytest.raises(NotFound):
        await db.company(first).widget.get()


async def test_a_companys_widget_is_its_own(db):
    first, second = await new_company(db), await new_company(db)
    mine = await db.company(first).widget.upsert(agent_id=await new_agent(db, first))
    theirs = await db.company(second).widget.upsert(agent_id=await new_agent(db, second))
    assert await db.company(first).widget.get() == mine
    assert await db.company(second).widget.get() == theirs


@pytest.mark.parametrize(
    "wrong",
    [
        {"agent_id": None},
        {"allowed_origins": "https://example.com"},
        {"launcher": {"a": float("inf")}},
        {"public_key": "mine"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
async def test_a_bad_widget_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        agent = await tenant.agents.add(name="Bot")
        with pytest.raises(InvalidValue):
            await tenant.widget.upsert(**{"agent_id": agent.id, **wrong})
        await tenant.widget.upsert(agent_id=agent.id)


async def test_a_canned_response_is_kept(db):
    company_id = await new_company(db)
    responses = db.company(company_id).canned_responses
    response = await responses.add(shortcut="hi", content="Hello!", tags=["greeting"])
    assert (response.is_team, response.usage_count) == (True, 0)
    assert await responses.get(response.id) == response
    changed = await responses.update(response.id, content="Good day!")
    assert (changed.content, changed.tags) == ("Good day!", ["greeting"])
    await responses.delete(response.id)
    assert await responses.find(response.id) is None


async def test_canned_responses_are_paged_the_newest_first(db):
    first, second = await new_company(db), await new_company(db)
    responses = db.company(first).canned_responses
    made = [await responses.add(shortcut=f"s{number}", content="..") for number in range(3)]
    page = await responses.page(limit=2)
    rest = await responses.page(limit=2, cursor=page.next_cursor)
    assert page.items + rest.items == made[::-1]
    assert (await responses.count(), rest.next_cursor) == (3, None)
    with pytest.raises(InvalidCursor):
        await db.company(second).canned_responses.page(limit=2, cursor=page.next_cursor)


async def test_a_shortcut_is_one_in_upper_and_lower_case(db):
    company_id = await new_company(db)
    ada = await new_user(db, company_id)
    responses = db.company(company_id).canned_responses
    await responses.add(shortcut="hi", content="Hello!")
    await responses.add(shortcut="hi", content="Hello from Ada!", is_team=False, user_id=ada)
    with pytest.raises(Conflict, match="uq_chatapp_canned_responses_team"):
        await responses.add(shortcut="HI", content="Hello!")
    with pytest.raises(Conflict, match="uq_chatapp_canned_responses_own"):
        await responses.add(shortcut="Hi", content="Hello!", is_team=False, user_id=ada)


async def test_a_response_of_a_person_has_a_person_of_the_company(db):
    first, second = await new_company(db), await new_company(db)
    async with db.tenant(first) as tenant:
        with pytest.raises(InvalidValue, match="user_id"):
            await tenant.canned_responses.add(shortcut="hi", content="Hello!", is_team=False)
        assert await tenant.canned_responses.count() == 0
    stranger = await new_user(db, second)
    with pytest.raises(InvalidReference):
        await db.company(first).canned_responses.add(
            shortcut="hi", content="Hello!", is_team=False, user_id=stranger
        )
    response = await db.company(first).canned_responses.add(shortcut="hi", content="Hello!")
    with pytest.raises(InvalidValue, match="owner"):
        await db.company(first).canned_responses.update(response.id, is_team=False)


async def test_another_companys_response_does_not_exist(db):
    first, second = await new_company(db), await new_company(db)
    response = await db.company(first).canned_responses.add(shortcut="hi", content="Hello!")
    responses = db.company(second).canned_responses
    assert await responses.find(response.id) is None
    for verb in (responses.get, responses.delete, responses.update):
        with pytest.raises(NotFound):
            await verb(response.id)
    assert await db.company(first).canned_responses.get(response.id) == response


@pytest.mark.parametrize(
    "wrong", [{"shortcut": ""}, {"tags": "abc"}, {"content": None}, {"is_team": 1}], ids=str
)
async def test_a_bad_response_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        response = await tenant.canned_responses.add(shortcut="hi", content="Hello!")
        with pytest.raises(InvalidValue):
            await tenant.canned_responses.add(**{"shortcut": "bye", "content": "Bye!", **wrong})
        with pytest.raises(InvalidValue):
            await tenant.canned_responses.update(response.id, **wrong)
        assert await tenant.canned_responses.count() == 1
