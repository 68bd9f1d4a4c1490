"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import ChannelType, ConversationStatus, MessageRole, MessageType
from chatapp_db.schema.payloads import Attachment, ConversationMetadata, CustomerMetadata, MessageMetadata
from chatapp_db.schema.types import Bool, EmailAddress, Integer, Json, Label, Moment, Text, Texts, closed


@dataclass(slots=True)
class CustomerRow:
    """A row of `chatapp_customers`."""

    id: UUID
    company_id: UUID
    external_id: str | None
    email: str | None
    name: str | None
    phone: str | None
    avatar_url: str | None
    metadata: CustomerMetadata
    tags: list[str]
    first_seen_at: dt.datetime
    last_seen_at: dt.datetime
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class CustomerChanges(TypedDict, total=False):
    """What an update of `chatapp_customers` may name."""

    external_id: Annotated[str, Text(255, min_length=1)] | None
    email: Annotated[str, EmailAddress(320)] | None
    name: Annotated[str, Text(200, min_length=1)] | None
    phone: Annotated[str, Text(50, min_length=1)] | None
    avatar_url: Annotated[str, Text(2048, min_length=1)] | None
    metadata: Annotated[CustomerMetadata, Json()]
    tags: Annotated[list[str], Texts(100, max_items=100)]


@closed
class CustomerValues(TypedDict, total=False):
    """What a new row of `chatapp_customers` is made of."""

    id: UUID
    external_id: Annotated[str, Text(255, min_length=1)] | None
    email: Annotated[str, EmailAddress(320)] | None
    name: Annotated[str, Text(200, min_length=1)] | None
    phone: Annotated[str, Text(50, min_length=1)] | None
    avatar_url: Annotated[str, Text(2048, min_length=1)] | None
    metadata: Annotated[CustomerMetadata, Json()]
    tags: Annotated[list[str], Texts(100, max_items=100)]
    first_seen_at: Moment
    last_seen_at: Moment


@dataclass(slots=True)
class ConversationRow:
    """A row of `chatapp_conversations`."""

    id: UUID
    company_id: UUID
    agent_id: UUID
    customer_id: UUID
    assigned_user_id: UUID | None
    channel: ChannelType | str
    channel_conversation_id: str | None
    status: ConversationStatus | str
    priority: int
    tags: list[str]
    metadata: ConversationMetadata
    started_at: dt.datetime
    resolved_at: dt.datetime | None
    last_message_at: dt.datetime
    last_message_preview: str | None
    waiting_since: dt.datetime | None
    first_response_at: dt.datetime | None
    escalated_at: dt.datetime | None
    customer_last_read_at: dt.datetime | None
    agent_last_read_at: dt.datetime | None
    version: int
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class ConversationChanges(TypedDict, total=False):
    """What an update of `chatapp_conversations` may name."""

    priority: Annotated[int, Integer(32, minimum=0, maximum=3)]
    tags: Annotated[list[str], Texts(100, max_items=100)]
    metadata: Annotated[ConversationMetadata, Json()]


@closed
class ConversationValues(TypedDict, total=False):
    """What a new row of `chatapp_conversations` is made of."""

    id: UUID
    agent_id: Required[UUID]
    customer_id: Required[UUID]
    channel: Annotated[ChannelType | str, Label(ChannelType)]
    channel_conversation_id: Annotated[str, Text(255, min_length=1)] | None
    priority: Annotated[int, Integer(32, minimum=0, maximum=3)]
    tags: Annotated[list[str], Texts(100, max_items=100)]
    metadata: Annotated[ConversationMetadata, Json()]
    started_at: Moment


@dataclass(slots=True)
class MessageRow:
    """A row of `chatapp_messages`."""

    id: UUID
    company_id: UUID
    conversation_id: UUID
    role: MessageRole | str
    type: MessageType | str
    content: str
    sender_user_id: UUID | None
    is_private: bool
    external_id: str | None
    attachments: list[Attachment]
    metadata: MessageMetadata
    tokens_used: int
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class MessageChanges(TypedDict, total=False):
    """What an update of `chatapp_messages` may name."""

    attachments: Annotated[list[Attachment], Json()]
    metadata: Annotated[MessageMetadata, Json()]
    tokens_used: Annotated[int, Integer(32, minimum=0)]


@closed
class MessageValues(TypedDict, total=False):
    """What a new row of `chatapp_messages` is made of."""

    id: UUID
    conversation_id: Required[UUID]
    role: Required[Annotated[MessageRole | str, Label(MessageRole)]]
    type: Annotated[MessageType | str, Label(MessageType)]
    content: Required[Annotated[str, Text(100000)]]
    sender_user_id: UUID | None
    is_private: Bool
    external_id: Annotated[str, Text(255, min_length=1)] | None
    attachments: Annotated[list[Attachment], Json()]
    metadata: Annotated[MessageMetadata, Json()]
    tokens_used: Annotated[int, Integer(32, minimum=0)]


@dataclass(slots=True)
class CannedResponseRow:
    """A row of `chatapp_canned_responses`."""

    id: UUID
    company_id: UUID
    user_id: UUID | None
    shortcut: str
    title: str
    content: str
    category: str | None
    tags: list[str]
    is_team: bool
    usage_count: int
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class CannedResponseChanges(TypedDict, total=False):
    """What an update of `chatapp_canned_responses` may name."""

    shortcut: Annotated[str, Text(100, min_length=1)]
    title: Annotated[str, Text(200)]
    content: Annotated[str, Text(100000)]
    category: Annotated[str, Text(100, min_length=1)] | None
    tags: Annotated[list[str], Texts(100, max_items=100)]
    is_team: Bool


@closed
class CannedResponseValues(TypedDict, total=False):
    """What a new row of `chatapp_canned_responses` is made of."""

    id: UUID
    user_id: UUID | None
    shortcut: Required[Annotated[str, Text(100, min_length=1)]]
    title: Annotated[str, Text(200)]
    content: Required[Annotated[str, Text(100000)]]
    category: Annotated[str, Text(100, min_length=1)] | None
    tags: Annotated[list[str], Texts(100, max_items=100)]
    is_team: Bool
