"""Users: the people of a company, and for the platform everybody who signs in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.errors import InvalidReference, InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar, written
from chatapp_db.repositories.base import Entity, is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, as_member, checked
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
    TenantOperations,
)
from chatapp_db.repositories.paging import Page
from chatapp_db.rows import UserChanges, UserRow, UserValues
from chatapp_db.schema import Conversation, ConversationStatus, User, UserRole, UserStatus

__all__ = [
    "AsyncPlatformUserRepository",
    "AsyncUserRepository",
    "PlatformUserOperations",
    "PlatformUserRepository",
    "UserOperations",
    "UserRepository",
]


_users = table_of(User)
_conversations = table_of(Conversation)
_A_MINUTE: sa.ColumnElement[timedelta] = sa.literal_column("interval '1 minute'", sa.Interval())


class UserOperations(TenantOperations[UserRow]):
    """A company's people; nobody is deleted, since what they wrote stays theirs."""

    entity = Entity(User, UserRow, "user")

    @operation
    async def add(self, **values: Unpack[UserValues]) -> UserRow:
        """Add a person to the company.

        Raises Conflict where the e-mail has an account already, InvalidValue.
        """
        _refuse_master_admin(values)
        return await self._add(UserValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[UserChanges]) -> UserRow:
        """Change a person.

        Raises NotFound, Conflict where the e-mail has an account already, InvalidValue.
        """
        _refuse_master_admin(changes)
        return await self._update(id, UserChanges, changes)

    @operation
    async def list(
        self,
        *,
        role: UserRole | None = None,
        status: UserStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[UserRow]:
        """List the people of a role, of a status, or of both, the newest first.

        Raises InvalidValue, InvalidCursor for a cursor of another company, role or status.
        """
        wanted = {
            "role": None if role is None else as_member("role", UserRole, role),
            "status": None if status is None else as_member("status", UserStatus, status),
        }
        return await self._listed(wanted, limit, cursor)

    @operation
    async def count_active(self) -> int:
        """Count who may sign in; what a plan's limit of team members is compared with."""
        return await self._one(_count_active())

    @operation
    async def touch_login(self, id: UUID) -> UserRow:
        """Note that a person signed in; what was noted within the last minute stays.

        Raises NotFound.
        """
        return await self._one(_touch_login(), id=as_id("id", id))

    @operation
    async def deactivate(self, id: UUID, *, reassign_to: UUID | None = None) -> UserRow:
        """Let a person sign in no more, and give their open conversations to somebody or to nobody.

        What they wrote and what they settled stays theirs. Raises NotFound, InvalidReference where the one
        who takes over may not sign in or is of another company, InvalidValue where it is the same person.
        """
        parameters = {"id": as_id("id", id)}
        if reassign_to is not None:
            parameters["new_assigned_user_id"] = as_id("reassign_to", reassign_to)
            if reassign_to == id:
                raise InvalidValue("reassign_to", "the person who leaves")
        row = await self._find(_deactivate(reassigns=reassign_to is not None), **parameters)
        if row is None:
            await self._one(self.entity.get(), id=id)
            raise InvalidReference("fk_chatapp_conversations_assigned_user_id")
        return row


class UserRepository(UserOperations, BlockingRepository):
    """A company's people, blocking."""


class AsyncUserRepository(UserOperations, AsyncioRepository):
    """A company's people, awaited."""


class PlatformUserOperations(Operations[UserRow]):
    """Everybody who signs in, the platform's own staff among them."""

    entity = Entity(User, UserRow, "user", across_companies=True)

    @operation
    async def by_email(self, email: str) -> UserRow:
        """Give the one account of an e-mail, whichever company it belongs to.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_by_email(), **checked(UserChanges, {"email": email}))

    @operation
    async def touch_login(self, id: UUID) -> UserRow:
        """Note that a person signed in; what was noted within the last minute stays.

        Raises NotFound.
        """
        return await self._one(_touch_login(across_companies=True), id=as_id("id", id))

    @operation
    async def add_staff(self, **values: Unpack[UserValues]) -> UserRow:
        """Add a master admin, who belongs to no company.

        Raises Conflict where the e-mail has an account already, InvalidValue for any other role.
        """
        if values.get("role", UserRole.MASTER_ADMIN) != UserRole.MASTER_ADMIN:
            raise InvalidValue("role", "staff are master admins")
        return await self._add(UserValues, {**values, "role": UserRole.MASTER_ADMIN})

    @operation
    async def update(self, id: UUID, **changes: Unpack[UserChanges]) -> UserRow:
        """Change a person of any company, or of the staff; nobody moves between the two.

        Raises NotFound, Conflict where the e-mail has an account already, InvalidValue.
        """
        _refuse_master_admin(changes)
        return await self._update(id, UserChanges, changes)


class PlatformUserRepository(PlatformUserOperations, BlockingPlatformRepository):
    """Everybody who signs in, blocking."""


class AsyncPlatformUserRepository(PlatformUserOperations, AsyncioPlatformRepository):
    """Everybody who signs in, awaited."""


def _refuse_master_admin(values: Mapping[str, Any]) -> None:
    if values.get("role") == UserRole.MASTER_ADMIN:
        raise InvalidValue("role", "a master admin belongs to no company")


@cache
def _count_active() -> Statement[int]:
    counted = sa.func.count().label("count")
    active = is_one_of(_users.c.status, UserStatus.ACTIVE)
    return Statement(sa.select(counted).select_from(_users).where(owned(_users), active), scalar)


@cache
def _touch_login(*, across_companies: bool = False) -> Statement[UserRow]:
    """Write the moment where the last one is old enough, and read the row where it is not."""
    c = _users.c
    kind = PlatformUserOperations if across_companies else UserOperations
    is_old = sa.or_(c.last_login_at.is_(None), c.last_login_at < sa.func.now() - _A_MINUTE)
    update: Any = sa.update(_users).where(kind.entity.is_one, is_old).values(last_login_at=sa.func.now())
    touched = update.returning(*c).cte("touched")
    as_it_is = sa.select(*c).where(kind.entity.is_one, ~sa.exists(sa.select(touched.c.id)))
    query = sa.select(touched).union_all(as_it_is)
    return Statement(query, UserRow, across_companies=across_companies)


@cache
def _deactivate(*, reassigns: bool) -> Statement[UserRow]:
    """Change the person, if somebody can take over, and with them the conversations that are open."""
    u, c = _users.c, _conversations.c
    inactive = constant(UserStatus.INACTIVE, u.status.type)
    leaving: Any = sa.update(_users).where(UserOperations.entity.is_one).values(status=inactive)
    heir = _users.alias("heir")
    if reassigns:
        may_sign_in = is_one_of(heir.c.status, UserStatus.ACTIVE, UserStatus.PENDING)
        takes_over = sa.and_(owned(heir), heir.c.id == written(c.assigned_user_id), may_sign_in)
        leaving = leaving.where(sa.exists(sa.select(heir.c.id).where(takes_over)))
    left = leaving.returning(*u).cte("left_user")
    is_open = is_one_of(c.status, ConversationStatus.ACTIVE, ConversationStatus.WAITING)
    theirs: Any = sa.update(_conversations).where(
        owned(_conversations), c.assigned_user_id == left.c.id, is_open
    )
    moved = theirs.values(
        assigned_user_id=written(c.assigned_user_id) if reassigns else sa.null(),
        version=c.version + constant(1, c.version.type),
    )
    return Statement(sa.select(left).add_cte(moved.returning(c.id).cte("moved")), UserRow)


@cache
def _by_email() -> Statement[UserRow]:
    c = _users.c
    query = sa.select(*c).where(c.email == sa.bindparam("email", type_=c.email.type))
    return Statement(query, UserRow, across_companies=True)
