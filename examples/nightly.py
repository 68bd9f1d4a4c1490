"""The work of a night: what is over expires, days are added up, what is too old goes, keys are changed.

    CHATAPP_DATABASE_URL=postgresql://.. python examples/nightly.py

For cron, or whatever starts things at night. Every step may be run again, may be interrupted, and may run
on several machines at once. With ``CHATAPP_ENCRYPTION_KEYS`` set (``new:KEY,old:KEY``), secrets that are
sealed with an old key are sealed with the first one.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from chatapp_db import Database, KeyRing, RetentionPolicy

POLICY = RetentionPolicy(
    conversations=timedelta(days=2 * 365),
    messages=timedelta(days=3 * 365),
    customers=timedelta(days=3 * 365),
    invitations=timedelta(days=90),
    webhook_deliveries=timedelta(days=30),
    usage_reservations=timedelta(days=62),
    audit_logs=timedelta(days=6 * 365),
)
"""Yours is a matter of law and contracts; a company with another policy is named to ``retain``."""

LIMIT = 500

T = TypeVar("T")


def main() -> int:
    """Do it all, one step after the other; ends with 1 where secrets are left under an old key."""
    setting = os.environ.get("CHATAPP_ENCRYPTION_KEYS", "")
    keys = KeyRing.parse(setting) if setting else None
    with Database(os.environ["CHATAPP_DATABASE_URL"], keys=keys) as db:
        now = datetime.now(UTC)
        for line in (*expired(db, now), *rolled_up(db, now), *retained(db, now)):
            print(line)
        return 0 if keys is None else rotated(db)


def expired(db: Database, now: datetime) -> Iterator[str]:
    """Mark what nobody can use any more."""
    with db.platform("nightly: expiry") as platform:
        invitations = total(lambda: platform.invitations.expire_due(limit=LIMIT))
        trials = total(lambda: platform.companies.expire_trials(now, limit=LIMIT))
    yield f"expired     {invitations:>8,} invitations, {trials:,} trials"


def rolled_up(db: Database, now: datetime) -> Iterator[str]:
    """Add up the days that are over, each company's in its time zone; before old messages go."""
    with db.platform("nightly: roll-up") as platform:
        days = [*rows(lambda: platform.daily_analytics.rollup_due(now))]
    messages = sum(day.messages_total for day in days)
    companies = len({day.company_id for day in days})
    yield f"rolled up   {len(days):>8,} days of {companies:,} companies, {messages:,} messages"


def retained(db: Database, now: datetime) -> Iterator[str]:
    """Remove what the policy keeps no longer."""
    retention = db.privacy.retain(POLICY, now)
    yield f"removed     {retention.total:>8,} rows in {retention.companies:,} companies"
    for table, count in retention.rows.items():
        if count:
            yield f"            {count:>8,} {table}"


def rotated(db: Database) -> int:
    """Seal with the first key what is under another one."""
    rotation = db.rotate_keys()
    print(f"sealed anew {rotation.resealed:>8,} secrets, {rotation.remaining:,} are left under an old key")
    return 0 if rotation.is_complete else 1


def rows(batch: Callable[[], Sequence[T]]) -> Iterator[T]:
    """Call until nothing is given."""
    while found := batch():
        yield from found


def total(batch: Callable[[], Sequence[object]]) -> int:
    """Call until nothing is given, and count."""
    return sum(1 for _ in rows(batch))


if __name__ == "__main__":
    sys.exit(main())
