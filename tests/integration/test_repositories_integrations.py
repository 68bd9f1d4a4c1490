"""Integrations: connections to other services and what they sign in with, blocking and asyncio."""

from __future__ import annotations

import pytest

from chatapp_db import Access, KeyRing
from chatapp_db.errors import Conflict, InvalidCursor, InvalidValue, NoEncryptionKey, NotFound
from chatapp_db.repositories.integrations.integrations import (
    AsyncIntegrationRepository,
    IntegrationRepository,
)
from chatapp_db.schema import IntegrationStatus, IntegrationType
from tests.rows import SOMEBODY, new_company

KEYS = KeyRing({"2026-11": bytes(range(32))})
CONFIG = {"token": "xoxb-plaintextmarker", "scopes": ["chat:write"], "nested": {"null": None}}


@pytest.fixture
def db(world, login_url):
    return world.open(login_url("service"), keys=KEYS)


async def test_what_a_connection_signs_in_with_comes_back(db):
    integrations = db.company(await new_company(db)).integrations
    row = await integrations.connect(IntegrationType.SLACK, "Support", CONFIG)
    assert (row.type, row.name, row.status) == ("slack", "Support", IntegrationStatus.ACTIVE)
    assert set(row.config) == {"v", "kid", "nonce", "ct"}
    assert await integrations.get(row.id) == row
    secret = await integrations.config(row.id)
    assert secret.get_secret_value() == CONFIG
    assert "plaintextmarker" not in f"{row!r} {secret!r} {secret}"


async def test_a_connection_without_secrets_needs_no_key(world, login_url):
    db = world.open(login_url("service"))
    integrations = db.company(await new_company(db)).integrations
    for name, config in (("a", {}), ("b", None)):
        assert (await integrations.connect("custom", name, config)).config == {}
    with pytest.raises(NoEncryptionKey):
        await integrations.connect("custom", "c", CONFIG)
    assert await integrations.count() == 2


async def test_an_empty_config_opens_empty(db):
    integrations = db.company(await new_company(db)).integrations
    row = await integrations.connect("custom", "a")
    assert (await integrations.config(row.id)).get_secret_value() == {}


async def test_a_company_has_one_connection_of_a_type_and_name(db):
    ours, theirs = [db.company(await new_company(db)).integrations for _ in range(2)]
    first = await ours.connect("slack", "Support", CONFIG)
    with pytest.raises(Conflict, match="uq_chatapp_integrations_type_name"):
        await ours.connect("slack", "Support", {"token": "another"})
    assert (await ours.config(first.id)).get_secret_value() == CONFIG
    await ours.connect("zapier", "Support", CONFIG)
    await theirs.connect("slack", "Support", CONFIG)


async def test_a_connection_is_cut_off_and_made_again(db):
    integrations = db.company(await new_company(db)).integrations
    row = await integrations.connect("slack", "Support", CONFIG)
    failed = await integrations.mark_error(row.id, "token expired")
    assert (failed.status, failed.last_error) == (IntegrationStatus.ERROR, "token expired")
    off = await integrations.disconnect(row.id)
    assert (off.status, off.config) == (IntegrationStatus.INACTIVE, {})
    on = await integrations.reconnect(row.id, {"token": "new"})
    assert (on.id, on.status, on.last_error) == (row.id, IntegrationStatus.ACTIVE, None)
    assert (await integrations.config(row.id)).get_secret_value() == {"token": "new"}


async def test_an_error_is_over_when_the_service_answers(db):
    integrations = db.company(await new_company(db)).integrations
    row = await integrations.connect("slack", "Support", CONFIG)
    await integrations.mark_error(row.id, "timeout")
    synced = await integrations.mark_synced(row.id)
    assert (synced.status, synced.last_error) == (IntegrationStatus.ACTIVE, None)
    assert synced.last_sync_at is not None
    assert synced.config == row.config


async def test_a_late_worker_does_not_bring_back_what_was_cut_off(db):
    integrations = db.company(await new_company(db)).integrations
    row = await integrations.connect("slack", "Support", CONFIG)
    await integrations.disconnect(row.id)
    for late in (integrations.mark_synced(row.id), integrations.mark_error(row.id, "timeout")):
        assert (await late).status == IntegrationStatus.INACTIVE


async def test_connections_are_listed_by_type_and_status(db):
    company_id = await new_company(db)
    integrations = db.company(company_id).integrations
    slack = [await integrations.connect("slack", str(place)) for place in range(3)]
    stripe = await integrations.connect("stripe", "Billing")
    await integrations.disconnect(slack[0].id)
    assert [row.id for row in (await integrations.list(type="stripe")).items] == [stripe.id]
    active = await integrations.list(type="slack", status="active", limit=1)
    rest = await integrations.list(type="slack", status="active", limit=1, cursor=active.next_cursor)
    assert [row.id for row in [*active.items, *rest.items]] == [slack[2].id, slack[1].id]
    with pytest.raises(InvalidCursor):
        await integrations.list(type="slack", cursor=active.next_cursor)


async def test_another_companys_connection_does_not_exist(db):
    ours, theirs = [db.company(await new_company(db)).integrations for _ in range(2)]
    row = await theirs.connect("slack", "Support", CONFIG)
    for attempt in (
        lambda: ours.config(row.id),
        lambda: ours.reconnect(row.id, {"token": "ours"}),
        lambda: ours.disconnect(row.id),
        lambda: ours.mark_synced(row.id),
        lambda: ours.mark_error(row.id, "no"),
    ):
        with pytest.raises(NotFound, match="integration not found"):
            await attempt()
    assert await theirs.get(row.id) == row


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "nobody"},
        {"name": ""},
        {"name": "a\0b"},
        {"config": "text"},
        {"config": [1]},
        {"config": {"token": float("nan")}},
        {"config": {"token": ("plaintextmarker",)}},
        {"config": {"token": "plaintextmarker" * 5_000}},
        {"config": {1: "plaintextmarker"}},
        {"config": {"token": SOMEBODY}},
    ],
    ids=lambda wrong: f"{next(iter(wrong))}-{str(wrong)[:30]}",
)
async def test_bad_input_is_refused_and_not_repeated(db, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        with pytest.raises(InvalidValue) as refused:
            await tenant.integrations.connect(
                **{"type": "slack", "name": "Support", "config": CONFIG, **wrong}
            )
        assert "plaintextmarker" not in f"{refused.value!r} {refused.value.__context__!r}"
        assert await tenant.integrations.count() == 0


async def test_a_service_uses_its_keys_inside_its_own_session(db, world, login_url):
    company_id = await new_company(db)
    session, access = world.session(login_url("service")).unwrap(), Access(keys=KEYS)
    made = world.pick(IntegrationRepository, AsyncIntegrationRepository)(session, company_id, access=access)
    integrations = world.bound(lambda: made, lambda: made)
    row = await integrations.connect("slack", "Support", CONFIG)
    assert (await integrations.config(row.id)).get_secret_value() == CONFIG
    await world.bound(session.commit, session.commit)
    assert (await db.company(company_id).integrations.config(row.id)).get_secret_value() == CONFIG
    without = world.bound(IntegrationRepository, AsyncIntegrationRepository, session, company_id)
    with pytest.raises(NoEncryptionKey):
        await without.config(row.id)
    await world.bound(session.close, session.close)
