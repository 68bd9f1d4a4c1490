"""A webhook call is signed as the Standard Webhooks specification says, and only the genuine one passes."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatapp_db.encryption.signatures import TOLERANCE, new_secret, sign, verify
from chatapp_db.errors import InvalidSignature, InvalidValue

AT = datetime(2026, 11, 18, 12, 0, 0, 999_999, tzinfo=UTC)
SECRET, OTHER = new_secret(), new_secret()
BODY = b'{"type":"conversation.created"}'
ID = "evt_1"


def signed(**changes: str) -> dict[str, str]:
    return {**sign(SECRET, BODY, AT, id=ID), **changes}


def refused(
    headers: dict[str, str], *, body: bytes = BODY, secret: str = SECRET, at: datetime = AT, **more: Any
) -> str:
    with pytest.raises(InvalidSignature) as refusal:
        verify(secret, body, headers, at=at, **more)
    assert secret not in "\n".join(traceback.format_exception(refusal.value))
    return str(refusal.value)


def test_the_signature_is_that_of_the_specification():
    # The example that the specification's own libraries are tested with.
    at = datetime.fromtimestamp(1614265330, UTC)
    body, id = b'{"test": 2432232314}', "msg_p5jXN8AQM9LWM0D4loKWxJek"
    headers = sign("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body, at, id=id)
    assert headers == {
        "webhook-id": id,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(
    st.binary(), st.uuids(), st.integers(0, 2**33).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
)
def test_what_was_signed_is_verified(body: bytes, id: UUID, at: datetime):
    verify(SECRET, body, sign(SECRET, body, at, id=id), at=at)


@given(st.data())
def test_a_single_flipped_bit_of_the_body_is_refused(data: st.DataObject):
    flipped = bytearray(BODY)
    flipped[data.draw(st.integers(0, len(BODY) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert "no signature matches" in refused(signed(), body=bytes(flipped))


@given(st.data())
def test_a_single_flipped_bit_of_the_signature_is_refused(data: st.DataObject):
    signature = bytearray(signed()["webhook-signature"].encode())
    signature[data.draw(st.integers(0, len(signature) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert "no signature matches" in refused(signed(**{"webhook-signature": signature.decode("latin-1")}))


def test_id_and_time_are_signed_too():
    assert "no signature matches" in refused(signed(**{"webhook-id": "evt_2"}))
    later = str(int(AT.timestamp()) + 1)
    assert "no signature matches" in refused(signed(**{"webhook-timestamp": later}))


def test_a_part_of_the_id_does_not_pass_for_the_time():
    second = int(AT.timestamp())
    with pytest.raises(InvalidValue, match="id"):
        sign(SECRET, BODY, AT, id=f"evt.{second}")
    assert "malformed" in refused(signed(**{"webhook-id": f"evt.{second}"}))


def test_another_secret_is_refused():
    assert "no signature matches" in refused(signed(), secret=OTHER)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_missing_header_is_refused(name):
    headers = signed()
    del headers[name]
    assert "missing" in refused(headers)


@pytest.mark.parametrize("moment", ["", "now", "-1", "1.5", "1e9", " 1", "1\n", "٣", "9" * 13, "0x1", "1_0"])
def test_a_time_is_a_whole_number_of_seconds(moment):
    assert "malformed" in refused(signed(**{"webhook-timestamp": moment}))


@pytest.mark.parametrize("signature", ["", "v1", "v1,", "v1a,x", " ", "é", "\ud800", ",", "v1,\0"])
def test_what_is_no_signature_is_refused(signature):
    assert "no signature matches" in refused(signed(**{"webhook-signature": signature}))


def test_a_signature_of_another_version_does_not_count():
    other = signed()["webhook-signature"].replace("v1,", "v2,")
    assert "no signature matches" in refused(signed(**{"webhook-signature": other}))


def test_a_header_may_be_written_in_upper_case():
    verify(SECRET, BODY, {name.title(): value for name, value in signed().items()}, at=AT)


def test_a_call_is_accepted_within_the_tolerance_and_no_longer():
    second = AT.replace(microsecond=0)
    for accepted in (second - TOLERANCE, second + TOLERANCE):
        verify(SECRET, BODY, signed(), at=accepted)
    for early in (second - TOLERANCE - timedelta(seconds=1), second + TOLERANCE + timedelta(seconds=1)):
        assert "too old, or from the future" in refused(signed(), at=early)
    assert "too old" in refused(signed(), at=second + timedelta(seconds=2), tolerance=timedelta(seconds=1))


def test_the_same_moment_in_another_zone_is_the_same():
    assert sign(SECRET, BODY, AT.astimezone(timezone(timedelta(hours=5))), id=ID) == signed()


def test_while_a_secret_is_replaced_either_one_verifies():
    headers = sign([SECRET, OTHER], BODY, AT, id=ID)
    verify(SECRET, BODY, headers, at=AT)
    verify(OTHER, BODY, headers, at=AT)
    refused(headers, secret=new_secret())


def test_every_signature_is_compared_in_constant_time(monkeypatch):
    compared: list[bytes] = []
    monkeypatch.setattr(
        "chatapp_db.encryption.signatures.hmac.compare_digest",
        lambda expected, offered: compared.append(offered) or expected == offered,
    )
    verify(SECRET, BODY, signed(**{"webhook-signature": f"{signed()['webhook-signature']} v1,x v1,y"}), at=AT)
    assert compared[1:] == [b"v1,x", b"v1,y"]


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "plain",
        "whsec_",
        "whsec_!",
        "whsec_é",
        f"whsec_!{SECRET[6:]}",
        SECRET[6:],
        "whsec_" + "A" * 28,
        "whsec_" + "A" * 88,
        [],
    ],
    ids=["empty", "plain", "bare", "mark", "accent", "marked", "unmarked", "short", "long", "list"],
)
def test_what_is_no_secret_is_refused_and_not_repeated(secret):
    with pytest.raises(InvalidValue, match="secret") as refusal:
        sign(secret, BODY, AT, id=ID)
    assert (refusal.value.__cause__, refusal.value.__context__) == (None, None)
    assert not secret or secret[6:] == "" or secret[6:] not in str(refusal.value)


def test_what_cannot_be_signed_is_refused():
    with pytest.raises(InvalidValue, match="at: "):
        sign(SECRET, BODY, AT.replace(tzinfo=None), id=ID)
    with pytest.raises(InvalidValue, match="at: "):
        verify(SECRET, BODY, signed(), at=AT.replace(tzinfo=None))
    body: Any = BODY.decode()
    with pytest.raises(InvalidValue, match="body: "):
        sign(SECRET, body, AT, id=ID)


def test_a_new_secret_is_256_random_bits():
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {6 + 44}
