"""What a migration did, in words a start-up log can print."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp_db.migrations.revisions import State

__all__ = ["MigrationReport", "Status"]


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """The outcome of ``migrate()``: the revisions before and after, and which were applied.

    ``state`` is ``"current"``, or ``"ahead"`` where a newer release has migrated already.
    """

    before: str | None
    after: str | None
    applied: tuple[str, ...]
    state: State

    def __str__(self) -> str:
        if self.applied:
            return f"migrated from {self.before or 'nothing'} to {self.after}"
        return f"at {self.after} ({self.state}), nothing to apply"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a schema stands beside this package: its revision, ours, and what is between them."""

    current: str | None
    head: str
    pending: tuple[str, ...]
    state: State

    def __str__(self) -> str:
        place = f"at {self.current or 'nothing'}, this package at {self.head}: {self.state}"
        return f"{place}, pending {', '.join(self.pending)}" if self.pending else place
