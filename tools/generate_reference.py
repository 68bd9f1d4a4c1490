"""Write `docs/reference` from the code: what a method does has one home, its signature and docstring.

python tools/generate_reference.py            writes the pages
python tools/generate_reference.py --check    exits 1 when they are not what the code says
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import sqlalchemy as sa
from generate_rows import MODULES, models, or_none, plain
from reference_names import Offer, homes, offers, operations, payload_types, shapes, vocabularies
from reference_text import Call, fenced, link, linked, prose, section, shape, table, written

import chatapp_db
from chatapp_db import errors
from chatapp_db.schema import Base, enums, payloads
from chatapp_db.schema.columns import may_be_given, may_change
from chatapp_db.scopes import Tenant

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
FIRST_LINE = "<!-- Generated from the code by tools/generate_reference.py: edit that, not this. -->"


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are stale."""
    wanted = {page: f"{FIRST_LINE}\n\n{text.strip()}\n" for page, text in pages()}
    files = {path.relative_to(REFERENCE).as_posix(): path for path in REFERENCE.rglob("*.md")}
    if "--check" not in arguments:
        for page in files.keys() - wanted.keys():
            files[page].unlink()
        for page, text in wanted.items():
            (REFERENCE / page).parent.mkdir(parents=True, exist_ok=True)
            (REFERENCE / page).write_text(text, encoding="utf-8")
        return 0
    found = {page: path.read_text(encoding="utf-8") for page, path in files.items()}
    stale = sorted(page for page in wanted.keys() | found.keys() if wanted.get(page) != found.get(page))
    if stale:
        hint = "run python tools/generate_reference.py"
        print(f"the reference is stale ({', '.join(stale)}): {hint}", file=sys.stderr)
    return int(bool(stale))


def pages() -> Iterator[tuple[str, str]]:
    """Give the path and the text of each page."""
    yield "index.md", index()
    yield from ((offer.page, repository(offer)) for offer in offers())
    yield from ((f"rows/{module}.md", rows(module)) for module in MODULES)
    yield "package.md", package()
    yield "types.md", types()
    yield "vocabularies.md", labels()
    yield "payloads.md", documents()
    yield "errors.md", error_tree()


INDEX = """\
# Reference

What every repository can be asked, and what it takes and gives, as the code says it.

Signatures are those of the blocking side. **With asyncio everything is the same, awaited:** `AsyncDatabase`
for `Database`, `async with` for `with`, `await` before each call, and `Async..` before a class's name.

## A company's repositories

`with db.tenant(company_id) as tenant:` is one transaction that can see one company. On
`db.company(company_id)` each call is a transaction and a round trip of its own. Inside a session of your own
it is the class itself: `ConversationRepository(session, company_id)`. Another company's rows are, to all of
them, not there.

{company}

## The platform's repositories

`with db.platform(reason) as platform:` is one transaction across companies, and the only way there.

{platform}

## Savepoints

`with tenant.savepoint():`, and the same of `platform`. {savepoint}

## The rest

{rest}
"""


def index() -> str:
    """Write the page that leads to all others."""
    listed: dict[str, list[tuple[str, ...]]] = {
        "company": [("reached as `tenant.`", "class", "")],
        "platform": [("reached as `platform.`", "class", "")],
    }
    for offer in offers():
        name = link(f"`{offer.name}`", offer.page, "")
        purpose = prose(offer.operations.__doc__, "")
        listed[offer.scope].append((name, f"`{offer.repository.__name__}`", purpose))
    rest = [
        (link("The package", "package.md", ""), "`Database`, `migrate` and whatever `chatapp_db` exports"),
        *((link(f"Rows: {it}", f"rows/{it}.md", ""), ", ".join(row_names(it))) for it in MODULES),
        (link("Types", "types.md", ""), "what is taken or given and is no row: pages, counts, settings"),
        (link("Vocabularies", "vocabularies.md", ""), "the labels of statuses, roles, channels and the like"),
        (link("Payloads", "payloads.md", ""), "what the jsonb columns hold"),
        (link("Errors", "errors.md", ""), "all that is raised, as a tree"),
    ]
    filled = {scope: table(*lines) for scope, lines in listed.items()}
    undone = prose(Tenant.savepoint.__doc__, "")
    return INDEX.format(**filled, savepoint=undone, rest=table(("page", ""), *rest))


def row_names(module: str) -> list[str]:
    return [f"`{model.__name__}Row`" for model in models(module)]


# Repositories.


def repository(offer: Offer) -> str:
    """Write a repository's page: its own methods, then those it shares."""
    page, parts = offer.page, list(operations(offer.operations))
    names = (link(f"`{name}`", f"{page}#{name}", page) for _, methods in parts for name in methods)
    sections = [f"# {offer.name}", prose(offer.operations.__doc__, page), reached(offer), " · ".join(names)]
    for part, methods in parts:
        sections += ["## Methods"] if part is offer.operations else shared_heading(part, page)
        sections += [call_section(name, body, page, row=offer.row) for name, body in methods.items()]
    return section(*sections)


def reached(offer: Offer) -> str:
    kind, name = offer.repository.__name__, offer.name
    if offer.scope == "platform":
        return f"`{kind}`, reached as `platform.{name}` in `with db.platform(reason) as platform:`."
    return (
        f"`{kind}`, reached as `tenant.{name}` in a transaction, as `db.company(company_id).{name}`\n"
        f"for single calls, and as `{kind}(session, company_id)` in a session of your own."
    )


def shared_heading(part: type, page: str) -> list[str]:
    name = part.__name__.removesuffix("Operations").lower()
    return [f"## Methods: {name or 'every repository'}", prose(part.__doc__, page)]


def call_section(name: str, body: Callable[..., Any], page: str, *, row: str = "") -> str:
    call = Call.of(name, body, row)
    return section(f"### `{name}`", fenced("pyi", str(call)), prose(body.__doc__, page), call.types(page))


# Rows.

ROWS = """\
A `..Row` is what comes back. *New* says what may or must be given when a row is added (`..Values`), *change*
what an update may name (`..Changes`); all else the database and the verbs write."""


def rows(module: str) -> str:
    """Write the page of the tables of a schema module."""
    page = f"rows/{module}.md"
    purpose = prose(import_module(f"chatapp_db.schema.{module}").__doc__, page)
    described = (row_section(model, page) for model in models(module))
    return section(f"# Rows: {module}", purpose, ROWS, *described)


def row_section(model: type[Base], page: str) -> str:
    columns = model.metadata.tables[model.__tablename__].c
    home = f"{page}#{model.__name__.lower()}"
    names = ", ".join(f"`{name}`" for name, described in homes().items() if described == home)
    return section(
        f"## {model.__name__}",
        f"{prose(model.__doc__, page)}\n{names}, of the table `{model.__tablename__}`.",
        table(("field", "type", "new", "change", ""), *(column_line(model, it, page) for it in columns)),
    )


def column_line(model: type[Base], column: sa.Column[Any], page: str) -> tuple[str, ...]:
    required = not column.nullable and column.server_default is None
    return (
        f"`{column.key}`",
        linked(written(or_none(column, plain(model, column))), page),
        ("must" if required else "may") if may_be_given(column) else "",
        "may" if may_change(column) else "",
        "; ".join(remark for remark in (column.comment, limits(column)) if remark),
    )


def limits(column: sa.Column[Any]) -> str:
    """Say what fits into a column."""
    match column.type, column.info:
        case sa.Numeric(precision=digits, scale=places), _:
            return f"{digits} digits, {places} of them after the point"
        case _, {"max_items": items, "max_length": most}:
            return f"at most {items}, each of at most {most:,} characters"
        case _, {"min_length": int(least), "max_length": most} if least:
            return f"{least} to {most:,} characters"
        case _, {"max_length": most}:
            return f"at most {most:,} characters"
        case _:
            return ""


# What is no row.


def shapes_described(kinds: Mapping[str, Any], page: str) -> Iterator[str]:
    return (section(f"## {name}", shape(kind, page)) for name, kind in kinds.items())


def types() -> str:
    """Write the page of the dataclasses, typed dictionaries and choices that methods take and give."""
    page = "types.md"
    return section("# Types", "What methods take and give that is no row.", *shapes_described(shapes(), page))


def documents() -> str:
    """Write the page of what the jsonb columns hold."""
    page = "payloads.md"
    return section("# Payloads", prose(payloads.__doc__, page), *shapes_described(payload_types(), page))


def labels() -> str:
    """Write the page of the vocabularies, each with its labels."""
    page = "vocabularies.md"
    return section("# Vocabularies", prose(enums.__doc__, page), *shapes_described(vocabularies(), page))


def error_tree() -> str:
    """Write the page of the errors: the tree, then what each means and carries."""
    page = "errors.md"
    return section("# Errors", prose(errors.__doc__, page), *(error(name, page) for name in errors.__all__))


def error(name: str, page: str) -> str:
    kind: type[errors.ChatAppDbError] = getattr(errors, name)
    base = kind.__mro__[1].__name__
    remarks = [f"A kind of {link(f'`{base}`', homes()[base], page)}." if base in homes() else ""]
    own = vars(kind).get("__init__")
    carried = [it for it in inspect.signature(own).parameters if it not in {"self", "message"}] if own else []
    if carried:
        remarks.append(f"Carries {', '.join(f'`{it}`' for it in carried)}.")
    if kind.retryable:
        remarks.append("Retryable.")
    return section(f"## {name}", prose(kind.__doc__, page), " ".join(remarks).strip())


# The package.


def package() -> str:
    """Write the page of the root exports; what other pages describe is led to."""
    page = "package.md"
    values = {name: getattr(chatapp_db, name) for name in chatapp_db.__all__}
    described = {name: it for name, it in values.items() if name not in homes() and not is_awaited(name)}
    awaited = ", ".join(f"`{name}`" for name in values if is_awaited(name))
    elsewhere = ", ".join(link(f"`{name}`", homes()[name], page) for name in values if name in homes())
    classes = (class_section(name, it, page) for name, it in described.items() if inspect.isclass(it))
    functions = (call_section(name, it, page) for name, it in described.items() if inspect.isfunction(it))
    return section(
        "# The package",
        f"What `from chatapp_db import ..` offers. The same, awaited: {awaited}.",
        *classes,
        "## Functions",
        *functions,
        "## Described elsewhere",
        elsewhere,
    )


def is_awaited(name: str) -> bool:
    """Tell whether a name is that of another one, awaited: `AsyncDatabase`, `amigrate`."""
    return name.removeprefix("Async" if name[0].isupper() else "a") in {*chatapp_db.__all__} - {name}


def class_section(name: str, kind: Any, page: str) -> str:
    made = Call.making(kind)
    methods: dict[str, Any] = {}
    for key, member in cast("dict[str, Any]", vars(kind)).items():
        function = getattr(member, "__func__", member)
        if inspect.isfunction(function) and not key.startswith("_"):
            methods[key] = function
    for _, found in operations(kind):
        methods |= found
    return section(
        f"## {name}",
        prose(kind.__doc__, page),
        *([fenced("pyi", str(made)), made.types(page)] if made else []),
        *(call_section(key, it, page) for key, it in methods.items()),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
