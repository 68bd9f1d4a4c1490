"""The secrets of one address: the one that signs, and for a while the one it replaced."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from chatapp_db.encryption.signatures import new_secret
from chatapp_db.errors import InvalidEnvelope

__all__ = ["SigningSecrets"]


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    """What is sealed for an address; while a secret is being replaced, both sign."""

    current: str = field(repr=False)
    previous: str | None = field(default=None, repr=False)
    until: datetime | None = None

    @classmethod
    def issue(cls) -> Self:
        """Make the first secret of an address."""
        return cls(new_secret())

    @classmethod
    def read(cls, opened: Any) -> Self:
        """Read what was sealed.

        Raises InvalidEnvelope for what is no secret of an address.
        """
        try:
            current, previous, until = opened["current"], opened["previous"], opened["until"]
            return cls(current, previous, None if until is None else datetime.fromisoformat(until))
        except (KeyError, TypeError, ValueError):
            pass  # raised below: an error raised in here would carry the secret as its context
        raise InvalidEnvelope("what was sealed is no secret of an address")

    def document(self) -> dict[str, str | None]:
        """Write them for sealing."""
        until = None if self.until is None else self.until.isoformat()
        return {"current": self.current, "previous": self.previous, "until": until}

    def replaced(self, at: datetime, overlap: timedelta) -> Self:
        """Make the next secret; the present one signs beside it until the overlap is over."""
        return type(self)(new_secret(), self.current, at + overlap)

    def signing(self, at: datetime) -> list[str]:
        """Give the secrets that sign at a moment, the newest first."""
        if self.previous is None or self.until is None or at >= self.until:
            return [self.current]
        return [self.current, self.previous]
