"""The people of a company: users and invitations, blocking and asyncio."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from chatapp_db.errors import Conflict, InvalidCursor, InvalidReference, InvalidValue, NotFound
from chatapp_db.schema import InvitationStatus, UserRole, UserStatus
from tests.rows import SOMEBODY, new_company, new_conversation, new_user


async def test_a_person_is_added_and_read_back(db):
    users = db.company(await new_company(db)).users
    ada = await users.add(name="Ada", email=" Ada@Example.COM ")
    assert (ada.email, ada.role, ada.status) == (
        "ada@example.com",
        UserRole.SUPPORT_AGENT,
        UserStatus.PENDING,
    )
    assert await users.get(ada.id) == await users.find(ada.id) == ada


async def test_a_person_is_changed_by_what_is_named_only(db):
    users = db.company(await new_company(db)).users
    ada = await users.add(name="Ada", email="ada@example.com", avatar_url="https://example.com/a.png")
    changed = await users.update(ada.id, status=UserStatus.ACTIVE, role=UserRole.COMPANY_ADMIN)
    assert (changed.status, changed.role) == (UserStatus.ACTIVE, UserRole.COMPANY_ADMIN)
    assert (changed.name, changed.avatar_url) == ("Ada", "https://example.com/a.png")
    assert changed.updated_at > ada.updated_at
    assert await users.update(ada.id) == changed


async def test_people_are_paged_the_newest_first(db):
    company_id = await new_company(db)
    people = [await new_user(db, company_id) for _ in range(5)]
    users = db.company(company_id).users
    first = await users.page(limit=2)
    second = await users.page(limit=2, cursor=first.next_cursor)
    third = await users.page(limit=2, cursor=second.next_cursor)
    assert [user.id for page in (first, second, third) for user in page.items] == people[::-1]
    assert third.next_cursor is None
    assert await users.count() == 5


async def test_a_cursor_of_another_company_or_list_is_refused(db):
    first, second = await new_company(db), await new_company(db)
    for _ in range(2):
        await new_user(db, first)
    cursor = (await db.company(first).users.page(limit=1)).next_cursor
    with pytest.raises(InvalidCursor):
        await db.company(second).users.page(limit=1, cursor=cursor)
    with pytest.raises(InvalidCursor):
        await db.company(first).agents.page(limit=1, cursor=cursor)


async def test_another_companys_person_does_not_exist(db):
    first, second = await new_company(db), await new_company(db)
    ada = await db.company(first).users.get(await new_user(db, first))
    users = db.company(second).users
    assert await users.find(ada.id) is None
    with pytest.raises(NotFound):
        await users.get(ada.id)
    with pytest.raises(NotFound):
        await users.update(ada.id, name="Eve")
    assert await users.count() == 0
    assert await db.company(first).users.get(ada.id) == ada


async def test_an_email_has_one_account(db):
    first, second = await new_company(db), await new_company(db)
    await db.company(first).users.add(name="Ada", email="ada@example.com")
    for company_id in (first, second):
        with pytest.raises(Conflict, match="uq_chatapp_users_email") as refused:
            await db.company(company_id).users.add(name="Ada", email="ADA@example.com")
        assert "ada" not in str(refused.value)


@pytest.mark.parametrize("role", [UserRole.MASTER_ADMIN, "master_admin"])
async def test_no_company_makes_a_master_admin(db, role):
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue, match="role"):
            await tenant.users.add(name="Eve", email="eve@example.com", role=role)
        ada = await tenant.users.add(name="Ada", email="ada@example.com")
        with pytest.raises(InvalidValue, match="role"):
            await tenant.users.update(ada.id, role=role)
        assert await tenant.users.get(ada.id) == ada


async def test_a_company_chooses_no_id_and_so_learns_of_none(db):
    theirs = await new_user(db, await new_company(db))
    users = db.company(await new_company(db)).users
    for id in (theirs, uuid4()):
        with pytest.raises(InvalidValue, match="id: is given by the repository"):
            await users.add(id=id, name="Eve", email="eve@example.com")


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nobody"},
        {"email": None},
        {"name": ""},
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"name": "a" * 201},
        {"role": "king"},
        {"status": 1},
        {"settings": {"a": float("nan")}},
        {"company_id": SOMEBODY},
        {"created_at": None},
    ],
    ids=str,
)
async def test_bad_input_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        ada = await tenant.users.add(name="Ada", email="ada@example.com")
        with pytest.raises(InvalidValue):
            await tenant.users.add(**{"name": "Eve", "email": "eve@example.com", **wrong})
        with pytest.raises(InvalidValue):
            await tenant.users.update(ada.id, **wrong)
        assert await tenant.users.count() == 1


@pytest.mark.parametrize("id", [None, "", 1, str(SOMEBODY), [SOMEBODY]], ids=repr)
async def test_an_id_that_is_none_is_refused(db, id):
    async with db.tenant(await new_company(db)) as tenant:
        for read in (tenant.users.get, tenant.users.find, tenant.users.update):
            with pytest.raises(InvalidValue, match="id"):
                await read(id)
        assert await tenant.users.count() == 0


@pytest.mark.parametrize("limit", [0, -1, 501, True, 2.0, "10", None], ids=repr)
async def test_a_page_holds_1_to_500(db, limit):
    users = db.company(await new_company(db)).users
    with pytest.raises(InvalidValue, match="limit"):
        await users.page(limit=limit)


async def test_the_platform_finds_the_one_account_of_an_email(db):
    company_id = await new_company(db)
    ada = await db.company(company_id).users.add(name="Ada", email="ada@example.com")
    async with db.platform("signing in") as platform:
        assert await platform.users.by_email(" ADA@example.com") == ada
        with pytest.raises(NotFound):
            await platform.users.by_email("eve@example.com")
        with pytest.raises(InvalidValue, match="email"):
            await platform.users.by_email("eve")
        assert await platform.users.get(ada.id) == ada


async def test_staff_belong_to_no_company(db):
    company_id = await new_company(db)
    async with db.platform("taking staff on") as platform:
        root = await platform.users.add_staff(name="Root", email="root@example.com")
        with pytest.raises(InvalidValue, match="role"):
            await platform.users.add_staff(name="Eve", email="eve@example.com", role=UserRole.COMPANY_ADMIN)
        assert await platform.users.count() == 1
    assert (root.role, root.company_id) == (UserRole.MASTER_ADMIN, None)
    assert await db.company(company_id).users.find(root.id) is None


async def test_the_platform_changes_people_and_makes_nobody_a_master_admin(db):
    ada = await new_user(db, await new_company(db))
    async with db.platform("a suspension") as platform:
        with pytest.raises(InvalidValue, match="role"):
            await platform.users.update(ada, role=UserRole.MASTER_ADMIN)
        suspended = await platform.users.update(ada, status=UserStatus.SUSPENDED)
        assert suspended.status == UserStatus.SUSPENDED
        with pytest.raises(NotFound):
            await platform.users.update(uuid4(), name="Nobody")


async def test_the_platform_pages_the_people_of_all_companies(db):
    people = [await new_user(db, await new_company(db)) for _ in range(3)]
    async with db.platform("a census") as platform:
        first = await platform.users.page(limit=2)
        second = await platform.users.page(limit=2, cursor=first.next_cursor)
    assert [user.id for user in first.items + second.items] == people[::-1]


async def test_people_are_listed_by_role_and_status(db):
    users = db.company(await new_company(db)).users
    made = []
    for number, (role, status) in enumerate(
        [("company_admin", "active"), ("support_agent", "active"), ("support_agent", "suspended")] * 2
    ):
        made.append(await users.add(name="Ada", email=f"{number}@example.com", role=role, status=status))
    newest = made[::-1]
    assert (await users.list()).items == newest
    assert (await users.list(role="support_agent")).items == [u for u in newest if u.role == "support_agent"]
    assert (await users.list(status=UserStatus.ACTIVE)).items == [u for u in newest if u.status == "active"]
    both = {"role": UserRole.SUPPORT_AGENT, "status": UserStatus.ACTIVE}
    first = await users.list(**both, limit=1)
    second = await users.list(**both, limit=1, cursor=first.next_cursor)
    assert first.items + second.items == [newest[1], newest[4]]
    assert second.next_cursor is None
    assert await users.count_active() == 4
    with pytest.raises(InvalidCursor):
        await users.list(role="company_admin", limit=1, cursor=first.next_cursor)


@pytest.mark.parametrize("wrong", [{"role": "king"}, {"status": 1}, {"limit": 0}, {"cursor": "x"}], ids=str)
async def test_a_bad_list_of_people_is_refused_and_the_scope_goes_on(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue, match=next(iter(wrong))):
            await tenant.users.list(**wrong)
        assert await tenant.users.count_active() == 0


async def test_a_login_is_noted_once_a_minute(db, database_url):
    company_id = await new_company(db)
    ada = await new_user(db, company_id)
    users = db.company(company_id).users
    first = await users.touch_login(ada)
    assert first.last_login_at is not None
    assert await users.touch_login(ada) == first
    async with db.platform("signing in") as platform:
        assert await platform.users.touch_login(ada) == first
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE chatapp_users SET last_login_at = last_login_at - interval '61 s'")
    async with db.platform("signing in") as platform:
        later = await platform.users.touch_login(ada)
        with pytest.raises(NotFound):
            await platform.users.touch_login(uuid4())
    assert later.last_login_at > first.last_login_at
    with pytest.raises(NotFound):
        await db.company(await new_company(db)).users.touch_login(ada)


async def assigned(db, company_id, user_id):
    """One conversation that is open and one that is settled."""
    conversations = db.company(company_id).conversations
    ids = [await new_conversation(db, company_id) for _ in range(2)]
    for id in ids:
        await conversations.assign(id, user_id)
    await conversations.resolve(ids[1])
    return ids


async def test_who_leaves_lets_go_of_what_is_open(db):
    company_id = await new_company(db)
    ada, grace = await new_user(db, company_id), await new_user(db, company_id)
    of_ada, of_grace = await assigned(db, company_id, ada), await assigned(db, company_id, grace)
    tenant = db.company(company_id)
    before = await tenant.conversations.get(of_ada[0])
    gone = await tenant.users.deactivate(ada)
    assert (gone.id, gone.status) == (ada, UserStatus.INACTIVE)
    open_one, settled = [await tenant.conversations.get(id) for id in of_ada]
    assert (open_one.assigned_user_id, open_one.version) == (None, before.version + 1)
    assert settled.assigned_user_id == ada
    assert [(await tenant.conversations.get(id)).assigned_user_id for id in of_grace] == [grace, grace]


async def test_who_leaves_hands_over_what_is_open(db):
    company_id = await new_company(db)
    ada, grace = await new_user(db, company_id), await new_user(db, company_id)
    open_id, settled_id = await assigned(db, company_id, ada)
    tenant = db.company(company_id)
    await tenant.users.deactivate(ada, reassign_to=grace)
    assert (await tenant.conversations.get(open_id)).assigned_user_id == grace
    assert (await tenant.conversations.get(settled_id)).assigned_user_id == ada


async def test_only_somebody_of_the_company_who_may_sign_in_takes_over(db):
    company_id = await new_company(db)
    ada, gone = await new_user(db, company_id), await new_user(db, company_id)
    stranger = await new_user(db, await new_company(db))
    open_id, _ = await assigned(db, company_id, ada)
    async with db.tenant(company_id) as tenant:
        await tenant.users.deactivate(gone)
        for nobody in (gone, stranger, uuid4()):
            with pytest.raises(InvalidReference, match="assigned_user_id"):
                await tenant.users.deactivate(ada, reassign_to=nobody)
        for wrong in (ada, str(gone)):
            with pytest.raises(InvalidValue, match="reassign_to"):
                await tenant.users.deactivate(ada, reassign_to=wrong)
        with pytest.raises(NotFound):
            await tenant.users.deactivate(stranger)
        assert (await tenant.users.get(ada)).status == UserStatus.PENDING
        assert (await tenant.conversations.get(open_id)).assigned_user_id == ada


def invite(url: str, company_id: UUID, email: str) -> UUID:
    statement = sql.SQL(
        "INSERT INTO chatapp_team_invitations (company_id, email, token) VALUES (%s, %s, repeat('0', 64))"
        " RETURNING id"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement, [company_id, email]).fetchone()[0]


async def test_a_company_reads_its_own_invitations(db, database_url):
    first, second = await new_company(db), await new_company(db)
    id = invite(database_url, first, "ada@example.com")
    invitations = db.company(first).invitations
    invitation = await invitations.get(id)
    assert (invitation.email, invitation.status) == ("ada@example.com", InvitationStatus.PENDING)
    assert (await invitations.page()).items == [invitation]
    assert (await invitations.count(), await db.company(second).invitations.count()) == (1, 0)
    assert await db.company(second).invitations.find(id) is None
