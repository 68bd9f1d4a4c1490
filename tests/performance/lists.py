"""Every list a company can ask for: how it is called, which index serves its order, and what it reads."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any
from uuid import uuid4

from tests.performance.place import Place

__all__ = ["KEYS", "LISTS", "PAGE", "WRITES", "Asked", "Reads"]

PAGE = 25
"""Rows that every list is asked for."""


class Reads(StrEnum):
    """How many rows a list may read."""

    PAGES = "its page, so many times"
    OPEN = "the conversations that are open"
    COMPANY = "the company's rows"
    EVERYTHING = "every company's rows"


@dataclass(frozen=True)
class Asked:
    """A method as it is asked; what reads more than pages has a reason."""

    method: str
    index: str
    """What serves the order, or the key; without its prefix of the table."""
    given: Callable[[Place], dict[str, Any]] = field(default=lambda _: {})
    note: str = ""
    pages: int = 1
    reads: Reads = Reads.PAGES
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.method}({self.note})"


def _days_ago(days: int) -> dt.datetime:
    return dt.datetime.now(dt.UTC) - dt.timedelta(days=days)


def _day(days_ago: int) -> dt.date:
    return _days_ago(days_ago).date()


_ROWS = {column.name for column in fields(Place) if column.type == "UUID"}

WRITES = {"messages.append_many", "webhook_deliveries.enqueue"}
"""Give back a list of what they have just written."""

_NEWEST = {
    "agents": "pk_chatapp_agents",
    "canned_responses": "pk_chatapp_canned_responses",
    "conversation_analytics": "pk_chatapp_conversation_analytics",
    "conversations": "pk_chatapp_conversations",
    "customers": "pk_chatapp_customers",
    "daily_analytics": "pk_chatapp_daily_analytics",
    "embedding_sets": "pk_chatapp_embedding_sets",
    "integrations": "pk_chatapp_integrations",
    "knowledge": "pk_chatapp_knowledge_sources",
    "knowledge_chunks": "pk_chatapp_knowledge_chunks",
    "messages": "pk_chatapp_messages",
    "packages": "pk_chatapp_agent_packages",
    "plans": "pk_chatapp_subscription_plans",
    "usage": "pk_chatapp_usage_reservations",
    "users": "uq_chatapp_users_company_id_id",
    "webhook_deliveries": "pk_chatapp_webhook_deliveries",
    "webhooks": "pk_chatapp_webhooks",
}

_SORTED = "no index has this order; what is open is sorted"
_SETTLED = "no index has this order; whoever asks for what is settled sorts all of it"
_FILTERED = "a rare filter goes through the order it is asked in, until the page is full"
_TEXT = "no index on text is used below a policy: the company is read until the page is full"


def _inbox(note: str, index: str, pages: int, **given: Any) -> Asked:
    return Asked("conversations.inbox", f"ix_chatapp_conversations_inbox_{index}", _some(given), note, pages)


def _slow_inbox(note: str, reads: Reads, reason: str, **given: Any) -> Asked:
    return Asked("conversations.inbox", "", _some(given), note, reads=reads, reason=reason)


def _some(given: dict[str, Any]) -> Callable[[Place], dict[str, Any]]:
    """Give arguments, of which one that names a row of the place stands for it."""
    return lambda place: {
        name: getattr(place, value) if value in _ROWS else value for name, value in given.items()
    }


# A conversation of a page is read once, and its customer is looked up.
_INBOX = [
    _inbox("", "active", 3),
    *(_inbox(status, status, 2, status=status) for status in ("active", "waiting", "resolved", "archived")),
    _inbox("unassigned", "active", 6, view="unassigned"),
    _inbox("unattended", "active", 4, view="unattended"),
    _inbox("mine", "mine", 6, view="mine", user_id="user_id"),
    _inbox("a person's settled", "mine", 10, status="resolved", user_id="user_id"),
    *(
        _slow_inbox(f"{view} by {sort}", Reads.OPEN, _SORTED, view=view, sort=sort)
        for view in ("all", "unassigned", "unattended")
        for sort in ("waiting_longest", "priority")
    ),
    *(
        _slow_inbox(f"{status} by {sort}", reads, reason, status=status, sort=sort)
        for sort in ("waiting_longest", "priority")
        for status, reads, reason in (
            ("active", Reads.OPEN, _SORTED),
            ("resolved", Reads.COMPANY, _SETTLED),
        )
    ),
    _slow_inbox("a channel", Reads.OPEN, _FILTERED, channel="slack"),
    _slow_inbox("an agent", Reads.COMPANY, _FILTERED, agent_id="agent_id"),
    _slow_inbox("urgent", Reads.OPEN, _FILTERED, priority=3),
    _slow_inbox("a tag", Reads.OPEN, _FILTERED, tags=("topic-3",)),
    _slow_inbox("settled with a tag", Reads.COMPANY, _FILTERED, status="resolved", tags=("none",)),
]

LISTS = [
    *(Asked(f"{repository}.page", index) for repository, index in _NEWEST.items()),
    Asked("audit.page", "ix_chatapp_audit_logs_company_id_created_at"),
    Asked("audit.list", "ix_chatapp_audit_logs_company_id_created_at"),
    Asked(
        "audit.list",
        "ix_chatapp_audit_logs_company_id_created_at",
        lambda _: {"since": _days_ago(60), "until": _days_ago(30)},
        "a time",
    ),
    Asked("audit.list", "ix_chatapp_audit_logs_action", lambda _: {"action": "agent.updated"}, "an action"),
    Asked(
        "audit.list",
        "ix_chatapp_audit_logs_resource_type",
        lambda _: {"resource_type": "agent"},
        "a kind of row",
    ),
    Asked("audit.list", "ix_chatapp_audit_logs_user", _some({"user_id": "user_id"}), "a person"),
    Asked(
        "audit.for_resource",
        "ix_chatapp_audit_logs_resource",
        lambda place: {"resource_type": "conversation", "resource_id": place.conversation_id},
    ),
    Asked("invitations.page", "ix_chatapp_team_invitations_company_id_created_at"),
    *_INBOX,
    Asked(
        "conversations.inbox_counts",
        "ix_chatapp_conversations_inbox_active",
        _some({"user_id": "user_id"}),
        reads=Reads.OPEN,
        reason="what is counted is read",
    ),
    Asked(
        "conversation_analytics.agent_report",
        "ix_chatapp_conversations_started_at",
        lambda _: {"first": _day(8), "last": _day(7)},
        pages=100,
    ),
    Asked(
        "daily_analytics.series",
        "uq_chatapp_daily_analytics_date",
        lambda _: {"metric": "messages", "first": _day(59), "last": _day(35)},
        pages=2,
    ),
    Asked(
        "conversations.idle_since",
        "ix_chatapp_conversations_inbox_active",
        lambda _: {"moment": _days_ago(5)},
        pages=2,
    ),
    Asked(
        "conversations.auto_resolve_idle",
        "ix_chatapp_conversations_inbox_active",
        lambda _: {"idle_before": _days_ago(5)},
        pages=2,
    ),
    Asked(
        "conversations.claim_next",
        "ix_chatapp_conversations_queue",
        lambda place: {"user_id": place.user_id, "n": PAGE},
        pages=3,
    ),
    Asked(
        "conversations.unread_counts",
        "ix_chatapp_messages_page",
        lambda place: {"ids": place.latest},
        pages=25,
    ),
    Asked(
        "customers.search", "ix_chatapp_customers_last_seen_at", lambda _: {"term": "ada"}, "often", pages=10
    ),
    Asked(
        "customers.search", "", lambda _: {"term": "nobody-at-all"}, "rare", reads=Reads.COMPANY, reason=_TEXT
    ),
    Asked(
        "customers.recent_conversations",
        "ix_chatapp_conversations_customer_id",
        _some({"customer_id": "customer_id"}),
    ),
    Asked(
        "canned_responses.visible_to", "pk_chatapp_canned_responses", _some({"user_id": "user_id"}), pages=2
    ),
    Asked(
        "canned_responses.search",
        "",
        lambda place: {"user_id": place.user_id, "term": "answer-1"},
        reads=Reads.COMPANY,
        reason="what a person may use is ranked; a company writes hundreds",
    ),
    Asked(
        "daily_analytics.range",
        "uq_chatapp_daily_analytics_date",
        lambda _: {"first": _day(59), "last": _day(35)},
    ),
    Asked("integrations.list", "pk_chatapp_integrations", lambda _: {"status": "inactive"}),
    Asked("invitations.expire_due", "uq_chatapp_team_invitations_company_id_email"),
    Asked("knowledge.for_agent", "pk_chatapp_knowledge_sources", _some({"agent_id": "agent_id"}), pages=5),
    Asked("knowledge.claim_pending", "pk_chatapp_knowledge_sources", pages=60),
    Asked(
        "knowledge_chunks.of_source",
        "uq_chatapp_knowledge_chunks_source_id_chunk_index",
        _some({"source_id": "source_id"}),
    ),
    Asked("knowledge_chunks.by_ids", "pk_chatapp_knowledge_chunks", lambda place: {"ids": place.chunks}),
    Asked(
        "knowledge_chunks.by_ids",
        "pk_chatapp_knowledge_chunks",
        lambda place: {"ids": place.chunks, "agent_id": place.agent_id},
        "of an agent",
        pages=2,
    ),
    *(
        Asked(
            "knowledge_chunks.keyword_search",
            "pk_chatapp_knowledge_chunks",
            _some(given),
            " ".join(given.values()),
        )
        for given in (
            {"query": "parcel"},
            {"query": "nowhere to be found"},
            {"query": "parcel or discount", "agent_id": "agent_id"},
        )
    ),
    *(
        Asked(
            "messages.history",
            "ix_chatapp_messages_page",
            _some({"conversation_id": "conversation_id", **beside}),
            ", ".join(beside),
            pages=pages,
        )
        for beside, pages in (
            ({}, 1),
            ({"before": "message_id"}, 2),
            ({"after": "message_id"}, 2),
            ({"around": "message_id"}, 3),
        )
    ),
    Asked(
        "messages.recent_for_llm",
        "ix_chatapp_messages_page",
        _some({"conversation_id": "conversation_id"}),
        pages=2,
    ),
    Asked(
        "messages.recent_for_llm",
        "ix_chatapp_messages_page",
        lambda place: {"conversation_id": place.conversation_id, "max_tokens": 500},
        "of a budget",
        pages=2,
    ),
    *(
        Asked("messages.search", "pk_chatapp_messages", _some({"query": words}), words)
        for words in ("parcel", "nowhere to be found")
    ),
    Asked("embedding_sets.live", "pk_chatapp_embedding_sets"),
    Asked("packages.active", "pk_chatapp_agent_packages"),
    Asked("plans.active", "pk_chatapp_subscription_plans"),
    Asked("usage.history", "uq_chatapp_usage_counters_metric_period", lambda _: {"metric": "metric-1"}),
    Asked("users.list", "uq_chatapp_users_company_id_id", lambda _: {"role": "company_admin"}, pages=40),
    Asked(
        "webhook_deliveries.claim_due", "ix_chatapp_webhook_deliveries_due", lambda _: {"n": PAGE}, pages=6
    ),
    Asked("webhook_deliveries.list", "pk_chatapp_webhook_deliveries"),
    Asked(
        "webhook_deliveries.list",
        "ix_chatapp_webhook_deliveries_webhook",
        _some({"webhook_id": "webhook_id"}),
        "a webhook",
    ),
    *(
        Asked(
            "webhook_deliveries.list",
            f"{index}_chatapp_webhook_deliveries{end}",
            _some({"state": state}),
            state,
            2,
        )
        for state, index, end in (("delivered", "pk", ""), ("dead", "ix", "_dead"))
    ),
    Asked(
        "webhook_deliveries.list",
        "",
        _some({"state": "pending"}),
        "pending",
        reads=Reads.COMPANY,
        reason="no index has this order; what is under way is sorted",
    ),
    # No page, since nobody may be left out who is to be told: all of the company's are looked at.
    Asked(
        "webhooks.subscribers",
        "pk_chatapp_webhooks",
        lambda _: {"event": "conversation.created"},
        pages=200,
    ),
]

KEYS = [
    *(Asked(f"{name}.find", index, lambda _: {"id": uuid4()}) for name, index in _NEWEST.items()),
    Asked(
        "customers.identify",
        "uq_chatapp_customers_external_id",
        lambda _: {"external_id": "crm-2"},
        "external id",
    ),
    Asked("customers.identify", "uq_chatapp_customers_email", lambda _: {"email": "a@example.com"}, "e-mail"),
    Asked(
        "conversations.open_or_get",
        "uq_chatapp_conversations_channel",
        lambda place: {
            "channel": "slack",
            "channel_conversation_id": "channel-2",
            "agent_id": place.agent_id,
            "customer_id": place.customer_id,
        },
    ),
    Asked(
        "messages.append",
        "pk_chatapp_conversations",
        lambda place: {"conversation_id": place.conversation_id, "role": "user", "content": "Hello?"},
    ),
    Asked("widget.get", "uq_chatapp_widget_settings_company_id"),
    Asked("agents.for_channel", "pk_chatapp_agents", lambda _: {"channel": "widget"}),
    Asked("packages.by_slug", "uq_chatapp_agent_packages_slug", lambda _: {"slug": "package-1"}),
    Asked("plans.by_slug", "uq_chatapp_subscription_plans_slug", lambda _: {"slug": "plan-1"}),
]
