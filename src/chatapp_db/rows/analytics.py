"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import ResolutionType
from chatapp_db.schema.types import Bool, Day, Digits, Integer, Label, closed


@dataclass(slots=True)
class ConversationAnalyticsRow:
    """A row of `chatapp_conversation_analytics`."""

    id: UUID
    company_id: UUID
    conversation_id: UUID
    agent_id: UUID
    resolution_type: ResolutionType | str | None
    messages_count: int
    ai_messages_count: int
    human_messages_count: int
    response_time_avg: int | None
    duration_seconds: int | None
    satisfaction_score: int | None
    escalated: bool
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class ConversationAnalyticsChanges(TypedDict, total=False):
    """What an update of `chatapp_conversation_analytics` may name."""

    resolution_type: Annotated[ResolutionType | str, Label(ResolutionType)] | None
    messages_count: Annotated[int, Integer(32, minimum=0)]
    ai_messages_count: Annotated[int, Integer(32, minimum=0)]
    human_messages_count: Annotated[int, Integer(32, minimum=0)]
    response_time_avg: Annotated[int, Integer(32, minimum=0)] | None
    duration_seconds: Annotated[int, Integer(32, minimum=0)] | None
    satisfaction_score: Annotated[int, Integer(32, minimum=1, maximum=5)] | None
    escalated: Bool


@closed
class ConversationAnalyticsValues(TypedDict, total=False):
    """What a new row of `chatapp_conversation_analytics` is made of."""

    id: UUID
    conversation_id: Required[UUID]
    agent_id: Required[UUID]
    resolution_type: Annotated[ResolutionType | str, Label(ResolutionType)] | None
    messages_count: Annotated[int, Integer(32, minimum=0)]
    ai_messages_count: Annotated[int, Integer(32, minimum=0)]
    human_messages_count: Annotated[int, Integer(32, minimum=0)]
    response_time_avg: Annotated[int, Integer(32, minimum=0)] | None
    duration_seconds: Annotated[int, Integer(32, minimum=0)] | None
    satisfaction_score: Annotated[int, Integer(32, minimum=1, maximum=5)] | None
    escalated: Bool


@dataclass(slots=True)
class DailyAnalyticsRow:
    """A row of `chatapp_daily_analytics`."""

    id: UUID
    company_id: UUID
    date: dt.date
    conversations_total: int
    conversations_resolved: int
    conversations_escalated: int
    messages_total: int
    avg_response_time: int | None
    avg_satisfaction: Decimal | None
    response_time_sum: int
    response_time_count: int
    satisfaction_sum: int
    satisfaction_count: int
    tokens_used: int
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class DailyAnalyticsChanges(TypedDict, total=False):
    """What an update of `chatapp_daily_analytics` may name."""

    conversations_total: Annotated[int, Integer(32, minimum=0)]
    conversations_resolved: Annotated[int, Integer(32, minimum=0)]
    conversations_escalated: Annotated[int, Integer(32, minimum=0)]
    messages_total: Annotated[int, Integer(32, minimum=0)]
    avg_response_time: Annotated[int, Integer(32, minimum=0)] | None
    avg_satisfaction: Annotated[Decimal, Digits(3, 2, minimum=1, maximum=5)] | None
    response_time_sum: Annotated[int, Integer(64, minimum=0)]
    response_time_count: Annotated[int, Integer(32, minimum=0)]
    satisfaction_sum: Annotated[int, Integer(32, minimum=0)]
    satisfaction_count: Annotated[int, Integer(32, minimum=0)]
    tokens_used: Annotated[int, Integer(64, minimum=0)]


@closed
class DailyAnalyticsValues(TypedDict, total=False):
    """What a new row of `chatapp_daily_analytics` is made of."""

    id: UUID
    date: Required[Day]
    conversations_total: Annotated[int, Integer(32, minimum=0)]
    conversations_resolved: Annotated[int, Integer(32, minimum=0)]
    conversations_escalated: Annotated[int, Integer(32, minimum=0)]
    messages_total: Annotated[int, Integer(32, minimum=0)]
    avg_response_time: Annotated[int, Integer(32, minimum=0)] | None
    avg_satisfaction: Annotated[Decimal, Digits(3, 2, minimum=1, maximum=5)] | None
    response_time_sum: Annotated[int, Integer(64, minimum=0)]
    response_time_count: Annotated[int, Integer(32, minimum=0)]
    satisfaction_sum: Annotated[int, Integer(32, minimum=0)]
    satisfaction_count: Annotated[int, Integer(32, minimum=0)]
    tokens_used: Annotated[int, Integer(64, minimum=0)]
