"""Exports: everything of a company or a customer as JSON Lines, as it was at one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from chatapp_db.execution.carriers import Transaction
from chatapp_db.execution.operation import finish
from chatapp_db.execution.statement import Statement, scalar
from chatapp_db.privacy.lineage import belongs, of_a_company, offspring
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.schema import Customer, Message
from chatapp_db.schema.columns import is_secret

__all__ = ["SNAPSHOT", "AsyncExport", "Export", "Extract", "of_company", "of_customer"]

BATCH: Final = 200
"""Rows that are in memory at a time."""

SNAPSHOT: Final = (
    "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    # The server writes the moments; the same rows are the same lines whoever asks.
    "SET LOCAL TimeZone = 'UTC'",
)
"""What an export's transaction begins with: all tables are read as they were at one moment."""

_customers = table_of(Customer)
_messages = table_of(Message)
_ROOT = sa.bindparam("root_id", type_=sa.Uuid())


@dataclass(frozen=True)
class Extract:
    """The part of one table that an export holds."""

    table: str
    lines: Statement[str]


class _Reading:
    """The lines of several extracts, one after the other, a batch at a time.

    ``rows`` counts what was given out so far, by table.
    """

    def __init__(
        self, transaction: Transaction, extracts: Sequence[Extract], parameters: dict[str, Any]
    ) -> None:
        self._transaction = transaction
        self._waiting = list(reversed(extracts))
        self._parameters = parameters
        self._declared = False
        self.rows: dict[str, int] = {extract.table: 0 for extract in extracts}

    async def _batch(self) -> list[str]:
        """Give the next lines, none at the end."""
        while self._waiting:
            extract = self._waiting[-1]
            cursor = f"export_of_{extract.table}"
            if not self._declared:
                await self._transaction.declare(cursor, extract.lines, self._parameters)
                self._declared = True
            lines = await self._transaction.fetch_from(cursor, extract.lines, BATCH)
            self.rows[extract.table] += len(lines)
            if lines:
                return lines
            self._waiting.pop()
            self._declared = False
        return []


class Export(_Reading):
    """The lines of an export, without their line ends: ``for line in export``; once."""

    def __iter__(self) -> Iterator[str]:
        while lines := finish(self._batch()):
            yield from lines


class AsyncExport(_Reading):
    """The lines of an export, without their line ends: ``async for line in export``; once."""

    async def __aiter__(self) -> AsyncIterator[str]:
        while lines := await self._batch():
            for line in lines:
                yield line


@cache
def of_company() -> list[Extract]:
    """Take every table that holds a company's rows."""
    return [Extract(table.name, _lines(table, sa.true())) for table in of_a_company()]


@cache
def of_customer(*, private_notes: bool) -> list[Extract]:
    """Take the customer's row and what belongs to it, with or without what only the company's people see."""
    extracts: list[Extract] = []
    for table in (_customers, *offspring(_customers)):
        condition = belongs(table, _customers, lambda column: column == _ROOT)
        if table is _messages and not private_notes:
            condition = sa.and_(condition, ~_messages.c.is_private)
        extracts.append(Extract(table.name, _lines(table, condition)))
    return extracts


def _lines(table: Any, condition: sa.ColumnElement[bool]) -> Statement[str]:
    """Let the server write each row as one line of JSON, with the name of its table and without secrets."""
    columns = [column for column in table.c if not is_secret(column)]
    rows: Any = sa.select(*columns).where(owned(table), condition).subquery("part")
    document = sa.func.json_build_object(
        sa.literal_column("'table'"),
        sa.literal_column(f"'{table.name}'"),
        sa.literal_column("'row'"),
        sa.func.row_to_json(rows.table_valued()),
    )
    return Statement(sa.select(sa.cast(document, sa.Text).label("line")).select_from(rows), scalar)
