"""Users: the people of a company, and for the platform everybody who signs in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.border import checked
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
    TenantOperations,
)
from chatapp_db.rows import UserChanges, UserRow, UserValues
from chatapp_db.schema import User, UserRole

__all__ = [
    "AsyncPlatformUserRepository",
    "AsyncUserRepository",
    "PlatformUserOperations",
    "PlatformUserRepository",
    "UserOperations",
    "UserRepository",
]


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
def _by_email() -> Statement[UserRow]:
    c = PlatformUserOperations.entity.table.c
    query = sa.select(*c).where(c.email == sa.bindparam("email", type_=c.email.type))
    return Statement(query, UserRow, across_companies=True)
