"""Agents: a company's AI agents, and their life from draft to archive."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack

from chatapp_db.errors import Conflict
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.base import Entity, is_one_of, table_of
from chatapp_db.repositories.border import as_id
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import AgentChanges, AgentRow, AgentValues
from chatapp_db.schema import Agent, AgentStatus

__all__ = ["AgentOperations", "AgentRepository", "AsyncAgentRepository"]

_agents = table_of(Agent)

_BEFORE = {
    AgentStatus.ACTIVE: (AgentStatus.DRAFT, AgentStatus.PAUSED),
    AgentStatus.PAUSED: (AgentStatus.ACTIVE,),
    AgentStatus.ARCHIVED: (AgentStatus.DRAFT, AgentStatus.ACTIVE, AgentStatus.PAUSED),
}
"""From which statuses an agent comes to another."""


class AgentOperations(TenantOperations[AgentRow]):
    """A company's AI agents."""

    entity = Entity(Agent, AgentRow, "agent")

    @operation
    async def add(self, **values: Unpack[AgentValues]) -> AgentRow:
        """Add an agent, a draft unless a status is given.

        Raises InvalidReference for a package that does not exist or a person of another company,
        InvalidValue.
        """
        return await self._add(AgentValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[AgentChanges]) -> AgentRow:
        """Change an agent; its status has verbs of its own.

        Raises NotFound, InvalidValue.
        """
        return await self._update(id, AgentChanges, changes)

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete an agent that nothing refers to; one that has spoken is archived.

        Raises NotFound, Conflict.
        """
        await self._delete(id)

    @operation
    async def activate(self, id: UUID) -> AgentRow:
        """Let a draft or a paused agent answer; one that is active stays as it is.

        Raises NotFound, Conflict for one that is archived.
        """
        return await self._become(AgentStatus.ACTIVE, id)

    @operation
    async def pause(self, id: UUID) -> AgentRow:
        """Let an active agent rest; one that is paused stays as it is.

        Raises NotFound, Conflict for one that is a draft or archived.
        """
        return await self._become(AgentStatus.PAUSED, id)

    @operation
    async def archive(self, id: UUID) -> AgentRow:
        """Put an agent away for good; one that is archived stays as it is.

        Raises NotFound.
        """
        return await self._become(AgentStatus.ARCHIVED, id)

    async def _become(self, status: AgentStatus, id: UUID) -> AgentRow:
        row = await self._find(_become(status), id=as_id("id", id))
        return row if row is not None else await self._unchanged(status, id)

    async def _unchanged(self, status: AgentStatus, id: UUID) -> AgentRow:
        """Tell why nothing was changed; read only then."""
        row: AgentRow = await self._one(self.entity.get(), id=id)
        if row.status != status:
            raise Conflict("status", f"an agent that is {row.status} cannot become {status}")
        return row


class AgentRepository(AgentOperations, BlockingRepository):
    """A company's AI agents, blocking."""


class AsyncAgentRepository(AgentOperations, AsyncioRepository):
    """A company's AI agents, awaited."""


@cache
def _become(status: AgentStatus) -> Statement[AgentRow]:
    c = _agents.c
    before = is_one_of(c.status, *_BEFORE[status])
    update: Any = sa.update(_agents).where(AgentOperations.entity.is_one, before)
    return Statement(update.values(status=constant(status, c.status.type)).returning(*c), AgentRow)
