"""What a repository's own statement costs on the server: its plans, and the rows that were read for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import psycopg

from chatapp_db.execution.scope import SCOPED
from chatapp_db.execution.statement import Statement
from chatapp_db.schema import metadata
from tests.performance.place import opening

__all__ = ["Explaining", "Plan"]

R = TypeVar("R")

# A plan for these values; the one for any values; and what the server comes to after calls for another
# company, of which it remembers what they cost.
_CUSTOM, _GENERIC, _SETTLED = "custom", "generic", "settled"
_MODES = {_CUSTOM: "force_custom_plan", _GENERIC: "force_generic_plan", _SETTLED: "auto"}
_CALLS_BEFORE = 6

_OWNED = {table.name for table in metadata.sorted_tables if table.info["company_key"] == "company_id"}
_SMALL = 64
"""Pages, half a megabyte: a table that is read as quickly as a row is looked up in it."""

_OF_THE_COMPANY = re.compile(r"\(+company_id = ")
_ONE_BY_ID = re.compile(r"\(+id = (?!ANY)")


@dataclass(frozen=True)
class Scan:
    """How a plan reads one table."""

    node: str
    table: str
    indexes: list[str]
    conditions: list[str]
    rows: int
    """Read, whether they were passed on or not."""
    is_small: bool

    @property
    def leaves_the_company(self) -> bool:
        """Tell whether more is read than the company's own rows, or than single rows by their ids."""
        within = (_OF_THE_COMPANY.match(one) or _ONE_BY_ID.match(one) for one in self.conditions)
        return self.table in _OWNED and not self.is_small and not (self.conditions and all(within))

    def __str__(self) -> str:
        return f"{self.node} {self.table} {self.indexes} {self.conditions} reads {self.rows}"


@dataclass(frozen=True)
class Plan:
    """The scans of one statement, run with one kind of plan."""

    kind: str
    scans: list[Scan]

    @property
    def rows(self) -> int:
        """How many rows were read in all; small tables are not counted."""
        return sum(scan.rows for scan in self.scans if not scan.is_small)

    @property
    def indexes(self) -> set[str]:
        """What it reads tables by."""
        return {index for scan in self.scans for index in scan.indexes}

    @property
    def is_small(self) -> bool:
        """Tell whether it reads nothing but small tables."""
        return all(scan.is_small for scan in self.scans)

    @property
    def is_any_company_s(self) -> bool:
        """Tell whether it was made without looking at the values, so that its costs are an average's."""
        return self.kind == _GENERIC

    def __str__(self) -> str:
        return "\n".join([f"{self.kind}, {self.rows} rows read:", *(f"  {scan}" for scan in self.scans)])


def _settled(statement: Statement[Any]) -> dict[str, str]:
    """Say how the server comes by a plan after some calls: by itself, unless the statement tells it."""
    return {_SETTLED: dict(statement.settings).get("plan_cache_mode", _MODES[_SETTLED])}


class Explaining:
    """A carrier that explains each statement as a company's scope runs it; whatever it writes is undone."""

    def __init__(self, connection: psycopg.Connection, company_id: UUID, other_id: UUID) -> None:
        self._connection = connection
        self._company_id, self._other_id = company_id, other_id
        self._opening = opening(company_id)
        pages = "SELECT relname, relpages FROM pg_class WHERE relkind = 'r'"
        self._small = {name for name, count in connection.execute(pages) if count <= _SMALL}
        self.plans: list[Plan] = []

    async def fetch(self, statement: Statement[R], parameters: Mapping[str, Any]) -> list[R]:
        values = statement.bind(parameters)
        try:
            modes = {**_MODES, _SETTLED: dict(statement.settings).get("plan_cache_mode", _MODES[_SETTLED])}
            self.plans += [
                self._explained(kind, mode, statement.text, values) for kind, mode in modes.items()
            ]
            self._prepare(statement.text, _MODES[_CUSTOM])
            records = self._connection.execute(f"EXECUTE explained {self._rendered(values)}").fetchall()
        finally:
            self._end()
        return statement.rows(records)

    def _prepare(self, text: str, mode: str) -> None:
        self._connection.execute(f"{self._opening}; SET LOCAL plan_cache_mode = {mode}")
        self._connection.execute(f"PREPARE explained AS {text}")

    def _end(self) -> None:
        self._connection.execute("ROLLBACK; DEALLOCATE ALL")

    def _explained(self, kind: str, mode: str, text: str, values: list[Any]) -> Plan:
        self._prepare(text, mode)
        # A write of another company would refer to rows that it does not have.
        if kind == _SETTLED and "INSERT" not in text:
            self._call_for_the_other(values)
        explain = "EXPLAIN (ANALYZE, TIMING off, SUMMARY off, FORMAT JSON) EXECUTE explained"
        ((explained,),) = self._connection.execute(f"{explain} {self._rendered(values)}").fetchall()
        self._end()
        return Plan(kind, list(self._scans(explained[0]["Plan"])))

    def _call_for_the_other(self, values: list[Any]) -> None:
        others = self._rendered([self._other_id if value == self._company_id else value for value in values])
        self._connection.execute(f"SET LOCAL {SCOPED} = '{self._other_id}'")
        for _ in range(_CALLS_BEFORE):
            self._connection.execute(f"EXECUTE explained {others}")
        self._connection.execute(f"SET LOCAL {SCOPED} = '{self._company_id}'")

    def _rendered(self, values: list[Any]) -> str:
        """Write values out: EXECUTE takes no parameters."""
        holders = ", ".join(["%s"] * len(values))
        return psycopg.ClientCursor(self._connection).mogrify(f"({holders})", values) if values else ""

    def _scans(self, node: dict[str, Any]) -> Iterator[Scan]:
        table = node.get("Relation Name")
        if table is not None and node["Node Type"] != "ModifyTable":
            made_from = [one for one in _all_of(node) if one["Node Type"] == "Bitmap Index Scan"] or [node]
            yield Scan(
                node["Node Type"],
                table,
                [one["Index Name"] for one in made_from if "Index Name" in one],
                [one["Index Cond"] for one in made_from if "Index Cond" in one],
                _read(node),
                table in self._small,
            )
        for child in node.get("Plans", []):
            yield from self._scans(child)


def _all_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _all_of(child)


def _read(node: dict[str, Any]) -> int:
    removed: int = sum(
        node.get(name, 0) for name in ("Rows Removed by Filter", "Rows Removed by Index Recheck")
    )
    passed_on: float = node["Actual Rows"]
    return round((passed_on + removed) * int(node["Actual Loops"]))
