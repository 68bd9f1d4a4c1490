"""What grows too old: by which of its moments a row is judged, and what goes with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import array

from chatapp_db.execution.statement import Statement, constant
from chatapp_db.privacy.lineage import belongs, offspring
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.schema import (
    AuditLog,
    Conversation,
    ConversationStatus,
    Customer,
    InvitationStatus,
    Message,
    TeamInvitation,
    UsageReservation,
    WebhookDelivery,
)

__all__ = ["AGEING", "BATCH", "FIRST", "OF_NO_COMPANY", "Aged", "Ageing", "count", "remove"]

BATCH: Final = 1000
"""Rows that go in one transaction."""

PAGE: Final = 50
"""Rows that go in one transaction where others belong to them."""

_conversations, _messages = table_of(Conversation), table_of(Message)
_customers, _invitations, _audit_logs = table_of(Customer), table_of(TeamInvitation), table_of(AuditLog)
_deliveries, _reservations = table_of(WebhookDelivery), table_of(UsageReservation)

_BEFORE = sa.bindparam("before", type_=sa.DateTime(timezone=True))
_AFTER = sa.bindparam("after", type_=sa.DateTime(timezone=True))
_AFTER_ID = sa.bindparam("after_id", type_=sa.Uuid())
FIRST: Final = {"after": datetime(1, 1, 2, tzinfo=UTC), "after_id": UUID(int=0)}
"""The place in front of the oldest row."""


@dataclass(frozen=True, eq=False)
class Ageing:
    """Rows that a period of the policy is about, judged by a moment.

    They go with all that belongs to them. With ``contents`` they stay and only those rows of that table go
    that belong to them and are as old; ``forgets`` is what they then no longer say.
    """

    period: str
    table: Any
    moment: Any
    condition: sa.ColumnElement[bool] = field(default_factory=sa.true)
    contents: Any = None
    forgets: Any = None
    of_a_company: bool = True

    @property
    def tables(self) -> tuple[Any, ...]:
        """The tables whose rows go, the most numerous first."""
        return (self.contents,) if self.contents is not None else (*offspring(self.table)[::-1], self.table)

    @property
    def whose(self) -> sa.ColumnElement[bool]:
        """The condition that says of which company the rows are."""
        return owned(self.table) if self.of_a_company else self.table.c.company_id.is_(None)

    @property
    def is_old(self) -> sa.ColumnElement[bool]:
        """The condition that a row is to be looked at."""
        return sa.and_(self.whose, self.moment < _BEFORE, self.condition)


@dataclass(slots=True)
class Aged:
    """What a batch removed, by table, and the last row that it looked at."""

    after: datetime
    after_id: UUID
    counts: list[int]


_is_settled = [
    is_one_of(_conversations.c.status, status)
    for status in (ConversationStatus.RESOLVED, ConversationStatus.ARCHIVED)
]
_is_over = is_one_of(
    _invitations.c.status, InvitationStatus.ACCEPTED, InvitationStatus.EXPIRED, InvitationStatus.REVOKED
)
_has_conversations = sa.exists(
    sa.select(_conversations.c.id).where(
        owned(_conversations), _conversations.c.customer_id == _customers.c.id
    )
)

AGEING: Final = (
    # One index for each status, so each by itself.
    *(
        Ageing("conversations", _conversations, _conversations.c.last_message_at, settled)
        for settled in _is_settled
    ),
    Ageing(
        "messages",
        _conversations,
        _conversations.c.started_at,
        contents=_messages,
        forgets=_conversations.c.last_message_preview,
    ),
    Ageing("customers", _customers, _customers.c.last_seen_at, ~_has_conversations),
    Ageing("invitations", _invitations, _invitations.c.created_at, _is_over),
    Ageing(
        "webhook_deliveries",
        _deliveries,
        sa.func.coalesce(_deliveries.c.delivered_at, _deliveries.c.dead_at),
        _deliveries.c.next_attempt_at.is_(None),
    ),
    Ageing(
        "usage_reservations",
        _reservations,
        _reservations.c.expires_at,
        _reservations.c.expires_at < sa.func.now(),
    ),
    Ageing("audit_logs", _audit_logs, _audit_logs.c.created_at),
)
"""In this order: a customer whose last conversation is too old may go with it."""

OF_NO_COMPANY: Final = (Ageing("audit_logs", _audit_logs, _audit_logs.c.created_at, of_a_company=False),)
"""What is the platform's own."""


@cache
def remove(ageing: Ageing) -> Statement[Aged]:
    """Remove the next rows after a place, by age, and say where they end; no row where there is none."""
    page = _page(ageing)
    gone = list(_removed(ageing, page))
    counts = [sa.select(sa.func.count()).select_from(part).scalar_subquery() for part in gone]
    last = sa.select(page.c.moment.label("after"), page.c.id.label("after_id"))
    query = last.add_columns(array(counts).label("counts"))
    latest: Any = query.order_by(page.c.moment.desc(), page.c.id.desc()).limit(_rows(1))
    if ageing.forgets is not None:
        latest = latest.add_cte(_forgotten(ageing, page))
    return Statement(latest, Aged, across_companies=not ageing.of_a_company)


@cache
def count(ageing: Ageing) -> Statement[int]:
    """Count what would go, a row for each of the tables."""
    old = sa.select(ageing.table.c.id).where(ageing.is_old).cte("page")
    parts = (
        sa.select(constant(place, sa.Integer()).label("place"), sa.func.count().label("count"))
        .select_from(table)
        .where(*_going(ageing, table, old))
        for place, table in enumerate(ageing.tables)
    )
    counts: Any = sa.union_all(*parts).subquery("counts")
    query = sa.select(counts.c.count).order_by(counts.c.place)
    return Statement(query, int, across_companies=not ageing.of_a_company)


def _page(ageing: Ageing) -> Any:
    """Take the next rows by age; where others belong to them nobody may change them meanwhile."""
    key = ageing.moment, ageing.table.c.id
    query = (
        sa.select(ageing.table.c.id, ageing.moment.label("moment"))
        .where(ageing.is_old, sa.tuple_(*key) > sa.tuple_(_AFTER, _AFTER_ID))
        .order_by(*key)
        .limit(_rows(BATCH if ageing.tables == (ageing.table,) else PAGE))
    )
    return (query if len(ageing.tables) == 1 else query.with_for_update(skip_locked=True)).cte("page")


def _removed(ageing: Ageing, page: Any) -> Sequence[Any]:
    """Delete what goes with a page, from each table."""
    deletes: list[Any] = []
    for place, table in enumerate(ageing.tables):
        going = _going(ageing, table, page)
        if ageing.contents is not None:
            doomed = sa.select(table.c.id).where(*going).limit(_rows(BATCH)).cte("doomed")
            going = [owned(table), table.c.id == doomed.c.id]
        delete: Any = sa.delete(table).where(*going)
        deletes.append(delete.returning(table.c.id).cte(f"gone_{place}"))
    return deletes


def _going(ageing: Ageing, table: Any, page: Any) -> list[sa.ColumnElement[bool]]:
    """Write that a row goes with a page."""
    whose = ageing.whose if table is ageing.table else owned(table)
    going = [whose, belongs(table, ageing.table, lambda column: column == page.c.id)]
    return going if ageing.contents is None else [*going, table.c.created_at < _BEFORE]


def _forgotten(ageing: Ageing, page: Any) -> Any:
    """Forget what is said of the newest of the contents where that one is too old as well."""
    c = ageing.table.c
    is_quoted = sa.and_(c.last_message_at < _BEFORE, ageing.forgets.is_not(None))
    update: Any = sa.update(ageing.table).where(ageing.whose, c.id == page.c.id, is_quoted)
    return update.values({ageing.forgets: sa.null()}).returning(c.id).cte("forgotten")


def _rows(number: int) -> sa.ColumnElement[int]:
    return constant(number, sa.Integer())
