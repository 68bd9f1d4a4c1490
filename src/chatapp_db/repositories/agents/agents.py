"""Agents: a company's AI agents, and their life from draft to archive."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, InvalidReference
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, as_member, checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import AgentChanges, AgentRow, AgentValues
from chatapp_db.schema import (
    Agent,
    AgentPackage,
    AgentStatus,
    AgentType,
    ChannelType,
    Company,
    WidgetSettings,
)

__all__ = ["AgentOperations", "AgentRepository", "AsyncAgentRepository"]

_agents = table_of(Agent)
_companies = table_of(Company)
_packages = table_of(AgentPackage)
_widgets = table_of(WidgetSettings)

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
    async def create_from_package(
        self, package_id: UUID, *, created_by: UUID | None = None, **values: Unpack[AgentChanges]
    ) -> AgentRow:
        """Add a draft that starts from a package: its prompt, and the tools it suggests, enabled.

        What is given stands in the place of what the package says.

        Raises InvalidReference for a package that does not exist or is no longer offered, or for a person of
        another company, InvalidValue.
        """
        given = dict.fromkeys(_COPIED) | checked(AgentChanges, values)
        row = await self._find(
            _create_from_package(),
            package_id=as_id("package_id", package_id),
            new_id=uuid7(),
            new_created_by=None if created_by is None else as_id("created_by", created_by),
            **{f"new_{name}": value for name, value in given.items()},
        )
        if row is None:
            raise InvalidReference("fk_chatapp_agents_package_id")
        return row

    @operation
    async def clone(self, id: UUID, *, name: str | None = None, created_by: UUID | None = None) -> AgentRow:
        """Add a draft that is like an agent; its knowledge sources stay with the agent.

        Raises NotFound, InvalidReference for a person of another company, InvalidValue.
        """
        given: dict[str, Any] = {} if name is None else dict(checked(AgentChanges, {"name": name}))
        return await self._one(
            _clone(),
            id=as_id("id", id),
            new_id=uuid7(),
            new_name=given.get("name"),
            new_created_by=None if created_by is None else as_id("created_by", created_by),
        )

    @operation
    async def for_channel(self, channel: ChannelType) -> AgentRow:
        """Give the agent that answers who writes to the company on a channel.

        On the widget it is the widget's agent. Elsewhere, and where that one is not active, it is the one
        that the company's settings name as ``default_agent_id``, else the first that the company made and
        that is active.

        Raises NotFound where no agent is active, InvalidValue.
        """
        on_widget = as_member("channel", ChannelType, channel) is ChannelType.WIDGET
        return await self._one(_for_channel(on_widget=on_widget))

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


_COPIED = tuple(AgentChanges.__annotations__)
_COPY = " (copy)"
_NAME_LENGTH = constant(_agents.c.name.info["max_length"] - len(_COPY), sa.Integer())
_EMPTY: sa.ColumnElement[Any] = sa.literal_column("'{}'::jsonb", _agents.c.model_config.type)
_EMPTY_LIST: sa.ColumnElement[Any] = sa.literal_column("'[]'::jsonb", _agents.c.model_config.type)


@cache
def _create_from_package() -> Statement[AgentRow]:
    """Insert what is given, else what the package says, else what the table does; no package, no agent."""
    c, p = _agents.c, _packages.c
    said = {
        "name": p.name,
        "description": p.description,
        "avatar_url": sa.null(),
        "type": sa.cast(constant(AgentType.SUPPORT, c.type.type), c.type.type),
        "system_prompt": p.base_prompt,
        "welcome_message": sa.null(),
        "model_config": _EMPTY,
        "tools_config": _suggested(p.suggested_tools),
        "escalation_config": _EMPTY,
        "widget_config": _EMPTY,
    }
    values: dict[str, Any] = {name: sa.func.coalesce(written(c[name]), said[name]) for name in _COPIED}
    values |= {"company_id": COMPANY, "package_id": p.id}
    values |= {name: written(c[name]) for name in ("id", "created_by")}
    is_package = p.id == sa.bindparam("package_id", type_=p.id.type)
    source = sa.select(*values.values()).where(is_package, p.is_active)
    insertion: Any = sa.insert(_agents).from_select(list(values), source, include_defaults=False)
    return Statement(insertion.returning(*c), AgentRow)


def _suggested(tools: Any) -> sa.ColumnElement[Any]:
    """Enable the tools of a package, each with the options it suggests."""
    table: Any = sa.func.jsonb_array_elements(tools).table_valued(sa.column("value", tools.type))
    tool = table.render_derived("tool").c.value
    name = sa.func.jsonb_extract_path_text(tool, _word("name"))
    options = sa.func.jsonb_extract_path(tool, _word("options"))
    enabled = sa.func.coalesce(sa.func.jsonb_agg(name), _EMPTY_LIST)
    by_name = sa.func.jsonb_object_agg(name, options).filter(options.is_not(None))
    config = sa.func.jsonb_build_object(
        _word("enabled"), enabled, _word("options"), sa.func.coalesce(by_name, _EMPTY)
    )
    return sa.select(config).where(name.is_not(None)).scalar_subquery()


def _word(word: str) -> sa.ColumnElement[str]:
    return constant(word, sa.Text())


@cache
def _clone() -> Statement[AgentRow]:
    c = _agents.c
    name = sa.func.coalesce(written(c.name), sa.func.left(c.name, _NAME_LENGTH).concat(_word(_COPY)))
    values = {column: c[column] for column in (*_COPIED, "package_id", "company_id")}
    values |= {"name": name, "id": written(c.id), "created_by": written(c.created_by)}
    source = sa.select(*values.values()).where(AgentOperations.entity.is_one)
    insertion: Any = sa.insert(_agents).from_select(list(values), source, include_defaults=False)
    return Statement(insertion.returning(*c), AgentRow)


@cache
def _for_channel(*, on_widget: bool) -> Statement[AgentRow]:
    """Rank the agents that are active: a company has few, and their number is no matter of the rank."""
    c = _agents.c
    company, widget = _companies.alias("company"), _widgets.alias("widget")
    default = sa.func.jsonb_extract_path_text(company.c.settings, _word("default_agent_id"))
    query = (
        sa.select(*c)
        .join_from(_agents, company, owned(company))
        .where(owned(_agents), is_one_of(c.status, AgentStatus.ACTIVE))
    )
    ranks = [sa.func.coalesce(default == sa.cast(c.id, sa.Text()), sa.false()).desc(), c.id]
    if on_widget:
        query = query.outerjoin(widget, sa.and_(owned(widget), widget.c.agent_id == c.id))
        ranks.insert(0, widget.c.id.is_not(None).desc())
    return Statement(query.order_by(*ranks).limit(constant(1, sa.Integer())), AgentRow)
