"""Retention: what is older than the policy goes, exactly, in every company or in one; the rest stays."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chatapp_db import RetentionPolicy
from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.privacy import ageing
from chatapp_db.privacy.lineage import of_a_company
from tests.isolation.population import fingerprint
from tests.past import Past
from tests.rows import new_company, new_conversation, new_customer

# What a test writes by itself, such as entries of the trail, is of now.
NOW = datetime.now(UTC).replace(microsecond=0)
YEAR, MONTH, DAY = timedelta(days=365), timedelta(days=30), timedelta(days=1)
OLD, RECENT = NOW - YEAR - DAY, NOW - YEAR + DAY
"""One day more than a year, and one day less."""


KEPT = {
    "chatapp_agents",
    "chatapp_canned_responses",
    "chatapp_companies",
    "chatapp_daily_analytics",
    "chatapp_integrations",
    "chatapp_knowledge_chunks",
    "chatapp_knowledge_sources",
    "chatapp_usage_counters",
    "chatapp_users",
    "chatapp_webhooks",
    "chatapp_widget_settings",
}
"""What a company has set up, sums that name nobody, and what waits for its worker."""


@pytest.fixture
def small_batches(monkeypatch):
    """Many batches of few rows, as of a large company."""
    for name in ("BATCH", "PAGE"):
        monkeypatch.setattr(ageing, name, 2)
    monkeypatch.setattr("chatapp_db.privacy.retaining.BATCH", 2)
    ageing.remove.cache_clear()
    yield
    ageing.remove.cache_clear()


def test_every_table_has_a_period_or_stays_for_a_reason():
    """What grows by itself needs a period; a new table has to be one or the other."""
    limited = {table.name for rule in ageing.AGEING for table in rule.tables}
    assert {table.name for table in of_a_company()} - limited == KEPT


def test_every_period_of_a_policy_is_about_something():
    assert {field.name for field in fields(RetentionPolicy)} == {rule.period for rule in ageing.AGEING}


async def talk(past: Past, at: datetime, messages: int = 3, **moments: Any) -> UUID:
    """Write a conversation whose messages are an hour apart, the last of them at a moment."""
    conversation_id = await past.conversation(at - timedelta(days=2), **moments)
    for hour in reversed(range(messages)):
        past.message(conversation_id, at - timedelta(hours=hour))
    past.change(conversation_id, last_message_preview="Hi")
    return conversation_id


def settled(at: datetime, status: str = "resolved") -> dict[str, Any]:
    return {"status": status, "resolved_at": at}


def ids(superuser: psycopg.Connection[Any], table: str, company_id: UUID) -> set[UUID]:
    query = f"SELECT id FROM chatapp_{table} WHERE company_id = %s"
    return {id for (id,) in superuser.execute(query, [company_id])}


@pytest.mark.usefixtures("small_batches")
async def test_settled_conversations_go_with_all_that_is_theirs(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    for number in range(5):
        await talk(past, OLD - number * DAY, **settled(OLD))
    await talk(past, OLD, **settled(OLD, "archived"))
    open_one = await talk(past, OLD)
    recent = await talk(past, RECENT, **settled(RECENT))
    for id in ids(superuser, "conversations", past.id):
        await db.company(past.id).conversation_analytics.compute(id)
    retention = await db.privacy.retain(RetentionPolicy(conversations=YEAR), NOW)
    assert {name: rows for name, rows in retention.rows.items() if rows} == {
        "chatapp_conversations": 6,
        "chatapp_conversation_analytics": 6,
        "chatapp_messages": 18,
    }
    assert ids(superuser, "conversations", past.id) == {open_one, recent}
    assert len(ids(superuser, "messages", past.id)) == 6
    assert ids(superuser, "customers", past.id) == {past.customer_id}


@pytest.mark.usefixtures("small_batches")
async def test_old_messages_go_and_their_conversation_quotes_none_of_them(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    silent = await talk(past, OLD, 5)
    going_on = await talk(past, OLD, 4)
    past.message(going_on, RECENT)
    recent = await talk(past, RECENT)
    retention = await db.privacy.retain(RetentionPolicy(messages=YEAR), NOW)
    assert retention.rows == {"chatapp_messages": 9}
    conversations = db.company(past.id).conversations
    assert (await conversations.get(silent)).last_message_preview is None
    for id in (going_on, recent):
        assert (await conversations.get(id)).last_message_preview == "Hi"
    history = await db.company(past.id).messages.history(going_on)
    assert [message.created_at for message in history.items] == [RECENT]


async def test_customers_without_a_conversation_go_when_they_were_not_seen(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    await talk(past, OLD)
    gone, seen = await new_customer(db, past.id), await new_customer(db, past.id)
    for id, at in ((past.customer_id, OLD), (gone, OLD), (seen, RECENT)):
        superuser.execute("UPDATE chatapp_customers SET last_seen_at = %s WHERE id = %s", [at, id])
    retention = await db.privacy.retain(RetentionPolicy(customers=YEAR), NOW)
    assert retention.rows["chatapp_customers"] == retention.total == 1
    assert ids(superuser, "customers", past.id) == {past.customer_id, seen}


async def test_a_customer_may_go_with_their_last_conversation(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    await talk(past, OLD, **settled(OLD))
    superuser.execute("UPDATE chatapp_customers SET last_seen_at = %s", [OLD])
    await db.privacy.retain(RetentionPolicy(conversations=YEAR, customers=YEAR), NOW)
    assert ids(superuser, "customers", past.id) == set()


async def test_deliveries_go_that_arrived_or_were_given_up(db, superuser):
    company_id = await new_company(db)
    (webhook_id,) = superuser.execute(
        "INSERT INTO chatapp_webhooks (company_id, url) VALUES (%s, 'https://example.com') RETURNING id",
        [company_id],
    ).fetchone()
    for moment, at in (
        ("delivered_at", OLD), ("dead_at", OLD), ("next_attempt_at", OLD), ("delivered_at", RECENT),
        ("dead_at", RECENT),
    ):  # fmt: skip
        superuser.execute(
            "INSERT INTO chatapp_webhook_deliveries (company_id, webhook_id, event_id, event, " + moment + ")"
            " VALUES (%s, %s, gen_random_uuid(), 'conversation.created', %s)",
            [company_id, webhook_id, at],
        )
    retention = await db.privacy.retain(RetentionPolicy(webhook_deliveries=YEAR), NOW)
    assert retention.rows == {"chatapp_webhook_deliveries": 2}
    left = "SELECT coalesce(delivered_at, dead_at) FROM chatapp_webhook_deliveries ORDER BY 1 NULLS LAST"
    assert [at for (at,) in superuser.execute(left)] == [RECENT, RECENT, None]


async def test_reservations_go_that_hold_nothing(db, superuser):
    company_id = await new_company(db)
    for at in (OLD, RECENT, NOW + DAY):
        superuser.execute(
            "INSERT INTO chatapp_usage_reservations (company_id, metric, period, amount, expires_at)"
            " VALUES (%s, 'messages', '2026-01-01', 1, %s)",
            [company_id, at],
        )
    policy = RetentionPolicy(usage_reservations=YEAR)
    assert (await db.privacy.retain(policy, NOW)).rows == {"chatapp_usage_reservations": 1}
    # As of a later moment than the server's, what still holds is left alone.
    assert (await db.privacy.retain(policy, NOW + 2 * YEAR)).total == 1
    assert len(ids(superuser, "usage_reservations", company_id)) == 1


async def test_settled_invitations_go_and_pending_ones_stay(db, superuser):
    company_id = await new_company(db)
    for status, at in (
        ("accepted", OLD), ("expired", OLD), ("revoked", OLD), ("pending", OLD), ("accepted", RECENT)
    ):  # fmt: skip
        superuser.execute(
            "INSERT INTO chatapp_team_invitations (company_id, email, token, status, created_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [company_id, f"{uuid4()}@example.com", uuid4().hex * 2, status, at],
        )
    retention = await db.privacy.retain(RetentionPolicy(invitations=YEAR), NOW)
    assert retention.rows == {"chatapp_team_invitations": 3}
    left = superuser.execute("SELECT status, created_at FROM chatapp_team_invitations").fetchall()
    assert sorted(left) == [("accepted", RECENT), ("pending", OLD)]


def trail(superuser: psycopg.Connection[Any], company_id: UUID | None, at: datetime, count: int = 1) -> None:
    superuser.execute(
        "INSERT INTO chatapp_audit_logs (company_id, action, resource_type, created_at)"
        " SELECT %s, 'test', 'test', %s FROM generate_series(1, %s)",
        [company_id, at, count],
    )


@pytest.mark.usefixtures("small_batches")
async def test_the_trail_is_cut_and_says_so(db, superuser):
    company_id, staff_id = await new_company(db), uuid4()
    for whose in (company_id, None):
        trail(superuser, whose, OLD, 5)
        trail(superuser, whose, RECENT)
    retention = await db.privacy.retain(RetentionPolicy(audit_logs=YEAR), NOW, staff_id=staff_id)
    assert retention.rows == {"chatapp_audit_logs": 10}
    left = superuser.execute("SELECT company_id FROM chatapp_audit_logs WHERE action = 'test'").fetchall()
    assert {whose for (whose,) in left} == {company_id, None}
    assert len(left) == 2
    said = superuser.execute(
        "SELECT action, company_id, staff_id, new_values FROM chatapp_audit_logs"
        " WHERE resource_type = 'retention' ORDER BY created_at"
    ).fetchall()
    begin = {"before": {"audit_logs": (NOW - YEAR).isoformat()}, "dry_run": False}
    assert said == [
        ("retention.begun", None, staff_id, begin),
        ("retention.applied", company_id, staff_id, {"rows": {"chatapp_audit_logs": 5}}),
        ("retention.applied", None, staff_id, {"rows": {"chatapp_audit_logs": 5}}),
    ]


async def test_one_company_is_cut_and_the_others_are_left_alone(db, superuser, database_url):
    pasts = [await Past.new(db, superuser, "UTC") for _ in range(2)]
    for past in pasts:
        await talk(past, OLD, **settled(OLD))
        trail(superuser, past.id, OLD)
    trail(superuser, None, OLD)
    ours, theirs = pasts
    before = fingerprint(database_url, theirs.id)
    policy = RetentionPolicy(conversations=YEAR, messages=MONTH, customers=YEAR, audit_logs=YEAR)
    retention = await db.privacy.retain(policy, NOW, company_id=ours.id)
    assert retention.companies == 1
    assert retention.rows["chatapp_conversations"] == retention.rows["chatapp_audit_logs"] == 1
    assert fingerprint(database_url, theirs.id) == before
    counted = "SELECT count(*) FROM chatapp_audit_logs WHERE company_id IS NULL AND created_at = %s"
    assert superuser.execute(counted, [OLD]).fetchone() == (1,)
    assert (await db.privacy.retain(policy, NOW)).companies == 2


async def test_a_dry_run_counts_what_is_too_old_and_removes_nothing(db, superuser, database_url):
    past = await Past.new(db, superuser, "UTC")
    for _ in range(3):
        await talk(past, OLD, **settled(OLD))
    await talk(past, RECENT)
    trail(superuser, past.id, OLD, 2)
    trail(superuser, None, OLD, 4)
    policy = RetentionPolicy(conversations=YEAR, invitations=YEAR, audit_logs=YEAR)
    before = fingerprint(database_url, past.id)
    counted = await db.privacy.retain(policy, NOW, dry_run=True)
    assert fingerprint(database_url, past.id) == before
    assert counted.rows["chatapp_messages"] == 9
    assert counted.rows["chatapp_audit_logs"] == 6
    assert counted == await db.privacy.retain(policy, NOW)
    assert (await db.privacy.retain(policy, NOW)).total == 0


async def test_a_policy_without_periods_keeps_everything(db, superuser, database_url):
    past = await Past.new(db, superuser, "UTC")
    await talk(past, OLD, **settled(OLD))
    before = fingerprint(database_url, past.id)
    assert (await db.privacy.retain(RetentionPolicy(), NOW)).rows == {}
    assert fingerprint(database_url, past.id) == before


async def test_progress_is_told(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    await talk(past, OLD)
    told = []
    await db.privacy.retain(RetentionPolicy(messages=YEAR), NOW, tell=lambda it: told.append(it.total))
    assert told[-1] == 3


async def test_a_conversation_that_somebody_works_on_is_left_for_the_next_time(db, superuser):
    past = await Past.new(db, superuser, "UTC")
    first = await talk(past, OLD, **settled(OLD))
    await talk(past, OLD, **settled(OLD))
    policy = RetentionPolicy(conversations=YEAR)
    with psycopg.connect(superuser.info.dsn, password=superuser.info.password) as other:
        other.execute("SELECT FROM chatapp_conversations WHERE id = %s FOR UPDATE", [first])
        await db.privacy.retain(policy, NOW)
        assert ids(superuser, "conversations", past.id) == {first}
    await db.privacy.retain(policy, NOW)
    assert ids(superuser, "conversations", past.id) == set()


async def test_two_workers_at_once_remove_everything_once(world, login_url, superuser):
    db = world.open(login_url("service"))
    past = await Past.new(db, superuser, "UTC")
    for _ in range(60):
        conversation_id = await new_conversation(
            db, past.id, agent_id=past.agent_id, customer_id=past.customer_id
        )
        past.change(conversation_id, started_at=OLD, last_message_at=OLD, **settled(OLD))
    trail(superuser, past.id, OLD, 3000)
    policy = RetentionPolicy(conversations=YEAR, audit_logs=YEAR)
    both = await world.together(*[lambda: db.privacy.retain(policy, NOW)] * 2)
    again = await db.privacy.retain(policy, NOW)
    total = {name: sum(one.rows[name] for one in (*both, again)) for name in again.rows}
    assert (total["chatapp_conversations"], total["chatapp_audit_logs"]) == (60, 3000)


@pytest.mark.parametrize(
    "period", [timedelta(0), -YEAR, timedelta(hours=23), timedelta(days=40_000), 30, "30 days"]
)
def test_a_period_is_a_day_at_least(period):
    with pytest.raises(InvalidValue, match="messages"):
        RetentionPolicy(messages=period)


async def test_what_makes_no_sense_is_refused(db):
    with pytest.raises(InvalidValue, match="now"):
        await db.privacy.retain(RetentionPolicy(), datetime(2030, 1, 1))  # noqa: DTZ001  # that is the point
    with pytest.raises(NotFound):
        await db.privacy.retain(RetentionPolicy(), NOW, company_id=uuid4())
