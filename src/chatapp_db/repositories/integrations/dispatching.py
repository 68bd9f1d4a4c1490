"""How events go out: who gets one, who takes what is due, and what an attempt comes to; the statements."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.sql.elements import Grouping

from chatapp_db.execution.statement import COMPANY, Statement, constant, scalar, written
from chatapp_db.repositories.base import moment, newest_first, owned, table_of
from chatapp_db.repositories.integrations.delivering import after_failure, after_success, is_told
from chatapp_db.repositories.upserting import id_for_each
from chatapp_db.rows import WebhookDeliveryRow
from chatapp_db.schema import Webhook, WebhookDelivery

__all__ = [
    "MOST_CLAIMED",
    "ClaimedDelivery",
    "DeliveryState",
    "claim",
    "deliveries",
    "enqueue",
    "prune",
    "record_failure",
    "record_success",
    "redeliver",
]

MOST_CLAIMED = 100
_DISABLED = "the webhook is disabled"

_deliveries, _webhooks = table_of(WebhookDelivery), table_of(Webhook)
_c = _deliveries.c
_ZERO, _ONE = (constant(number, _c.attempts.type) for number in (0, 1))
_is_one = sa.and_(owned(_deliveries), _c.id == sa.bindparam("id", type_=sa.Uuid()))


class DeliveryState(StrEnum):
    """What has become of a delivery: it is under way, it arrived, or it was given up."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


_MOMENTS = {
    DeliveryState.PENDING: _c.next_attempt_at,
    DeliveryState.DELIVERED: _c.delivered_at,
    DeliveryState.DEAD: _c.dead_at,
}


@dataclass(slots=True)
class ClaimedDelivery:
    """A delivery that is the caller's to send until ``delivery.next_attempt_at``.

    It goes to the URL; what came of it is recorded with the token.
    """

    delivery: WebhookDeliveryRow
    lease_token: UUID
    url: str


@cache
def enqueue() -> Statement[WebhookDeliveryRow]:
    """Insert a delivery for each address that is to be told; who has the event already, has it."""
    values = {
        "id": id_for_each(written(_c.id)),
        "company_id": COMPANY,
        "webhook_id": _webhooks.c.id,
        "event_id": written(_c.event_id),
        "event": written(_c.event),
        "payload": written(_c.payload),
        "next_attempt_at": sa.func.now(),
    }
    source = sa.select(*(value.label(name) for name, value in values.items()))
    told = source.where(is_told(written(_c.event))).order_by(_webhooks.c.id)
    insertion = insert(_deliveries).from_select(list(values), told, include_defaults=False)
    key = [_c.company_id, _c.event_id, _c.webhook_id]
    change: Any = insertion.on_conflict_do_nothing(index_elements=key)
    return Statement(change.returning(*_c), WebhookDeliveryRow)


@lru_cache(maxsize=2 * MOST_CLAIMED)
def claim(n: int, *, across_companies: bool = False) -> Statement[tuple[bool, ClaimedDelivery | None]]:
    """Lease what is due and nobody else has; what is due to a disabled address is given up instead.

    Whether any was given up is in a row that is there also where nothing is claimed.
    """
    due = _due(n, across_companies)
    claimed = _taken(
        due,
        across_companies,
        _webhooks.c.is_active,
        attempts=_c.attempts + _ONE,
        next_attempt_at=sa.func.now() + sa.bindparam("lease", type_=sa.Interval()),
        lease_token=written(_c.lease_token),
    )
    taken = claimed.returning(_c.lease_token.label("token"), _webhooks.c.url, *_c).cte("taken")
    given_up = _taken(
        due,
        across_companies,
        ~_webhooks.c.is_active,
        **_SETTLED,
        dead_at=sa.func.now(),
        error=constant(_DISABLED, _c.error.type),
    )
    lost = given_up.returning(_c.id).cte("lost")
    any_lost = sa.select(sa.exists(sa.select(lost.c.id)).label("any_lost")).cte("any_lost")
    query = sa.select(any_lost.c.any_lost, *taken.c).outerjoin_from(any_lost, taken, sa.true())
    return Statement(query.order_by(taken.c.id), _claimed, across_companies=across_companies)


_SETTLED: dict[str, Any] = {"next_attempt_at": sa.null(), "lease_token": sa.null()}


def _claimed(
    any_lost: bool, lease_token: UUID | None, url: str, *columns: Any
) -> tuple[bool, ClaimedDelivery | None]:
    if lease_token is None:
        return any_lost, None
    return any_lost, ClaimedDelivery(WebhookDeliveryRow(*columns), lease_token, url)


def _due(n: int, across_companies: bool) -> Any:
    """Lock what has been due for longest; by its words each of the two finds the index that is its own."""
    chosen = _c.delivered_at.is_(None) if across_companies else owned(_deliveries)
    query = sa.select(_c.company_id, _c.id).where(chosen, _c.next_attempt_at <= sa.func.now())
    oldest = query.order_by(_c.next_attempt_at, _c.id).limit(constant(n, sa.Integer()))
    return oldest.with_for_update(skip_locked=True).cte("due").prefix_with("MATERIALIZED")


def _taken(due: Any, across_companies: bool, is_wanted: Any, **values: Any) -> Any:
    """Write to what is due and goes to an address that is wanted."""
    update: Any = sa.update(_deliveries).where(
        sa.true() if across_companies else owned(_deliveries, _webhooks),
        _c.company_id == due.c.company_id,
        _c.id == due.c.id,
        _webhooks.c.company_id == _c.company_id,
        _webhooks.c.id == _c.webhook_id,
        is_wanted,
    )
    return update.values(**values)


@cache
def record_success() -> Statement[WebhookDeliveryRow]:
    """Settle a delivery of whoever holds its lease, and forget the failures of its address."""
    arrived = _attempted(
        **_SETTLED, delivered_at=sa.func.now(), status_code=written(_c.status_code), error=sa.null()
    )
    return _with_address(arrived, lambda _: after_success())


@cache
def record_failure() -> Statement[WebhookDeliveryRow]:
    """Have a delivery wait for its next attempt, or give it up; then alone its address may be disabled."""
    is_last = _c.attempts >= sa.bindparam("max_attempts", type_=_c.attempts.type)
    waits: Any = Grouping(sa.bindparam("waits", type_=ARRAY(sa.Interval())))
    wait = sa.func.coalesce(sa.bindparam("retry_in", type_=sa.Interval()), waits[_c.attempts])
    failed = _attempted(
        next_attempt_at=sa.case((is_last, sa.null()), else_=moment() + wait),
        dead_at=sa.case((is_last, moment())),
        lease_token=sa.null(),
        status_code=written(_c.status_code),
        error=written(_c.error),
    )
    return _with_address(failed, lambda delivery: after_failure(delivery.c.dead_at.is_not(None)))


def _attempted(**values: Any) -> Any:
    """Write what an attempt came to, if the lease is still that of who tells."""
    holds = _c.lease_token == sa.bindparam("lease_token", type_=_c.lease_token.type)
    update: Any = sa.update(_deliveries).where(_is_one, holds)
    return update.values(**values).returning(*_c).cte("attempted")


def _with_address(attempted: Any, values: Callable[[Any], dict[str, Any]]) -> Statement[WebhookDeliveryRow]:
    update: Any = sa.update(_webhooks).where(owned(_webhooks), _webhooks.c.id == attempted.c.webhook_id)
    address = update.values(**values(attempted)).returning(_webhooks.c.id).cte("address")
    return Statement(sa.select(attempted).add_cte(address), WebhookDeliveryRow)


@cache
def redeliver() -> Statement[WebhookDeliveryRow]:
    """Make a delivery due as if it were new, unless somebody is sending it."""
    is_idle = sa.or_(_c.lease_token.is_(None), _c.next_attempt_at <= sa.func.now())
    update: Any = sa.update(_deliveries).where(_is_one, is_idle)
    due = update.values(
        attempts=_ZERO,
        next_attempt_at=sa.func.now(),
        lease_token=sa.null(),
        delivered_at=sa.null(),
        dead_at=sa.null(),
    )
    return Statement(due.returning(*_c), WebhookDeliveryRow)


@lru_cache(maxsize=128)
def deliveries(
    rows: int, *, follows: bool, of_webhook: bool, state: DeliveryState | None
) -> Statement[WebhookDeliveryRow]:
    """List the newest; that a moment is there is what the index of a state knows."""
    query = sa.select(*_c).where(owned(_deliveries))
    if of_webhook:
        query = query.where(_c.webhook_id == sa.bindparam("webhook_id", type_=_c.webhook_id.type))
    if state is not None:
        query = query.where(_MOMENTS[state].is_not(None))
    return Statement(newest_first(_deliveries, query, rows, follows=follows), WebhookDeliveryRow)


@cache
def prune(*, across_companies: bool = False) -> Statement[int]:
    """Delete a batch of what was settled before a moment, past those that another call holds."""
    own = sa.true() if across_companies else owned(_deliveries)
    settled_at = sa.func.coalesce(_c.delivered_at, _c.dead_at)
    old = sa.select(_c.company_id, _c.id).where(
        own, _c.next_attempt_at.is_(None), settled_at < sa.bindparam("before", type_=_c.dead_at.type)
    )
    # No index has all companies in this order: the first that are found are as good.
    oldest = old if across_companies else old.order_by(settled_at)
    batch = oldest.limit(sa.bindparam("limit", type_=sa.Integer()))
    found = batch.with_for_update(skip_locked=True).cte("found")
    deletion: Any = sa.delete(_deliveries).where(
        own, _c.company_id == found.c.company_id, _c.id == found.c.id
    )
    gone = deletion.returning(_c.id).cte("gone")
    return Statement(sa.select(sa.func.count()).select_from(gone), scalar, across_companies=across_companies)
