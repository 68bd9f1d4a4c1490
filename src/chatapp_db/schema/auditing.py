"""What the audit trail tells: the tables whose changes are written down, and what each change is called.

Every column of such a table is told unless it is left out here, so that a column added later cannot be
forgotten. Of a column that is hidden the trail tells that it changed and not from what to what: it holds a
secret, or says who somebody is, which nobody could take out of an append-only table again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

__all__ = ["AUDITED", "ROW_BY_ROW", "Audited", "Verb", "actions", "told"]

ROW_BY_ROW = ("created", "updated", "deleted")
"""What happened to a row, where no finer word is known."""

_OF_EVERY_TABLE = frozenset({"id", "company_id", "created_at", "updated_at"})


@dataclass(frozen=True, slots=True)
class Verb:
    """A finer word for an update of a column; a text of None is any value, an empty one is null."""

    word: str
    column: str
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, slots=True)
class Audited:
    """How the changes of a table are told; of several verbs that fit, the first counts."""

    resource: str
    verbs: tuple[Verb, ...] = ()
    only: frozenset[str] | None = None
    without: frozenset[str] = frozenset()
    hidden: frozenset[str] = frozenset()
    tells_inserts: bool = True


AUDITED = {
    "chatapp_companies": Audited(
        "company",
        verbs=tuple(
            Verb("subscription_changed", column)
            for column in ("subscription_plan_id", "subscription_status", "billing_cycle", "trial_ends_at")
        ),
    ),
    "chatapp_users": Audited(
        "user",
        verbs=(
            Verb("role_changed", "role"),
            Verb("activated", "status", "active"),
            Verb("deactivated", "status", "inactive"),
            Verb("suspended", "status", "suspended"),
        ),
        without=frozenset({"last_login_at"}),
        hidden=frozenset({"email", "name", "avatar_url", "settings"}),
    ),
    "chatapp_team_invitations": Audited(
        "invitation",
        verbs=(
            Verb("accepted", "status", "accepted"),
            Verb("revoked", "status", "revoked"),
            Verb("expired", "status", "expired"),
            Verb("resent", "token"),
        ),
        hidden=frozenset({"email", "token"}),
    ),
    "chatapp_agents": Audited(
        "agent",
        verbs=(
            Verb("activated", "status", "active"),
            Verb("paused", "status", "paused"),
            Verb("archived", "status", "archived"),
        ),
    ),
    "chatapp_widget_settings": Audited("widget"),
    "chatapp_knowledge_sources": Audited(
        # How far a worker has come is no change that somebody made.
        "knowledge_source",
        without=frozenset({"status", "error_message"}),
    ),
    "chatapp_conversations": Audited(
        "conversation",
        verbs=(
            Verb("resolved", "status", "resolved"),
            Verb("archived", "status", "archived"),
            Verb("escalated", "status", "waiting"),
            Verb("reopened", "status", "active", before="resolved"),
            Verb("reopened", "status", "active", before="archived"),
            Verb("unassigned", "assigned_user_id", ""),
            Verb("assigned", "assigned_user_id"),
        ),
        only=frozenset({"status", "assigned_user_id", "agent_id"}),
        # Customers open them; each says itself when and where.
        tells_inserts=False,
    ),
    "chatapp_canned_responses": Audited("canned_response", without=frozenset({"usage_count"})),
    "chatapp_integrations": Audited(
        "integration",
        verbs=(
            Verb("connected", "status", "active"),
            Verb("disconnected", "status", "inactive"),
            Verb("failed", "status", "error"),
        ),
        without=frozenset({"last_sync_at", "last_error"}),
        hidden=frozenset({"config"}),
    ),
    "chatapp_webhooks": Audited(
        "webhook",
        verbs=(
            Verb("secret_rotated", "secret"),
            Verb("enabled", "is_active", "true"),
            Verb("disabled", "is_active", "false"),
        ),
        without=frozenset({"last_triggered_at", "failure_count"}),
        hidden=frozenset({"secret"}),
    ),
}
"""The audited tables, each with how its changes are told."""


def told(table: sa.Table) -> list[str]:
    """Name the columns of a table whose changes are told."""
    audited = AUDITED[table.name]
    wanted: Any = audited.only or {column.name for column in table.c} - _OF_EVERY_TABLE - audited.without
    return [column.name for column in table.c if column.name in wanted]


def actions() -> Iterator[str]:
    """Name everything that the trail tells by itself: ``agent.created``, ``agent.paused`` and so on."""
    for audited in AUDITED.values():
        words = [word for word in ROW_BY_ROW if audited.tells_inserts or word != "created"]
        for word in dict.fromkeys([*words, *(verb.word for verb in audited.verbs)]):
            yield f"{audited.resource}.{word}"
