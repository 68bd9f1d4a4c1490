"""The command that says what is wrong with a deployment, and what mends it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from chatapp_db.cli.options import APP, PLATFORM, AppRole, AsJson, PlatformRole, Schema, Url
from chatapp_db.cli.outcome import REFUSED, line, say
from chatapp_db.cli.progress import progress
from chatapp_db.cli.stores import ApiKey, MetadataKeys, store_of

if TYPE_CHECKING:
    from chatapp_db.doctor import Examination
    from chatapp_db.encryption import KeyRing

__all__ = ["commands"]

commands = typer.Typer()

VectorsUrl = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        "--store",
        envvar="CHATAPP_VECTOR_URL",
        metavar="URL",
        help="The vector store: each collection that is written is looked at in it.",
    ),
]
Keys = Annotated[
    str | None,
    typer.Option(
        "--keys",
        envvar="CHATAPP_ENCRYPTION_KEYS",
        metavar="ID:KEY,..",
        help="The key ring of the services; safer in the variable.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="Let a warning end with 1, too.")]

_STYLES = {"error": "bold red", "warning": "yellow", "note": "dim"}


@commands.command()
def doctor(
    *,
    url: Url,
    vectors: VectorsUrl = None,
    keys: Keys = None,
    key: MetadataKeys = None,
    api_key: ApiKey = None,
    schema: Schema = None,
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Look at a deployment: say what is wrong, and the command that mends it. Changes nothing.

    Give it the URL that a service logs in with: that login is looked at, too, and needs no further right.
    What it may not see is said.

    Exit codes: 0 healthy, 1 an error was found (with --strict a warning is one), 2 bad usage, 3 the
    database is unavailable. Notes never count.
    """
    from chatapp_db.doctor import examine

    ring = _ring(keys)
    with ExitStack() as stack:
        layouts = _layouts(url, schema, app_role) if vectors else []
        stores = [stack.enter_context(store_of(vectors or "", key, api_key, **layout)) for layout in layouts]
        with progress("looking", "areas") as move:
            found = examine(
                url,
                schema=schema,
                app_role=app_role or None,
                platform_role=platform_role or None,
                keys=ring,
                stores=stores,
                tell=lambda done, total: move(total, done),
            )
    is_healthy = found.is_healthy(strict=strict)
    if as_json:
        say("", {**asdict(found), "healthy": is_healthy}, as_json)
    else:
        _print(found)
    if not is_healthy:
        raise typer.Exit(REFUSED)


def _ring(keys: str | None) -> KeyRing | None:
    from chatapp_db.encryption import KeyRing

    return KeyRing.parse(keys) if keys else None


def _layouts(url: str, schema: str | None, app_role: str) -> list[Any]:
    """Read what the store of each collection that is written is made with."""
    from chatapp_db.doctor.stores import embedding_collections

    return [
        {"collection": one.name, "dimension": one.dimensions, "distance": one.distance}
        for one in embedding_collections(url, schema=schema, app_role=app_role or None)
    ]


def _print(found: Examination) -> None:
    console = Console(highlight=False)
    console.print(
        f"PostgreSQL {found.server or 'unknown'}, schema at {found.revision or 'nothing'}, "
        f"pooler: {found.pooler}"
    )
    if found.findings:
        console.print(_table(found))
        _print_mends(found)
    else:
        console.print("Nothing is wrong.")
    for one in found.unseen:
        typer.echo(f"not seen: {one.area}: {line(one.why)}")


def _table(found: Examination) -> Table:
    table = Table("", Column("code", no_wrap=True), "where", "what", show_lines=True)
    for one in found.findings:
        cells = (one.severity, one.code, one.where, one.what)
        # As they are: a bracket in a name is no markup.
        table.add_row(*(Text(cell, overflow="fold") for cell in cells), style=_STYLES[one.severity])
    return table


def _print_mends(found: Examination) -> None:
    """Print each in one piece below the table, whose cells would break what is to be copied."""
    mends = [one for one in found.findings if one.mend]
    if mends:
        typer.echo("What mends it:")
    for one in mends:
        typer.echo(f"\n# {one.code}, {one.where}\n{one.mend}")
