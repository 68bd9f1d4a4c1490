"""Agent packages: ready-made agents that companies start from; the platform keeps them."""

from __future__ import annotations

from functools import cache
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.border import as_slug
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    Operations,
)
from chatapp_db.repositories.paging import LIMITS, limit_of
from chatapp_db.rows import AgentPackageChanges, AgentPackageRow, AgentPackageValues
from chatapp_db.schema import AgentPackage

__all__ = [
    "AsyncPackageRepository",
    "AsyncPlatformPackageRepository",
    "PackageOperations",
    "PackageRepository",
    "PlatformPackageOperations",
    "PlatformPackageRepository",
]


class PackageOperations(Operations[AgentPackageRow]):
    """The packages, which every company may read."""

    entity = Entity(AgentPackage, AgentPackageRow, "package")

    @operation
    async def by_slug(self, slug: str) -> AgentPackageRow:
        """Give the package of a slug.

        Raises NotFound.
        """
        return await self._one(_by_slug(), slug=as_slug("slug", slug))

    @operation
    async def active(self) -> list[AgentPackageRow]:
        """List the packages that are offered, by name."""
        return await self._fetch(_active())


class PackageRepository(PackageOperations, BlockingRepository):
    """The packages as a company sees them, blocking."""


class AsyncPackageRepository(PackageOperations, AsyncioRepository):
    """The packages as a company sees them, awaited."""


class PlatformPackageOperations(PackageOperations):
    """The packages, as the platform keeps them."""

    @operation
    async def add(self, **values: Unpack[AgentPackageValues]) -> AgentPackageRow:
        """Add a package.

        Raises Conflict where the slug is taken, InvalidValue.
        """
        return await self._add(AgentPackageValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[AgentPackageChanges]) -> AgentPackageRow:
        """Change a package; agents that started from it stay as they are.

        Raises NotFound, InvalidValue.
        """
        return await self._update(id, AgentPackageChanges, changes)

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a package that no agent started from; one that only is no longer offered is made inactive.

        Raises NotFound, Conflict.
        """
        await self._delete(id)


class PlatformPackageRepository(PlatformPackageOperations, BlockingPlatformRepository):
    """The packages as the platform keeps them, blocking."""


class AsyncPlatformPackageRepository(PlatformPackageOperations, AsyncioPlatformRepository):
    """The packages as the platform keeps them, awaited."""


@cache
def _by_slug() -> Statement[AgentPackageRow]:
    c = PackageOperations.entity.table.c
    return Statement(sa.select(*c).where(c.slug == sa.bindparam("slug", type_=c.slug.type)), AgentPackageRow)


@cache
def _active() -> Statement[AgentPackageRow]:
    """Offers are made by hand: there are as many as a page holds, not thousands."""
    c = PackageOperations.entity.table.c
    query = sa.select(*c).where(c.is_active).order_by(c.name, c.slug).limit(limit_of(LIMITS[-1]))
    return Statement(query, AgentPackageRow)
