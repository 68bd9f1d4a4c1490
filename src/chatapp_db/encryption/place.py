"""Where a sealed value belongs, as the cipher is told."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

__all__ = ["Place"]

_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Place:
    """The one column of one row that a sealed value can be opened in."""

    table: str
    column: str
    company_id: UUID
    row_id: UUID

    def authenticated(self) -> bytes:
        """Write the place so that no two places are written alike: each part behind its length."""
        parts = (self.table.encode(), self.column.encode(), self.company_id.bytes, self.row_id.bytes)
        return b"".join(len(part).to_bytes(_LENGTH_BYTES, "big") + part for part in parts)
