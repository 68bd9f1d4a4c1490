"""A sealed value as it is stored: ``{"v": 1, "kid": .., "nonce": .., "ct": ..}``, the bytes in base64."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, cast

from chatapp_db.errors import InvalidEnvelope

__all__ = ["KEY_ID", "NONCE_BYTES", "Envelope", "Stored"]

VERSION: Final = 1
"""AES-256-GCM, the place as authenticated data, JSON inside."""

NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_MEMBERS: Final = {"v", "kid", "nonce", "ct"}

KEY_ID: Final = re.compile("[A-Za-z0-9._:/-]{1,200}")
"""What a key may be called; a date or a KMS's own name for it fit."""

Stored = Mapping[str, object] | str
"""A sealed value as a jsonb column or a text column gives it."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A sealed value: the id of its key, a nonce, and the ciphertext with its tag."""

    kid: str
    nonce: bytes = field(repr=False)
    ct: bytes = field(repr=False)

    @classmethod
    def read(cls, stored: Stored) -> Envelope:
        """Read a sealed value, in the one way it is written.

        Raises InvalidEnvelope; what was read is not repeated, since it may be plain text.
        """
        if isinstance(stored, str):
            envelope = cls._of_document(_document(stored))
            if envelope.text() != stored:
                raise InvalidEnvelope("not in its canonical form")
            return envelope
        return cls._of_document(stored)

    @classmethod
    def _of_document(cls, document: object) -> Envelope:
        if not isinstance(document, Mapping):
            raise InvalidEnvelope("not a sealed value")
        members = cast("Mapping[str, object]", document)
        version = members.get("v")
        if type(version) is int and version > VERSION:
            raise InvalidEnvelope("sealed by a later release")
        if type(version) is not int or version != VERSION or set(members) != _MEMBERS:
            raise InvalidEnvelope("not a sealed value")
        kid, nonce, ct = members["kid"], _bytes(members["nonce"]), _bytes(members["ct"])
        if not isinstance(kid, str) or not KEY_ID.fullmatch(kid):
            raise InvalidEnvelope("not the id of a key")
        if len(nonce) != NONCE_BYTES or len(ct) < _TAG_BYTES:
            raise InvalidEnvelope("a part of it is missing")
        return cls(kid, nonce, ct)

    def document(self) -> dict[str, int | str]:
        """Write it for a jsonb column."""
        return {"v": VERSION, "kid": self.kid, "nonce": _base64(self.nonce), "ct": _base64(self.ct)}

    def text(self) -> str:
        """Write it for a text column, whose CHECK knows the order of the members."""
        return json.dumps(self.document(), separators=(",", ":"))


def _document(text: str) -> object:
    try:
        return cast("object", json.loads(text))
    except (ValueError, RecursionError):
        return None


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: object) -> bytes:
    """Read base64 in its canonical form: bits that do not count must not differ either."""
    raw = _lenient(text) if isinstance(text, str) else None
    if raw is None or _base64(raw) != text:
        raise InvalidEnvelope("not base64")
    return raw


def _lenient(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None
