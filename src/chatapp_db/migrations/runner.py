"""Runs revisions on a connection through Alembic.

Alembic is given all it needs in memory: no alembic.ini, no logging set-up, and none of the global
proxies (``alembic.op``, ``alembic.context``), which a host that migrates from inside its own
Alembic run is using at that moment. A revision gets its ``op`` as an argument.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import StringIO
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import Connection

from chatapp_db.migrations import revisions
from chatapp_db.migrations.indexes import Index, is_missing
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.version import VERSION_TABLE, drop_version_table

if TYPE_CHECKING:
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory

    Steps: TypeAlias = Callable[[ScriptDirectory, tuple[str, ...]], Iterable[RevisionStep]]

__all__ = ["Written", "context_options", "downgrade", "upgrade", "written"]

log = logging.getLogger("chatapp_db.migrations")


def upgrade(connection: Connection, names: Names) -> tuple[tuple[str, ...], tuple[Index, ...]]:
    """Apply pending revisions; return their ids, in order, and the indexes that stopped it.

    Those are to be built outside of the transaction before the next revision can be applied.
    """
    missing: list[Index] = []

    def steps(script: ScriptDirectory, heads: tuple[str, ...]) -> Iterator[RevisionStep]:
        for step in _upwards(script, heads, "heads"):
            declared = _declared(step)
            missing.extend(index for index in declared if is_missing(connection, names.schema, index))
            if missing:
                return
            yield step

    return _run(connection, names, steps), tuple(missing)


def downgrade(connection: Connection, names: Names, to: str = revisions.BASE) -> tuple[str, ...]:
    """Take revisions back, down to but not including ``to``, and return their ids, in order."""
    done = _run(connection, names, lambda script, heads: _downwards(script, heads, to))
    if to == revisions.BASE:
        drop_version_table(connection, names)
    return done


@dataclass(frozen=True, slots=True)
class Written:
    """A revision as SQL, and the indexes to be built CONCURRENTLY ahead of it."""

    revision: str
    sql: str
    ahead: tuple[Index, ...]


def written(names: Names, from_: str | None, to: str) -> Iterator[Written]:
    """Write each revision between two as SQL; nothing is run.

    ``to`` earlier than ``from_`` takes back. The version table is the caller's to keep. Only where
    nothing is there yet are all tables known to be empty.
    """
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(revisions.folder())
    is_upgrade = to != revisions.BASE and (from_ is None or to > from_)
    direction = _upwards if is_upgrade else _downwards
    for step in direction(script, (from_,) if from_ else (), to):
        text = StringIO()
        ahead = _declared(step) if from_ and is_upgrade else ()
        options = {**context_options(names), "as_sql": True, "output_buffer": text}
        options["indexes_are_built"] = bool(ahead)
        # Named parameters: a driver's own would have every percent sign doubled.
        context = MigrationContext.configure(
            dialect_name="postgresql", dialect_opts={"paramstyle": "named"}, opts=options
        )
        step.migration_fn(op=Operations(context))
        yield Written(step.revision.revision, text.getvalue(), ahead)


def context_options(names: Names) -> dict[str, Any]:
    """Return what Alembic has to know about us, here as in env.py."""
    return {
        "version_table": VERSION_TABLE,
        "version_table_schema": names.schema,
        "names": names,
        "indexes_are_built": False,
        "include_object": _is_compared,
        "compare_server_default": True,
    }


def _is_compared(_object: Any, name: str | None, *_details: Any) -> bool:
    """Leave the version table out of comparisons: named with its schema, Alembic proposes to drop it."""
    return name != VERSION_TABLE


def _upwards(script: ScriptDirectory, heads: tuple[str, ...], to: str) -> Iterator[RevisionStep]:
    from alembic.runtime.migration import RevisionStep

    newest_first = script.iterate_revisions(to, heads, implicit_base=True)
    for revision in reversed(list(newest_first)):
        yield RevisionStep(script.revision_map, revision, is_upgrade=True)


def _downwards(script: ScriptDirectory, heads: tuple[str, ...], to: str) -> Iterator[RevisionStep]:
    from alembic.runtime.migration import RevisionStep

    for revision in script.iterate_revisions(heads, to, select_for_downgrade=True):
        yield RevisionStep(script.revision_map, revision, is_upgrade=False)


def _declared(step: RevisionStep) -> tuple[Index, ...]:
    """Read what a revision wants built CONCURRENTLY where its table has rows."""
    indexes = getattr(step.revision.module, "CONCURRENTLY", {})
    return tuple(Index(name, *details) for name, details in indexes.items())


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
