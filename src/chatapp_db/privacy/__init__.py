"""Privacy: personal rows are given out, erased, anonymised, and let go when they are old."""

from chatapp_db.privacy.erasing import Erasure
from chatapp_db.privacy.exporting import AsyncExport, Export
from chatapp_db.privacy.offer import AsyncPrivacy, Privacy
from chatapp_db.privacy.retaining import Retention, RetentionPolicy

__all__ = [
    "AsyncExport",
    "AsyncPrivacy",
    "Erasure",
    "Export",
    "Privacy",
    "Retention",
    "RetentionPolicy",
]
