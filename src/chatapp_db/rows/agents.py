"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import AgentStatus, AgentType
from chatapp_db.schema.payloads import (
    EscalationConfig,
    ModelConfig,
    SuggestedTool,
    ToolsConfig,
    WidgetAppearance,
    WidgetBehavior,
    WidgetChatWindow,
    WidgetConfig,
    WidgetLauncher,
)
from chatapp_db.schema.types import Bool, Json, Label, Slug, Text, Texts, closed


@dataclass(slots=True)
class AgentPackageRow:
    """A row of `chatapp_agent_packages`."""

    id: UUID
    name: str
    slug: str
    description: str | None
    category: str | None
    icon: str | None
    base_prompt: str
    suggested_tools: list[SuggestedTool]
    is_active: bool
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class AgentPackageChanges(TypedDict, total=False):
    """What an update of `chatapp_agent_packages` may name."""

    name: Annotated[str, Text(200, min_length=1)]
    description: Annotated[str, Text(2000)] | None
    category: Annotated[str, Text(100, min_length=1)] | None
    icon: Annotated[str, Text(100, min_length=1)] | None
    base_prompt: Annotated[str, Text(100000)]
    suggested_tools: Annotated[list[SuggestedTool], Json()]
    is_active: Bool


@closed
class AgentPackageValues(TypedDict, total=False):
    """What a new row of `chatapp_agent_packages` is made of."""

    id: UUID
    name: Required[Annotated[str, Text(200, min_length=1)]]
    slug: Required[Annotated[str, Slug(100)]]
    description: Annotated[str, Text(2000)] | None
    category: Annotated[str, Text(100, min_length=1)] | None
    icon: Annotated[str, Text(100, min_length=1)] | None
    base_prompt: Annotated[str, Text(100000)]
    suggested_tools: Annotated[list[SuggestedTool], Json()]
    is_active: Bool


@dataclass(slots=True)
class AgentRow:
    """A row of `chatapp_agents`."""

    id: UUID
    company_id: UUID
    name: str
    description: str | None
    avatar_url: str | None
    type: AgentType | str
    status: AgentStatus | str
    system_prompt: str
    welcome_message: str | None
    model_config: ModelConfig
    tools_config: ToolsConfig
    escalation_config: EscalationConfig
    widget_config: WidgetConfig
    package_id: UUID | None
    created_by: UUID | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class AgentChanges(TypedDict, total=False):
    """What an update of `chatapp_agents` may name."""

    name: Annotated[str, Text(200, min_length=1)]
    description: Annotated[str, Text(2000)] | None
    avatar_url: Annotated[str, Text(2048, min_length=1)] | None
    type: Annotated[AgentType | str, Label(AgentType)]
    system_prompt: Annotated[str, Text(100000)]
    welcome_message: Annotated[str, Text(2000)] | None
    model_config: Annotated[ModelConfig, Json()]
    tools_config: Annotated[ToolsConfig, Json()]
    escalation_config: Annotated[EscalationConfig, Json()]
    widget_config: Annotated[WidgetConfig, Json()]


@closed
class AgentValues(TypedDict, total=False):
    """What a new row of `chatapp_agents` is made of."""

    id: UUID
    name: Required[Annotated[str, Text(200, min_length=1)]]
    description: Annotated[str, Text(2000)] | None
    avatar_url: Annotated[str, Text(2048, min_length=1)] | None
    type: Annotated[AgentType | str, Label(AgentType)]
    status: Annotated[AgentStatus | str, Label(AgentStatus)]
    system_prompt: Annotated[str, Text(100000)]
    welcome_message: Annotated[str, Text(2000)] | None
    model_config: Annotated[ModelConfig, Json()]
    tools_config: Annotated[ToolsConfig, Json()]
    escalation_config: Annotated[EscalationConfig, Json()]
    widget_config: Annotated[WidgetConfig, Json()]
    package_id: UUID | None
    created_by: UUID | None


@dataclass(slots=True)
class WidgetSettingsRow:
    """A row of `chatapp_widget_settings`."""

    id: UUID
    company_id: UUID
    agent_id: UUID
    public_key: str
    allowed_origins: list[str]
    appearance: WidgetAppearance
    behavior: WidgetBehavior
    launcher: WidgetLauncher
    chat_window: WidgetChatWindow
    embed_code: str | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class WidgetSettingsChanges(TypedDict, total=False):
    """What an update of `chatapp_widget_settings` may name."""

    agent_id: UUID
    allowed_origins: Annotated[list[str], Texts(2048, max_items=100)]
    appearance: Annotated[WidgetAppearance, Json()]
    behavior: Annotated[WidgetBehavior, Json()]
    launcher: Annotated[WidgetLauncher, Json()]
    chat_window: Annotated[WidgetChatWindow, Json()]
    embed_code: Annotated[str, Text(100000)] | None


@closed
class WidgetSettingsValues(TypedDict, total=False):
    """What a new row of `chatapp_widget_settings` is made of."""

    id: UUID
    agent_id: Required[UUID]
    allowed_origins: Annotated[list[str], Texts(2048, max_items=100)]
    appearance: Annotated[WidgetAppearance, Json()]
    behavior: Annotated[WidgetBehavior, Json()]
    launcher: Annotated[WidgetLauncher, Json()]
    chat_window: Annotated[WidgetChatWindow, Json()]
    embed_code: Annotated[str, Text(100000)] | None
