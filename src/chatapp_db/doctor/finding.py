"""What an examination says: findings, each with what mends it, and what it was not allowed to see."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Examination", "Finding", "PoolerMode", "Severity", "Unseen"]


class Severity(StrEnum):
    """How bad a finding is: what fails or is unsafe, what will, what could be better."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class PoolerMode(StrEnum):
    """When a pooler in front of the server gives a server's process to somebody else."""

    NONE = "none"
    SESSION = "session"
    TRANSACTION = "transaction"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong; ``code`` stays the same from release to release.

    ``mend`` is SQL, or a command, to be run as it is by somebody who may; None where only people can
    decide.
    """

    code: str
    severity: Severity
    where: str
    what: str
    mend: str | None = None

    def __str__(self) -> str:
        mend = f"; mend: {self.mend}" if self.mend else ""
        return f"{self.severity} {self.code} {self.where}: {self.what}{mend}"


@dataclass(frozen=True, slots=True)
class Unseen:
    """What was not looked at, and what it would take."""

    area: str
    why: str


@dataclass(slots=True)
class Examination:
    """All that was found, the worst first, and what could not be seen."""

    server: str | None = None
    revision: str | None = None
    pooler: PoolerMode = PoolerMode.NONE
    is_current: bool = False
    findings: list[Finding] = field(default_factory=list[Finding])
    unseen: list[Unseen] = field(default_factory=list[Unseen])

    def is_healthy(self, *, strict: bool = False) -> bool:
        """Tell whether nothing is wrong; ``strict`` counts warnings, nobody counts notes."""
        bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
        return not any(finding.severity in bad for finding in self.findings)

    def sort(self) -> None:
        """Put the worst first, and what was found together beside each other."""
        order = list(Severity)
        self.findings.sort(key=lambda finding: order.index(finding.severity))
