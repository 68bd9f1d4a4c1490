"""What belongs to whom, read from the foreign keys: a new table is covered on the day it is declared."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import sqlalchemy as sa

from chatapp_db.execution.statement import company_key
from chatapp_db.repositories.base import owned
from chatapp_db.schema import Company, metadata

__all__ = ["belongs", "of_a_company", "offspring"]


@cache
def of_a_company() -> tuple[Any, ...]:
    """Give the tables that hold a company's rows, each after those it refers to; the company is the first.

    A table that names a company without a foreign key was declared to outlive it, and is not among them.
    """
    company = Company.__table__
    return tuple(
        table
        for table in metadata.sorted_tables
        if company_key(table) and (table is company or _refers(table, company))
    )


@cache
def offspring(root: Any) -> tuple[Any, ...]:
    """Give the tables whose rows belong to one of a table, however far below, each after its parents."""
    found = [root]
    for table in of_a_company():
        if table is not root and any(_refers(table, parent) for parent in found):
            found.append(table)
    return tuple(found[1:])


def belongs(
    table: Any, root: Any, is_root: Callable[[sa.ColumnElement[Any]], sa.ColumnElement[bool]]
) -> sa.ColumnElement[bool]:
    """Write that a row is a root, or belongs to one; ``is_root`` compares an id with those of the roots."""
    if table is root:
        return is_root(table.c.id)
    parents = (root, *offspring(root))
    return sa.or_(
        *(
            is_root(column) if parent is root else _has(parent, column, belongs(parent, root, is_root))
            for parent in parents
            if parent is not table
            for column in _references(table, parent)
        )
    )


def _has(parent: Any, reference: Any, condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists(sa.select(parent.c.id).where(owned(parent), parent.c.id == reference, condition))


def _refers(table: Any, parent: Any) -> bool:
    return bool(_references(table, parent))


def _references(table: Any, parent: Any) -> list[Any]:
    """Give the columns of a table that hold the id of another's row."""
    return [
        element.parent
        for constraint in table.foreign_key_constraints
        for element in constraint.elements
        if element.column is parent.c.id
    ]
