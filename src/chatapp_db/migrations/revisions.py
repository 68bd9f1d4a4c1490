"""The revisions this package ships, told from their file names so that a start-up never loads Alembic."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["BASE", "HEAD", "State", "Version", "folder", "pending", "shipped", "state_of"]

State = Literal["unmanaged", "behind", "current", "ahead", "unknown", "foreign"]

# What Alembic calls no revision at all, and the last there is.
BASE = "base"
HEAD = "head"

_FILE = re.compile(r"(\d{4})_\w+\.py")


@dataclass(frozen=True, slots=True)
class Version:
    """Where a schema stands: a revision, and its place in the line of all revisions."""

    revision: str
    number: int


def folder() -> Path:
    """Return the folder that Alembic reads ``versions/`` from."""
    return Path(__file__).parent


def shipped() -> tuple[str, ...]:
    """Return every revision of this package, oldest first."""
    return _in_folder(folder() / "versions")


@cache
def _in_folder(versions: Path) -> tuple[str, ...]:
    return tuple(sorted(found[1] for file in versions.iterdir() if (found := _FILE.fullmatch(file.name))))


def pending(revision: str | None) -> tuple[str, ...]:
    """Return what has yet to be applied to a schema at this revision, or to an empty one."""
    return tuple(known for known in shipped() if revision is None or known > revision)


def state_of(version: Version | None) -> State:
    """Compare a schema with this package by its version alone.

    A revision that is neither ours nor newer than ours is unknown: another program wrote it, or it
    was taken back after its release.
    """
    if version is None:
        return "unmanaged"
    if version.revision in shipped():
        return "current" if version.revision == shipped()[-1] else "behind"
    return "ahead" if version.number > int(shipped()[-1]) else "unknown"
