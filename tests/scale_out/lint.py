"""What Citus refuses in a statement, found in its parse tree: most of all a table without its company.

Every query of a statement, wherever in it, has to compare the company column of each of its tables with the
company's parameter, with `chatapp_current_company()`, or with the company column of another that has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pglast
from pglast import ast
from pglast.enums import JoinType, SetOperation

from chatapp_db.schema import metadata
from tests.scale_out.tree import (
    VOLATILE,
    Outputs,
    called,
    column_of,
    equations,
    is_mutable,
    name_of,
    parts,
    qualifier_of,
    renamed,
)

KEYS = {
    table.name: table.info["company_key"] for table in metadata.sorted_tables if table.info["company_key"]
}
"""The column that names the company, by table."""

DISTRIBUTED = {table.name for table in metadata.sorted_tables if table.info["scope"] == "tenant"}
COMPANY = object()


@dataclass(frozen=True, order=True)
class Fault:
    """A rule that a statement breaks, and where."""

    rule: str
    where: str


def faults(text: str, companies: Iterable[int], *, across_companies: bool = False) -> list[Fault]:
    """List the faults of a statement whose parameters of these numbers are the company.

    One that is ``across_companies`` goes to every shard, and owes no comparison; it may not lock rows there.
    """
    lint = _Lint(frozenset(companies), across_companies)
    for raw in pglast.parse_sql(text):
        lint.query(raw.stmt, _Around())
    return sorted(set(lint.found))


@dataclass(frozen=True)
class _Around:
    """What a query may name besides its own tables: CTEs, and the tables of the queries around it."""

    ctes: dict[str, Outputs] = field(default_factory=dict)
    outer: frozenset[str] = frozenset()

    def within(self, level: _Level) -> _Around:
        return _Around(self.ctes, self.outer | level.names.keys())


@dataclass
class _Level:
    """One query's own tables, by the names they have in it, and what its conditions equate."""

    names: dict[str, str | Outputs | None] = field(default_factory=dict)
    edges: list[tuple[Any, str]] = field(default_factory=list)
    through_outer: set[str] = field(default_factory=set)
    owned: set[Any] = field(default_factory=lambda: {COMPANY})

    @property
    def tables(self) -> dict[str, str]:
        return {name: source for name, source in self.names.items() if isinstance(source, str)}

    def loose(self) -> set[str]:
        """Give the tables of which no company is known."""
        return {table for name, table in self.tables.items() if name not in self.owned}

    def settle(self) -> None:
        """Follow the equations from the company."""
        while new := {to for by, to in self.edges if by in self.owned and to not in self.owned}:
            self.owned |= new


class _Lint:
    def __init__(self, companies: frozenset[int], across_companies: bool) -> None:
        self.companies = companies
        self.across_companies = across_companies
        self.found: list[Fault] = []

    def fault(self, rule: str, where: str = "") -> None:
        self.found.append(Fault(rule, where))

    # Queries.

    def query(self, node: Any, around: _Around) -> Outputs:
        if isinstance(node, ast.MergeStmt):
            self.fault("MERGE", node.relation.relname)
            return []
        around = self._with(node.withClause, around)
        match node:
            case ast.SelectStmt():
                return self._select(node, around)
            case ast.InsertStmt():
                return self._insert(node, around)
            case ast.UpdateStmt():
                return self._update(node, around)
            case ast.DeleteStmt():
                return self._delete(node, around)
        raise TypeError(f"not a query: {node}")

    def _with(self, clause: ast.WithClause | None, around: _Around) -> _Around:
        for cte in (clause and clause.ctes) or ():
            inside = _Around(around.ctes, around.outer)
            if clause.recursive and cte.ctequery.op != SetOperation.SETOP_NONE:
                inside = _Around(
                    {**around.ctes, cte.ctename: self._quietly(cte.ctequery.larg, inside)}, inside.outer
                )
            outputs = renamed(self.query(cte.ctequery, inside), cte.aliascolnames)
            around = _Around({**around.ctes, cte.ctename: outputs}, around.outer)
        return around

    def _quietly(self, node: Any, around: _Around) -> Outputs:
        """Give the columns of the first part of a recursive query, which is looked at with the rest."""
        return _Lint(self.companies, self.across_companies).query(node, around)

    def _select(self, node: ast.SelectStmt, around: _Around) -> Outputs:
        if node.op != SetOperation.SETOP_NONE:
            left, right = (self.query(side, around) for side in (node.larg, node.rarg))
            return [(name, both and other) for (name, both), (_, other) in zip(left, right, strict=True)]
        if node.valuesLists:
            return self._values(node.valuesLists, around)
        level = self._level(node.fromClause, [node.whereClause], around)
        others = (node.targetList, node.groupClause, node.havingClause, node.sortClause, node.limitCount)
        self._within(others, level, around)
        if node.lockingClause and (loose := DISTRIBUTED & level.loose()):
            self.fault("locks rows of many shards", ", ".join(sorted(loose)))
        return self._outputs(node.targetList, level)

    def _values(self, rows: Sequence[Sequence[Any]], around: _Around) -> Outputs:
        if any(isinstance(part, ast.SubLink) for part in parts(rows)):
            self.fault("sub-select in VALUES")
        self._within(rows, _Level(), around)
        columns = zip(*rows, strict=True)
        return [
            (f"column{place}", all(self._is_company(value) for value in column))
            for place, column in enumerate(columns, 1)
        ]

    def _insert(self, node: ast.InsertStmt, around: _Around) -> Outputs:
        table = node.relation.relname
        level = _Level({name_of(node.relation): table if table in KEYS else None})
        values = self.query(node.selectStmt, around) if node.selectStmt else []
        names = [column.name for column in node.cols or ()]
        if table in KEYS:
            level.owned.add(name_of(node.relation))
            place = names.index(KEYS[table]) if KEYS[table] in names else None
            if place is None or not values[place][1]:
                self._unowned("INSERT without the company", table)
            self._functions(node.selectStmt, table)
        self._conflict(node.onConflictClause, level, around)
        return self._returning(node, level)

    def _functions(self, source: Any, table: str) -> None:
        """Find rows that a function makes for an INSERT by itself."""
        if any(isinstance(item, ast.RangeFunction) for item in parts(getattr(source, "fromClause", None))):
            self.fault("INSERT from a function outside of a CTE", table)

    def _conflict(self, clause: ast.OnConflictClause | None, level: _Level, around: _Around) -> None:
        if clause is None:
            return
        if is_mutable([clause.targetList, clause.whereClause]):
            self.fault("now() in DO UPDATE")
        self._within([clause.targetList, clause.whereClause], level, around)

    def _update(self, node: ast.UpdateStmt, around: _Around) -> Outputs:
        self._evaluated([node.targetList, node.whereClause])
        level = self._level([node.relation, *(node.fromClause or ())], [node.whereClause], around)
        self._within(node.targetList, level, around)
        return self._returning(node, level)

    def _delete(self, node: ast.DeleteStmt, around: _Around) -> Outputs:
        self._evaluated([node.whereClause])
        level = self._level([node.relation, *(node.usingClause or ())], [node.whereClause], around)
        return self._returning(node, level)

    def _evaluated(self, expressions: Sequence[Any]) -> None:
        """Find what the coordinator cannot work out before it sends a change to where the rows are."""
        for part in parts(expressions):
            if called(part) in VOLATILE:
                self.fault("volatile function in a change", str(called(part)))
            if isinstance(part, ast.CaseExpr | ast.CoalesceExpr) and is_mutable(
                [getattr(part, n) for n in part]
            ):
                self.fault("now() inside of CASE or COALESCE")

    def _returning(self, node: Any, level: _Level) -> Outputs:
        targets = node.returningClause.exprs if node.returningClause else ()
        if is_mutable(targets):
            self.fault("function in RETURNING")
        return self._outputs(targets, level)

    # The tables of a query, and whose they are.

    def _level(self, items: Sequence[Any] | None, conditions: Sequence[Any], around: _Around) -> _Level:
        level = _Level()
        joined = [join for item in items or () for join in self._named(item, level, around)]
        for condition in conditions:
            self._equate(condition, level, set(level.names), around)
        for join, left, right in joined:
            self._join(join, left, right, level, around)
        level.settle()
        self._within([*conditions, *(join.quals for join, _, _ in joined)], level, around)
        for name, table in level.tables.items():
            if name in level.through_outer and name not in level.owned:
                self.fault("company only through the outer table", table)
            elif name not in level.owned:
                self._unowned("table without its company", table)
        return level

    def _unowned(self, rule: str, table: str) -> None:
        if not self.across_companies:
            self.fault(rule, table)

    def _named(
        self, item: Any, level: _Level, around: _Around
    ) -> Iterator[tuple[ast.JoinExpr, set[str], set[str]]]:
        """Take up what FROM names; give its joins, with the names on both sides."""
        match item:
            case ast.JoinExpr():
                before = set(level.names)
                yield from self._named(item.larg, level, around)
                left = set(level.names) - before
                yield from self._named(item.rarg, level, around)
                yield item, left, set(level.names) - before - left
            case ast.RangeVar() if item.relname in around.ctes and item.schemaname is None:
                level.names[name_of(item)] = around.ctes[item.relname]
            case ast.RangeVar():
                level.names[name_of(item)] = item.relname if item.relname in KEYS else None
            case ast.RangeSubselect():
                inside = around.within(level) if item.lateral else around
                level.names[item.alias.aliasname] = renamed(
                    self.query(item.subquery, _Around(inside.ctes, inside.outer)), item.alias.colnames
                )
            case _:
                level.names[item.alias.aliasname if item.alias else ""] = None
                for part in parts(item):
                    if str(called(part)).startswith("chatapp_"):
                        self.fault("function that reads tables", str(called(part)))

    def _join(
        self, join: ast.JoinExpr, left: set[str], right: set[str], level: _Level, around: _Around
    ) -> None:
        """Equate by a join: of an outer one only the side that may be missing learns its company."""
        targets = {
            JoinType.JOIN_INNER: left | right,
            JoinType.JOIN_LEFT: right,
            JoinType.JOIN_RIGHT: left,
        }.get(join.jointype, set())
        self._equate(join.quals, level, targets, around)

    def _equate(self, condition: Any, level: _Level, targets: set[str], around: _Around) -> None:
        for one, other in equations(condition):
            for this, that in ((one, other), (other, one)):
                name = self._key(this, level)
                if name is None or name not in targets:
                    continue
                by = (
                    COMPANY
                    if self._is_company(that)
                    else self._key(that, level) or self._derived(that, level)
                )
                if by is not None:
                    level.edges.append((by, name))
                elif (
                    isinstance(that, ast.ColumnRef)
                    and qualifier_of(that) in around.outer - level.names.keys()
                ):
                    level.through_outer.add(name)

    def _key(self, node: Any, level: _Level) -> str | None:
        """Name the table whose company column this is."""
        if not isinstance(node, ast.ColumnRef):
            return None
        column, qualifier = column_of(node), qualifier_of(node)
        named = [name for name, table in level.tables.items() if KEYS[table] == column]
        if qualifier is None:
            return named[0] if len(named) == 1 else None
        return qualifier if qualifier in named else None

    def _derived(self, node: Any, level: _Level) -> object | None:
        """Tell whether this is the company of a CTE's or a sub-select's rows."""
        if not isinstance(node, ast.ColumnRef):
            return None
        outputs = [
            columns
            for name, columns in level.names.items()
            if isinstance(columns, list) and qualifier_of(node) in {None, name}
        ]
        return COMPANY if any((column_of(node), True) in columns for columns in outputs) else None

    def _is_company(self, node: Any) -> bool:
        while isinstance(node, ast.TypeCast | ast.ResTarget):
            node = node.arg if isinstance(node, ast.TypeCast) else node.val
        if isinstance(node, ast.ParamRef):
            return node.number in self.companies
        return called(node) == "chatapp_current_company"

    def _outputs(self, targets: Sequence[ast.ResTarget] | None, level: _Level) -> Outputs:
        found: Outputs = []
        for target in targets or ():
            value = target.val
            is_column = isinstance(value, ast.ColumnRef)
            if is_column and isinstance(value.fields[-1], ast.A_Star):
                found += self._starred(value, level)
                continue
            name = target.name or (column_of(value) if is_column else "")
            owned = self._key(value, level) in level.owned or self._derived(value, level) is COMPANY
            found.append((name, owned or self._is_company(value)))
        return found

    def _starred(self, star: ast.ColumnRef, level: _Level) -> Outputs:
        names = [qualifier_of(star)] if len(star.fields) > 1 else [*level.names]
        columns = [level.names.get(name) for name in names]
        return [output for outputs in columns if isinstance(outputs, list) for output in outputs]

    # Queries inside of expressions.

    def _within(self, nodes: Any, level: _Level, around: _Around) -> None:
        for part in parts(nodes):
            if isinstance(part, ast.SubLink):
                self.query(part.subselect, around.within(level))
