"""Write `docs/concepts/tables.dot` from the tables: how they refer to each other, in the words of PostgreSQL.

python tools/generate_diagram.py            writes the picture's text, which Sphinx draws
python tools/generate_diagram.py --check    exits 1 when it is not what the tables say
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from paracelsus.transformers.dot import Dot
from sqlalchemy.dialects import postgresql

from chatapp_db.schema import Base

DIAGRAM = Path(__file__).parents[1] / "docs" / "concepts" / "tables.dot"
FIRST_LINE = "// Generated from the tables by tools/generate_diagram.py: edit that, not this."

# Defaults hold for what comes behind them, so they are put first.
_LAYOUT = """\
pack=12;
packmode="array_t";
nodesep=0.15;
ranksep=0.4;
node [fontname="sans-serif", fontsize=10];
edge [color=gray40];
"""
# Says which column is the primary key: it is id, always.
_THIRD_CELL = re.compile(r"((?:<td align=\"left\">[^<]*</td>){2})<td>[^<]*</td>")

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
# Every table has them; drawn, they would hide what differs.
_EVERYWHERE = {"company_id", "created_at", "updated_at"}


class _Named(sa.types.UserDefinedType[Any]):
    """A type that is only called something."""

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self) -> str:
        return self.name


def main(arguments: list[str]) -> int:
    """Write the diagram, or with `--check` say that it is stale."""
    wanted = f"{FIRST_LINE}\n{drawn()}"
    if "--check" not in arguments:
        DIAGRAM.write_text(wanted, encoding="utf-8")
        return 0
    stale = not DIAGRAM.exists() or DIAGRAM.read_text(encoding="utf-8") != wanted
    if stale:
        print("the diagram is stale: run python tools/generate_diagram.py", file=sys.stderr)
    return int(stale)


def drawn() -> str:
    """Draw the tables, those that refer to each other close together."""
    diagram = Dot(plain(Base.metadata), column_sort="preserve-order")
    for edge in diagram.graph.get_edges():
        edge.obj_dict["attributes"].pop("label")  # its column is in the picture
    text = _THIRD_CELL.sub(r"\1", str(diagram)).replace('colspan="3"', 'colspan="2"')
    text = text.replace('bgcolor="lightblue"', 'bgcolor="lavender"')
    return text.replace("{\n", f"{{\n{_LAYOUT}", 1)


def plain(metadata: sa.MetaData) -> sa.MetaData:
    """Copy the tables with each reference drawn once: the company is part of all of them."""
    copied = sa.MetaData()
    for table in metadata.sorted_tables:
        columns = [column for column in table.columns if column.name not in _EVERYWHERE]
        sa.Table(_short(table), copied, *(_column(column) for column in columns))
    return copied


def _column(column: sa.Column[Any]) -> sa.Column[Any]:
    type_ = column.type.compile(_DIALECT).lower().replace("timestamp with time zone", "timestamptz")
    named = _Named(type_.removeprefix("chatapp_"))
    targets = [key.column for key in column.foreign_keys if key.column.name == "id"]
    references = [sa.ForeignKey(f"{_short(target.table)}.id") for target in targets]
    return sa.Column(column.name, named, *references, primary_key=column.name == "id")


def _short(table: Any) -> str:
    name: str = table.name
    return name.removeprefix("chatapp_")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
