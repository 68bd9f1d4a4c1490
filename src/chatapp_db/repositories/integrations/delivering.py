"""What becomes of an address that is called: who is told, what success and failure count, what signs."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from typing import Any

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, constant, written
from chatapp_db.repositories.base import moment, owned, table_of
from chatapp_db.repositories.border import as_positive
from chatapp_db.rows import WebhookRow
from chatapp_db.schema import Webhook

__all__ = [
    "FAILURES",
    "after_failure",
    "after_success",
    "as_failures",
    "back_off",
    "disable",
    "enable",
    "is_told",
    "record_failure",
    "record_success",
    "replace_secret",
    "subscribers",
    "write_secret",
]

FAILURES = 20
"""How often in a row an address may fail before it is no longer called."""

_FIRST_WAIT = timedelta(seconds=5)
_LONGEST_WAIT = timedelta(hours=6)

_webhooks = table_of(Webhook)
_c = _webhooks.c
_is_one = sa.and_(owned(_webhooks), _c.id == sa.bindparam("id", type_=sa.Uuid()))


def back_off(failures: int) -> timedelta:
    """Say how long to wait after so many failures in a row: 5 seconds, then twice as long each time.

    6 hours at most. Spread it by a random part, or all that failed together comes back together.
    """
    return min(_FIRST_WAIT * (1 << min(max(failures - 1, 0), 32)), _LONGEST_WAIT)


def as_failures(value: int) -> int:
    """Take how many failures in a row disable an address."""
    return as_positive("disable_after", value, "not a whole number of at least 1")


def is_told(event: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Compare the company's addresses with an event: who asked for it, and is not disabled."""
    return sa.and_(owned(_webhooks), _c.is_active, event == sa.any_(_c.events))


@cache
def subscribers() -> Statement[WebhookRow]:
    """List who is to be told; not a page, since nobody may be left out."""
    query = sa.select(*_c).where(is_told(sa.bindparam("event", type_=sa.Text())))
    return Statement(query.order_by(_c.id), WebhookRow)


def _change(*conditions: Any, **values: Any) -> Statement[WebhookRow]:
    update: Any = sa.update(_webhooks).where(_is_one, *conditions)
    return Statement(update.values(**values).returning(*_c), WebhookRow)


@cache
def write_secret() -> Statement[WebhookRow]:
    """Write a secret, whatever was there."""
    return _change(secret=written(_c.secret))


@cache
def replace_secret() -> Statement[WebhookRow]:
    """Write a secret made from the old one, if that is still there."""
    old = sa.bindparam("old_secret", type_=_c.secret.type)
    return _change(_c.secret == old, secret=written(_c.secret))


def after_success() -> dict[str, Any]:
    """Count from nothing again."""
    return {"last_triggered_at": sa.func.now(), "failure_count": constant(0, _c.failure_count.type)}


def after_failure(*conditions: sa.ColumnElement[bool]) -> dict[str, Any]:
    """Count a failure; the last one that is borne disables the address, if all else is so, and says why."""
    failures = _c.failure_count + constant(1, _c.failure_count.type)
    too_many = sa.and_(failures >= sa.bindparam("disable_after", type_=_c.failure_count.type), *conditions)
    is_over = sa.and_(_c.is_active, too_many)
    return {
        "last_triggered_at": sa.func.now(),
        "failure_count": failures,
        "is_active": sa.and_(_c.is_active, sa.not_(too_many)),
        "disabled_at": sa.case((is_over, moment()), else_=_c.disabled_at),
        "disabled_reason": sa.case((is_over, written(_c.disabled_reason)), else_=_c.disabled_reason),
    }


@cache
def record_success() -> Statement[WebhookRow]:
    """Note that a call arrived."""
    return _change(**after_success())


@cache
def record_failure() -> Statement[WebhookRow]:
    """Note that a call did not arrive."""
    return _change(**after_failure())


@cache
def enable() -> Statement[WebhookRow]:
    """Start anew."""
    return _change(
        is_active=sa.true(),
        failure_count=constant(0, _c.failure_count.type),
        disabled_at=sa.null(),
        disabled_reason=sa.null(),
    )


@cache
def disable() -> Statement[WebhookRow]:
    """Stop; a reason that is given replaces the one there was."""
    return _change(
        is_active=sa.false(),
        disabled_at=sa.func.coalesce(_c.disabled_at, moment()),
        disabled_reason=sa.func.coalesce(written(_c.disabled_reason), _c.disabled_reason),
    )
