"""Invitations: who was asked to join a company, and joining it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

from uuid_utils.compat import uuid7

from chatapp_db.encryption import Secret
from chatapp_db.encryption.tokens import CompanyToken, digest
from chatapp_db.errors import Conflict, InvalidValue, LimitReached, NotFound
from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.border import as_duration, as_id, checked
from chatapp_db.repositories.companies.subscriptions import hold_company
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
    TenantOperations,
)
from chatapp_db.repositories.paging import as_limit
from chatapp_db.repositories.users.joining import accept, expire_due, invite, resend, revoke
from chatapp_db.rows import TeamInvitationRow, TeamInvitationValues, UserRow, UserValues
from chatapp_db.schema import InvitationStatus, TeamInvitation, UserRole

__all__ = [
    "AsyncInvitationRepository",
    "AsyncPlatformInvitationRepository",
    "InvitationOperations",
    "InvitationRepository",
    "PlatformInvitationOperations",
    "PlatformInvitationRepository",
    "company_of_invitation",
]

LIFETIME = timedelta(days=7)
"""How long an invitation can be accepted."""

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=365)
_TOKEN = CompanyToken("token")


class InvitationOperations(TenantOperations[TeamInvitationRow]):
    """A company's invitations; of each token only the digest is kept."""

    entity = Entity(TeamInvitation, TeamInvitationRow, "invitation", newest_by=("created_at", "id"))

    @operation
    async def create(
        self,
        email: str,
        *,
        role: UserRole = UserRole.SUPPORT_AGENT,
        invited_by: UUID | None = None,
        expires_in: timedelta = LIFETIME,
    ) -> tuple[TeamInvitationRow, Secret[str]]:
        """Invite an e-mail to the company; gives the row and, this once, the token that accepts it.

        One that is pending for the e-mail is replaced: its token is dead. Whether the e-mail has an account
        in another company is not told. ``invited_by`` is None where platform staff invites.

        Raises Conflict where the e-mail is of somebody in the company, InvalidReference for an
        ``invited_by`` that is not, InvalidValue.
        """
        described = {"email": email, "role": role, "invited_by": invited_by}
        values = checked(TeamInvitationValues, described)
        if values.get("role") == UserRole.MASTER_ADMIN:
            raise InvalidValue("role", "a master admin belongs to no company")
        token, parameters = self._new_token(expires_in)
        parameters |= {"new_id": uuid7(), **{f"new_{name}": values.get(name) for name in described}}
        row = await self._find(invite(), **parameters)
        if row is None:
            raise Conflict("uq_chatapp_users_email", "the e-mail is of somebody in the company")
        return row, Secret(token)

    @operation
    async def accept(self, token: str, email: str, name: str) -> UserRow:
        """Join the company with a token, as an active person in the role of the invitation.

        The token names the company (``company_of_invitation``), whose repository is asked. Of several calls
        at once with one token, one joins.

        Raises NotFound for every reason that is not the caller's to know: no such token, used, revoked,
        expired, for another e-mail, or the e-mail has an account already. LimitReached where all is well but
        the plan has no seat left; the invitation stays. InvalidValue.
        """
        _TOKEN.company_of(token)
        person = checked(UserValues, {"email": email, "name": name})
        company = {"company_id": self._company_id}
        answers = await self._carrier.fetch(
            accept(),
            {
                **company,
                "token_hash": digest(token),
                "email": person["email"],
                "new_name": person["name"],
                "new_id": uuid7(),
            },
            before=[hold_company().message(company)],
        )
        has_seat, user = answers[0] if answers else (True, None)
        if not has_seat:
            raise LimitReached("team_members", message="the plan has no seat left")
        if user is None:
            raise NotFound(self.entity.name)
        return user

    @operation
    async def resend(
        self, id: UUID, *, expires_in: timedelta = LIFETIME
    ) -> tuple[TeamInvitationRow, Secret[str]]:
        """Give an invitation that is pending or expired a new token; the old one is dead.

        Raises NotFound, Conflict for one that was accepted or revoked, or where the e-mail has been
        invited anew, InvalidValue.
        """
        token, parameters = self._new_token(expires_in)
        row = await self._find(resend(), id=as_id("id", id), **parameters)
        if row is None:
            settled = await self._one(self.entity.get(), id=id)
            raise Conflict("status", f"the invitation is {settled.status}")
        return row, Secret(token)

    @operation
    async def revoke(self, id: UUID) -> TeamInvitationRow:
        """Take an invitation back; one that is revoked or expired stays as it is.

        Raises NotFound, Conflict for one that was accepted.
        """
        revoked = await self._find(revoke(), id=as_id("id", id))
        if revoked is not None:
            return revoked
        settled: TeamInvitationRow = await self._one(self.entity.get(), id=id)
        if settled.status == InvitationStatus.ACCEPTED:
            raise Conflict("status", "the invitation was accepted")
        return settled

    @operation
    async def expire_due(self, *, limit: int = 100) -> list[TeamInvitationRow]:
        """Mark the pending invitations whose time is over, at most so many; call until none is given.

        They could not be accepted before that either. Raises InvalidValue.
        """
        return await self._fetch(expire_due(), limit=as_limit(limit))

    def _new_token(self, expires_in: timedelta) -> tuple[str, dict[str, Any]]:
        """Make a token, and the parameters by which an invitation has it for so long."""
        lifetime = as_duration("expires_in", expires_in, least=_SHORTEST, most=_LONGEST)
        token = _TOKEN.issue(cast("UUID", self._company_id))
        return token, {"new_token_hash": digest(token), "expires_in": lifetime}


class InvitationRepository(InvitationOperations, BlockingRepository):
    """A company's invitations, blocking."""


class AsyncInvitationRepository(InvitationOperations, AsyncioRepository):
    """A company's invitations, awaited."""


class PlatformInvitationOperations(Operations[TeamInvitationRow]):
    """The invitations of all companies."""

    entity = Entity(TeamInvitation, TeamInvitationRow, "invitation", across_companies=True)

    @operation
    async def expire_due(self, *, limit: int = 100) -> list[TeamInvitationRow]:
        """Mark the pending invitations of any company whose time is over; call until none is given.

        What another call is marking meanwhile is left to it. Raises InvalidValue.
        """
        return await self._fetch(expire_due(across_companies=True), limit=as_limit(limit))


class PlatformInvitationRepository(PlatformInvitationOperations, BlockingPlatformRepository):
    """The invitations of all companies, blocking."""


class AsyncPlatformInvitationRepository(PlatformInvitationOperations, AsyncioPlatformRepository):
    """The invitations of all companies, awaited."""


def company_of_invitation(token: str) -> UUID:
    """Read from the token of an invitation whose it is; whether it can be accepted, its company tells.

    Raises InvalidValue for what is no such token.
    """
    return _TOKEN.company_of(token)
