"""A sealed secret opens in its place alone, and nothing of a secret shows anywhere."""

from __future__ import annotations

import base64
import copy
import dataclasses
import itertools
import json
import logging
import pickle
import re
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from chatapp_db.encryption import Envelope, KeyRing, Place, Secret
from chatapp_db.encryption.plain_text import MAX_PLAIN_BYTES
from chatapp_db.errors import (
    BrokenSeal,
    ChatAppDbError,
    EncryptionError,
    InvalidEnvelope,
    InvalidValue,
    KeyUnavailable,
    NoEncryptionKey,
    UnknownKey,
)
from chatapp_db.schema import Webhook
from chatapp_db.schema.integrations import SEALED_DOCUMENT, SEALED_TEXT

NEW, OLD = bytes(range(32)), bytes(range(32, 64))
RING = KeyRing({"new": NEW, "old": OLD})
PLACE = Place("chatapp_webhooks", "secret", UUID(int=1), UUID(int=2))
MARK = "whsec_plaintextmarker"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
PLACES = st.builds(
    Place, st.text("ab", max_size=3), st.text("ab", max_size=3), st.uuids(), st.uuids()
) | st.just(PLACE)


def everything_said(error: BaseException) -> str:
    """What a log, a traceback or an error tracker would show of an error and all it came from."""
    chain = [error, error.__cause__, error.__context__]
    told = [f"{each!r} {each} {each.args} {vars(each)}" for each in chain if each is not None]
    return "\n".join([*told, *traceback.format_exception(error)])


def refusal_of_open(stored: Any, ring: KeyRing = RING, place: Place = PLACE) -> EncryptionError:
    with pytest.raises(EncryptionError) as refused:
        ring.open(stored, place)
    assert MARK not in everything_said(refused.value)
    return refused.value


@given(JSON, PLACES)
def test_any_json_value_comes_back_from_either_kind_of_column(value, place):
    sealed = RING.seal(value, place)
    assert RING.open(sealed.text(), place).get_secret_value() == value
    assert RING.open(json.loads(json.dumps(sealed.document())), place).get_secret_value() == value


@given(PLACES, PLACES)
def test_a_sealed_value_opens_in_its_place_alone(place, other):
    sealed = RING.seal(MARK, place).text()
    if place == other:
        assert RING.open(sealed, other).get_secret_value() == MARK
    else:
        assert isinstance(refusal_of_open(sealed, place=other), BrokenSeal)


@pytest.mark.parametrize(
    "moved",
    [
        dataclasses.replace(PLACE, table="chatapp_integrations"),
        dataclasses.replace(PLACE, column="config"),
        dataclasses.replace(PLACE, company_id=PLACE.row_id),
        dataclasses.replace(PLACE, row_id=PLACE.company_id),
        dataclasses.replace(PLACE, company_id=PLACE.row_id, row_id=PLACE.company_id),
        dataclasses.replace(PLACE, table="chatapp_webhookss", column="ecret"),
    ],
    ids=["table", "column", "company", "row", "company and row exchanged", "a letter moved over"],
)
def test_a_sealed_value_that_was_moved_does_not_open(moved):
    assert isinstance(refusal_of_open(RING.seal(MARK, PLACE).text(), place=moved), BrokenSeal)
    with pytest.raises(BrokenSeal):
        RING.reseal(RING.seal(MARK, PLACE).text(), moved)


@given(st.data())
def test_a_single_flipped_bit_of_the_stored_text_is_refused(data):
    stored = RING.seal(MARK, PLACE).text().encode()
    position = data.draw(st.integers(0, len(stored) - 1))
    flipped = bytearray(stored)
    flipped[position] ^= 1 << data.draw(st.integers(0, 7))
    refusal_of_open(flipped.decode("latin-1"))


def test_every_other_letter_at_every_position_is_refused():
    sealed = RING.seal("m", PLACE)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_="
    for member in ("nonce", "ct"):
        text = str(sealed.document()[member])
        for position, letter in itertools.product(range(len(text)), letters):
            altered = text[:position] + letter + text[position + 1 :]
            if altered != text:
                with pytest.raises(EncryptionError):
                    RING.open({**sealed.document(), member: altered}, PLACE)


def test_a_truncated_or_lengthened_ciphertext_is_refused():
    sealed = RING.seal(MARK, PLACE)
    for length in range(len(sealed.ct)):
        refusal_of_open(Envelope(sealed.kid, sealed.nonce, sealed.ct[:length]).text())
    refusal_of_open(Envelope(sealed.kid, sealed.nonce, sealed.ct + b"\0").text())


SEALED = RING.seal(MARK, PLACE).document()


@pytest.mark.parametrize(
    "stored",
    [
        None, 7, [], {}, "", "{}", "null", MARK, f'"{MARK}"', "[" * 5_000, "\ud800", {"secret": MARK},
        {**SEALED, "plain": MARK}, {name: SEALED[name] for name in ("v", "kid", "nonce")},
        {**SEALED, "v": "1"}, {**SEALED, "v": True}, {**SEALED, "v": 1.0}, {**SEALED, "v": 0},
        {**SEALED, "kid": 1}, {**SEALED, "kid": ""}, {**SEALED, "kid": MARK + "\n"},
        {**SEALED, "kid": "k" * 201},
        {**SEALED, "nonce": ""}, {**SEALED, "nonce": None}, {**SEALED, "nonce": "A" * 20},
        {**SEALED, "ct": MARK}, {**SEALED, "ct": ""}, {**SEALED, "ct": "A" * 20}, {**SEALED, "ct": "é" * 24},
        json.dumps(SEALED), json.dumps(SEALED, separators=(",", ":")) + "\n",
        json.dumps(dict(reversed(SEALED.items())), separators=(",", ":")),
        json.dumps(SEALED, separators=(",", ":")).replace("{", '{"v":2,'),
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused_and_not_repeated(stored):
    assert isinstance(refusal_of_open(stored), InvalidEnvelope)


def test_an_envelope_of_a_later_release_says_so():
    assert "later release" in str(refusal_of_open({**SEALED, "v": 2}))
    assert "later release" in str(refusal_of_open({"v": 2, "parts": []}))


def test_authentic_bytes_that_are_no_json_are_not_repeated():
    nonce = bytes(12)
    ciphertext = AESGCM(NEW).encrypt(nonce, f"{{{MARK}".encode(), PLACE.authenticated())
    assert isinstance(refusal_of_open(Envelope("new", nonce, ciphertext).text()), InvalidEnvelope)


def test_an_envelope_has_the_form_that_the_tables_check():
    sealed = RING.seal({"token": MARK}, PLACE)
    assert re.fullmatch(SEALED_TEXT.strip("^$"), sealed.text())
    members = ", ".join(
        f'"{name}": {json.dumps(sealed.document()[name])}' for name in ("v", "ct", "kid", "nonce")
    )
    assert re.fullmatch(SEALED_DOCUMENT.strip("^$"), f"{{{members}}}")
    assert len(sealed.nonce) == 12
    assert MARK not in sealed.text()
    assert repr(sealed) == "Envelope(kid='new')"


def test_the_longest_secret_fits_its_column():
    column = Webhook.__table__.c.secret
    assert len(RING.seal("x" * (MAX_PLAIN_BYTES - 2), PLACE).text()) <= column.info["max_length"]
    with pytest.raises(InvalidValue, match="secret: longer than"):
        RING.seal("x" * (MAX_PLAIN_BYTES - 1), PLACE)


def knot() -> list[Any]:
    tied: list[Any] = [MARK]
    tied.append(tied)
    return tied


def nested(depth: int) -> list[Any]:
    value: list[Any] = [MARK]
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        MARK.encode(), (MARK,), {MARK}, {1: MARK}, {None: MARK}, {True: MARK}, {MARK: float("nan")},
        [MARK, float("inf")], {MARK: object()}, {(MARK,): 1}, {1: MARK, "1": MARK}, [MARK, 10**5_000],
        {"at": [MARK, (1, 2)]}, Secret(MARK), PLACE, knot(), nested(100_000),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_json_would_not_give_back_is_refused_and_not_repeated(value):
    with pytest.raises(InvalidValue, match="secret: not a JSON value") as refused:
        RING.seal(value, PLACE)
    error = refused.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert MARK not in f"{error!r} {error} {error.args} {vars(error)}"


def test_the_same_secret_is_never_sealed_the_same():
    texts = {RING.seal(MARK, PLACE).text() for _ in range(1_000)}
    nonces = {Envelope.read(text).nonce for text in texts}
    assert len(texts) == len(nonces) == 1_000


def test_an_old_key_opens_and_the_primary_one_seals():
    old = KeyRing({"old": OLD}).seal(MARK, PLACE).text()
    assert RING.open(old, PLACE).get_secret_value() == MARK
    assert RING.needs_rotation(old)

    resealed = RING.reseal(old, PLACE)
    assert resealed.kid == RING.primary == "new"
    assert not RING.needs_rotation(resealed.text())
    assert KeyRing({"new": NEW}).open(resealed.text(), PLACE).get_secret_value() == MARK


def test_the_primary_key_need_not_be_the_first():
    assert KeyRing({"old": OLD, "new": NEW}, primary="new").seal(MARK, PLACE).kid == "new"
    with pytest.raises(InvalidValue, match="primary"):
        KeyRing({"old": OLD}, primary="new")


def test_a_key_that_left_the_ring_is_named_and_nothing_else():
    error = refusal_of_open(RING.seal(MARK, PLACE).text(), KeyRing({"old": OLD}))
    assert isinstance(error, UnknownKey)
    assert error.kid == "new"


def test_another_key_of_the_same_name_does_not_open():
    assert isinstance(refusal_of_open(RING.seal(MARK, PLACE).text(), KeyRing({"new": OLD})), BrokenSeal)


def test_without_a_key_nothing_is_sealed():
    for ring in (KeyRing({}), KeyRing.parse(""), KeyRing.parse(" , ")):
        with pytest.raises(NoEncryptionKey, match="No key is configured"):
            ring.seal(MARK, PLACE)
        with pytest.raises(NoEncryptionKey):
            ring.load()
        with pytest.raises(NoEncryptionKey):
            ring.needs_rotation(SEALED)
        assert isinstance(refusal_of_open(SEALED, ring), UnknownKey)


def test_a_setting_is_read_in_every_form_it_is_written_in():
    ring = KeyRing.parse(f" arn:aws:kms:eu:1:key/ab:{'+/+/' * 10}+/8= ,\n old:{'-_-_' * 10}-_8,")
    sealed = ring.seal(MARK, PLACE)
    assert sealed.kid == "arn:aws:kms:eu:1:key/ab"
    raw = b"\xfb\xff\xbf" * 10 + b"\xfb\xff"
    assert KeyRing({sealed.kid: raw}).open(sealed.text(), PLACE).get_secret_value() == MARK
    assert ring.open(KeyRing({"old": raw}).seal(MARK, PLACE).text(), PLACE).get_secret_value() == MARK


def test_a_generated_key_is_256_random_bits():
    keys = {KeyRing.generate_key() for _ in range(100)}
    assert len(keys) == 100
    assert {len(key) for key in keys} == {44}
    assert KeyRing.parse(f"k:{keys.pop()}").primary == "k"


KEY_BYTES = b"secret-key-material-that-is-32b!"
KEY_TEXT = base64.b64encode(KEY_BYTES).decode()


@pytest.mark.parametrize(
    "text",
    [
        KEY_TEXT, f":{KEY_TEXT}", f"{KEY_TEXT}:2026", f"a b:{KEY_TEXT}", f"a:{KEY_TEXT[4:]}",
        f"a:{KEY_TEXT}AAAA",
        f"a:{KEY_TEXT},a:{KEY_TEXT}", f"a:{KEY_TEXT};b:{KEY_TEXT}", f"{'k' * 201}:{KEY_TEXT}",
        f"a:*{KEY_TEXT[1:]}",
        f"ä:{KEY_TEXT}", f"a:ä{KEY_TEXT[1:]}",
    ],
)  # fmt: skip
def test_a_setting_that_is_no_key_ring_is_refused_and_not_repeated(text):
    with pytest.raises(InvalidValue, match="keys") as refused:
        KeyRing.parse(text)
    error = refused.value
    assert (error.__cause__, error.__context__) == (None, None)
    assert KEY_TEXT[4:-4] not in f"{error!r} {error} {error.args} {vars(error)}"


@pytest.mark.parametrize(
    "key", [b"", bytes(31), bytes(33), bytes(16), None, 7, bytearray(32), "é" * 44, ["k"]]
)
def test_a_key_is_32_bytes_or_their_base64(key):
    with pytest.raises(InvalidValue, match="key 1 is not 32 bytes"):
        KeyRing({"k": key})


def test_a_callback_is_asked_once_for_a_key_by_however_many_threads():
    asked: list[str] = []
    together = Barrier(8)

    def resolve(kid: str) -> bytes:
        asked.append(kid)
        time.sleep(0.05)  # long enough for every thread to come for its key
        return {"new": NEW, "old": OLD}[kid]

    ring = KeyRing.resolving("new", resolve)
    assert asked == []
    stored = [KeyRing({kid: key}).seal(MARK, PLACE).text() for kid, key in (("new", NEW), ("old", OLD))]

    def opened(number: int) -> str:
        together.wait()
        text: str = ring.open(stored[number % 2], PLACE).get_secret_value()
        return text

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(opened, range(8))) == [MARK] * 8
    assert sorted(asked) == ["new", "old"]
    assert ring.seal(MARK, PLACE).kid == "new"
    assert len(asked) == 2


def test_keys_may_be_loaded_before_they_are_needed():
    asked: list[str] = []

    def resolve(kid: str) -> bytes:
        asked.append(kid)
        return NEW

    ring = KeyRing.resolving("new", resolve)
    ring.load()
    ring.load("new", "old")
    assert asked == ["new", "old"]


def test_a_callback_that_fails_is_asked_again_and_not_quoted():
    answers = iter([RuntimeError(KEY_TEXT), KEY_TEXT[:8], None, KEY_TEXT])

    def resolve(kid: str) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    ring = KeyRing.resolving("k", resolve)
    for kind, retryable in ((KeyUnavailable, True), (KeyUnavailable, True), (UnknownKey, False)):
        with pytest.raises(kind) as refused:
            ring.seal(MARK, PLACE)
        error = refused.value
        assert error.retryable is retryable
        assert (error.__cause__, error.__context__) == (None, None)
        assert KEY_TEXT[:8] not in f"{error!r} {error} {error.args} {vars(error)}"
    assert ring.open(ring.seal(MARK, PLACE).text(), PLACE).get_secret_value() == MARK


def test_a_callback_is_asked_for_no_id_that_a_key_cannot_have():
    with pytest.raises(InvalidValue):
        KeyRing.resolving("two words", lambda kid: NEW)
    ring = KeyRing.resolving("new", lambda kid: pytest.fail("asked"))
    assert isinstance(refusal_of_open({**SEALED, "kid": "../x y"}, ring), InvalidEnvelope)


def test_nothing_shows_a_key_or_a_plain_text(caplog):
    ring = KeyRing({"new": KEY_TEXT})
    opened = ring.open(ring.seal({"token": MARK}, PLACE).text(), PLACE)
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("service").info("%s %r %s %r", ring, ring, opened, opened, extra={"secret": opened})
    shown = f"{caplog.text} {ring} {opened!r:>9} {[opened]} {ring.seal(MARK, PLACE)!r} {dir(ring)}"
    assert MARK not in shown
    assert KEY_TEXT not in shown
    assert KEY_BYTES.decode() not in shown
    assert "Secret('**********')" in shown
    assert not any(hasattr(thing, "__dict__") for thing in (ring, opened, PLACE))


def test_the_ring_keeps_no_key_that_could_be_read():
    ring = KeyRing({"new": KEY_TEXT})
    kept = [getattr(ring, name) for name in KeyRing.__slots__]
    assert KEY_TEXT not in repr(kept)
    assert KEY_BYTES.decode() not in repr(kept)


@pytest.mark.parametrize("thing", [RING, Secret(MARK)], ids=["ring", "secret"])
@pytest.mark.parametrize("copied", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_neither_a_ring_nor_a_secret_is_pickled_copied_or_written_as_json(thing, copied):
    with pytest.raises(TypeError) as refused:
        copied(thing)
    assert MARK not in everything_said(refused.value)


def test_every_refusal_is_one_of_ours():
    kinds = (NoEncryptionKey, UnknownKey, KeyUnavailable, InvalidEnvelope, BrokenSeal)
    assert all(issubclass(kind, EncryptionError) for kind in kinds)
    assert issubclass(EncryptionError, ChatAppDbError)
    assert [kind for kind in kinds if kind.retryable] == [KeyUnavailable]


def test_rows_of_many_companies_are_sealed_by_many_threads_at_once():
    places = [dataclasses.replace(PLACE, row_id=uuid4(), company_id=uuid4()) for _ in range(400)]

    def back_and_forth(place: Place) -> bool:
        opened: str = RING.open(RING.seal(str(place), place).text(), place).get_secret_value()
        return opened == str(place)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(back_and_forth, places))
