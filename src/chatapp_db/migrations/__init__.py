"""The migrations that bring a database to this package's schema, for every replica to run at its start."""

from chatapp_db.migrations.awaited import amigrate, astatus, averify
from chatapp_db.migrations.commands import migrate, status, verify
from chatapp_db.migrations.host import include_object
from chatapp_db.migrations.report import MigrationReport, Status

__all__ = [
    "MigrationReport",
    "Status",
    "amigrate",
    "astatus",
    "averify",
    "include_object",
    "migrate",
    "status",
    "verify",
]
