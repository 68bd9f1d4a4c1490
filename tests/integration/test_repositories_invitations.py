"""Invitations: one e-mail asked to join, one call that joins, blocking and asyncio."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chatapp_db.encryption.tokens import CompanyToken, digest
from chatapp_db.errors import ChatAppDbError, Conflict, InvalidReference, InvalidValue, NotFound
from chatapp_db.repositories.users.invitations import (
    AsyncInvitationRepository,
    InvitationRepository,
    company_of_invitation,
)
from chatapp_db.rows import UserRow
from chatapp_db.schema import InvitationStatus, UserRole, UserStatus
from tests.rows import new_company, new_user
from tests.worlds import Awaited

EMAIL = "grace@example.com"
A_DAY = dt.timedelta(days=1)


async def invited(db: Awaited, company_id: UUID, email: str = EMAIL, **more: Any) -> tuple[Any, str]:
    row, token = await db.company(company_id).invitations.create(email, **more)
    return row, token.get_secret_value()


def seats(superuser: psycopg.Connection[Any], limit: str, **company: Any) -> None:
    """Let every plan have so many seats."""
    superuser.execute("UPDATE chatapp_subscription_plans SET limits = %s", [f'{{"team_members": {limit}}}'])
    for column, value in company.items():
        superuser.execute(f"UPDATE chatapp_companies SET {column} = %s", [value])


def let_time_pass(superuser: psycopg.Connection[Any]) -> None:
    superuser.execute("UPDATE chatapp_team_invitations SET expires_at = now() - interval '1 second'")


def people(superuser: psycopg.Connection[Any], email: str = EMAIL) -> int:
    (count,) = superuser.execute("SELECT count(*) FROM chatapp_users WHERE email = %s", [email]).fetchone()
    return count


async def test_who_is_invited_joins_in_the_role_they_were_invited_for(db, superuser):
    company_id = await new_company(db)
    ada = await new_user(db, company_id)
    row, token = await invited(db, company_id, " Grace@Example.com", role="company_admin", invited_by=ada)
    assert (row.email, row.role, row.invited_by) == (EMAIL, UserRole.COMPANY_ADMIN, ada)
    assert (row.status, row.accepted_at) == (InvitationStatus.PENDING, None)

    user = await db.accept_invitation(token, email="GRACE@example.com ", name="Grace")
    assert (user.email, user.name, user.company_id) == (EMAIL, "Grace", company_id)
    assert (user.role, user.status) == (UserRole.COMPANY_ADMIN, UserStatus.ACTIVE)
    assert await db.company(company_id).users.get(user.id) == user
    settled = await db.company(company_id).invitations.get(row.id)
    assert settled.status == InvitationStatus.ACCEPTED
    assert settled.accepted_at is not None


async def test_an_invitation_lasts_a_week_by_the_clock_of_the_database(db, superuser):
    company_id = await new_company(db)
    await invited(db, company_id)
    await invited(db, company_id, "b@example.com", expires_in=A_DAY)
    lifetimes = superuser.execute(
        "SELECT expires_at - created_at FROM chatapp_team_invitations ORDER BY created_at"
    ).fetchall()
    assert lifetimes == [(7 * A_DAY,), (A_DAY,)]


async def test_only_the_digest_of_a_token_is_kept(db, superuser):
    company_id = await new_company(db)
    row, token = await db.company(company_id).invitations.create(EMAIL)
    raw = token.get_secret_value()
    assert raw not in f"{row!r} {token!r} {token}"
    (kept,) = superuser.execute("SELECT i::text FROM chatapp_team_invitations i").fetchone()
    assert digest(raw) in kept
    assert raw not in kept
    assert company_of_invitation(raw) == company_id


async def test_a_second_invitation_replaces_the_one_that_is_pending(db):
    company_id = await new_company(db)
    first, old = await invited(db, company_id)
    second, new = await invited(db, company_id, role=UserRole.COMPANY_ADMIN)
    assert (second.id, second.role) == (first.id, UserRole.COMPANY_ADMIN)
    assert await db.company(company_id).invitations.count() == 1
    with pytest.raises(NotFound):
        await db.accept_invitation(old, email=EMAIL, name="Grace")
    await db.accept_invitation(new, email=EMAIL, name="Grace")


async def test_nobody_is_invited_who_is_in_the_company(db):
    company_id = await new_company(db)
    await db.company(company_id).users.add(name="Grace", email=EMAIL, status=UserStatus.INACTIVE)
    with pytest.raises(Conflict, match="somebody in the company") as refused:
        await invited(db, company_id)
    assert refused.value.constraint == "uq_chatapp_users_email"


async def test_an_invitation_does_not_tell_of_an_account_elsewhere(db, world, database_url):
    """Without row-level security, too."""
    for each in (db, world.open(database_url, rls="off")):
        elsewhere, company_id = await new_company(each), await new_company(each)
        email = f"{uuid4().hex}@example.com"
        await each.company(elsewhere).users.add(name="Grace", email=email)
        taken, token = await invited(each, company_id, email)
        free, _ = await invited(each, company_id, f"{uuid4().hex}@example.com")
        same = {"role", "status", "invited_by", "accepted_at"}
        assert {name: getattr(taken, name) for name in same} == {name: getattr(free, name) for name in same}
        async with each.tenant(company_id) as tenant:
            with pytest.raises(NotFound, match="invitation not found"):
                await tenant.invitations.accept(token, email, "Grace")
            assert (await tenant.invitations.get(taken.id)).status == InvitationStatus.PENDING


@pytest.mark.parametrize(
    "reason", ["unknown", "used", "revoked", "expired", "marked expired", "other e-mail"]
)
async def test_why_an_invitation_cannot_be_accepted_is_not_told(db, superuser, reason):
    company_id = await new_company(db)
    row, token = await invited(db, company_id)
    invitations = db.company(company_id).invitations
    email = EMAIL
    match reason:
        case "unknown":
            token = CompanyToken("token").issue(company_id)
        case "used":
            superuser.execute("UPDATE chatapp_team_invitations SET status = 'accepted'")
        case "revoked":
            await invitations.revoke(row.id)
        case "expired":
            let_time_pass(superuser)
        case "marked expired":
            let_time_pass(superuser)
            assert [one.id for one in await invitations.expire_due()] == [row.id]
        case "other e-mail":
            email = "eve@example.com"
    with pytest.raises(NotFound) as refused:
        await db.accept_invitation(token, email=email, name="Grace")
    assert (str(refused.value), refused.value.__cause__) == ("invitation not found", None)
    assert people(superuser) == people(superuser, email) == 0


async def test_a_token_opens_no_other_company(db):
    ours, theirs = await new_company(db), await new_company(db)
    _, token = await invited(db, theirs)
    with pytest.raises(NotFound):
        await db.company(ours).invitations.accept(token, EMAIL, "Grace")


async def test_a_refused_acceptance_leaves_its_transaction_usable(db):
    ours, theirs = await new_company(db), await new_company(db)
    await db.company(theirs).users.add(name="Grace", email=EMAIL)
    _, token = await invited(db, ours)
    async with db.tenant(ours) as tenant:
        with pytest.raises(NotFound):
            await tenant.invitations.accept(token, EMAIL, "Grace")
        await tenant.users.add(name="Ada", email="ada@example.com")
    assert await db.company(ours).users.count() == 1


# The seats of the plan.


@pytest.mark.parametrize(
    ("limit", "company"),
    [
        ("1", {}),
        ("0", {}),
        ("null", {"subscription_status": "canceled"}),
        ("9", {"subscription_status": "paused"}),
        ("9", {"subscription_status": "trialing", "trial_ends_at": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)}),
    ],
)
async def test_nobody_joins_without_a_seat(db, superuser, limit, company):
    company_id = await new_company(db)
    await new_user(db, company_id)
    row, token = await invited(db, company_id)
    seats(superuser, limit, **company)
    with pytest.raises(Conflict, match="no seat left") as refused:
        await db.accept_invitation(token, email=EMAIL, name="Grace")
    assert refused.value.constraint == "team_members"
    assert people(superuser) == 0
    assert (await db.company(company_id).invitations.get(row.id)).status == InvitationStatus.PENDING
    seats(superuser, "2", subscription_status="active")
    await db.accept_invitation(token, email=EMAIL, name="Grace")


async def test_who_left_takes_no_seat(db, superuser):
    company_id = await new_company(db)
    await db.company(company_id).users.deactivate(await new_user(db, company_id))
    seats(superuser, "1")
    _, token = await invited(db, company_id)
    await db.accept_invitation(token, email=EMAIL, name="Grace")


async def test_whether_a_seat_is_free_is_told_to_who_could_join_only(db, superuser):
    company_id = await new_company(db)
    _, token = await invited(db, company_id)
    seats(superuser, "0")
    with pytest.raises(NotFound):
        await db.accept_invitation(token, email="eve@example.com", name="Eve")


# Several at once.


async def outcomes(world, *calls: Any) -> list[Any]:
    async def tried(call: Any) -> Any:
        try:
            return await call()
        except ChatAppDbError as error:
            return error

    def tried_here(call: Any) -> Any:
        try:
            return call().unwrap()
        except ChatAppDbError as error:
            return error

    return await world.together(*(partial(tried_here if world.blocking else tried, call) for call in calls))


async def test_of_32_who_bring_one_token_one_joins(world, login_url, superuser):
    db = world.open(login_url("service"), pool_size=16, max_overflow=16)
    company_id = await new_company(db)
    _, token = await invited(db, company_id)
    accept = partial(db.accept_invitation, token, email=EMAIL, name="Grace")
    found = await outcomes(world, *[accept] * 32)
    assert sorted(type(one).__name__ for one in found) == ["NotFound"] * 31 + ["UserRow"]
    assert people(superuser) == 1


async def test_of_32_who_are_invited_as_many_join_as_there_are_seats(world, login_url, superuser):
    db = world.open(login_url("service"), pool_size=16, max_overflow=16)
    company_id = await new_company(db)
    seats(superuser, "3")
    emails = [f"{uuid4().hex}@example.com" for _ in range(32)]
    tokens = [(await invited(db, company_id, email))[1] for email in emails]
    found = await outcomes(
        world,
        *(
            partial(db.accept_invitation, token, email=email, name="G")
            for token, email in zip(tokens, emails, strict=True)
        ),
    )
    assert sum(isinstance(one, UserRow) for one in found) == 3
    assert {str(one) for one in found if not isinstance(one, UserRow)} == {"the plan has no seat left"}


async def test_of_two_companies_that_invite_one_e_mail_one_is_joined(world, login_url, superuser):
    db = world.open(login_url("service"))
    tokens = [(await invited(db, await new_company(db)))[1] for _ in range(2)]
    accepts = [partial(db.accept_invitation, token, email=EMAIL, name="Grace") for token in tokens]
    found = await outcomes(world, *accepts)
    assert sorted(type(one).__name__ for one in found) == ["NotFound", "UserRow"]


async def test_who_accepts_while_it_is_revoked_does_not_join(world, db, superuser, database_url):
    company_id = await new_company(db)
    row, token = await invited(db, company_id)

    def revoked_beside(revoking: psycopg.Connection[Any]) -> None:
        deadline = time.monotonic() + 10
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        while superuser.execute(waiting).fetchone() == (0,) and time.monotonic() < deadline:
            time.sleep(0.01)
        revoking.commit()

    with psycopg.connect(database_url) as revoking:
        revoking.execute("UPDATE chatapp_team_invitations SET status = 'revoked' WHERE id = %s", [row.id])
        beside = asyncio.to_thread(revoked_beside, revoking)
        accept = partial(db.accept_invitation, token, email=EMAIL, name="Grace")
        found, _ = await asyncio.gather(outcomes(world, accept), beside)
    assert [type(one) for one in found] == [NotFound]
    assert people(superuser) == 0


# What becomes of an invitation.


async def test_a_resent_invitation_has_a_new_token_and_the_old_one_is_dead(db, superuser):
    company_id = await new_company(db)
    row, old = await invited(db, company_id)
    let_time_pass(superuser)
    invitations = db.company(company_id).invitations
    await invitations.expire_due()
    again, token = await invitations.resend(row.id, expires_in=A_DAY)
    assert (again.id, again.status) == (row.id, InvitationStatus.PENDING)
    with pytest.raises(NotFound):
        await db.accept_invitation(old, email=EMAIL, name="Grace")
    await db.accept_invitation(token.get_secret_value(), email=EMAIL, name="Grace")
    for verb in (invitations.resend, invitations.revoke):
        with pytest.raises(Conflict, match="accepted"):
            await verb(row.id)


async def test_a_revoked_invitation_stays_revoked(db):
    company_id = await new_company(db)
    row, _ = await invited(db, company_id)
    invitations = db.company(company_id).invitations
    revoked = await invitations.revoke(row.id)
    assert revoked.status == InvitationStatus.REVOKED
    assert await invitations.revoke(row.id) == revoked
    with pytest.raises(Conflict, match="revoked"):
        await invitations.resend(row.id)
    again, _ = await invited(db, company_id)
    assert again.id != row.id


async def test_an_invitation_that_does_not_exist_is_not_found(db):
    ours, theirs = await new_company(db), await new_company(db)
    row, _ = await invited(db, theirs)
    invitations = db.company(ours).invitations
    for verb in (invitations.resend, invitations.revoke, invitations.get):
        with pytest.raises(NotFound):
            await verb(row.id)


async def test_due_invitations_expire_in_batches_for_one_company_or_for_all(db, superuser):
    ours, theirs = await new_company(db), await new_company(db)
    for company_id in (ours, theirs):
        for place in range(3):
            await invited(db, company_id, f"{place}.{company_id}@example.com")
    let_time_pass(superuser)
    await invited(db, ours)
    assert len(await db.company(ours).invitations.expire_due(limit=2)) == 2
    async with db.platform("expire invitations") as platform:
        marked = await platform.invitations.expire_due()
        assert await platform.invitations.expire_due() == []
    assert {row.status for row in marked} == {InvitationStatus.EXPIRED}
    assert sorted(row.company_id for row in marked) == sorted([ours, theirs, theirs, theirs])
    assert (await db.company(ours).invitations.page()).items[0].status == InvitationStatus.PENDING


async def test_what_another_run_is_marking_is_left_to_it(db, superuser, database_url):
    company_id = await new_company(db)
    held, _ = await invited(db, company_id)
    free, _ = await invited(db, company_id, "b@example.com")
    let_time_pass(superuser)
    with psycopg.connect(database_url) as other:
        other.execute("SELECT FROM chatapp_team_invitations WHERE id = %s FOR UPDATE", [held.id])
        assert [row.id for row in await db.company(company_id).invitations.expire_due()] == [free.id]


@pytest.mark.parametrize(
    "wrong",
    [
        {"role": "master_admin"},
        {"role": "king"},
        {"email": "nobody"},
        {"email": None},
        {"expires_in": dt.timedelta(0)},
        {"expires_in": dt.timedelta.max},
        {"expires_in": 7},
        {"invited_by": "nobody"},
    ],
    ids=str,
)
async def test_bad_input_is_refused_before_anything_is_sent(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue):
            await tenant.invitations.create(**{"email": EMAIL, **wrong})
        assert await tenant.invitations.count() == 0


@pytest.mark.parametrize("token", ["", "nonsense", None, b"x" * 64, "A" * 65], ids=repr)
async def test_what_is_no_token_is_refused_and_not_repeated(db, token):
    with pytest.raises(InvalidValue, match="token: not a token of this kind"):
        await db.accept_invitation(token, email=EMAIL, name="Grace")


async def test_the_inviter_is_of_the_company(db):
    ours, theirs = await new_company(db), await new_company(db)
    with pytest.raises(InvalidReference, match="invited_by"):
        await invited(db, ours, invited_by=await new_user(db, theirs))


async def test_a_service_accepts_inside_its_own_session(db, world, login_url):
    company_id = await new_company(db)
    _, token = await invited(db, company_id)
    session = world.session(login_url("service"))
    invitations = world.bound(InvitationRepository, AsyncInvitationRepository, session, company_id)
    user = await invitations.accept(token, EMAIL, "Grace")
    await session.commit()
    assert (await db.company(company_id).users.get(user.id)).email == EMAIL
    await session.close()
