"""Agent packages: ready-made agents that companies start from; the platform keeps them."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import Unpack

from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.catalogue import CatalogueOperations
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
)
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


class PackageOperations(CatalogueOperations[AgentPackageRow]):
    """The packages, which every company may read."""

    entity = Entity(AgentPackage, AgentPackageRow, "package")
    _listed_by = ("name", "slug")


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
