"""Retention: what is older than a policy allows goes, in batches that are committed each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidReference, SerializationFailure
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.privacy.ageing import AGEING, BATCH, FIRST, OF_NO_COMPANY, Aged, Ageing, count, remove
from chatapp_db.privacy.erasing import PURGING
from chatapp_db.repositories.base import table_of
from chatapp_db.repositories.border import as_duration, as_moment
from chatapp_db.schema import Company

__all__ = ["Retention", "RetentionPolicy", "Weeding", "companies_after"]

_SHORTEST: Final = timedelta(days=1)
_LONGEST: Final = timedelta(days=36_500)
_ATTEMPTS: Final = 5
_COMPANIES: Final = 1000

_companies = table_of(Company)


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long each kind of row is kept, a day at least; None keeps it for ever.

    ``conversations``: settled ones, since their last message, with all that belongs to them. ``messages``:
    those of any conversation, which itself stays. ``customers``: who has no conversation left, since they
    were last seen. ``invitations``: those that are accepted, expired or revoked.
    ``webhook_deliveries``: those that arrived or were given up, since then. ``usage_reservations``: those
    that hold nothing any more, since they expired; a key counts once for as long as its row is kept.
    ``audit_logs``: the trail.

    The vector outbox has no period: a dead change is the only one that knows of a vector that is to go. Nor
    have the usage counters, a row a month for each limit that names nobody.

    Raises InvalidValue.
    """

    conversations: timedelta | None = None
    messages: timedelta | None = None
    customers: timedelta | None = None
    invitations: timedelta | None = None
    webhook_deliveries: timedelta | None = None
    usage_reservations: timedelta | None = None
    audit_logs: timedelta | None = None

    def __post_init__(self) -> None:
        for name, period in self.periods().items():
            as_duration(name, period, least=_SHORTEST, most=_LONGEST)

    def periods(self) -> dict[str, timedelta]:
        """Give the periods that are not for ever, by what they are about."""
        return {name: period for name, period in asdict(self).items() if period is not None}


@dataclass(slots=True)
class Retention:
    """How many rows are gone, or would be, by table, and in how many companies it looked."""

    rows: dict[str, int] = field(default_factory=dict[str, int])
    companies: int = 0

    @property
    def total(self) -> int:
        """Add the rows of all tables up."""
        return sum(self.rows.values())


class Weeding:
    """A policy at work, as of one moment."""

    def __init__(
        self, policy: RetentionPolicy, now: datetime, tell: Callable[[Retention], object] | None
    ) -> None:
        moment = as_moment("now", now)
        self._limits = {name: moment - period for name, period in policy.periods().items()}
        self._tell = tell
        self.retention = Retention({table.name: 0 for one in self._due(AGEING) for table in one.tables})

    def limits(self) -> dict[str, str]:
        """Give the moments before which rows are too old, for the audit trail."""
        return {name: limit.isoformat() for name, limit in self._limits.items()}

    async def remove(self, carrier: Carrier, company_id: UUID | None) -> dict[str, int]:
        """Remove what is too old of a company, or of none; give what that was, by table."""
        before = dict(self.retention.rows)
        for ageing in self._due(AGEING if company_id else OF_NO_COMPANY):
            await self._remove_all(ageing, carrier, self._parameters(ageing, company_id))
        self._looked(company_id)
        rows = self.retention.rows.items()
        return {table: count - before[table] for table, count in rows if count > before[table]}

    async def count(self, carrier: Carrier, company_id: UUID | None) -> None:
        """Count what is too old of a company, or of none."""
        for ageing in self._due(AGEING if company_id else OF_NO_COMPANY):
            counts = await carrier.fetch(count(ageing), self._parameters(ageing, company_id))
            self._add(ageing, counts)
        self._looked(company_id)

    async def _remove_all(self, ageing: Ageing, carrier: Carrier, parameters: dict[str, Any]) -> None:
        place: dict[str, Any] = FIRST
        while batch := await _batch(carrier, ageing, {**parameters, **place}):
            self._add(ageing, batch.counts)
            # Where a batch was full, there may be more in the same place.
            if batch.counts[0] < BATCH:
                place = {"after": batch.after, "after_id": batch.after_id}

    def _due(self, ageing: Sequence[Ageing]) -> list[Ageing]:
        return [one for one in ageing if one.period in self._limits]

    def _parameters(self, ageing: Ageing, company_id: UUID | None) -> dict[str, Any]:
        whose = {"company_id": company_id} if ageing.of_a_company else {}
        return {**whose, "before": self._limits[ageing.period]}

    def _add(self, ageing: Ageing, counts: Sequence[int]) -> None:
        for table, rows in zip(ageing.tables, counts, strict=True):
            self.retention.rows[table.name] += rows
        self._say()

    def _looked(self, company_id: UUID | None) -> None:
        self.retention.companies += company_id is not None
        self._say()

    def _say(self) -> None:
        if self._tell is not None:
            self._tell(self.retention)


@cache
def companies_after() -> Statement[UUID]:
    """List the ids of the companies behind one, some at a time."""
    after = _companies.c.id > sa.bindparam("after", type_=sa.Uuid())
    query = sa.select(_companies.c.id).where(after).order_by(_companies.c.id)
    return Statement(query.limit(constant(_COMPANIES, sa.Integer())), scalar, across_companies=True)


async def _batch(carrier: Carrier, ageing: Ageing, parameters: dict[str, Any]) -> Aged | None:
    """Remove the next batch; where somebody works on its rows, look at them again."""
    for attempt in range(_ATTEMPTS):
        try:
            batches = await carrier.fetch(remove(ageing), parameters, before=[PURGING])
            return batches[0] if batches else None
        except (InvalidReference, SerializationFailure):
            if attempt == _ATTEMPTS - 1:
                raise
    return None
