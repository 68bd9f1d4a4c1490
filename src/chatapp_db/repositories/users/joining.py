"""How somebody comes to a company: the statements by which an invitation is made, accepted, or over."""

from __future__ import annotations

from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.repositories.companies.subscriptions import has_seat
from chatapp_db.rows import TeamInvitationRow, UserRow
from chatapp_db.schema import InvitationStatus, TeamInvitation, User, UserStatus

__all__ = ["accept", "expire_due", "invite", "resend", "revoke"]

_invitations = table_of(TeamInvitation)
_users = table_of(User)
_c = _invitations.c
_is_one = sa.and_(owned(_invitations), _c.id == sa.bindparam("id", type_=sa.Uuid()))
_is_pending = is_one_of(_c.status, InvitationStatus.PENDING)
_EXPIRY = sa.func.now() + sa.bindparam("expires_in", type_=sa.Interval())


def _status(status: InvitationStatus) -> sa.ColumnElement[Any]:
    return constant(status, _c.status.type)


@cache
def invite() -> Statement[TeamInvitationRow]:
    """Insert an invitation, or replace the pending one; nobody is invited who is in the company.

    Only the company's own people are looked at: the answer must not tell of an account elsewhere.
    """
    is_member = sa.exists(sa.select(_users.c.id).where(owned(_users), _users.c.email == written(_c.email)))
    given = ("id", "email", "role", "invited_by", "token_hash")
    values = {"company_id": COMPANY, **{name: written(_c[name]) for name in given}, "expires_at": _EXPIRY}
    source = sa.select(*(value.label(name) for name, value in values.items())).where(~is_member)
    insertion = insert(_invitations).from_select(list(values), source, include_defaults=False)
    replaced = ("role", "invited_by", "token_hash", "expires_at")
    upsert: Any = insertion.on_conflict_do_update(
        index_elements=[_c.company_id, _c.email],
        index_where=_is_pending,
        set_={name: insertion.excluded[name] for name in replaced},
    )
    return Statement(upsert.returning(*_c), TeamInvitationRow)


@cache
def accept() -> Statement[tuple[bool, UserRow | None]]:
    """Make the invited a person of the company, where a seat is free and the e-mail has no account.

    No row is there without an invitation, and no person where it cannot be accepted. A conflict is not
    raised: it would end the transaction, and tell of an account elsewhere.
    """
    invitation = _acceptable().cte("invitation")
    seat = has_seat().cte("seat")
    values = {
        "id": written(_users.c.id),
        "company_id": COMPANY,
        "email": invitation.c.email,
        "name": written(_users.c.name),
        "role": invitation.c.role,
        "status": constant(UserStatus.ACTIVE, _users.c.status.type),
    }
    source = sa.select(*(value.label(name) for name, value in values.items())).where(seat.c.has_seat)
    insertion = insert(_users).from_select(list(values), source, include_defaults=False)
    person: Any = insertion.on_conflict_do_nothing(index_elements=[_users.c.email])
    joined = person.returning(*_users.c).cte("joined")
    update: Any = sa.update(_invitations).where(owned(_invitations), _c.id == invitation.c.id)
    settled = update.where(sa.exists(sa.select(joined.c.id))).values(
        status=_status(InvitationStatus.ACCEPTED), accepted_at=sa.func.now()
    )
    answer = invitation.join(seat, sa.true()).outerjoin(joined, sa.true())
    query = sa.select(seat.c.has_seat, *joined.c).select_from(answer)
    return Statement(query.add_cte(settled.returning(_c.id).cte("settled")), _answer)


def _acceptable() -> Any:
    """Lock the invitation of a token; who waited for the lock finds it settled."""
    token, email = (sa.bindparam(name, type_=_c[name].type) for name in ("token_hash", "email"))
    query = sa.select(_c.id, _c.email, _c.role).where(
        owned(_invitations), _c.token_hash == token, _c.email == email, _is_pending
    )
    return query.where(_c.expires_at > sa.func.now()).with_for_update()


def _answer(has_seat: bool, *user: Any) -> tuple[bool, UserRow | None]:
    return has_seat, None if user[0] is None else UserRow(*user)


@cache
def resend() -> Statement[TeamInvitationRow]:
    """Give an invitation another token and another time."""
    is_open = is_one_of(_c.status, InvitationStatus.PENDING, InvitationStatus.EXPIRED)
    update: Any = sa.update(_invitations).where(_is_one, is_open)
    renewed = update.values(
        token_hash=written(_c.token_hash), expires_at=_EXPIRY, status=_status(InvitationStatus.PENDING)
    )
    return Statement(renewed.returning(*_c), TeamInvitationRow)


@cache
def revoke() -> Statement[TeamInvitationRow]:
    """Take back what is pending."""
    update: Any = sa.update(_invitations).where(_is_one, _is_pending)
    revoked = update.values(status=_status(InvitationStatus.REVOKED))
    return Statement(revoked.returning(*_c), TeamInvitationRow)


@cache
def expire_due(*, across_companies: bool = False) -> Statement[TeamInvitationRow]:
    """Mark a batch of invitations, past those that another call holds."""
    # By these words each of the two finds the index that is its own.
    own, chosen = (
        (sa.true(), _c.accepted_at.is_(None)) if across_companies else (owned(_invitations), sa.true())
    )
    over = sa.select(_c.id).where(own, chosen, _is_pending, _c.expires_at <= sa.func.now())
    batch = over.order_by(_c.expires_at, _c.id).limit(sa.bindparam("limit", type_=sa.Integer()))
    due = batch.with_for_update(skip_locked=True).cte("due")
    update: Any = sa.update(_invitations).where(own, _c.id == due.c.id)
    expired = update.values(status=_status(InvitationStatus.EXPIRED))
    return Statement(expired.returning(*_c), TeamInvitationRow, across_companies=across_companies)
