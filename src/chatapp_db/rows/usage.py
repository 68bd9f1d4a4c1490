"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.types import Day, Integer, Text, closed


@dataclass(slots=True)
class UsageCounterRow:
    """A row of `chatapp_usage_counters`."""

    id: UUID
    company_id: UUID
    metric: str
    period: dt.date
    used: int
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class UsageCounterValues(TypedDict, total=False):
    """What a new row of `chatapp_usage_counters` is made of."""

    id: UUID
    metric: Required[Annotated[str, Text(100, min_length=1)]]
    period: Required[Day]


@dataclass(slots=True)
class UsageReservationRow:
    """A row of `chatapp_usage_reservations`."""

    id: UUID
    company_id: UUID
    metric: str
    period: dt.date
    amount: int
    key: str | None
    expires_at: dt.datetime
    settled_at: dt.datetime | None
    used: int | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class UsageReservationValues(TypedDict, total=False):
    """What a new row of `chatapp_usage_reservations` is made of."""

    id: UUID
    metric: Required[Annotated[str, Text(100, min_length=1)]]
    period: Required[Day]
    amount: Required[Annotated[int, Integer(64, minimum=1)]]
