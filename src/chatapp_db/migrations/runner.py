"""Runs revisions on a connection through Alembic.

Alembic is given all it needs in memory: no alembic.ini, no logging set-up, and none of the global
proxies (``alembic.op``, ``alembic.context``), which a host that migrates from inside its own
Alembic run is using at that moment. A revision gets its ``op`` as an argument.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection

from chatapp_db.migrations import revisions
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.version import VERSION_TABLE, drop_version_table

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    Steps: TypeAlias = Callable[[ScriptDirectory, tuple[str, ...]], Iterable[RevisionStep]]

__all__ = ["context_options", "downgrade", "upgrade"]

log = logging.getLogger("chatapp_db.migrations")


def upgrade(connection: Connection, names: Names) -> tuple[str, ...]:
    """Apply every pending revision and return their ids, in order."""
    from alembic.runtime.migration import RevisionStep

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> Iterable[RevisionStep]:
        newest_first = script.iterate_revisions("heads", heads, implicit_base=True)
        for revision in reversed(list(newest_first)):
            yield RevisionStep(script.revision_map, revision, is_upgrade=True)

    return _run(connection, names, steps)


def downgrade(connection: Connection, names: Names, to: str = "base") -> tuple[str, ...]:
    """Take revisions back, down to but not including ``to``, and return their ids, in order."""
    from alembic.runtime.migration import RevisionStep

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> Iterable[RevisionStep]:
        for revision in script.iterate_revisions(heads, to, select_for_downgrade=True):
            yield RevisionStep(script.revision_map, revision, is_upgrade=False)

    done = _run(connection, names, steps)
    if to == "base":
        drop_version_table(connection, names)
    return done


def context_options(names: Names) -> dict[str, Any]:
    """Return what Alembic has to know about us, here as in env.py."""
    return {
        "version_table": VERSION_TABLE,
        "version_table_schema": names.schema,
        "names": names,
        "include_object": _is_compared,
        "compare_server_default": True,
    }


def _is_compared(_object: Any, name: str | None, *_details: Any) -> bool:
    """Leave the version table out of comparisons: named with its schema, Alembic proposes to drop it."""
    return name != VERSION_TABLE


def _run(connection: Connection, names: Names, steps: Steps) -> tuple[str, ...]:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(revisions.folder())
    done: list[str] = []

    def logged(heads: tuple[str, ...], _context: MigrationContext) -> Iterator[RevisionStep]:
        for step in steps(script, heads):
            revision = step.revision.revision
            log.info("schema %s: %s %s", names.schema, step.name, revision)
            started = monotonic()
            yield step
            log.info("schema %s: %s %s took %.2f s", names.schema, step.name, revision, monotonic() - started)
            done.append(revision)

    options = {**context_options(names), "script": script, "fn": logged}
    context = MigrationContext.configure(connection, opts=options)
    context.run_migrations(op=Operations(context))
    return tuple(done)
