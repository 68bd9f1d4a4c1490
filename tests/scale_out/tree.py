"""Reading a parse tree: the parts of an expression, what a condition equates, what a node names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pglast import ast
from pglast.enums import A_Expr_Kind, BoolExprType

VOLATILE = {"clock_timestamp", "gen_random_uuid", "nextval", "random", "timeofday", "uuidv7"}
MUTABLE = {"now", "transaction_timestamp", "statement_timestamp", *VOLATILE}

Outputs = list[tuple[str, bool]]
"""The columns of a query, each with whether it is the company."""


def parts(node: Any) -> Iterator[Any]:
    """Walk expressions; a query inside of them is not entered."""
    if isinstance(node, tuple | list):
        for one in node:
            yield from parts(one)
    elif isinstance(node, ast.Node):
        yield node
        for name in node:
            if not (isinstance(node, ast.SubLink) and name == "subselect"):
                yield from parts(getattr(node, name))


def equations(condition: Any) -> Iterator[tuple[Any, Any]]:
    """Give both sides of all that a condition equates, whatever else it says."""
    match condition:
        case ast.BoolExpr(boolop=BoolExprType.AND_EXPR):
            for part in condition.args:
                yield from equations(part)
        case ast.A_Expr(kind=A_Expr_Kind.AEXPR_OP) if condition.name[-1].sval == "=":
            left, right = condition.lexpr, condition.rexpr
            if isinstance(left, ast.RowExpr) and isinstance(right, ast.RowExpr):
                yield from zip(left.args, right.args, strict=True)
            else:
                yield left, right


def renamed(outputs: Outputs, names: Sequence[ast.String] | None) -> Outputs:
    new = [name.sval for name in names or ()]
    return [(new[place] if place < len(new) else name, owned) for place, (name, owned) in enumerate(outputs)]


def is_mutable(nodes: Any) -> bool:
    return any(called(part) in MUTABLE or isinstance(part, ast.SQLValueFunction) for part in parts(nodes))


def called(node: Any) -> str | None:
    return node.funcname[-1].sval if isinstance(node, ast.FuncCall) else None


def name_of(relation: ast.RangeVar) -> str:
    return relation.alias.aliasname if relation.alias else relation.relname


def column_of(node: ast.ColumnRef) -> str:
    last = node.fields[-1]
    return last.sval if isinstance(last, ast.String) else "*"


def qualifier_of(node: ast.ColumnRef) -> str | None:
    return node.fields[-2].sval if len(node.fields) > 1 else None
