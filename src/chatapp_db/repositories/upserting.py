"""Rows that are written from a SELECT, or brought up to date where they are there."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chatapp_db.execution.statement import constant

__all__ = ["id_for_each", "upsert"]

_TO_THE_VERSION, _FROM_THERE_ON = 15, 21
"""How many characters of a UUID say when it was made and of which kind it is, and how many are the rest."""


def upsert(table: Any, key: str, source: Any, *, if_as_seen: bool = False) -> Any:
    """Insert what a SELECT gives; a row of the same company and key takes over all but its id.

    With ``if_as_seen`` the SELECT names the ``updated_at`` of the row it has read: one that was written
    meanwhile stays as it is and is not returned, any other counts as written now, even with the same values.
    """
    names = [column.key for column in source.selected_columns]
    insertion = insert(table).from_select(names, source, include_defaults=False)
    excluded = insertion.excluded
    changes: dict[str, Any] = {
        name: excluded[name] for name in names if name not in {"company_id", "id", key}
    }
    where = None
    if if_as_seen:
        where = table.c.updated_at == excluded.updated_at
        # The default of a new row is the present; any other moment makes the trigger write it.
        changes["updated_at"] = excluded.created_at
    return insertion.on_conflict_do_update(
        index_elements=[table.c.company_id, table.c[key]], set_=changes, where=where
    )


def id_for_each(id: sa.ColumnElement[UUID]) -> sa.ColumnElement[UUID]:
    """Make an id for every row out of one: its time and version stay, so that the rows are ordered by it."""
    time = sa.func.left(sa.cast(id, sa.Text()), constant(_TO_THE_VERSION, sa.Integer()))
    rest = sa.func.right(
        sa.cast(sa.func.gen_random_uuid(), sa.Text()), constant(_FROM_THERE_ON, sa.Integer())
    )
    return sa.cast(time.concat(rest), sa.Uuid())
