"""What waits in the outbox and for webhooks, since when, and what was given up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from chatapp_db.doctor.deployment import Deployment
from chatapp_db.doctor.finding import Finding, Severity

__all__ = ["LATE", "deliveries", "outbox"]

LATE = timedelta(minutes=15)
"""How long something may be due before somebody should look at its worker."""


def outbox(deployment: Deployment) -> Iterator[Finding]:
    """Find changes that no sync worker brings to the vector store, and those that were given up."""
    from chatapp_db.schema import metadata

    rows = metadata.tables["chatapp_vector_outbox"].c
    late = sa.and_(rows.dead_at.is_(None), rows.available_at < sa.func.now() - LATE)
    late_ones, dead = _counted(deployment, "outbox", late, rows.dead_at.is_not(None))
    if dead:
        what = f"{dead:,} changes were refused and given up: searches miss them"
        yield Finding("outbox-dead", Severity.ERROR, "outbox", what, "chatapp-db vectors retry")
    if late_ones:
        what = f"{late_ones:,} changes have been due for more than {LATE}: does a sync worker run?"
        yield Finding("outbox-late", Severity.WARNING, "outbox", what, "chatapp-db vectors sync")


def deliveries(deployment: Deployment) -> Iterator[Finding]:
    """Find webhook deliveries that no worker claims, and those that were given up."""
    from chatapp_db.schema import metadata

    rows = metadata.tables["chatapp_webhook_deliveries"].c
    late = sa.and_(rows.next_attempt_at < sa.func.now() - LATE, rows.delivered_at.is_(None))
    late_ones, dead = _counted(deployment, "deliveries", late, rows.dead_at.is_not(None))
    if dead:
        what = f"{dead:,} deliveries were given up"
        mend = "db.company(company_id).webhook_deliveries.redeliver(delivery_id)"
        yield Finding("deliveries-dead", Severity.WARNING, "webhook deliveries", what, mend)
    if late_ones:
        what = f"{late_ones:,} deliveries have been due for more than {LATE}: does the webhook worker run?"
        yield Finding("deliveries-late", Severity.WARNING, "webhook deliveries", what)


def _counted(deployment: Deployment, area: str, late: Any, dead: Any) -> tuple[int, int]:
    """Count what is late and what is dead; none where it is not to be seen."""
    with deployment.across_companies(area) as may:
        if not may:
            return 0, 0
        counts = sa.select(sa.func.count().filter(late), sa.func.count().filter(dead))
        late_ones, dead_ones = deployment.connection.execute(counts).one()
        return late_ones, dead_ones
