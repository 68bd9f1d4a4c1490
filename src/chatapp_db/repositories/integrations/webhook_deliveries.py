"""Webhook deliveries: events on their way to a company's webhooks, or for the platform to anybody's."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import SystemRandom
from typing import Any
from uuid import UUID, uuid4

from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, InvalidValue
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import (
    as_duration,
    as_id,
    as_member,
    as_moment,
    as_positive,
    as_text,
    checked,
)
from chatapp_db.repositories.integrations.delivering import FAILURES, as_failures, back_off
from chatapp_db.repositories.integrations.dispatching import (
    MOST_CLAIMED,
    ClaimedDelivery,
    DeliveryState,
    claim,
    deliveries,
    enqueue,
    prune,
    record_failure,
    record_success,
    redeliver,
)
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    AsyncioRepository,
    BlockingPlatformRepository,
    BlockingRepository,
    TenantOperations,
)
from chatapp_db.repositories.paging import Page, as_limit
from chatapp_db.rows import WebhookDeliveryChanges, WebhookDeliveryRow
from chatapp_db.schema import WebhookDelivery
from chatapp_db.schema.payloads import EventPayload

__all__ = [
    "AsyncPlatformWebhookDeliveryRepository",
    "AsyncWebhookDeliveryRepository",
    "PlatformWebhookDeliveryOperations",
    "PlatformWebhookDeliveryRepository",
    "WebhookDeliveryOperations",
    "WebhookDeliveryRepository",
]

ATTEMPTS = 16
"""How often a delivery is tried before it is given up: for a day, by ``back_off``."""

LEASE = timedelta(minutes=1)
"""How long a claim lasts; a worker must be done with what it claimed by then."""

Claim = list[tuple[bool, ClaimedDelivery | None]]

_MOST_ATTEMPTS = 100
_SHORTEST, _LONGEST = timedelta(seconds=1), timedelta(days=7)
_STATUS_CODES = range(100, 600)
_SPREAD = 0.2
_random = SystemRandom()
_ERROR_LENGTH = table_of(WebhookDelivery).c.error.info["max_length"]


class WebhookDeliveryOperations(TenantOperations[WebhookDeliveryRow]):
    """What a company's webhooks are told, from the event to its arrival; this package calls nobody."""

    entity = Entity(WebhookDelivery, WebhookDeliveryRow, "webhook delivery")

    @operation
    async def enqueue(
        self, event: str, payload: EventPayload, *, event_id: UUID | None = None
    ) -> list[WebhookDeliveryRow]:
        """Have everybody told who subscribed to an event, as soon as the caller's transaction is committed.

        A delivery for each active webhook; none, where nobody asked for the event. With an ``event_id`` of
        the caller's an event that is enqueued again goes to nobody twice: only what is new is given.

        Raises InvalidValue.
        """
        values = checked(WebhookDeliveryChanges, {"event": event, "payload": payload})
        id = uuid7() if event_id is None else as_id("event_id", event_id)
        written = {f"new_{name}": value for name, value in values.items()}
        return await self._fetch(enqueue(), new_id=uuid7(), new_event_id=id, **written)

    @operation
    async def claim_due(self, n: int = 25, *, lease: timedelta = LEASE) -> list[ClaimedDelivery]:
        """Take what is due, at most ``n``, to send it; until the lease is over nobody else gets it.

        The lease is committed with the transaction, so claim in one of its own (``db.company``). Who dies
        needs no clean-up: what was claimed is due again when the lease ends. Every claim counts as an
        attempt. What is due to a webhook that is disabled meanwhile is given up.

        Raises InvalidValue.
        """
        statement, parameters = claim(_as_count(n)), _as_lease(lease)
        while True:
            found = await self._fetch(statement, **parameters)
            if _is_all(found):
                return _claimed(found)

    @operation
    async def record_success(self, id: UUID, lease_token: UUID, *, status_code: int) -> WebhookDeliveryRow:
        """Note that a delivery arrived, with the token of its claim; its webhook's failures are forgotten.

        Raises NotFound, Conflict where the claim is over and the delivery another's or settled, InvalidValue.
        """
        claimed = {"id": as_id("id", id), "lease_token": as_id("lease_token", lease_token)}
        row = await self._find(record_success(), **claimed, new_status_code=_as_status_code(status_code))
        return await self._lost(id) if row is None else row

    @operation
    async def record_failure(
        self,
        id: UUID,
        lease_token: UUID,
        error: str,
        *,
        status_code: int | None = None,
        retry_in: timedelta | None = None,
        max_attempts: int = ATTEMPTS,
        disable_after: int = FAILURES,
    ) -> WebhookDeliveryRow:
        """Note that a delivery did not arrive, with the token of its claim; it is due again after a while.

        After ``back_off`` of its attempts and up to a fifth more, or after ``retry_in``, if the receiver
        named a time. The last attempt gives it up. A webhook is disabled when a delivery is given up and as
        many calls in a row have failed: that it does not answer for an hour disables none. The error is
        stored as it is, so no secret belongs in it.

        Raises NotFound, Conflict where the claim is over and the delivery another's or settled, InvalidValue.
        """
        most = _as_attempts(max_attempts)
        said = as_text("error", error, _ERROR_LENGTH)
        row = await self._find(
            record_failure(),
            id=as_id("id", id),
            lease_token=as_id("lease_token", lease_token),
            new_error=said,
            new_disabled_reason=said,
            new_status_code=None if status_code is None else _as_status_code(status_code),
            retry_in=None if retry_in is None else _as_span("retry_in", retry_in),
            waits=_waits(most),
            max_attempts=most,
            disable_after=as_failures(disable_after),
        )
        return await self._lost(id) if row is None else row

    @operation
    async def redeliver(self, id: UUID) -> WebhookDeliveryRow:
        """Send a delivery once more, whatever became of it, with all its attempts before it.

        One that is being sent right now stays as it is. A disabled webhook has to be enabled first, or the
        delivery is given up again.

        Raises NotFound.
        """
        row = await self._find(redeliver(), id=as_id("id", id))
        return await self._one(self.entity.get(), id=id) if row is None else row

    @operation
    async def list(
        self,
        *,
        webhook_id: UUID | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[WebhookDeliveryRow]:
        """List the deliveries to a webhook, those in a state, or both, the newest first.

        Raises InvalidValue, InvalidCursor for a cursor of another company, webhook or state.
        """
        wanted = None if state is None else as_member("state", DeliveryState, state)
        given: dict[str, Any] = {} if webhook_id is None else {"webhook_id": as_id("webhook_id", webhook_id)}

        def statement_of(rows: int, *, follows: bool) -> Any:
            return deliveries(rows, follows=follows, of_webhook=bool(given), state=wanted)

        return await self._newest(f"list.{webhook_id}.{wanted}", statement_of, limit, cursor, **given)

    @operation
    async def prune(self, before: datetime, *, limit: int = 500) -> int:
        """Delete what arrived or was given up before a moment, at most so many; gives how many.

        Call it again until it gives fewer than ``limit``. Raises InvalidValue.
        """
        return await self._one(prune(), before=as_moment("before", before), limit=as_limit(limit))

    async def _lost(self, id: UUID) -> WebhookDeliveryRow:
        await self._one(self.entity.get(), id=id)
        raise Conflict("lease_token", "the claim is over: the delivery is another's, or settled")


class WebhookDeliveryRepository(WebhookDeliveryOperations, BlockingRepository):
    """What a company's webhooks are told, blocking."""


class AsyncWebhookDeliveryRepository(WebhookDeliveryOperations, AsyncioRepository):
    """What a company's webhooks are told, awaited."""


class PlatformWebhookDeliveryOperations:
    """What the webhooks of all companies are told: one worker serves everybody."""

    _carrier: Carrier

    @operation
    async def claim_due(self, n: int = 25, *, lease: timedelta = LEASE) -> list[ClaimedDelivery]:
        """Take what is due in any company, at most ``n``, what has been due for longest first.

        Leave the platform scope before sending: the lease is committed with it. What came of an attempt is
        recorded in the company of the delivery, which also signs it.

        Raises InvalidValue.
        """
        statement, parameters = claim(_as_count(n), across_companies=True), _as_lease(lease)
        while True:
            found = await self._carrier.fetch(statement, parameters)
            if _is_all(found):
                return _claimed(found)

    @operation
    async def prune(self, before: datetime, *, limit: int = 500) -> int:
        """Delete what arrived or was given up before a moment in any company, at most so many.

        Gives how many; call it again until it gives fewer than ``limit``. Raises InvalidValue.
        """
        parameters = {"before": as_moment("before", before), "limit": as_limit(limit)}
        return (await self._carrier.fetch(prune(across_companies=True), parameters))[0]


class PlatformWebhookDeliveryRepository(PlatformWebhookDeliveryOperations, BlockingPlatformRepository):
    """What the webhooks of all companies are told, blocking."""


class AsyncPlatformWebhookDeliveryRepository(PlatformWebhookDeliveryOperations, AsyncioPlatformRepository):
    """What the webhooks of all companies are told, awaited."""


def _as_count(n: int) -> int:
    if type(n) is not int or not 1 <= n <= MOST_CLAIMED:
        raise InvalidValue("n", f"not a whole number from 1 to {MOST_CLAIMED}")
    return n


def _as_lease(lease: timedelta) -> dict[str, Any]:
    """Take a lease as a claim's parameters; all that one call claims has one token."""
    return {"lease": _as_span("lease", lease), "new_lease_token": uuid4()}


def _claimed(found: Claim) -> list[ClaimedDelivery]:
    return [one for _, one in found if one is not None]


def _is_all(found: Claim) -> bool:
    """Tell whether there is nothing beyond: what was given up says nothing of what is due behind it."""
    return not all(any_lost and one is None for any_lost, one in found)


def _as_span(field: str, value: timedelta) -> timedelta:
    return as_duration(field, value, least=_SHORTEST, most=_LONGEST)


def _as_attempts(value: int) -> int:
    if as_positive("max_attempts", value, "not a whole number of at least 1") > _MOST_ATTEMPTS:
        raise InvalidValue("max_attempts", f"more than {_MOST_ATTEMPTS}")
    return value


def _as_status_code(value: int) -> int:
    if type(value) is not int or value not in _STATUS_CODES:
        raise InvalidValue("status_code", "not a status code of HTTP")
    return value


def _waits(attempts: int) -> list[timedelta]:
    """Say how long to wait after each attempt; what failed together does not come back together."""
    spread = 1 + _SPREAD * _random.random()
    return [back_off(attempt + 1) * spread for attempt in range(attempts)]
