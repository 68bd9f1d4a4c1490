"""Usage: what a company uses of its plan, counted by the month or held in advance."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, LimitReached, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import as_duration, as_id, as_moment, as_positive, as_text
from chatapp_db.repositories.companies.subscriptions import hold_company
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    TenantOperations,
)
from chatapp_db.repositories.paging import as_limit
from chatapp_db.repositories.usage.metering import (
    commit,
    history,
    increment,
    prune,
    release,
    remaining,
    reserve,
)
from chatapp_db.rows import UsageCounterRow, UsageReservationRow
from chatapp_db.schema import UsageReservation

__all__ = [
    "AsyncPlatformUsageRepository",
    "AsyncUsageRepository",
    "PlatformUsageOperations",
    "PlatformUsageRepository",
    "UsageOperations",
    "UsageRepository",
]

R = TypeVar("R")

HELD = timedelta(minutes=15)
"""How long a reservation holds its part of the limit, unless it is settled before."""

_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=31)
_c = table_of(UsageReservation).c
_METRIC_LENGTH = _c.metric.info["max_length"]
_KEY_LENGTH = _c.key.info["max_length"]


class UsageOperations(TenantOperations[UsageReservationRow]):
    """What a company uses of its plan, by the month in its time zone.

    A metric is the name of a limit of the plan (``messages_per_month``, or one of your own such as
    ``tokens_per_month``); what the plan does not limit is counted all the same. The rows are the
    reservations. Counts are of what the service says here; ``company.usage`` counts rows.
    """

    entity = Entity(UsageReservation, UsageReservationRow, "reservation")

    @operation
    async def reserve(
        self, metric: str, amount: int = 1, *, key: str | None = None, expires_in: timedelta = HELD
    ) -> UsageReservationRow:
        """Hold a part of the limit before it is used, to be settled by ``commit`` or ``release``.

        After ``expires_in`` it holds nothing. However many reserve at once, what is used and held is never
        more than the limit. A ``key`` that was given before gives the reservation of that time, whatever has
        become of it: so a call may be made again. In a transaction that goes on, others of the company wait
        for its end.

        Raises LimitReached, NotFound where the company is gone, InvalidValue.
        """
        answer = await self._alone(
            reserve(),
            metric=_as_metric(metric),
            new_amount=_as_amount(amount),
            new_key=_as_key(key),
            new_id=uuid7(),
            expires_in=as_duration("expires_in", expires_in, least=_SHORTEST, most=_LONGEST),
        )
        if answer is None:
            raise NotFound("company")
        (most, taken), reservation = answer
        if reservation is None:
            raise LimitReached(metric, max(0, (most or 0) - taken))
        return reservation

    @operation
    async def commit(self, id: UUID, *, amount: int | None = None) -> UsageReservationRow:
        """Count what a reservation held, or as much as it came to; it holds nothing any more.

        It counts in the month it was reserved in, and also where it has expired: what was used was used.
        Doing it again changes nothing.

        Raises NotFound, Conflict for one that was released, InvalidValue.
        """
        used = None if amount is None else _as_used(amount)
        row = await self._settled(commit(), id=as_id("id", id), new_used=used, new_counter_id=uuid7())
        if row.used is None:
            raise Conflict("settled_at", "the reservation was released")
        return row

    @operation
    async def release(self, id: UUID) -> UsageReservationRow:
        """Give back what a reservation held; doing it again changes nothing.

        Raises NotFound, Conflict for one that was committed.
        """
        row = await self._settled(release(), id=as_id("id", id))
        if row.used is not None:
            raise Conflict("settled_at", "the reservation was committed")
        return row

    @operation
    async def increment(self, metric: str, amount: int = 1, *, key: str | None = None) -> UsageCounterRow:
        """Count what was used already, which no limit can undo; gives the counter of the month.

        With a ``key`` that was given before nothing is counted: so a call may be made again.

        Raises NotFound where the company is gone, InvalidValue.
        """
        parameters: dict[str, Any] = {
            "metric": _as_metric(metric),
            "new_amount": _as_amount(amount),
            "new_counter_id": uuid7(),
        }
        if key is not None:
            parameters |= {"new_key": _as_key(key), "new_id": uuid7()}
        row = await self._alone(increment(keyed=key is not None), **parameters)
        if row is None:
            raise NotFound("company")
        return row

    @operation
    async def remaining(self, metric: str) -> int | None:
        """Give how much of the limit is neither used nor held in this month, None where there is no limit.

        It is 0 where the subscription is over, and where more was counted than the plan includes.

        Raises NotFound where the company is gone, InvalidValue.
        """
        standing = await self._find(remaining(), metric=_as_metric(metric))
        if standing is None:
            raise NotFound("company")
        most, taken = standing
        return None if most is None else max(0, most - taken)

    @operation
    async def history(self, metric: str, *, limit: int = 12) -> list[UsageCounterRow]:
        """List the months in which a metric was counted, the latest first.

        Raises InvalidValue.
        """
        return await self._fetch(history(), metric=_as_metric(metric), limit=as_limit(limit))

    @operation
    async def prune(self, before: datetime, *, limit: int = 500) -> int:
        """Delete the reservations that expired before a moment, at most so many; gives how many.

        What they counted stays, their keys are forgotten. One that expired unsettled can be committed no
        more. Call it again until it gives fewer than ``limit``. Raises InvalidValue.
        """
        return await self._one(prune(), before=as_moment("before", before), limit=as_limit(limit))

    async def _alone(self, statement: Statement[R], **parameters: Any) -> R | None:
        """Run what counts, after whoever is counting for the company."""
        company = {"company_id": self._company_id}
        before = [hold_company().message(company)]
        rows = await self._carrier.fetch(statement, {**company, **parameters}, before=before)
        return rows[0] if rows else None

    async def _settled(
        self, statement: Statement[UsageReservationRow], **parameters: Any
    ) -> UsageReservationRow:
        row = await self._alone(statement, **parameters)
        if row is None:
            raise NotFound(self.entity.name)
        return row


class UsageRepository(UsageOperations, BlockingRepository):
    """What a company uses of its plan, blocking."""


class AsyncUsageRepository(UsageOperations, AsyncioRepository):
    """What a company uses of its plan, awaited."""


class PlatformUsageOperations:
    """What was reserved in all companies."""

    _carrier: Carrier

    @operation
    async def prune(self, before: datetime, *, limit: int = 500) -> int:
        """Delete the reservations of any company that expired before a moment, at most so many.

        Gives how many; call it again until it gives fewer than ``limit``. Raises InvalidValue.
        """
        parameters = {"before": as_moment("before", before), "limit": as_limit(limit)}
        return (await self._carrier.fetch(prune(across_companies=True), parameters))[0]


class PlatformUsageRepository(PlatformUsageOperations, BlockingPlatformRepository):
    """What was reserved in all companies, blocking."""


class AsyncPlatformUsageRepository(PlatformUsageOperations, AsyncioPlatformRepository):
    """What was reserved in all companies, awaited."""


def _as_metric(value: str) -> str:
    return as_text("metric", value, _METRIC_LENGTH)


def _as_key(value: str | None) -> str | None:
    return None if value is None else as_text("key", value, _KEY_LENGTH)


def _as_amount(value: int) -> int:
    return as_positive("amount", value, "not a whole number of at least 1")


def _as_used(value: int) -> int:
    """Take an amount that may be nothing after all."""
    if type(value) is int and value == 0:
        return value
    return as_positive("amount", value, "not a whole number of at least 0")
