"""The commands: what each takes, and how each ends."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

import chatapp_db
from chatapp_db.cli import doctor, keys, migrations, privacy, scale_out, vectors
from chatapp_db.cli.options import Schema, Url
from chatapp_db.cli.outcome import INTERRUPTED, REFUSED, USAGE, exit_code, line
from chatapp_db.errors import ChatAppDbError

__all__ = ["run"]

# What typer raises for bad usage has no public name of its own.
_UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="chatapp-db",
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Without a name its commands stand beside the others.
app.add_typer(migrations.commands)
app.add_typer(doctor.commands)
app.add_typer(keys.commands)
app.add_typer(privacy.commands)
app.add_typer(vectors.commands)
app.add_typer(scale_out.commands)


def run(arguments: Sequence[str]) -> int:
    """Run the command of these arguments and give its exit code; an error is one line on stderr."""
    _print_anything()
    try:
        code = app(list(arguments), prog_name="chatapp-db", standalone_mode=False)
    except ChatAppDbError as error:
        return _failed(error, exit_code(error))
    except _UsageError as error:
        return _failed(f"{_said(error)} (see chatapp-db --help)", USAGE)
    except (KeyboardInterrupt, typer.Abort):
        return _failed("interrupted", INTERRUPTED)
    except OSError as error:
        return _failed(error, REFUSED)
    return code if isinstance(code, int) else 0


@app.callback(invoke_without_command=True)
def chatapp(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    """Run the data layer of a multi-tenant AI support product.

    Exit codes: 0 fine, 1 refused, 2 bad usage or input, 3 the database is unavailable, 4 another
    migration kept its lock for too long.
    """
    if version:
        typer.echo(f"chatapp-db {chatapp_db.__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(USAGE)


@app.command()
def seed(
    url: Url,
    schema: Schema = None,
    dev: Annotated[
        bool, typer.Option("--dev", help="Also add a master admin for development, without credentials.")
    ] = False,
) -> None:
    """Add the plans and the agent packages that companies start from.

    Safe to run again, and from several machines at once; what an operator has changed stays.
    """
    from chatapp_db.database import Database
    from chatapp_db.seeding import seed as sow

    with Database(url, schema=schema) as db:
        typer.echo(sow(db, dev=dev))


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where the database lives and stays; a temporary one otherwise."),
    ] = None,
    dialogues: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Dialogues as gzipped JSON Lines: dialogue_id, services, turns as pairs of role "
            "and text. The demo's own small sample otherwise.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Take the first N dialogues; all otherwise.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Write everything by plain psycopg as well; print both rates.")
    ] = False,
) -> None:
    """Run two companies' support inboxes on a database of their own, and show them.

    Starts a PostgreSQL in a folder, migrates, seeds, writes dialogues, indexes knowledge, and shows that
    no company sees another's rows. Nothing needs to be installed or running. Ends with 1 where the
    database does not hold exactly what was written.
    """
    from chatapp_db.demo.stage import DemoSettings, perform

    with _terminable():
        settings = DemoSettings(folder, dialogues, limit, compare)
        if not perform(Console(highlight=False), settings):
            raise typer.Exit(REFUSED)


@contextmanager
def _terminable() -> Generator[None]:
    """Let SIGTERM end the block as an error would: the server is stopped, its folder removed."""

    def leave(number: int, _: Any) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _failed(error: Exception | str, code: int) -> int:
    typer.echo(f"chatapp-db: {line(error)}", err=True)
    return code


def _said(error: Exception) -> str:
    """Give typer's own words, without the full stop that ends them."""
    words: Any = getattr(error, "format_message", error.__str__)
    return str(words()).rstrip(".")


def _print_anything() -> None:
    """Replace what the terminal's encoding lacks: a guest's smiley must not end the demo."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
