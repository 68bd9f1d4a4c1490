"""The SQL that distributes a migrated schema on Citus, for a DBA to run on the coordinator."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chatapp_db.migrations.names import Names
from chatapp_db.migrations.offline import guard
from chatapp_db.migrations.revisions import shipped
from chatapp_db.migrations.transaction import check_names
from chatapp_db.schema import metadata
from chatapp_db.schema.distribution import Placement, adapting_statements, placement_of
from chatapp_db.schema.quoting import literal, name

__all__ = ["ScaleOutPlan", "ScaleOutStep", "scale_out_plan"]

_IS_CITUS = """\
DO $citus$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_proc WHERE proname = 'create_distributed_table') THEN
        RAISE EXCEPTION 'this is no Citus coordinator: nothing was changed';
    END IF;
END $citus$"""

# The coordinator hands SET LOCAL on to the workers, where the policies read it.
_PROPAGATE = """\
DO $database$ BEGIN
    EXECUTE pg_catalog.format('ALTER DATABASE %I SET citus.propagate_set_commands = ''local''',
                              pg_catalog.current_database());
END $database$"""


@dataclass(frozen=True, slots=True)
class ScaleOutStep:
    """Statements for one purpose; those that are not ``together`` are a transaction each."""

    purpose: str
    statements: tuple[str, ...]
    together: bool = False

    def __str__(self) -> str:
        written = [f"{statement};" for statement in self.statements]
        if self.together:
            written = ["BEGIN;", *written, "COMMIT;"]
        return "\n".join([f"-- {self.purpose}", *written])


@dataclass(frozen=True, slots=True)
class ScaleOutPlan:
    """The steps in their order; as text a script for ``psql --set=ON_ERROR_STOP=1 --file``."""

    schema: str
    steps: tuple[ScaleOutStep, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, [f"-- chatapp_db, schema {self.schema}: onto Citus", *self.steps])) + "\n"


def scale_out_plan(
    *,
    schema: str = "public",
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
) -> ScaleOutPlan:
    """Write what a DBA runs on the coordinator of a Citus cluster, once this release has migrated there.

    Each table is placed by a call of its own, outside of any transaction: Citus distributes no table that
    refers to a reference table in a transaction that has done more. What fails is mended and the script
    gone on with from there; no service writes meanwhile. Afterwards ``check()`` finds no difference;
    docs/howto/scale-out.md says what a service finds different.

    Needs no database. Raises InvalidValue for a name that is none.
    """
    check_names(schema=schema, app_role=app_role, platform_role=platform_role)
    return ScaleOutPlan(schema, tuple(_steps(Names(schema, app_role, platform_role))))


def _steps(names: Names) -> Iterator[ScaleOutStep]:
    yield ScaleOutStep(
        "only on a coordinator, where this release has migrated",
        (_IS_CITUS, guard(names.schema, shipped()[-1]), f'SET search_path = "{names.schema}", pg_temp'),
    )
    adapted = (*adapting_statements(metadata, app_role=names.app_role), _PROPAGATE)
    yield ScaleOutStep(
        "policies, triggers and rights as Citus takes them, and settings that reach the workers",
        adapted,
        together=True,
    )
    if names.roles:
        yield ScaleOutStep("workers are spoken to as the role of the scope", tuple(_logins(names)))
    # What is left are triggers that look at their own row alone.
    yield ScaleOutStep("triggers go along", ("SET citus.enable_unsafe_triggers = on",))
    for purpose, placement in _PURPOSES.items():
        yield ScaleOutStep(purpose, tuple(_placing(placement)))


_PURPOSES = {
    "on every node": Placement.REFERENCE,
    "on the coordinator alone": Placement.COORDINATOR,
    "by company, all of its rows on one worker": Placement.DISTRIBUTED,
}


def _placing(placement: Placement) -> Iterator[str]:
    """Place tables, each after those it refers to; the first that is distributed is the others' anchor."""
    tables = [table.name for table in metadata.sorted_tables if placement_of(table) is placement]
    for table in tables:
        match placement:
            case Placement.REFERENCE:
                yield f"SELECT create_reference_table('{table}')"
            case Placement.COORDINATOR:
                yield f"SELECT citus_add_local_table_to_metadata('{table}')"
            case Placement.DISTRIBUTED:
                beside = "none" if table == tables[0] else tables[0]
                yield f"SELECT create_distributed_table('{table}', 'company_id', colocate_with => '{beside}')"


def _logins(names: Names) -> Iterator[str]:
    for role in names.roles:
        yield f"SELECT run_command_on_workers({literal(f'ALTER ROLE {name(role)} LOGIN')})"
