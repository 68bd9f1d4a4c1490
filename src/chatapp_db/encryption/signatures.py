"""Signatures of webhook calls, by the Standard Webhooks specification 1.0.0 (standardwebhooks.com).

A call carries ``webhook-id``, ``webhook-timestamp`` (Unix seconds) and ``webhook-signature``:
``v1,`` and the base64 of an HMAC-SHA256 over id, timestamp and body, joined by full stops. Any
library of the specification verifies it.
"""

from __future__ import annotations

import base64
import hmac
import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from chatapp_db.errors import InvalidSignature, InvalidValue

__all__ = ["TOLERANCE", "new_secret", "sign", "verify"]

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of two sides may be apart; what is older may be a call repeated by somebody else."""

_PREFIX: Final = "whsec_"
_SECRET_BYTES: Final = 32
_SECRET_BYTES_ALLOWED: Final = range(24, 65)
# A full stop would let a part of the id pass for the timestamp.
_ID: Final = re.compile("[A-Za-z0-9_-]{1,200}")
_SECONDS: Final = re.compile("[0-9]{1,12}")


def new_secret() -> str:
    """Make the secret of one address: ``whsec_`` and 256 random bits in base64."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def sign(secret: str | Sequence[str], body: bytes, at: datetime, *, id: UUID | str) -> dict[str, str]:
    """Give the headers of a call: the body as it is sent, the time of this attempt, the id of its event.

    The id stays the same however often the call is tried. While a secret is being replaced both sign.

    Raises InvalidValue.
    """
    given = [secret] if isinstance(secret, str) else secret
    if not given:
        raise InvalidValue("secret", "there is none to sign with")
    moment = str(_seconds(at))
    signed = _signed(str(id), moment, body)
    return {
        "webhook-id": str(id),
        "webhook-timestamp": moment,
        "webhook-signature": " ".join(_signature(each, signed) for each in given),
    }


def verify(
    secret: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    at: datetime,
    tolerance: timedelta = TOLERANCE,
) -> None:
    """Check what a call carries, at the time it arrived; the body has to be as it came, not parsed.

    Raises InvalidSignature, InvalidValue for a secret that is none.
    """
    names = {name.lower(): value for name, value in headers.items()}
    try:
        id, moment = names["webhook-id"], names["webhook-timestamp"]
        offered = names["webhook-signature"].split(" ")
    except KeyError:
        raise InvalidSignature("a header is missing") from None
    if not _ID.fullmatch(id) or not _SECONDS.fullmatch(moment):
        raise InvalidSignature("a header is malformed")
    expected = _signature(secret, _signed(id, moment, body)).encode()
    # Every one is compared, and each in constant time: how long it takes says nothing.
    matching = [hmac.compare_digest(expected, each.encode(errors="replace")) for each in offered]
    if not any(matching):
        raise InvalidSignature("no signature matches")
    if abs(_seconds(at) - int(moment)) > tolerance.total_seconds():
        raise InvalidSignature("too old, or from the future")


def _signed(id: str, moment: str, body: bytes) -> bytes:
    if not _ID.fullmatch(id):
        raise InvalidValue("id", "not 1 to 200 letters, digits and _ -")
    if not isinstance(body, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue("body", "not the bytes that are sent")
    return f"{id}.{moment}.".encode() + body


def _seconds(at: datetime) -> int:
    if not isinstance(at, datetime) or at.tzinfo is None:  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue("at", "not a datetime with a time zone")
    return int(at.timestamp())


def _signature(secret: str, signed: bytes) -> str:
    return f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, 'sha256')).decode()}"


def _key(secret: str) -> bytes:
    key = _decoded(secret.removeprefix(_PREFIX)) if secret.startswith(_PREFIX) else None
    if key is None or len(key) not in _SECRET_BYTES_ALLOWED:
        raise InvalidValue("secret", f"not {_PREFIX} and the base64 of 24 to 64 bytes")
    return key


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
