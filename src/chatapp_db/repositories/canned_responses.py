"""Canned responses: ready-made answers of a person or of the team."""

from __future__ import annotations

from uuid import UUID

from typing_extensions import Unpack

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import CannedResponseChanges, CannedResponseRow, CannedResponseValues
from chatapp_db.schema import CannedResponse

__all__ = ["AsyncCannedResponseRepository", "CannedResponseOperations", "CannedResponseRepository"]


class CannedResponseOperations(TenantOperations[CannedResponseRow]):
    """A company's canned responses."""

    entity = Entity(CannedResponse, CannedResponseRow, "canned response")

    @operation
    async def add(self, **values: Unpack[CannedResponseValues]) -> CannedResponseRow:
        """Add a response; it is the team's, unless it is said to be a person's own.

        Raises Conflict where the shortcut is taken, InvalidReference for a person of another company,
        InvalidValue.
        """
        if values.get("is_team") is False and values.get("user_id") is None:
            raise InvalidValue("user_id", "a response that is not the team's belongs to a person")
        return await self._add(CannedResponseValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[CannedResponseChanges]) -> CannedResponseRow:
        """Change a response.

        Raises NotFound, Conflict where the shortcut is taken, InvalidValue, also where a response of nobody
        is taken from the team.
        """
        return await self._update(id, CannedResponseChanges, changes)

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a response.

        Raises NotFound.
        """
        await self._delete(id)


class CannedResponseRepository(CannedResponseOperations, BlockingRepository):
    """A company's canned responses, blocking."""


class AsyncCannedResponseRepository(CannedResponseOperations, AsyncioRepository):
    """A company's canned responses, awaited."""
