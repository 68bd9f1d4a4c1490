"""The database that a command works on, opened as its options name it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chatapp_db.database import Database
    from chatapp_db.encryption import KeyRing

__all__ = ["database"]


def database(url: str, schema: str | None, platform_role: str, *, keys: KeyRing | None = None) -> Database:
    """Open the database as its platform role; an empty name is none."""
    from chatapp_db.database import Database

    return Database(url, schema=schema, platform_role=platform_role or None, keys=keys)
