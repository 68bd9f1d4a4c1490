"""Pages that lead both ways: the order of a list, read forwards and backwards from a key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, TypeVar
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.repositories.paging import Page, limit_of, seal, unseal

__all__ = ["Cursors", "Order", "Step"]

Item = TypeVar("Item")


class Step(StrEnum):
    """Which way a cursor leads from its key."""

    NEXT = "next"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class Order:
    """The columns a list is ordered by with their kinds, all of them one way, and the last of them unique."""

    columns: Mapping[str, type]
    descending: bool

    def binds(self, columns: Mapping[str, Any]) -> list[sa.BindParameter[Any]]:
        """Give the binds that a cursor's key goes to, by the types of the columns."""
        return [sa.bindparam(f"from_{name}", type_=columns[name].type) for name in self.columns]

    def parameters(self, key: Sequence[Any]) -> dict[str, Any]:
        """Give the parameters of a cursor's key."""
        return {f"from_{name}": value for name, value in zip(self.columns, key, strict=True)}

    def beyond(self, key: Sequence[Any], start: Sequence[Any], step: Step) -> sa.ColumnElement[bool]:
        """Compare the key of a row with the one to start from."""
        rows, bound = sa.tuple_(*key), sa.tuple_(*start)
        return rows < bound if self.descends(step) else rows > bound

    def taken(self, query: Any, key: Sequence[Any], step: Step | None, rows: int) -> Any:
        """Take what is nearest to where the reading starts."""
        return self.sorted(query, key, step).limit(limit_of(rows))

    def sorted(self, query: Any, key: Sequence[Any], step: Step | None) -> Any:
        """Put a query in the order it is read in."""
        return query.order_by(*(column.desc() if self.descends(step) else column.asc() for column in key))

    def descends(self, step: Step | None) -> bool:
        """Tell which way the columns are read."""
        return self.descending != (step is Step.PREVIOUS)


@dataclass(frozen=True)
class Cursors(Generic[Item]):
    """The cursors of one list of one company, which fit no other."""

    company_id: UUID | None
    shape: str
    order: Order

    def at(self, step: Step, row: Item) -> str:
        """Make the cursor that leads one of the two ways from a row."""
        key = [getattr(row, name) for name in self.order.columns]
        return seal(self.company_id, self.shape, [step, *key])

    def start(self, cursor: str) -> tuple[Step, dict[str, Any]]:
        """Read a cursor back: which way it leads, and the parameters to read on with.

        Raises InvalidCursor for one that is damaged or belongs to another company or list.
        """
        step, *key = unseal(self.company_id, self.shape, cursor, [Step, *self.order.columns.values()])
        return step, self.order.parameters(key)

    def cut(self, rows: list[Item], limit: int, step: Step | None) -> Page[Item]:
        """Cut a page from what was read for it, in the order it was read; a step leads from a page."""
        items, more = rows[:limit], len(rows) > limit
        before, after = step is Step.NEXT, more
        if step is Step.PREVIOUS:
            items.reverse()
            before, after = more, True
        return Page(
            items,
            self.at(Step.NEXT, items[-1]) if items and after else None,
            self.at(Step.PREVIOUS, items[0]) if items and before else None,
        )
