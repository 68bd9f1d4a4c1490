"""The migrations that bring a database to this package's schema, for every replica to run at its start."""

from chatapp_db.migrations.adoption import adopt
from chatapp_db.migrations.awaited import aadopt, acheck, adowngrade, amigrate, astatus, averify
from chatapp_db.migrations.check import Difference, check
from chatapp_db.migrations.commands import migrate, status, verify
from chatapp_db.migrations.host import include_object
from chatapp_db.migrations.offline import grants, plan
from chatapp_db.migrations.report import MigrationReport, Status
from chatapp_db.migrations.reversal import downgrade

__all__ = [
    "Difference",
    "MigrationReport",
    "Status",
    "aadopt",
    "acheck",
    "adopt",
    "adowngrade",
    "amigrate",
    "astatus",
    "averify",
    "check",
    "downgrade",
    "grants",
    "include_object",
    "migrate",
    "plan",
    "status",
    "verify",
]
