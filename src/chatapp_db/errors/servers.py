"""What stands in the way of a schema, or of a server of one's own."""

from __future__ import annotations

from chatapp_db.errors.root import ChatAppDbError

__all__ = [
    "EmbeddedServerError",
    "MigrationLockTimeout",
    "RolesMissing",
    "SchemaAhead",
    "SchemaOutOfDate",
    "UnknownRevision",
]


class SchemaOutOfDate(ChatAppDbError):
    """The database is behind this package; the message is the command to run."""


class SchemaAhead(ChatAppDbError):
    """The database carries revisions that this package does not know."""


class UnknownRevision(ChatAppDbError):
    """Nobody can tell what the schema is: its revision is not ours, or our tables carry none."""


class MigrationLockTimeout(ChatAppDbError):
    """Another migration held the lock for longer than this one may wait; nothing was changed."""

    retryable = True


class RolesMissing(ChatAppDbError):
    """The roles are not there or not granted, and this login may not mend it; the message holds the SQL."""


class EmbeddedServerError(ChatAppDbError):
    """The embedded PostgreSQL could not be started or stopped."""
