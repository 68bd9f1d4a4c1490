"""What is wrong with a deployment, and what mends it: examined without changing anything."""

from chatapp_db.doctor.examining import aexamine, examine
from chatapp_db.doctor.finding import Examination, Finding, Severity, Unseen

__all__ = ["Examination", "Finding", "Severity", "Unseen", "aexamine", "examine"]
