"""Webhooks: who is told what, what a call carries, and what failures lead to, blocking and asyncio."""

from __future__ import annotations

import datetime as dt
from functools import partial
from uuid import uuid4

import psycopg
import pytest

from chatapp_db import KeyRing, back_off
from chatapp_db.encryption import signatures
from chatapp_db.encryption.signing_secrets import SigningSecrets
from chatapp_db.errors import (
    InvalidEnvelope,
    InvalidSignature,
    InvalidValue,
    NoEncryptionKey,
    NotFound,
    SerializationFailure,
)
from chatapp_db.repositories.border import as_web_url
from tests.rows import new_company

KEYS = KeyRing({"2026-11": bytes(range(32))})
URL = "https://example.com/hooks"
BODY = b'{"type": "conversation.created"}'
NOON = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
EVENT = uuid4()


@pytest.fixture
def db(world, login_url):
    return world.open(login_url("service"), keys=KEYS)


def is_signed(headers: dict[str, str], secret: str, at: dt.datetime = NOON) -> bool:
    try:
        signatures.verify(secret, BODY, headers, at=at)
    except InvalidSignature:
        return False
    return True


async def company_of(db):
    return db.company(await new_company(db)).webhooks


async def subscribed(webhooks, url: str = URL, events: tuple[str, ...] = ("conversation.created",)):
    row, secret = await webhooks.subscribe(url, events)
    return row, secret.get_secret_value()


async def test_an_address_is_told_its_secret_once(db, database_url):
    webhooks = await company_of(db)
    row, secret = await webhooks.subscribe(URL, ["conversation.created", "message.created"] * 2)
    assert (row.url, row.events) == (URL, ["conversation.created", "message.created"])
    assert (row.is_active, row.failure_count) == (True, 0)
    raw = secret.get_secret_value()
    assert raw.startswith("whsec_")
    assert raw not in f"{row!r} {secret!r}"
    assert await webhooks.get(row.id) == row
    with psycopg.connect(database_url) as connection:
        (kept,) = connection.execute("SELECT secret FROM chatapp_webhooks").fetchone()
    assert raw not in kept
    assert '"kid":"2026-11"' in kept


async def test_a_call_is_signed_so_that_its_receiver_can_check_it(db):
    webhooks = await company_of(db)
    row, secret = await subscribed(webhooks)
    headers = await webhooks.sign(row.id, EVENT, BODY, NOON)
    assert headers["webhook-id"] == str(EVENT)
    assert is_signed(headers, secret)
    assert not is_signed(headers, secret, NOON + HOUR)
    with pytest.raises(InvalidSignature):
        signatures.verify(secret, BODY + b" ", headers, at=NOON)


async def test_while_a_secret_is_replaced_both_sign_and_then_the_new_one_alone(db):
    webhooks = await company_of(db)
    row, old = await subscribed(webhooks)
    rotated, secret = await webhooks.rotate_secret(row.id, NOON, overlap=HOUR)
    new = secret.get_secret_value()
    assert rotated.id == row.id
    assert new != old
    for at, expected in (
        (NOON, (True, True)),
        (NOON + HOUR - dt.timedelta(seconds=1), (True, True)),
        (NOON + HOUR, (True, False)),
    ):
        headers = await webhooks.sign(row.id, EVENT, BODY, at)
        assert (is_signed(headers, new, at), is_signed(headers, old, at)) == expected


async def test_a_secret_that_leaked_is_dead_at_once(db):
    webhooks = await company_of(db)
    row, old = await subscribed(webhooks)
    _, secret = await webhooks.rotate_secret(row.id, NOON, overlap=dt.timedelta(0))
    headers = await webhooks.sign(row.id, EVENT, BODY, NOON)
    assert is_signed(headers, secret.get_secret_value())
    assert not is_signed(headers, old)


async def test_of_several_rotations_the_last_two_secrets_sign(db):
    webhooks = await company_of(db)
    row, first = await subscribed(webhooks)
    _, second = await webhooks.rotate_secret(row.id, NOON)
    _, third = await webhooks.rotate_secret(row.id, NOON)
    headers = await webhooks.sign(row.id, EVENT, BODY, NOON)
    signing = [
        is_signed(headers, one) for one in (first, second.get_secret_value(), third.get_secret_value())
    ]
    assert signing == [False, True, True]


async def test_rotations_at_once_lose_no_secret_that_was_handed_out_last(world, db):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)

    async def rotate():
        try:
            return (await webhooks.rotate_secret(row.id, NOON))[1]
        except SerializationFailure:
            return None

    def rotate_here():
        try:
            return webhooks.rotate_secret(row.id, NOON).unwrap()[1]
        except SerializationFailure:
            return None

    secrets = await world.together(*[rotate_here if world.blocking else rotate] * 4)
    headers = await webhooks.sign(row.id, EVENT, BODY, NOON)
    handed_out = [one.get_secret_value() for one in secrets if one is not None]
    assert sum(is_signed(headers, one) for one in handed_out) == min(2, len(handed_out))


async def test_an_address_without_a_secret_signs_nothing_until_it_has_one(db, database_url):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE chatapp_webhooks SET secret = NULL")
    for attempt in (
        partial(webhooks.sign, row.id, EVENT, BODY, NOON),
        partial(webhooks.rotate_secret, row.id, NOON),
    ):
        with pytest.raises(NotFound, match="secret of the webhook not found"):
            await attempt()
    _, secret = await webhooks.rotate_secret(row.id, NOON, overlap=dt.timedelta(0))
    assert is_signed(await webhooks.sign(row.id, EVENT, BODY, NOON), secret.get_secret_value())


async def test_without_a_key_nothing_is_subscribed_signed_or_rotated(db, world, login_url):
    company_id = await new_company(db)
    row, _ = await subscribed(db.company(company_id).webhooks)
    for keys in (None, KeyRing({})):
        webhooks = world.open(login_url("service"), keys=keys).company(company_id).webhooks
        for attempt in (
            partial(webhooks.subscribe, URL, ["a"]),
            partial(webhooks.sign, row.id, EVENT, BODY, NOON),
            partial(webhooks.rotate_secret, row.id, NOON),
        ):
            with pytest.raises(NoEncryptionKey):
                await attempt()
        assert await webhooks.count() == 1


async def test_subscribers_are_who_asked_for_the_event_and_are_not_disabled(db):
    webhooks, others = await company_of(db), await company_of(db)
    first, _ = await subscribed(webhooks, events=("a", "b"))
    second, _ = await subscribed(webhooks, events=("b",))
    off, _ = await subscribed(webhooks, events=("b",))
    await webhooks.disable(off.id)
    await subscribed(others, events=("b",))
    assert [row.id for row in await webhooks.subscribers("b")] == [first.id, second.id]
    assert [row.id for row in await webhooks.subscribers("a")] == [first.id]
    assert await webhooks.subscribers("nobody") == []


async def test_an_address_is_changed_and_keeps_its_secret(db):
    webhooks = await company_of(db)
    row, secret = await subscribed(webhooks)
    moved = await webhooks.update(row.id, url="http://example.org:8080/x?y=a@b")
    assert (moved.url, moved.events, moved.secret) == (
        "http://example.org:8080/x?y=a@b",
        row.events,
        row.secret,
    )
    assert (await webhooks.update(row.id, events=["b"])).events == ["b"]
    assert is_signed(await webhooks.sign(row.id, EVENT, BODY, NOON), secret)


async def test_failures_in_a_row_disable_an_address_and_say_why(db):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)
    for count in (1, 2):
        failed = await webhooks.record_failure(row.id, "timeout", disable_after=3)
        assert (failed.failure_count, failed.is_active, failed.disabled_reason) == (count, True, None)
    off = await webhooks.record_failure(row.id, "503", disable_after=3)
    assert (off.is_active, off.disabled_reason) == (False, "503")
    assert off.disabled_at is not None
    later = await webhooks.record_failure(row.id, "late", disable_after=3)
    assert (later.failure_count, later.disabled_reason) == (4, "503")
    assert later.disabled_at == off.disabled_at
    on = await webhooks.enable(row.id)
    assert (on.is_active, on.failure_count, on.disabled_at, on.disabled_reason) == (True, 0, None, None)


async def test_a_success_forgets_the_failures_before_it(db):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)
    await webhooks.record_failure(row.id, "timeout", disable_after=2)
    worked = await webhooks.record_success(row.id)
    assert worked.failure_count == 0
    assert worked.last_triggered_at is not None
    assert (await webhooks.record_failure(row.id, "timeout", disable_after=2)).is_active


async def test_failures_at_once_are_all_counted(world, db):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)
    record = partial(webhooks.record_failure, row.id, "timeout", disable_after=8)
    await world.together(*[record] * 8)
    after = await webhooks.get(row.id)
    assert (after.failure_count, after.is_active) == (8, False)


async def test_disabling_by_hand_keeps_since_when(db):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)
    off = await webhooks.disable(row.id)
    again = await webhooks.disable(row.id, reason="asked for it")
    assert (off.is_active, off.disabled_reason) == (False, None)
    assert (again.disabled_at, again.disabled_reason) == (off.disabled_at, "asked for it")


def test_the_wait_doubles_up_to_six_hours():
    assert [back_off(n).total_seconds() for n in (-1, 0, 1, 2, 3, 4)] == [5, 5, 5, 10, 20, 40]
    assert back_off(20) == back_off(10**9) == 6 * HOUR


async def test_a_forgotten_address_is_gone(db):
    webhooks = await company_of(db)
    row, _ = await subscribed(webhooks)
    await webhooks.delete(row.id)
    with pytest.raises(NotFound):
        await webhooks.delete(row.id)


async def test_another_companys_address_does_not_exist(db):
    ours, theirs = await company_of(db), await company_of(db)
    row, _ = await subscribed(theirs)
    for attempt in (
        partial(ours.sign, row.id, EVENT, BODY, NOON),
        partial(ours.rotate_secret, row.id, NOON),
        partial(ours.rotate_secret, row.id, NOON, overlap=dt.timedelta(0)),
        partial(ours.update, row.id, url=URL),
        partial(ours.record_success, row.id),
        partial(ours.record_failure, row.id, "no"),
        partial(ours.enable, row.id),
        partial(ours.disable, row.id),
        partial(ours.delete, row.id),
    ):
        with pytest.raises(NotFound, match="webhook not found"):
            await attempt()
    assert await theirs.get(row.id) == row


@pytest.mark.parametrize(
    "url",
    [
        "", None, 7, "example.com", "ftp://example.com", "javascript:alert(1)", "//example.com", "https://",
        "https:///path", "http:example.com", "https://example.com:port", "https://example.com:0",
        "https://user:hunter2@example.com", "https://hunter2@example.com", "https://@example.com",
        "https://example.com/#hunter2", "https://example.com#", "https://exa mple.com", "https://example.com/\n",
        "https://good.example\\@evil.example", "https://[::1", "https://example.com/\x7f", " https://example.com",
        "https://example.com/" + "a" * 2048, "https://\0.com",
    ],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_plain_address_is_refused_and_not_repeated(url):
    with pytest.raises(InvalidValue, match="url") as refused:
        as_web_url("url", url, 2048)
    assert "hunter2" not in str(refused.value)


async def test_an_address_is_looked_at_whenever_it_is_given(db):
    async with db.tenant(await new_company(db)) as tenant:
        row, _ = await tenant.webhooks.subscribe(URL, ["a"])
        for attempt in (
            partial(tenant.webhooks.subscribe, "https://hunter2@example.com", ["a"]),
            partial(tenant.webhooks.update, row.id, url="https://hunter2@example.com"),
        ):
            with pytest.raises(InvalidValue, match="url: a URL with credentials or a fragment"):
                await attempt()
        assert await tenant.webhooks.count() == 1


@pytest.mark.parametrize(
    "url", ["HTTPS://Example.com", "http://127.0.0.1:8000/a?b=c", "https://[::1]/", "https://bücher.example/"]
)
def test_an_address_of_the_web_is_taken_as_it_is(url):
    assert as_web_url("url", url, 2048) == url


@pytest.mark.parametrize("events", [[], "abc", None, [""], ["a" * 101], [1], ["a"] * 1 + ["\0"]], ids=ascii)
async def test_events_are_names(db, events):
    with pytest.raises(InvalidValue, match="events"):
        await (await company_of(db)).subscribe(URL, events)


@pytest.mark.parametrize(
    ("verb", "wrong"),
    [
        ("sign", {"at": NOON.replace(tzinfo=None)}),
        ("sign", {"body": "text"}),
        ("sign", {"event_id": "a.b"}),
        ("sign", {"id": None}),
        ("rotate_secret", {"at": NOON.replace(tzinfo=None)}),
        ("rotate_secret", {"overlap": dt.timedelta(seconds=-1)}),
        ("rotate_secret", {"overlap": dt.timedelta(days=31)}),
        ("rotate_secret", {"id": "1"}),
        ("record_failure", {"disable_after": 0}),
        ("record_failure", {"disable_after": True}),
        ("record_failure", {"reason": ""}),
        ("disable", {"reason": "a" * 2001}),
    ],
    ids=str,
)
async def test_bad_input_is_refused_and_the_scope_goes_on(db, verb, wrong):
    async with db.tenant(await new_company(db)) as tenant:
        row, _ = await tenant.webhooks.subscribe(URL, ["a"])
        good = {
            "sign": {"event_id": EVENT, "body": BODY, "at": NOON},
            "rotate_secret": {"at": NOON},
            "record_failure": {"reason": "timeout"},
            "disable": {},
        }
        with pytest.raises(InvalidValue):
            await getattr(tenant.webhooks, verb)(**{"id": row.id, **good[verb], **wrong})
        assert await tenant.webhooks.get(row.id) == row


@pytest.mark.parametrize(
    "sealed",
    [None, [], "text", {}, {"current": "a"}, {"current": "a", "previous": None, "until": "x"}],
    ids=str,
)
def test_what_was_sealed_by_others_is_no_secret(sealed):
    with pytest.raises(InvalidEnvelope) as refused:
        SigningSecrets.read(sealed)
    assert refused.value.__context__ is None


def test_the_secrets_of_an_address_show_themselves_to_nobody():
    secrets = SigningSecrets.issue().replaced(NOON, HOUR)
    assert "whsec" not in repr(secrets)
    assert SigningSecrets.read(secrets.document()) == secrets
