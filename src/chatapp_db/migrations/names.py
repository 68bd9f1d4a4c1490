"""The names a migration is run with: its schema and the two roles that policies speak of."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from chatapp_db.errors import InvalidValue

__all__ = ["Names", "build_lock_key", "checked_name", "lock_key"]

# They become part of DDL, where nothing can be bound: no quote, no colon, no percent sign gets in.
_NAME = re.compile(r"[^\W\d][\w$.-]*")
_RESERVED = {True: {"information_schema"}, False: {"public", "none"}}
_BYTES = 63  # PostgreSQL cuts longer names off, and two of them would be one


@dataclass(frozen=True, slots=True)
class Names:
    """What revisions ask the migration context for (``op.get_context().opts["names"]``)."""

    schema: str
    app_role: str | None
    platform_role: str | None

    @property
    def roles(self) -> tuple[str, ...]:
        """Return the roles in use; none where the owner alone works with the tables."""
        return tuple(role for role in (self.app_role, self.platform_role) if role is not None)


def checked_name(field: str, name: str) -> str:
    """Return the name of a schema or role if it can stand in DDL; raises InvalidValue."""
    if not _NAME.fullmatch(name) or len(name.encode()) > _BYTES:
        raise InvalidValue(field, f"not a plain name of at most {_BYTES} bytes")
    if name.startswith("pg_") or name in _RESERVED[field == "schema"]:
        raise InvalidValue(field, "this name belongs to PostgreSQL")
    return name


def lock_key(schema: str) -> int:
    """Return the advisory lock of a schema's migrations, the same in every process and release."""
    digest = hashlib.blake2b(f"chatapp_db.migrations:{schema}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def build_lock_key(schema: str) -> int:
    """Return the lock of who builds a schema's indexes outside of a transaction; no schema is named so."""
    return lock_key(f"{schema}:indexes")
