"""The line of revisions that this release ships: whichever is its last, the tests hold."""

from __future__ import annotations

from chatapp_db.migrations.revisions import shipped
from chatapp_db.schema import metadata

LINE = shipped()
HEAD = LINE[-1]
AFTER_FIRST = LINE[1:]
NEXT = f"{len(LINE) + 1:04}"
AHEAD = f"{len(LINE) + 5:04}"  # of a release that is newer by far
EVERY_TABLE = len(metadata.tables) + 1  # with that of the version
