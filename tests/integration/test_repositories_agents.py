"""What a company sets up: agents, its widget, canned responses, blocking and asyncio."""

import base64
from uuid import uuid4

import pytest

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.repositories.agents.widget import _KEY, company_of
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


async def new_package(db, **values):
    async with db.platform("an offer") as platform:
        return await platform.packages.add(**{"name": "Support", "slug": "support", **values})


async def test_an_agent_starts_from_a_package(db):
    tools = [{"name": "search", "options": {"depth": 2}}, {"name": "refund"}, {"description": "no name"}]
    package = await new_package(
        db, description="Answers", base_prompt="You help.", suggested_tools=tools, icon="bot"
    )
    company_id = await new_company(db)
    creator = await new_user(db, company_id)
    agents = db.company(company_id).agents
    agent = await agents.create_from_package(package.id, created_by=creator)
    assert (agent.name, agent.description, agent.system_prompt) == ("Support", "Answers", "You help.")
    assert (agent.status, agent.type, agent.model_config) == (AgentStatus.DRAFT, AgentType.SUPPORT, {})
    assert (agent.package_id, agent.created_by) == (package.id, creator)
    assert agent.tools_config == {"enabled": ["search", "refund"], "options": {"search": {"depth": 2}}}
    own = await agents.create_from_package(package.id, name="Bot", type="sales", tools_config={"enabled": []})
    assert (own.name, own.type, own.tools_config) == ("Bot", AgentType.SALES, {"enabled": []})
    assert own.system_prompt == "You help."


async def test_a_package_without_tools_enables_none(db):
    package = await new_package(db)
    agent = await db.company(await new_company(db)).agents.create_from_package(package.id)
    assert agent.tools_config == {"enabled": [], "options": {}}


async def test_an_agent_starts_from_what_is_offered(db):
    package = await new_package(db, is_active=False)
    stranger = await new_user(db, await new_company(db))
    async with db.tenant(await new_company(db)) as tenant:
        for id in (package.id, uuid4()):
            with pytest.raises(InvalidReference, match="package_id"):
                await tenant.agents.create_from_package(id)
        wrong = [{"name": ""}, {"created_by": "1"}, {"status": "active"}, {"model_config": []}]
        for values in wrong:
            with pytest.raises(InvalidValue, match=next(iter(values))):
                await tenant.agents.create_from_package(package.id, **values)
        with pytest.raises(InvalidValue, match="package_id"):
            await tenant.agents.create_from_package("support")
        assert await tenant.agents.count() == 0
    async with db.platform("an offer") as platform:
        await platform.packages.update(package.id, is_active=True)
    with pytest.raises(InvalidReference, match="created_by"):
        await db.company(await new_company(db)).agents.create_from_package(package.id, created_by=stranger)


async def test_a_clone_is_a_draft_like_its_agent(db):
    company_id = await new_company(db)
    agents = db.company(company_id).agents
    agent = await agents.add(
        name="B" * 200,
        status=AgentStatus.ACTIVE,
        type=AgentType.SALES,
        system_prompt="You sell.",
        model_config={"model": "large"},
        created_by=await new_user(db, company_id),
    )
    copy = await agents.clone(agent.id)
    assert copy.id != agent.id
    assert (copy.name, copy.status, copy.created_by) == ("B" * 193 + " (copy)", AgentStatus.DRAFT, None)
    assert (copy.type, copy.system_prompt, copy.model_config) == ("sales", "You sell.", {"model": "large"})
    assert (await agents.clone(agent.id, name="Second")).name == "Second"
    assert await agents.get(agent.id) == agent
    for wrong in ({"name": ""}, {"created_by": "1"}, {"id": "1"}):
        with pytest.raises(InvalidValue, match=next(iter(wrong))):
            await agents.clone(**{"id": agent.id, **wrong})
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).agents.clone(agent.id)


async def test_a_channel_is_answered_by_the_agent_it_was_given_to(db):
    company_id = await new_company(db)
    tenant = db.company(company_id)
    draft = await tenant.agents.add(name="Draft")
    with pytest.raises(NotFound):
        await tenant.agents.for_channel("widget")
    first, default, of_widget = [await new_agent(db, company_id) for _ in range(3)]
    await new_agent(db, await new_company(db))

    async def answering():
        return [(await tenant.agents.for_channel(channel)).id for channel in ("widget", "email")]

    assert await answering() == [first, first]
    await tenant.company.update(settings={"default_agent_id": str(default)})
    assert await answering() == [default, default]
    await tenant.widget.upsert(agent_id=of_widget)
    assert await answering() == [of_widget, default]
    await tenant.agents.pause(of_widget)
    assert await answering() == [default, default]
    await tenant.company.update(settings={"default_agent_id": str(draft.id)})
    assert await answering() == [first, first]
    with pytest.raises(InvalidValue, match="channel"):
        await tenant.agents.for_channel("pigeon")


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


async def new_widget(db, **values):
    company_id = await new_company(db)
    return await db.company(company_id).widget.upsert(agent_id=await new_agent(db, company_id), **values)


async def test_a_page_finds_the_widget_by_its_key_alone(db):
    settings, other = await new_widget(db), await new_widget(db)
    widget = db.company(company_of(settings.public_key)).widget
    assert await widget.by_public_key(settings.public_key) == settings
    assert await widget.by_public_key(settings.public_key, "https://anywhere.example") == settings
    forged = _KEY.issue(settings.company_id)
    assert company_of(forged) == settings.company_id
    for key in (other.public_key, forged, "nobody", "é"):
        with pytest.raises(NotFound):
            await widget.by_public_key(key)


async def test_a_widget_shows_itself_where_it_is_allowed(db):
    settings = await new_widget(db, allowed_origins=["https://Shop.example/", "http://localhost:3000"])
    widget = db.company(settings.company_id).widget
    for origin in ("https://shop.example", "HTTPS://SHOP.EXAMPLE", "http://localhost:3000"):
        assert await widget.by_public_key(settings.public_key, origin) == settings
    for origin in (None, "null", "http://shop.example", "https://shop.example.evil", "http://localhost"):
        with pytest.raises(NotFound):
            await widget.by_public_key(settings.public_key, origin)


@pytest.mark.parametrize("key", [None, 1, "", "a\0", "\ud800", "é", "a", "A" * 42, "A" * 44, b"A" * 43])
def test_what_is_no_public_key_names_no_company(key):
    with pytest.raises(InvalidValue, match="public_key"):
        company_of(key)


async def test_a_bad_key_or_origin_is_refused_and_the_scope_goes_on(db):
    settings = await new_widget(db)
    async with db.tenant(settings.company_id) as tenant:
        for key in (None, "", "a\0", "\ud800", "A" * 256):
            with pytest.raises(InvalidValue, match="public_key"):
                await tenant.widget.by_public_key(key)
        for origin in (1, "", "a\0", "\ud800", "A" * 2049):
            with pytest.raises(InvalidValue, match="origin"):
                await tenant.widget.by_public_key(settings.public_key, origin)
        assert await tenant.widget.get() == settings


async def test_a_rotated_key_replaces_the_old_one(db):
    settings = await new_widget(db, appearance={"theme": "dark"})
    widget = db.company(settings.company_id).widget
    rotated = await widget.rotate_key()
    assert rotated.public_key != settings.public_key
    assert company_of(rotated.public_key) == settings.company_id
    assert (rotated.id, rotated.appearance) == (settings.id, {"theme": "dark"})
    assert await widget.by_public_key(rotated.public_key) == rotated
    with pytest.raises(NotFound):
        await widget.by_public_key(settings.public_key)
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).widget.rotate_key()


async def test_a_snippet_carries_the_key_and_escapes_the_url(db):
    settings = await new_widget(db)
    widget = db.company(settings.company_id).widget
    assert await widget.embed_snippet('https://cdn.example/w.js?a=1&b="') == (
        '<script src="https://cdn.example/w.js?a=1&amp;b=&quot;"'
        f' data-key="{settings.public_key}" async></script>'
    )
    for url in (None, "", "javascript:alert(1)", "https://a b", "https://a\0", "/w.js", "https://a\n"):
        with pytest.raises(InvalidValue, match="script_url"):
            await widget.embed_snippet(url)
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).widget.embed_snippet("https://cdn.example/w.js")


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


async def respond(db, company_id, shortcut, **values):
    return await db.company(company_id).canned_responses.add(
        **{"shortcut": shortcut, "title": "A title", "content": "A content", **values}
    )


async def test_a_person_sees_the_teams_responses_and_their_own(db):
    company_id = await new_company(db)
    ada, grace = await new_user(db, company_id), await new_user(db, company_id)
    made = [
        await respond(db, company_id, "hello"),
        await respond(db, company_id, "bye", user_id=ada, is_team=False),
        await respond(db, company_id, "bye", user_id=grace, is_team=False),
    ]
    responses = db.company(company_id).canned_responses
    assert (await responses.visible_to(ada)).items == [made[1], made[0]]
    assert (await responses.visible_to(uuid4())).items == [made[0]]
    first = await responses.visible_to(grace, limit=1)
    second = await responses.visible_to(grace, limit=1, cursor=first.next_cursor)
    assert first.items + second.items == [made[2], made[0]]
    assert second.next_cursor is None
    with pytest.raises(InvalidCursor):
        await responses.visible_to(ada, limit=1, cursor=first.next_cursor)
    assert await responses.search(ada, "b") == [made[1]]


async def test_a_response_is_found_by_its_shortcut_then_its_title_then_its_content(db):
    company_id = await new_company(db)
    ada = await new_user(db, company_id)
    responses = db.company(company_id).canned_responses
    by_content = await respond(db, company_id, "a", content="Your REFUND is on its way")
    by_title = await respond(db, company_id, "b", title="No refund")
    by_shortcut = await respond(db, company_id, "Refund")
    more_used = await respond(db, company_id, "refunds")
    await respond(db, company_id, "no-refund")
    more_used = await responses.use(more_used.id)
    assert await responses.search(ada, "refund") == [more_used, by_shortcut, by_title, by_content]
    assert await responses.search(ada, "refund", limit=2) == [more_used, by_shortcut]
    assert await db.company(await new_company(db)).canned_responses.search(ada, "refund") == []


async def test_a_wildcard_in_a_response_is_a_character(db):
    company_id = await new_company(db)
    ada = await new_user(db, company_id)
    made = {sign: await respond(db, company_id, f"{sign}!") for sign in ("%", "_", "\\", "x")}
    for sign in ("%", "_", "\\"):
        assert await db.company(company_id).canned_responses.search(ada, sign) == [made[sign]]


@pytest.mark.parametrize("wrong", [{"term": ""}, {"term": "a\0"}, {"user_id": "1"}, {"limit": 501}], ids=str)
async def test_a_bad_search_for_responses_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue, match=next(iter(wrong))):
            await tenant.canned_responses.search(**{"user_id": uuid4(), "term": "a", **wrong})
        assert (await tenant.canned_responses.visible_to(uuid4())).items == []


async def test_every_use_at_once_is_counted(db, world):
    company_id = await new_company(db)
    response = await respond(db, company_id, "hello")
    responses = db.company(company_id).canned_responses
    await world.together(*[lambda: responses.use(response.id)] * 8)
    assert (await responses.get(response.id)).usage_count == 8
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).canned_responses.use(response.id)


async def test_a_response_is_shared_and_taken_back(db):
    company_id = await new_company(db)
    ada = await new_user(db, company_id)
    responses = db.company(company_id).canned_responses
    own = await respond(db, company_id, "hello", user_id=ada, is_team=False)
    shared = await responses.share(own.id)
    assert (shared.is_team, shared.user_id) == (True, ada)
    assert await responses.share(own.id) == shared
    unshared = await responses.unshare(own.id)
    assert (unshared.is_team, unshared.user_id) == (False, ada)
    assert await responses.unshare(own.id) == unshared
    for verb in ("share", "unshare"):
        with pytest.raises(NotFound):
            await getattr(db.company(await new_company(db)).canned_responses, verb)(own.id)


async def test_a_response_of_nobody_stays_the_teams(db):
    company_id = await new_company(db)
    async with db.tenant(company_id) as tenant:
        response = await tenant.canned_responses.add(shortcut="hello", title="", content="Hello")
        with pytest.raises(Conflict, match="nobody"):
            await tenant.canned_responses.unshare(response.id)
        assert await tenant.canned_responses.get(response.id) == response


async def test_a_shared_response_takes_no_shortcut_of_the_team(db):
    company_id = await new_company(db)
    await respond(db, company_id, "hello")
    own = await respond(db, company_id, "Hello", user_id=await new_user(db, company_id), is_team=False)
    with pytest.raises(Conflict, match="uq_chatapp_canned_responses_team"):
        await db.company(company_id).canned_responses.share(own.id)
