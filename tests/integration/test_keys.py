"""Secrets at rest: nothing is stored, said or logged in plain text, and the keys can be changed."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import traceback
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import sql

from chatapp_db import Access, Database, KeyRing, KeyRotation
from chatapp_db.cli import main
from chatapp_db.encryption import Place
from chatapp_db.encryption.signing_secrets import SigningSecrets
from chatapp_db.errors import BrokenSeal, EncryptionError, InvalidEnvelope, NoEncryptionKey, UnknownKey
from chatapp_db.repositories.rotation import BATCH
from chatapp_db.repositories.sealing import SEALED
from chatapp_db.schema import metadata
from tests.isolation.population import TABLES
from tests.rows import new_company
from tests.worlds import Awaited, settled

OLD_KEY, NEW_KEY = KeyRing.generate_key(), KeyRing.generate_key()
OLD = KeyRing({"old": OLD_KEY})
BOTH = KeyRing({"new": NEW_KEY, "old": OLD_KEY})
NEW = KeyRing({"new": NEW_KEY})
MARK = "plaintextmarker"
CONFIG = {"token": MARK}


@pytest.fixture
def opened(world, login_url):
    """Open the database as a service that has these keys."""
    return lambda keys, **more: world.open(login_url("service"), keys=keys, **more)


def told(error: BaseException) -> str:
    chain = [error, error.__cause__, error.__context__]
    return "\n".join([*(f"{one!r} {vars(one)}" for one in chain if one), *traceback.format_exception(error)])


def kids(superuser: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(
        superuser.execute(
            "SELECT kid, count(*) FROM (SELECT config->>'kid' AS kid FROM chatapp_integrations UNION ALL"
            " SELECT secret::json->>'kid' FROM chatapp_webhooks) AS sealed WHERE kid IS NOT NULL GROUP BY kid"
        ).fetchall()
    )


def fill(superuser: psycopg.Connection[Any], ring: KeyRing, company_id: UUID, count: int) -> list[UUID]:
    """Write connections whose config is sealed; ids in the order of a rotation."""
    ids = sorted(uuid4() for _ in range(count))
    for id in ids:
        place = Place("chatapp_integrations", "config", company_id, id)
        config = json.dumps(ring.seal(CONFIG, place).document())
        superuser.execute(
            "INSERT INTO chatapp_integrations (company_id, id, type, name, config)"
            " VALUES (%s, %s, 'slack', %s, %s)",
            [company_id, id, str(id), config],
        )
    return ids


def test_every_column_that_says_it_is_sealed_is_one_that_a_rotation_reaches():
    said = {
        column
        for table in metadata.sorted_tables
        for column in table.columns
        if (column.comment or "").startswith("Sealed")
    }
    assert said == {sealed.column for sealed in SEALED}


# A secret opens where it belongs, and nowhere else.


async def test_a_secret_that_was_moved_or_altered_does_not_open(opened, superuser):
    db = opened(OLD)
    ours, theirs = await new_company(db), await new_company(db)
    integrations = db.company(ours).integrations
    row = await integrations.connect("slack", "a", CONFIG)
    other = await integrations.connect("slack", "b", {"token": "of the other"})
    foreign = await db.company(theirs).integrations.connect("slack", "a", {"token": "of theirs"})
    ct = row.config["ct"]
    flipped = ("B" if ct[5] == "A" else "A").join([ct[:5], ct[6:]])
    for stored, expected in (
        (other.config, BrokenSeal),
        (foreign.config, BrokenSeal),
        ({**row.config, "ct": flipped}, BrokenSeal),
        ({**row.config, "nonce": other.config["nonce"]}, BrokenSeal),
        ({**row.config, "kid": "gone"}, UnknownKey),
        ({**row.config, "v": 2}, InvalidEnvelope),
    ):
        superuser.execute(
            "UPDATE chatapp_integrations SET config = %s WHERE id = %s", [json.dumps(stored), row.id]
        )
        async with db.tenant(ours) as tenant:
            with pytest.raises(expected) as refused:
                await tenant.integrations.config(row.id)
            assert not any(word in told(refused.value) for word in (MARK, "of the other", "of theirs"))
            assert await tenant.integrations.count() == 2


async def test_a_signing_secret_that_was_moved_signs_nothing(opened, superuser):
    db = opened(OLD)
    webhooks = db.company(await new_company(db)).webhooks
    (row, _), (other, _) = [await webhooks.subscribe("https://example.com", ["a"]) for _ in range(2)]
    superuser.execute("UPDATE chatapp_webhooks SET secret = %s WHERE id = %s", [other.secret, row.id])
    at = row.created_at
    for attempt in (
        partial(webhooks.sign, row.id, uuid4(), b"{}", at),
        partial(webhooks.rotate_secret, row.id, at),
    ):
        with pytest.raises(BrokenSeal):
            await attempt()


async def test_a_secret_of_a_key_that_is_gone_does_not_open(opened):
    db = opened(OLD)
    company_id = await new_company(db)
    row = await db.company(company_id).integrations.connect("slack", "a", CONFIG)
    with pytest.raises(UnknownKey) as refused:
        await opened(NEW).company(company_id).integrations.config(row.id)
    assert refused.value.kid == "old"
    assert (await opened(BOTH).company(company_id).integrations.config(row.id)).get_secret_value() == CONFIG


async def test_without_a_key_nothing_is_sent(opened, tmp_path):
    """Not even the connection is made."""
    for keys in (None, KeyRing({})):
        db = opened(keys)
        integrations, webhooks = db.company(uuid4()).integrations, db.company(uuid4()).webhooks
        for attempt in (
            partial(integrations.connect, "slack", "a", CONFIG),
            partial(integrations.reconnect, uuid4(), CONFIG),
            partial(integrations.config, uuid4()),
            partial(webhooks.subscribe, "https://example.com", ["a"]),
            db.rotate_keys,
        ):
            with pytest.raises(NoEncryptionKey) as refused:
                await attempt()
            assert MARK not in told(refused.value)
        assert db.unwrap().engine.pool.checkedin() == 0


# The plain text is nowhere.


def everything_stored(superuser: psycopg.Connection[Any]) -> str:
    tables = sql.SQL(" UNION ALL ").join(
        sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(name)) for name in TABLES
    )
    return "\n".join(row for (row,) in superuser.execute(tables))


async def test_the_plain_text_is_in_no_row_log_repr_or_error(opened, superuser, caplog):
    caplog.set_level(logging.DEBUG)
    db = opened(OLD)
    company_id = await new_company(db)
    seen = []
    async with db.tenant(company_id) as tenant:
        row = await tenant.integrations.connect("slack", "a", CONFIG)
        seen += [row, await tenant.integrations.config(row.id)]
        with pytest.raises(EncryptionError) as refused:
            superseded = {**row.config, "ct": row.config["nonce"] * 2}
            KeyRing({"old": NEW_KEY}).open(superseded, Place("t", "c", company_id, row.id))
        seen.append(told(refused.value))
        watched = superuser.execute("SELECT query FROM pg_stat_activity WHERE query <> ''").fetchall()
        await tenant.integrations.reconnect(row.id, {"token": MARK * 2})
        watched += superuser.execute("SELECT query FROM pg_stat_activity WHERE query <> ''").fetchall()
        await tenant.audit.record(
            action="integration.connect", resource_type="integration", resource_id=row.id
        )
        webhook, secret = await tenant.webhooks.subscribe("https://example.com", ["a"])
        invitation, token = await tenant.invitations.create("grace@example.com")
        seen += [webhook, secret, invitation, token]
    handed_out = [secret.get_secret_value(), token.get_secret_value()]
    assert any("chatapp_integrations" in query for (query,) in watched)
    for place in (everything_stored(superuser), repr(seen), str(seen), caplog.text, repr(watched)):
        for word in (MARK, *handed_out, OLD_KEY):
            assert word not in place
    assert str(row.id) in everything_stored(superuser)


def test_neither_a_database_nor_its_access_shows_a_key(login_url):
    access = Access(keys=OLD)
    with Database(login_url("service"), keys=OLD) as db:
        assert OLD_KEY not in f"{db!r} {access!r} {OLD!r}"
        assert "keys" not in repr(access)


# The keys are changed.


async def test_after_a_rotation_the_old_key_is_needed_no_more(opened, superuser):
    db = opened(OLD)
    companies = [await new_company(db) for _ in range(2)]
    rows = [await db.company(one).integrations.connect("slack", "a", CONFIG) for one in companies]
    empty = await db.company(companies[0]).integrations.connect("custom", "nothing secret")
    webhook, secret = await db.company(companies[0]).webhooks.subscribe("https://example.com", ["a"])
    assert kids(superuser) == {"old": 3}

    rotation = await opened(BOTH).rotate_keys()
    assert (rotation.found, rotation.resealed, rotation.unopened, rotation.remaining) == (3, 3, 0, 0)
    assert rotation.is_complete
    assert kids(superuser) == {"new": 3}

    only_new = opened(NEW)
    for company_id, row in zip(companies, rows, strict=True):
        assert (await only_new.company(company_id).integrations.config(row.id)).get_secret_value() == CONFIG
    webhooks = only_new.company(companies[0]).webhooks
    event, at = uuid4(), webhook.created_at
    before = await db.company(companies[0]).integrations.get(empty.id)
    assert before == empty
    signed = await webhooks.sign(webhook.id, event, b"{}", at)
    place = Place("chatapp_webhooks", "secret", companies[0], webhook.id)
    opened_now = NEW.open((await webhooks.get(webhook.id)).secret, place).get_secret_value()
    assert SigningSecrets.read(opened_now).current == secret.get_secret_value()
    assert signed["webhook-id"] == str(event)
    again = await opened(BOTH).rotate_keys()
    assert (again.found, again.resealed) == (0, 0)


async def test_a_rotation_takes_all_rows_in_batches_and_tells_how_far_it_is(opened, superuser):
    db = opened(OLD)
    for _ in range(2):
        fill(superuser, OLD, await new_company(db), BATCH + 7)
    steps: list[tuple[int, int]] = []
    rotation = await opened(BOTH).rotate_keys(
        tell=lambda so_far: steps.append((so_far.found, so_far.resealed))
    )
    total = 2 * (BATCH + 7)
    assert rotation.resealed == total
    assert steps == [(total, done) for done in (0, BATCH, 2 * BATCH, total, total)]
    assert kids(superuser) == {"new": total}


async def test_that_the_keys_were_rotated_is_in_the_audit_trail(opened, superuser):
    staff_id = uuid4()
    await opened(BOTH).rotate_keys(staff_id=staff_id)
    query = "SELECT action, staff_id, new_values->>'reason' FROM chatapp_audit_logs"
    assert superuser.execute(query).fetchall() == [("platform.enter", staff_id, "rotate keys")]


async def test_what_does_not_open_is_left_alone_counted_and_named(opened, superuser):
    db = opened(OLD)
    company_id = await new_company(db)
    ids = fill(superuser, OLD, company_id, 3)
    lost = fill(superuser, KeyRing({"lost": KeyRing.generate_key()}), company_id, 1)
    superuser.execute(
        "UPDATE chatapp_integrations SET config = (SELECT config FROM chatapp_integrations WHERE id = %s)"
        " WHERE id = %s",
        [ids[0], ids[1]],
    )
    before = everything_stored(superuser)
    rotation = await opened(BOTH).rotate_keys()
    assert (rotation.found, rotation.resealed, rotation.unopened, rotation.remaining) == (4, 2, 2, 2)
    assert not rotation.is_complete
    assert {(one.table, one.company_id, one.id) for one in rotation.examples} == {
        ("chatapp_integrations", company_id, id) for id in (ids[1], lost[0])
    }
    assert MARK not in repr(rotation)
    assert kids(superuser) == {"new": 2, "old": 1, "lost": 1}
    for id in (ids[1], lost[0]):
        row = next(line for line in before.splitlines() if line.startswith(f"({id},"))
        assert row in everything_stored(superuser)


async def test_more_that_does_not_open_than_a_batch_holds_keeps_nothing_else_waiting(opened, superuser):
    company_id = await new_company(opened(OLD))
    fill(superuser, KeyRing({"lost": KeyRing.generate_key()}), company_id, 2 * BATCH)
    fill(superuser, OLD, company_id, 2)
    rotation = await opened(BOTH).rotate_keys()
    assert (rotation.resealed, rotation.unopened, rotation.remaining) == (2, 2 * BATCH, 2 * BATCH)
    assert len(rotation.examples) == 20


async def test_a_value_that_is_written_meanwhile_stays_as_it_was_written(opened, superuser):
    """A rotation has read a batch when a service writes one of its rows, with the old key still."""
    company_id = await new_company(opened(OLD))
    ids = fill(superuser, OLD, company_id, 3)
    place = Place("chatapp_integrations", "config", company_id, ids[1])
    fresh = OLD.seal({"token": "fresh"}, place).document()
    ring = Interrupting({"new": NEW_KEY, "old": OLD_KEY})
    ring.before_sealing(
        lambda: superuser.execute(
            "UPDATE chatapp_integrations SET config = %s WHERE id = %s", [json.dumps(fresh), ids[1]]
        )
    )
    rotation = await opened(ring).rotate_keys()
    assert (rotation.found, rotation.resealed, rotation.remaining) == (3, 3, 0)
    secret = await opened(NEW).company(company_id).integrations.config(ids[1])
    assert secret.get_secret_value() == {"token": "fresh"}


class Interrupting:
    """A ring that lets something happen between the reading of a value and its sealing, once."""

    def __init__(self, keys: dict[str, str]) -> None:
        self._ring = KeyRing(keys)
        self._waiting: list[Any] = []

    def before_sealing(self, happens: Any) -> None:
        self._waiting.append(happens)

    def seal(self, *args: Any) -> Any:
        self._let_happen()
        return self._ring.seal(*args)

    def reseal(self, *args: Any) -> Any:
        self._let_happen()
        return self._ring.reseal(*args)

    def _let_happen(self) -> None:
        while self._waiting:
            self._waiting.pop()()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ring, name)


async def test_of_two_new_secrets_at_once_neither_is_lost(opened, login_url):
    """A secret is replaced when another was put in its place meanwhile: the receiver may have either."""
    ring = Interrupting({"old": OLD_KEY})
    webhooks, company_id = await webhooks_of(opened(ring))
    webhook, _ = await webhooks.subscribe("https://example.com", ["a"])
    handed_out = []

    def meanwhile() -> None:
        with Database(login_url("service"), keys=OLD) as db:
            other = db.company(company_id).webhooks.rotate_secret(webhook.id, webhook.created_at)
        handed_out.append(other[1].get_secret_value())

    ring.before_sealing(meanwhile)
    row, secret = await webhooks.rotate_secret(webhook.id, webhook.created_at)
    kept = OLD.open(row.secret, Place("chatapp_webhooks", "secret", company_id, webhook.id))
    secrets = SigningSecrets.read(kept.get_secret_value())
    assert [secrets.current, secrets.previous] == [secret.get_secret_value(), *handed_out]


async def webhooks_of(db: Awaited) -> tuple[Awaited, UUID]:
    company_id = await new_company(db)
    return db.company(company_id).webhooks, company_id


async def test_a_service_that_keeps_the_old_key_is_found_out(opened, superuser):
    db = opened(OLD)
    company_id = await new_company(db)
    fill(superuser, OLD, company_id, 1)

    def another(so_far: KeyRotation) -> None:
        fill(superuser, OLD, company_id, 1)

    rotation = await opened(BOTH).rotate_keys(tell=another)
    assert rotation.remaining > 0
    assert not rotation.is_complete
    assert (await opened(BOTH).rotate_keys()).is_complete
    assert set(kids(superuser)) == {"new"}


async def test_services_read_and_write_while_two_rotations_are_at_work(world, opened, superuser):
    db = opened(BOTH, pool_size=8)
    company_id = await new_company(db)
    ids = fill(superuser, OLD, company_id, 2 * BATCH + 1)
    integrations = db.company(company_id).integrations

    async def at_work(ids: list[UUID]) -> None:
        for id in ids:
            await settled(integrations.reconnect(id, {"token": str(id)}).unwrap())
            assert (await settled(integrations.config(id).unwrap())).get_secret_value() == {"token": str(id)}

    def at_work_here(ids: list[UUID]) -> None:
        for id in ids:
            integrations.reconnect(id, {"token": str(id)})
            assert integrations.config(id).unwrap().get_secret_value() == {"token": str(id)}

    work = at_work_here if world.blocking else at_work
    touched = ids[::5]
    await world.together(
        db.rotate_keys, db.rotate_keys, partial(work, touched[::2]), partial(work, touched[1::2])
    )
    assert (await db.rotate_keys()).is_complete
    assert kids(superuser) == {"new": len(ids)}
    only_new = opened(NEW).company(company_id).integrations
    for id in ids[::3]:
        expected = {"token": str(id)} if id in touched else CONFIG
        assert (await only_new.config(id)).get_secret_value() == expected


KILLED = """
import sys, time
from chatapp_db import Database, KeyRing

def tell(so_far):
    print(so_far.resealed, flush=True)
    if so_far.resealed:
        time.sleep(60)

Database(sys.argv[1], keys=KeyRing.parse(sys.argv[2])).rotate_keys(tell=tell)
"""


@pytest.fixture
def company_id(login_url):
    """A company of which no world is asked."""
    with Database(login_url("service")) as db, db.platform("a test needs a company") as platform:
        platform.plans.add(name="Test", slug="test", type="starter")
        return platform.companies.create(name="Acme", slug="acme", plan="test").id


def test_a_rotation_that_is_killed_goes_on_where_it_was(login_url, superuser, company_id):
    fill(superuser, OLD, company_id, 2 * BATCH)
    setting = f"new:{NEW_KEY},old:{OLD_KEY}"
    command = [sys.executable, "-c", KILLED, login_url("service"), setting]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as killed:
        assert [killed.stdout.readline().strip() for _ in range(2)] == ["0", str(BATCH)]
        os.kill(killed.pid, signal.SIGKILL)
    assert kids(superuser) == {"new": BATCH, "old": BATCH}
    with Database(login_url("service"), keys=BOTH) as db:
        rotation = db.rotate_keys()
    assert (rotation.found, rotation.resealed, rotation.is_complete) == (BATCH, BATCH, True)


# The command line.


@pytest.fixture
def filled(superuser, company_id):
    """Three secrets, sealed with the old key."""
    return fill(superuser, OLD, company_id, 3)


def rotate(monkeypatch, url: str, keys: str, *more: str) -> int:
    monkeypatch.setenv("CHATAPP_DATABASE_URL", url)
    monkeypatch.setenv("CHATAPP_ENCRYPTION_KEYS", keys)
    return main(["keys", "rotate", *more])


def test_the_command_seals_everything_with_the_first_key(filled, login_url, superuser, monkeypatch, capsys):
    assert rotate(monkeypatch, login_url("service"), f"new:{NEW_KEY},old:{OLD_KEY}") == 0
    assert capsys.readouterr().out == "3 of 3 secrets sealed with the first key\n"
    assert kids(superuser) == {"new": 3}


def test_the_command_ends_with_1_while_an_old_key_is_needed(filled, login_url, monkeypatch, capsys):
    assert rotate(monkeypatch, login_url("service"), f"new:{NEW_KEY}") == 1
    said = capsys.readouterr().out
    assert "3 are still under an old key" in said
    assert f"chatapp_integrations {filled[0]} of company " in said
    assert "the key ring has no key 'old'" in said


def test_the_command_speaks_json(filled, login_url, monkeypatch, capsys):
    assert rotate(monkeypatch, login_url("service"), f"new:{NEW_KEY},old:{OLD_KEY}", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts == {"found": 3, "resealed": 3, "unopened": 0, "remaining": 0, "examples": []}


@pytest.mark.parametrize(
    "keys",
    ["", "hush", "a:hush", f"a:{NEW_KEY},a:{OLD_KEY}", f"{NEW_KEY}"],
    ids=["none", "no name", "no key", "one name twice", "nameless"],
)
def test_keys_that_are_none_are_refused_and_not_repeated(login_url, monkeypatch, capsys, keys):
    assert rotate(monkeypatch, login_url("service"), keys) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "hush" not in error
    assert NEW_KEY not in error


def test_a_generated_key_is_one_that_the_settings_take(capsys):
    assert main(["keys", "generate", "2026-11"]) == 0
    assert KeyRing.parse(capsys.readouterr().out.strip()).primary == "2026-11"
    assert main(["keys", "generate", "two words"]) == 2
