"""What a migration did, and where a schema stands, in words a start-up log can print."""

from __future__ import annotations

from dataclasses import dataclass

from chatapp_db.migrations.revisions import State, Version, pending, shipped, state_of

__all__ = ["MigrationReport", "Status", "status_of"]

# What mends each state; the schema is named where it is not the first of the search path.
_REMEDIES: dict[State, str] = {
    "unmanaged": "chatapp-db migrate{schema}",
    "behind": "chatapp-db migrate{schema}",
    "ahead": "pip install --upgrade chatapp-db",
    "unknown": "chatapp-db adopt{schema}",
    "foreign": "chatapp-db adopt{schema}",
}


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """The outcome of a migration: the revisions before and after, and which were applied or taken back.

    ``state`` is ``"current"`` after ``migrate()``, or ``"ahead"`` where a newer release has migrated
    already; ``"behind"`` or ``"unmanaged"`` after ``downgrade()``.
    """

    before: str | None
    after: str | None
    applied: tuple[str, ...]
    state: State

    def __str__(self) -> str:
        if self.applied:
            return f"migrated from {self.before or 'nothing'} to {self.after or 'nothing'}"
        if self.before != self.after:
            return f"adopted at {self.after}"
        return f"at {self.after or 'nothing'} ({self.state}), nothing to apply"


@dataclass(frozen=True, slots=True)
class Status:
    """Where a schema stands beside this package: its revision, ours, and what is between them.

    ``state`` is one of ``"current"``; ``"behind"``; ``"unmanaged"``, nothing of ours is there;
    ``"ahead"``, a newer release migrated; ``"unknown"``, the revision is neither ours nor newer;
    ``"foreign"``, our tables are there without a revision.
    """

    current: str | None
    head: str
    pending: tuple[str, ...]
    state: State

    def __str__(self) -> str:
        place = f"at {self.current or 'nothing'}, this package at {self.head}: {self.state}"
        return f"{place}, pending {', '.join(self.pending)}" if self.pending else place

    def remedy(self, schema: str | None = None) -> str | None:
        """Return the command that mends this state; None where there is nothing to mend."""
        command = _REMEDIES.get(self.state)
        return command and command.format(schema=f" --schema {schema}" if schema else "")

    def message(self, schema: str | None = None) -> str:
        """Say what is wrong and what to run; a schema at head is simply described."""
        remedy = self.remedy(schema)
        return f"{self._complaint()}; run: {remedy}" if remedy else str(self)

    def _complaint(self) -> str:
        if self.state == "ahead":
            return (
                f"the database is at {self.current}, newer than this package's {self.head}; "
                "nothing was changed"
            )
        if self.state == "unknown":
            return (
                f"revision {self.current!r} in chatapp_db_version is neither one of this package "
                f"({shipped()[0]} to {self.head}) nor newer; nothing was changed; "
                "if the tables are this release's after all"
            )
        if self.state == "foreign":
            return (
                "the schema holds tables of this package without a revision in chatapp_db_version; "
                "nothing was changed; if they are this release's"
            )
        return f"the database is at {self.current or 'nothing'}, this package needs {self.head}"


def status_of(version: Version | None, *, has_tables: bool) -> Status:
    """Compare a schema with this package; ``has_tables`` counts only where there is no version."""
    state = state_of(version)
    if state == "unmanaged" and has_tables:
        state = "foreign"
    revision = version.revision if version else None
    is_in_line = state in {"unmanaged", "behind"}
    return Status(revision, shipped()[-1], pending(revision) if is_in_line else (), state)
