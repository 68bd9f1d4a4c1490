"""Every method, and what it leaves in the audit trail: one that writes has to be classified here."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, scalar
from chatapp_db.schema.auditing import AUDITED, actions
from chatapp_db.scopes import Platform
from tests.integration.test_round_trips import GOING_ON, calls, execute
from tests.isolation.calling import REPOSITORIES, Caller
from tests.isolation.methods import methods, repositories
from tests.isolation.population import KEYS, NOON, Population

TOLD = {
    "agents.activate": ["agent.activated"],
    "agents.add": ["agent.created"],
    "agents.archive": ["agent.archived"],
    "agents.clone": ["agent.created"],
    "agents.create_from_package": ["agent.created"],
    "agents.delete": ["agent.deleted"],
    "agents.pause": ["agent.paused"],
    "agents.update": ["agent.updated"],
    "audit.record": ["said by us"],
    "canned_responses.add": ["canned_response.created"],
    "canned_responses.delete": ["canned_response.deleted"],
    "canned_responses.share": ["canned_response.updated"],
    "canned_responses.unshare": ["canned_response.updated"],
    "canned_responses.update": ["canned_response.updated"],
    "company.update": ["company.updated"],
    "conversations.archive": ["conversation.archived"],
    "conversations.assign": ["conversation.assigned"],
    "conversations.auto_resolve_idle": ["conversation.resolved"] * 3,
    "conversations.claim_next": ["conversation.assigned"],
    "conversations.escalate": ["conversation.escalated"],
    "conversations.reopen": ["conversation.reopened"],
    "conversations.resolve": ["conversation.resolved"],
    "conversations.unassign": ["conversation.unassigned"],
    "integrations.connect": ["integration.created"],
    "integrations.disconnect": ["integration.disconnected"],
    "integrations.mark_error": ["integration.failed"],
    "integrations.mark_synced": ["integration.connected"],
    "integrations.reconnect": ["integration.updated"],
    "invitations.accept": ["user.created", "invitation.accepted"],
    "invitations.create": ["invitation.resent"],
    "invitations.expire_due": ["invitation.expired"] * 3,
    "invitations.resend": ["invitation.resent"],
    "invitations.revoke": ["invitation.revoked"],
    "knowledge.delete": ["knowledge_source.deleted"],
    "knowledge.register": ["knowledge_source.created"],
    "knowledge.update": ["knowledge_source.updated"],
    "users.add": ["user.created"],
    "users.deactivate": ["user.deactivated", *["conversation.assigned"] * 3],
    "users.update": ["user.updated"],
    "webhooks.delete": ["webhook.deleted"],
    "webhooks.disable": ["webhook.disabled"],
    "webhooks.enable": ["webhook.enabled"],
    "webhooks.record_failure": ["webhook.disabled"],
    "webhooks.rotate_secret": ["webhook.secret_rotated"],
    "webhooks.subscribe": ["webhook.created"],
    "webhooks.update": ["webhook.updated"],
    "widget.rotate_key": ["widget.updated"],
    "widget.upsert": ["widget.updated"],
}

# What customers do, what a reader of the trail does not look for, what counts and what marks.
UNTOLD = {
    "canned_responses.use",
    "conversation_analytics.compute",
    "conversation_analytics.recompute",
    "conversation_analytics.record",
    "conversations.add_tag",
    "conversations.mark_read",
    "conversations.open",
    "conversations.remove_tag",
    "conversations.rename_tag",
    "conversations.set_priority",
    "conversations.update",
    "customers.add",
    "customers.delete",
    "customers.identify",
    "customers.merge",
    "customers.tag",
    "customers.touch_seen",
    "customers.untag",
    "customers.update",
    "daily_analytics.rollup",
    "knowledge.claim_pending",
    "knowledge.mark_error",
    "knowledge.mark_ready",
    "knowledge.replace_chunks",
    "knowledge.reprocess",
    "messages.append",
    "messages.append_many",
    "messages.delete",
    "messages.edit",
    "messages.mark_seen",
    "messages.redact",
    "usage.commit",
    "usage.increment",
    "usage.prune",
    "usage.release",
    "usage.reserve",
    "users.touch_login",
    "webhook_deliveries.claim_due",
    "webhook_deliveries.enqueue",
    "webhook_deliveries.prune",
    "webhook_deliveries.record_failure",
    "webhook_deliveries.record_success",
    "webhook_deliveries.redeliver",
    "webhooks.record_success",
}

FROM = {
    **GOING_ON,
    "canned_responses.share": "UPDATE chatapp_canned_responses SET is_team = false",
    "conversations.assign": "UPDATE chatapp_conversations SET assigned_user_id = null",
    "conversations.claim_next": (
        "UPDATE chatapp_conversations SET status = 'waiting', assigned_user_id = null, waiting_since = now()"
    ),
    "integrations.mark_synced": "UPDATE chatapp_integrations SET status = 'error'",
    "invitations.expire_due": "UPDATE chatapp_team_invitations SET expires_at = created_at",
    "users.deactivate": (
        "UPDATE chatapp_conversations c SET assigned_user_id = (SELECT id FROM chatapp_users u"
        " WHERE u.company_id = c.company_id ORDER BY created_at DESC LIMIT 1)"
    ),
    "webhook_deliveries.enqueue": "UPDATE chatapp_webhooks SET events = '{said by us}'",
    "webhooks.enable": "UPDATE chatapp_webhooks SET is_active = false",
}
"""The rows that a method goes on from, so that it has something to change."""

WROTE = Statement(sa.select(sa.func.pg_current_xact_id_if_assigned().cast(sa.Text()).label("id")), scalar)
LINES = "SELECT action FROM chatapp_audit_logs WHERE created_at > %s ORDER BY created_at, id"
ENTRY = "platform.enter"
EMPTY = uuid4()
LATER = NOON + dt.timedelta(days=1)
SHARED = ("subscription_plans", "agent_packages")
OF_OURS = ("chatapp_users", "chatapp_conversations")


async def traced(url: str, scope: Any, call: Callable[[Any], Any]) -> tuple[list[str], bool]:
    """Call in a scope; give the lines that it left, and whether it wrote anything at all."""
    with psycopg.connect(url, autocommit=True) as superuser:
        (before,) = superuser.execute("SELECT clock_timestamp()").fetchone()
        async with scope as opened:
            await call(opened)
            (transaction_id,) = await opened.carrier.fetch(WROTE, {})
        lines = [line for (line,) in superuser.execute(LINES, [before]) if line != ENTRY]
    return lines, transaction_id is not None


@pytest.mark.slow
@pytest.mark.parametrize("world", ["blocking"], indirect=True)
@pytest.mark.parametrize("repository", REPOSITORIES)
async def test_a_method_leaves_exactly_its_lines(world, server, filled, repository):
    told, wrote = {}, set()
    for probe in calls(repository):
        method = str(probe.method)
        with server.database(filled.name) as url:
            execute(url, FROM.get(method, "SELECT"))
            db = world.open(server.login_url("service", url), keys=KEYS, pool_size=1)
            caller = Caller(db, filled.populations)
            arguments = await caller.arguments(probe, caller.ours)
            scope = db.tenant(caller.ours.id)
            lines, has_written = await traced(
                url, scope, partial(caller.call, method=probe.method, arguments=arguments)
            )
            told |= {method: lines} if lines else {}
            wrote |= {method} if has_written else set()
            await db.close()
    here = f"{repository}."
    assert told == {name: lines for name, lines in TOLD.items() if name.startswith(here)}
    assert wrote - told.keys() == {name for name in UNTOLD if name.startswith(here)}


def of_platform(filled: Population, shared: Population) -> dict[str, tuple[Any, list[str]]]:
    """Give a call of each method of the platform that writes, and the lines it leaves."""
    company, user = filled.id, filled.rows["chatapp_users"][0]["id"]
    plans, packages = (shared.rows[f"chatapp_{kind}"] for kind in SHARED)
    changed = ["company.subscription_changed"]
    talk = filled.rows["chatapp_conversations"][0]["id"]
    said = {"role": "user", "content": "kept", "external_id": "kept", "created_at": NOON}
    message = {**said, "conversation_id": talk}
    return {
        "audit.record": (lambda p: p.audit.record(action="said", resource_type="row"), ["said"]),
        "companies.change_plan": (lambda p: p.companies.change_plan(company, plans[1]["slug"]), changed),
        "companies.create": (
            lambda p: p.companies.create(name="New", slug="new", plan=plans[0]["slug"]),
            ["company.created"],
        ),
        "companies.delete": (lambda p: p.companies.delete(EMPTY), ["company.deleted"]),
        "companies.expire_trials": (lambda p: p.companies.expire_trials(NOON), changed),
        "companies.start_trial": (lambda p: p.companies.start_trial(EMPTY, ends_at=NOON), changed),
        "companies.update": (lambda p: p.companies.update(company, name="New"), ["company.updated"]),
        "daily_analytics.rollup_due": (lambda p: p.daily_analytics.rollup_due(NOON), []),
        "invitations.expire_due": (lambda p: p.invitations.expire_due(limit=1), ["invitation.expired"]),
        "messages.import_many": (lambda p: p.messages.import_many(company, [message]), []),
        "packages.add": (lambda p: p.packages.add(name="New", slug="new"), []),
        "packages.delete": (lambda p: p.packages.delete(packages[-1]["id"]), []),
        "packages.update": (lambda p: p.packages.update(packages[0]["id"], name="New"), []),
        "plans.add": (lambda p: p.plans.add(name="New", slug="new", type="free"), []),
        "plans.delete": (lambda p: p.plans.delete(plans[-1]["id"]), []),
        "plans.update": (lambda p: p.plans.update(plans[0]["id"], name="New"), []),
        "usage.prune": (lambda p: p.usage.prune(LATER), []),
        "users.add_staff": (
            lambda p: p.users.add_staff(name="Staff", email="staff@example.com"),
            ["user.created"],
        ),
        "users.touch_login": (lambda p: p.users.touch_login(user), []),
        "users.update": (lambda p: p.users.update(user, role="company_admin"), ["user.role_changed"]),
        "webhook_deliveries.claim_due": (lambda p: p.webhook_deliveries.claim_due(), []),
        "webhook_deliveries.prune": (lambda p: p.webhook_deliveries.prune(LATER), []),
    }


READS = {
    "active", "by_email", "by_slug", "count", "effective_limits", "find", "for_resource", "get", "list",
    "page", "usage",
}  # fmt: skip
# Repositories whose tables have no trigger that could tell: vectors, and what is still to be told of them.
WITHOUT_TRIGGERS = {"embedding_sets", "knowledge_chunks", "vector_outbox"}
BEFORE_PLATFORM = """
INSERT INTO chatapp_companies (id, name, slug, subscription_plan_id, trial_ends_at)
SELECT '{empty}', 'Empty', 'empty', subscription_plan_id, {trial} FROM chatapp_companies LIMIT 1;
UPDATE chatapp_team_invitations SET expires_at = created_at
"""


@pytest.mark.parametrize("world", ["blocking"], indirect=True)
async def test_a_method_of_the_platform_leaves_exactly_its_lines(world, server, filled):
    ours, shared = filled.populations.ours, filled.populations.shared
    expected = of_platform(ours, shared)
    found = {}
    for method, (call, _) in expected.items():
        trial = "null" if method.endswith("start_trial") else "'2025-01-01'"
        with server.database(filled.name) as url:
            execute(url, BEFORE_PLATFORM.format(empty=EMPTY, trial=trial))
            db = world.open(server.login_url("service", url), pool_size=1)
            found[method] = await traced(url, db.platform("a test"), call)
            await db.close()
    assert found == {method: (lines, True) for method, (_, lines) in expected.items()}


def test_every_method_of_the_platform_is_classified():
    offered = [method for name, kind in repositories(Platform).items() for method in methods(name, kind)]
    writing = {
        str(method)
        for method in offered
        if method.name not in READS and method.repository not in WITHOUT_TRIGGERS
    }
    nothing = Population("nobody", rows={table: [{"id": EMPTY}] for table in OF_OURS})
    shared = Population("shared", rows={f"chatapp_{kind}": [{"slug": ""}] * 2 for kind in SHARED})
    assert writing == of_platform(nothing, shared).keys()


def test_a_repository_without_triggers_has_none():
    assert {f"chatapp_{name}" for name in WITHOUT_TRIGGERS} & AUDITED.keys() == set()


def test_only_verbs_that_exist_are_classified():
    known = {str(method) for name, kind in REPOSITORIES.items() for method in methods(name, kind)}
    assert (TOLD.keys() | UNTOLD) - known == set()
    assert {line for lines in TOLD.values() for line in lines} - set(actions()) == {"said by us"}


def test_the_documented_list_is_the_whole_one():
    document = (Path(__file__).parents[2] / "docs" / "howto" / "audit.md").read_text(encoding="utf-8")
    told = document.partition("## What is told")[2].partition("## What is not told")[0]
    assert set(re.findall(r"`(\w+\.\w+)`", told)) == {*actions(), ENTRY}


def test_the_documented_hidden_columns_are_the_hidden_ones():
    document = (Path(__file__).parents[2] / "docs" / "howto" / "audit.md").read_text(encoding="utf-8")
    hidden = document.partition("`[redacted]`")[2].partition("\n")[0]
    assert set(re.findall(r"`(\w+)`", hidden)) == {name for kind in AUDITED.values() for name in kind.hidden}
