"""What is sealed, as bytes: any JSON value, of which text is one."""

from __future__ import annotations

import json
from typing import Any

from chatapp_db.errors import InvalidEnvelope, InvalidValue

__all__ = ["MAX_PLAIN_BYTES", "decoded", "encoded"]

MAX_PLAIN_BYTES = 65_536
"""Of the JSON, in which a letter beyond ASCII takes six bytes or more."""


def encoded(field: str, value: object) -> bytes:
    """Write the value of a field as JSON.

    Raises InvalidValue for what would come out as something else (a tuple, NaN, a key that is no text)
    and for what is too long; the value is not repeated.
    """
    text = _faithful(value)
    if text is None:
        raise InvalidValue(field, "not a JSON value")
    if len(text) > MAX_PLAIN_BYTES:
        raise InvalidValue(field, f"longer than {MAX_PLAIN_BYTES} bytes")
    return text.encode()


def decoded(raw: bytes) -> Any:
    """Read a value back.

    Raises InvalidEnvelope where no JSON was sealed.
    """
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        pass  # raised below: an error raised in here would carry the plain text as its context
    raise InvalidEnvelope("what was sealed is no JSON")


def _faithful(value: object) -> str | None:
    """Give the JSON that reads back as the value, if there is one."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
        return text if json.loads(text) == value else None
    except (TypeError, ValueError, RecursionError):
        return None
