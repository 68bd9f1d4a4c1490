"""Keys as a service configures them, read; nothing that is refused is repeated."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from typing import Final

from chatapp_db.encryption.envelope import KEY_ID
from chatapp_db.errors import InvalidValue

__all__ = ["Key", "Resolve", "as_key_id", "generated", "key_bytes", "listed"]

Key = bytes | str
"""32 bytes, or their base64 (either alphabet, padded or not)."""

Resolve = Callable[[str], Key | None]
"""Gives the key of an id, None where there is none."""

_KEY_BYTES: Final = 32
_STANDARD: Final = str.maketrans("-_", "+/")


def generated() -> str:
    """Make a key, as text for a settings file."""
    return base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def as_key_id(kid: str) -> str:
    """Take what a key may be called."""
    if not isinstance(kid, str) or not KEY_ID.fullmatch(kid):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue("keys", "an id is 1 to 200 letters, digits and . _ : / - without blanks")
    return kid


def key_bytes(key: Key | None) -> bytes | None:
    """Give the bytes of a key, None for what is no key."""
    raw = _decoded(key.strip()) if isinstance(key, str) else key
    return raw if isinstance(raw, bytes) and len(raw) == _KEY_BYTES else None


def listed(text: str) -> list[tuple[str, str]]:
    """Read ``id:key,id:key``; the id goes to the last colon, since a KMS puts colons into its names."""
    entries = [entry.strip().rpartition(":") for entry in text.split(",") if entry.strip()]
    return [(kid.strip(), key) for kid, _, key in entries]


def _decoded(text: str) -> bytes | None:
    plain = text.rstrip("=").translate(_STANDARD)
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except ValueError:
        return None
