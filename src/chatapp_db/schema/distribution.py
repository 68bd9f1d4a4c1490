"""Where each table lives on a Citus cluster, and what is other there of its policies, triggers and grants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum

from sqlalchemy import MetaData, Table

from chatapp_db.schema.audit_triggers import audit_trigger_names
from chatapp_db.schema.auditing import AUDITED
from chatapp_db.schema.quoting import name
from chatapp_db.schema.security import app_commands, policy_conditions
from chatapp_db.schema.tombstones import TOMBSTONE_TRIGGER
from chatapp_db.schema.users import AuditLog

__all__ = ["Placement", "adapting_statements", "placement_of"]


class Placement(StrEnum):
    """Where the rows of a table are."""

    REFERENCE = "reference"
    """All of them on every node."""
    COORDINATOR = "coordinator"
    """All of them on the coordinator."""
    DISTRIBUTED = "distributed"
    """Each company's on one worker, beside its rows of every other such table."""


def placement_of(table: Table) -> Placement:
    """Give the place of a table; it follows from its `info`, like its policies."""
    if table is AuditLog.__table__:
        return Placement.COORDINATOR
    return Placement.DISTRIBUTED if table.info["scope"] == "tenant" else Placement.REFERENCE


def adapting_statements(metadata: MetaData, *, app_role: str | None) -> Iterator[str]:
    """Write what Citus needs changed before it takes the tables; it changes no row and no key."""
    tables = metadata.sorted_tables
    for table in tables:
        yield from _plain_policies(table)
    for trigger, its_table in _triggers_that_write_elsewhere(tables):
        yield f"DROP TRIGGER {trigger} ON {its_table}"
    if app_role is not None:
        for table in _locked_unasked(tables):
            yield f"GRANT UPDATE ON {table.name} TO {name(app_role)}"


def _plain_policies(table: Table) -> Iterator[str]:
    """Write a company's policies without the sub-select, which Citus takes in no policy."""
    key = table.info["company_key"]
    if key is None:
        return
    for command in app_commands(table):
        conditions = policy_conditions(command, f"{key} = chatapp_current_company()")
        yield f"ALTER POLICY app_{command.lower()} ON {table.name}{conditions}"


def _triggers_that_write_elsewhere(tables: Iterable[Table]) -> Iterator[tuple[str, str]]:
    """Name the triggers that cannot run where the row is: Citus refuses a query of theirs from a shard."""
    for table in tables:
        if table.name in AUDITED:
            yield from ((trigger, table.name) for trigger in audit_trigger_names(table))
    yield TOMBSTONE_TRIGGER


def _locked_unasked(tables: Iterable[Table]) -> Iterator[Table]:
    """Give what a company's writes lock because a table refers to it, and its role may not update.

    The right is for the lock alone: no policy lets the role see a row that it could change.
    """
    waiting = [
        table
        for table in tables
        if placement_of(table) is Placement.REFERENCE and {"INSERT", "UPDATE"} & {*app_commands(table)}
    ]
    reached: list[Table] = []
    while waiting:
        referred = [key.referred_table for key in waiting.pop().foreign_key_constraints]
        new = [table for table in referred if table not in reached]
        reached += new
        waiting += new
    return (table for table in tables if table in reached and "UPDATE" not in app_commands(table))
