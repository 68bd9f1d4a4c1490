"""Tokens that a person carries: they cannot be guessed, and name the company they open.

What has to stay secret is stored as its digest only and handed out once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from chatapp_db.errors import InvalidValue

__all__ = ["CompanyToken", "digest", "matches"]

_COMPANY_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class CompanyToken:
    """One kind of token: the argument it is passed as, and how many random bytes it has.

    Whoever brings one says with it whose it is, so nothing is ever looked for across companies.
    """

    field: str
    random_bytes: int = 32

    def issue(self, company_id: UUID) -> str:
        """Make a token of a company."""
        return _text(company_id.bytes + secrets.token_bytes(self.random_bytes))

    def company_of(self, token: str) -> UUID:
        """Read whose a token is; whether it is one, that company tells.

        Raises InvalidValue for what is no such token; it is not repeated.
        """
        raw = _decoded(token) if isinstance(token, str) else None  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        if raw is None or len(raw) != _COMPANY_BYTES + self.random_bytes or _text(raw) != token:
            raise InvalidValue(self.field, "not a token of this kind")
        return UUID(bytes=raw[:_COMPANY_BYTES])


def digest(token: str) -> str:
    """Give what is stored of a token: its SHA-256 in hexadecimal, by which it is also found."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def matches(token: str, stored: str) -> bool:
    """Compare a token with a stored digest, in a time that tells nothing."""
    return hmac.compare_digest(digest(token).encode(), stored.encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes | None:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
