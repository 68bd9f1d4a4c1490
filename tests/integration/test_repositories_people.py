"""The people of a company: users and invitations, blocking and asyncio."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from chatapp_db.errors import Conflict, InvalidCursor, InvalidValue, NotFound
from chatapp_db.schema import InvitationStatus, UserRole, UserStatus
from tests.rows import new_company, new_user


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
        {"company_id": uuid4()},
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


@pytest.mark.parametrize("id", [None, "", 1, str(uuid4()), [uuid4()]], ids=repr)
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
