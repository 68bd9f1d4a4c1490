"""Write `chatapp_db.rows` from the tables: a column has one home, its table.

python tools/generate_rows.py            writes the modules
python tools/generate_rows.py --check    exits 1 when they are not what the tables say
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from chatapp_db.schema import Base, enums, payloads, types
from chatapp_db.schema.columns import may_be_given, may_change

ROWS = Path(__file__).parents[1] / "src" / "chatapp_db" / "rows"
MODULES = (
    "companies",
    "users",
    "agents",
    "knowledge",
    "embeddings",
    "conversations",
    "analytics",
    "integrations",
    "usage",
)
FIRST_LINE = '"""Generated from the tables by tools/generate_rows.py: edit those, not this."""'
LINE_LENGTH = 110
EXPORTS = "from chatapp_db import exports"
EXPORTED = (
    "__all__, __getattr__, __dir__ = exports.of(__name__, _HOMES)"
    "  # pyright: ignore[reportUnsupportedDunderAll]  # the stub lists them"
)

TEXT_KINDS = {
    None: "Text",
    "currency": "Currency",
    "email": "EmailAddress",
    "ip_address": "IpAddress",
    "slug": "Slug",
    "time_zone": "TimeZone",
}
ARGUMENTS = {"Text": ("min_length",), "Texts": ("max_items", "min_items")}
IMPORTS = {
    "dataclasses": {"dataclass"},
    "decimal": {"Decimal"},
    "typing": {"Annotated", "Required"},
    "uuid": {"UUID"},
}


def main(arguments: list[str]) -> int:
    """Write the modules, or with `--check` say which are stale."""
    wanted = dict(modules())
    if "--check" not in arguments:
        ROWS.mkdir(exist_ok=True)
        for name, text in wanted.items():
            (ROWS / name).write_text(text, encoding="utf-8")
        return 0
    found = {path.name: path.read_text(encoding="utf-8") for path in ROWS.glob("*.py")}
    stale = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if stale:
        print(f"rows are stale ({', '.join(stale)}): run python tools/generate_rows.py", file=sys.stderr)
    return int(bool(stale))


def modules() -> Iterator[tuple[str, str]]:
    """Give the file name and the text of each module, and of the package that gathers them."""
    exports: dict[str, list[str]] = {}
    for module in MODULES:
        classes = dict(pair for model in models(module) for pair in classes_of(model))
        exports[module] = sorted(classes)
        body = "\n\n\n".join(classes.values())
        yield f"{module}.py", "\n".join([FIRST_LINE, "", *imports(body), "", "", body, ""])
    yield "__init__.py", package(exports)


def package(exports: dict[str, list[str]]) -> str:
    """Say in which module each class is at home: it is loaded from there when it is first asked for."""
    homes = []
    for module in sorted(exports):
        homes += [f'    "{module}": (', *(f'        "{name}",' for name in exports[module]), "    ),"]
    return "\n".join([FIRST_LINE, "", EXPORTS, "", "_HOMES = {", *homes, "}", EXPORTED, ""])


def models(module: str) -> list[type[Base]]:
    """Give the models of a schema module, in the order of their definition."""
    members: Iterable[Any] = vars(import_module(f"chatapp_db.schema.{module}")).values()
    return [
        member
        for member in members
        if isinstance(member, type) and issubclass(member, Base) and member.__module__.endswith(f".{module}")
    ]


def classes_of(model: type[Base]) -> Iterator[tuple[str, str]]:
    """Give the name and the text of each class that follows from a model."""
    table = model.metadata.tables[model.__tablename__]
    name = model.__name__
    yield f"{name}Row", row(model, table)
    changes = [field(column, checked(model, column)) for column in table.c if may_change(column)]
    # Only a table that knows when a row last changed has rows that change.
    if "updated_at" in table.c and changes:
        yield (
            f"{name}Changes",
            typed_dict(f"{name}Changes", f"What an update of `{table.name}` may name.", changes),
        )
    values = [field(column, given(model, column)) for column in table.c if may_be_given(column)]
    if values:
        purpose = f"What a new row of `{table.name}` is made of."
        yield f"{name}Values", typed_dict(f"{name}Values", purpose, ["    id: UUID", *values])


def row(model: type[Base], table: sa.Table) -> str:
    head = f'@dataclass(slots=True)\nclass {model.__name__}Row:\n    """A row of `{table.name}`."""\n'
    return "\n".join([head, *(field(column, or_none(column, plain(model, column))) for column in table.c)])


def typed_dict(name: str, purpose: str, fields: list[str]) -> str:
    head = f'@closed\nclass {name}(TypedDict, total=False):\n    """{purpose}"""'
    return "\n".join([head, *([""] if fields else []), *fields])


def field(column: sa.Column[Any], annotation: str) -> str:
    return f"    {column.key}: {annotation}"


def given(model: type[Base], column: sa.Column[Any]) -> str:
    required = not column.nullable and column.server_default is None
    return f"Required[{checked(model, column)}]" if required else checked(model, column)


def or_none(column: sa.Column[Any], annotation: str) -> str:
    return f"{annotation} | None" if column.nullable else annotation


def plain(model: type[Base], column: sa.Column[Any]) -> str:
    """Write the type of a column's values; a label may be one that a newer release added."""
    match column.type:
        case sa.Enum(enum_class=vocabulary) if vocabulary is not None:
            return f"{vocabulary.__name__} | str"
        case JSONB():
            return payload(model, column)
        case ARRAY():
            return "list[str]"
        case sa.DateTime():
            return "dt.datetime"
        case sa.Date():
            return "dt.date"
        case other:
            return other.python_type.__name__


def payload(model: type[Base], column: sa.Column[Any]) -> str:
    """Read the payload off the model's annotation, its one home."""
    attribute = model.__mapper__.get_property_by_column(column).key
    annotation: str = get_annotations(model)[attribute]
    return annotation.removeprefix("Mapped[").removesuffix("]").removesuffix(" | None")


def checked(model: type[Base], column: sa.Column[Any]) -> str:
    """Write the type of a column's values together with what pydantic is to check."""
    match column.type:
        case sa.Boolean():
            annotation = "Bool"
        case sa.DateTime():
            annotation = "Moment"
        case sa.Date():
            annotation = "Day"
        case sa.Uuid():
            annotation = "UUID"
        case _:
            annotation = f"Annotated[{plain(model, column)}, {mark(column)}]"
    return or_none(column, annotation)


def mark(column: sa.Column[Any]) -> str:
    """Write the limits of a column as the mark that pydantic asks for its check."""
    match column.type:
        case sa.Enum(enum_class=vocabulary) if vocabulary is not None:
            return f"Label({vocabulary.__name__})"
        case JSONB():
            return "Json()"
        case sa.Integer():
            return f"Integer({64 if isinstance(column.type, sa.BigInteger) else 32}{bounds(column)})"
        case sa.Numeric(precision=total, scale=places):
            return f"Digits({total}, {places}{bounds(column)})"
        case ARRAY():
            name = "Texts"
        case _:
            name = TEXT_KINDS[column.info.get("kind")]
    limits = [f"{limit}={column.info[limit]}" for limit in ARGUMENTS.get(name, ()) if column.info.get(limit)]
    return f"{name}({', '.join([str(column.info['max_length']), *limits])})"


def bounds(column: sa.Column[Any]) -> str:
    """Write how small and how large a number may be, where the column says so."""
    return "".join(f", {name}={column.info[name]}" for name in ("minimum", "maximum") if name in column.info)


def imports(body: str) -> Iterator[str]:
    """Import what the classes name, in the order that ruff keeps."""
    # A column may be called what a type is.
    words = set(re.findall(r"\w+", re.sub(r"(?m)^    \w+:", "", body)))
    if "dt" in words:
        yield "import datetime as dt"
    yield from (
        from_import(module, sorted(names & words)) for module, names in IMPORTS.items() if names & words
    )
    # The typing module's own is not enough for pydantic before Python 3.12.
    yield from ("", "from typing_extensions import TypedDict", "") if "TypedDict" in words else [""]
    for module in (enums, payloads, types):
        own = {
            name
            for name, value in vars(module).items()
            if getattr(value, "__module__", "") == module.__name__
        }
        names = sorted((own | set(getattr(module, "__all__", ()))) & words)
        if names:
            yield from_import(module.__name__, names)


def from_import(module: str, names: list[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= LINE_LENGTH:
        return line
    return "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
