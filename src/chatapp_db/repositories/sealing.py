"""The columns that are sealed, and the keys by which a repository seals and opens them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.encryption import KeyRing, Place
from chatapp_db.errors import NoEncryptionKey
from chatapp_db.execution.carriers import Carrier
from chatapp_db.repositories.base import table_of
from chatapp_db.schema import Integration, Webhook

__all__ = ["CONFIG", "SEALED", "SECRET", "SealedColumn", "key_ring"]


@dataclass(frozen=True, eq=False)
class SealedColumn:
    """A column that holds secrets.

    What it holds opens in its row alone, so the row's id is known before a value is sealed, and no
    statement may write the value into a row that it only then finds (``ON CONFLICT DO UPDATE``).
    """

    column: Any

    @property
    def table(self) -> Any:
        """The table of the column."""
        return self.column.table

    @property
    def is_document(self) -> bool:
        """Tell whether the column is jsonb, not text."""
        return isinstance(self.column.type, sa.JSON)

    def place(self, company_id: UUID | None, row_id: UUID) -> Place:
        """Say where the value of one row belongs."""
        if company_id is None:
            raise TypeError("a secret belongs to a company")
        return Place(self.table.name, self.column.name, company_id, row_id)


CONFIG = SealedColumn(table_of(Integration).c.config)
SECRET = SealedColumn(table_of(Webhook).c.secret)

SEALED: Sequence[SealedColumn] = (CONFIG, SECRET)
"""Every column that a rotation of the keys has to reach."""


def key_ring(carrier: Carrier) -> KeyRing:
    """Give the keys of a scope, asked for before any SQL.

    Raises NoEncryptionKey where none is configured.
    """
    ring = carrier.access.keys
    if ring is None or not ring.primary:
        raise NoEncryptionKey
    return ring
