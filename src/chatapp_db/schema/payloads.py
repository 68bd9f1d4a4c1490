"""What the jsonb columns hold.

Every key is optional and unknown keys are kept: a service adds its own without a release of
this package. A column's payload is the type in its `Mapped` annotation.
"""

from typing import Any, Literal

from typing_extensions import TypedDict

from chatapp_db.schema.types import payload


@payload
class BrandColors(TypedDict, total=False):
    """The colours of a company or its widget, as CSS writes them."""

    primary: str
    secondary: str
    background: str
    text: str


@payload
class BusinessHours(TypedDict, total=False):
    """When people answer; `days` maps a weekday to its spans, such as `{"monday": ["09:00-17:00"]}`."""

    enabled: bool
    days: dict[str, list[str]]
    message: str


@payload
class CompanySettings(TypedDict, total=False):
    """What a company chose for all its agents and people."""

    language: str
    brand: BrandColors
    business_hours: BusinessHours
    retention_days: int | None
    default_agent_id: str | None


@payload
class UserSettings(TypedDict, total=False):
    """What a person chose for the inbox."""

    language: str
    theme: Literal["light", "dark", "system"]
    notifications: dict[str, bool]
    signature: str


@payload
class PlanFeatures(TypedDict, total=False):
    """What a plan includes."""

    channels: list[str]
    integrations: bool
    webhooks: bool
    custom_branding: bool
    analytics: bool
    api_access: bool
    priority_support: bool


@payload
class PlanLimits(TypedDict, total=False):
    """How much a plan includes; null is unlimited, and so is a limit that is not there."""

    agents: int | None
    team_members: int | None
    conversations_per_month: int | None
    messages_per_month: int | None
    knowledge_sources: int | None
    storage_megabytes: int | None


@payload
class ModelConfig(TypedDict, total=False):
    """Which language model an agent speaks with, and how."""

    provider: str
    model: str
    temperature: float
    top_p: float
    max_tokens: int


@payload
class ToolsConfig(TypedDict, total=False):
    """Which tools an agent may call, and each one's options by its name."""

    enabled: list[str]
    options: dict[str, dict[str, Any]]


@payload
class EscalationConfig(TypedDict, total=False):
    """When an agent hands over to a person."""

    enabled: bool
    keywords: list[str]
    after_failed_answers: int
    confidence_threshold: float
    message: str


@payload
class WidgetConfig(TypedDict, total=False):
    """What an agent changes in its company's widget."""

    title: str
    placeholder: str
    suggested_questions: list[str]
    colors: BrandColors


@payload
class SuggestedTool(TypedDict, total=False):
    """A tool that a package recommends."""

    name: str
    description: str
    options: dict[str, Any]


@payload
class SourceMetadata(TypedDict, total=False):
    """What is known of a knowledge source beside its text."""

    title: str
    author: str
    language: str
    page_count: int
    fetched_at: str


@payload
class ChunkMetadata(TypedDict, total=False):
    """Where in its source a chunk stands."""

    title: str
    heading: str
    page: int
    url: str


@payload
class CustomerMetadata(TypedDict, total=False):
    """What a company's own systems know of a customer."""

    plan: str
    locale: str
    company_name: str
    attributes: dict[str, Any]


@payload
class ConversationMetadata(TypedDict, total=False):
    """The circumstances in which a conversation was opened."""

    subject: str
    page_url: str
    referrer: str
    locale: str
    user_agent: str


@payload
class MessageMetadata(TypedDict, total=False):
    """How a message came about."""

    model: str
    finish_reason: str
    latency_milliseconds: int
    source_ids: list[str]
    tool_calls: list[dict[str, Any]]
    redacted: bool


@payload
class Attachment(TypedDict, total=False):
    """A file that came with a message."""

    name: str
    url: str
    content_type: str
    size: int
    width: int
    height: int


@payload
class WidgetAppearance(TypedDict, total=False):
    """How the widget looks."""

    theme: Literal["light", "dark", "auto"]
    colors: BrandColors
    font_family: str
    border_radius: int
    logo_url: str


@payload
class WidgetBehavior(TypedDict, total=False):
    """What the widget does by itself."""

    auto_open: bool
    open_after_seconds: int
    collect_email: bool
    show_typing: bool
    sound: bool
    language: str


@payload
class WidgetLauncher(TypedDict, total=False):
    """The button that opens the widget."""

    position: Literal["bottom_right", "bottom_left"]
    icon: str
    label: str
    size: int
    offset_x: int
    offset_y: int


@payload
class WidgetChatWindow(TypedDict, total=False):
    """The window the customer writes in."""

    title: str
    subtitle: str
    placeholder: str
    width: int
    height: int
    show_branding: bool


@payload
class SecretEnvelope(TypedDict, total=False):
    """A sealed secret: version, key id, nonce and ciphertext; without any key, there is no secret."""

    v: int
    kid: str
    nonce: str
    ct: str


@payload
class EventPayload(TypedDict, total=False):
    """What a webhook's receiver is sent: what happened, when, and with what."""

    type: str
    timestamp: str
    data: dict[str, Any]


@payload
class AuditValues(TypedDict, total=False):
    """The changed columns of an audited row; of customers and messages only their names, in `columns`."""

    columns: list[str]
