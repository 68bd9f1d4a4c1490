"""Erasure: a customer or a company with all that belongs to it, in batches that are committed each.

The branches go first, children before parents, while everybody may still write. What was written meanwhile
goes in one last transaction that holds the root: whoever would refer to it waits, and is refused then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidReference, NotFound, SerializationFailure
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.exchange import Message
from chatapp_db.execution.scope import PURGE
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.privacy.lineage import belongs, of_a_company, offspring
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.embeddings.vector_outbox import AsyncPlatformVectorOutboxRepository
from chatapp_db.schema import Company, Customer

__all__ = ["BATCH", "COMPANY", "CUSTOMER", "PURGING", "Erasure", "Tree", "Uprooting", "found"]

BATCH: Final = 1000
"""Rows of one transaction."""

PURGING: Message = (f"SELECT set_config('{PURGE}', 'on', true)", ())
"""What goes before a delete: audit rows may go then, and no other row leaves an entry there."""

_PASSES: Final = 5
_NIL: Final = UUID(int=0)
_ROOT = sa.bindparam("root_id", type_=sa.Uuid())


@dataclass(slots=True)
class Erasure:
    """How many rows are gone, or would be, by table."""

    rows: dict[str, int] = field(default_factory=dict[str, int])

    @property
    def total(self) -> int:
        """Add the rows of all tables up."""
        return sum(self.rows.values())


@dataclass(frozen=True, eq=False)
class Tree:
    """A kind of root, and the tables with what belongs to one, each after its parents.

    ``everything`` says that these tables hold nothing else of the company: a company's own tree.
    """

    name: str
    root: Any
    branches: tuple[Any, ...]
    everything: bool

    def of_root(self, table: Any) -> sa.ColumnElement[bool]:
        """Write that a row is the root's."""
        if self.everything:
            return owned(table)
        return sa.and_(owned(table), belongs(table, self.root, lambda column: column == _ROOT))

    def parameters(self, company_id: UUID, root_id: UUID) -> dict[str, Any]:
        """Name one root to the statements."""
        company: dict[str, Any] = {"company_id": company_id}
        return company if self.everything else {**company, "root_id": root_id}


_companies, _customers = table_of(Company), table_of(Customer)

COMPANY = Tree("company", _companies, of_a_company()[1:], everything=True)
CUSTOMER = Tree("customer", _customers, offspring(_customers), everything=False)


class Uprooting:
    """An erasure at work on one root."""

    def __init__(
        self, tree: Tree, company_id: UUID, root_id: UUID, tell: Callable[[Erasure], object] | None
    ) -> None:
        self.tree = tree
        self.parameters = tree.parameters(company_id, root_id)
        self._tell = tell
        self._last: dict[Any, UUID] = {}
        self.erasure = Erasure({table.name: 0 for table in (tree.root, *tree.branches)})

    async def count(self, carrier: Carrier) -> None:
        """Count what would go."""
        for table in (self.tree.root, *self.tree.branches):
            (count,) = await carrier.fetch(_count(self.tree, table), self.parameters)
            self._add(table, count)

    async def clear(self, carrier: Carrier) -> None:
        """Delete the branches by single calls, until there is little that others wrote meanwhile."""
        for _ in range(_PASSES):
            before = self.erasure.total
            for table in self._leaves_first():
                try:
                    await self._delete_all(table, carrier)
                except (InvalidReference, SerializationFailure):
                    # Somebody works on what is of this table, or refers to it: the next pass sees it again.
                    continue
            if self.erasure.total - before < BATCH:
                return

    async def finish(self, carrier: Carrier) -> None:
        """Delete what is left, and the root, and have the vector stores told; the carrier is one transaction.

        Raises NotFound where somebody else was first.
        """
        if not await carrier.fetch(_hold(self.tree), self.parameters):
            raise NotFound(self.tree.name)
        for table in (*self._leaves_first(), self.tree.root):
            await self._delete_all(table, carrier)
        if self.tree.everything:
            await AsyncPlatformVectorOutboxRepository(carrier).purge_company(self.parameters["company_id"])

    def _leaves_first(self) -> list[Any]:
        return list(reversed(self.tree.branches))

    def start_over(self) -> None:
        """Look for rows from the first key on: they are made in the order of time, but nobody has to."""
        self._last.clear()

    async def _delete_all(self, table: Any, carrier: Carrier) -> None:
        statement = _delete(self.tree, table)
        while True:
            in_order = _is_in_order(self.tree, table)
            after = {"after": self._last.get(table, _NIL)} if in_order else {}
            ids = await carrier.fetch(statement, {**self.parameters, **after}, before=[PURGING])
            if not ids:
                return
            self._last[table] = max(ids)
            self._add(table, len(ids))

    def _add(self, table: Any, rows: int) -> None:
        self.erasure.rows[table.name] += rows
        if self._tell is not None:
            self._tell(self.erasure)


def _is_in_order(tree: Tree, table: Any) -> bool:
    """Tell whether the key of a table finds the next batch, past what lies dead in front of it."""
    return tree.everything and table.info["scope"] == "tenant"


async def found(tree: Tree, carrier: Carrier, parameters: dict[str, Any]) -> None:
    """Look for a root.

    Raises NotFound.
    """
    if not await carrier.fetch(_root(tree), parameters):
        raise NotFound(tree.name)


@cache
def _root(tree: Tree) -> Statement[UUID]:
    return Statement(sa.select(tree.root.c.id).where(tree.of_root(tree.root)), scalar)


@cache
def _hold(tree: Tree) -> Statement[UUID]:
    query = sa.select(tree.root.c.id).where(tree.of_root(tree.root)).with_for_update()
    return Statement(query, scalar)


@cache
def _count(tree: Tree, table: Any) -> Statement[int]:
    counted = sa.func.count().label("count")
    return Statement(sa.select(counted).select_from(table).where(tree.of_root(table)), scalar)


@cache
def _delete(tree: Tree, table: Any) -> Statement[UUID]:
    """Delete a batch, and give the ids."""
    batch = sa.select(table.c.id).where(tree.of_root(table)).limit(constant(BATCH, sa.Integer()))
    if _is_in_order(tree, table):
        after = sa.bindparam("after", type_=sa.Uuid())
        batch = batch.where(table.c.id > after).order_by(table.c.id)
    doomed = batch.cte("doomed")
    delete: Any = sa.delete(table).where(owned(table), table.c.id == doomed.c.id)
    return Statement(delete.returning(table.c.id), scalar)
