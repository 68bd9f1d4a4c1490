"""The commands that keep vector stores in step with PostgreSQL."""

from __future__ import annotations

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from chatapp_db.cli import embedding_sets
from chatapp_db.cli.opening import database
from chatapp_db.cli.options import PLATFORM, AsJson, PlatformRole, Schema, Url
from chatapp_db.cli.outcome import REFUSED, say
from chatapp_db.cli.progress import progress
from chatapp_db.cli.stores import (
    ApiKey,
    EmbedderNames,
    MetadataKeys,
    StoreUrl,
    embeddings_of,
    open_stores,
)

if TYPE_CHECKING:
    from chatapp_db.repositories.embeddings.backlog import Backlog

__all__ = ["commands"]

commands = typer.Typer(
    name="vectors", help="Keep vector stores in step with PostgreSQL.", no_args_is_help=True
)
commands.add_typer(embedding_sets.reembed)
commands.command()(embedding_sets.register)


@commands.command()
def sync(
    *,
    url: Url,
    store: StoreUrl,
    embedder: EmbedderNames = None,
    key: MetadataKeys = None,
    api_key: ApiKey = None,
    poll: Annotated[
        float | None, typer.Option(min=0.01, metavar="SECONDS", help="Never end: look again so often.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="Changes taken at a time.")] = 256,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Bring waiting changes to the store, until none is due.

    Any number of these may run. On SIGTERM or SIGINT it ends after the batch it is at. Ends with 1 where a
    change was refused or could not be brought.
    """
    with (
        database(url, schema, platform_role) as db,
        open_stores(db, store, key, api_key) as stores,
        progress("bringing", "changes") as move,
        _stopped() as stop,
    ):
        embeddings = embeddings_of(db, stores, embedder)
        total = None if poll else sum(backlog.waiting for backlog in embeddings.backlog())
        report = embeddings.sync_vectors(
            poll=poll,
            stop=stop,
            batch_size=batch,
            tell=lambda so_far: move(total, so_far.stored + so_far.deleted),
        )
    words = f"{report.stored:,} stored, {report.deleted:,} deleted, {report.postponed:,} postponed, "
    say(f"{words}{report.dead:,} dead", asdict(report), as_json)
    if report.dead or report.postponed:
        raise typer.Exit(REFUSED)


@commands.command()
def reconcile(
    *,
    url: Url,
    store: StoreUrl,
    company: Annotated[
        UUID | None, typer.Option(metavar="UUID", help="One company; all of them otherwise.")
    ] = None,
    fix: Annotated[bool, typer.Option("--fix", help="Queue what mends it, for sync to do.")] = False,
    key: MetadataKeys = None,
    api_key: ApiKey = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Compare the store with PostgreSQL chunk by chunk; ends with 1 where they differ.

    Safe while services write: what only waits for sync is no difference.
    """
    with (
        database(url, schema, platform_role) as db,
        open_stores(db, store, key, api_key) as stores,
        progress("comparing", "companies") as move,
    ):
        found = embeddings_of(db, stores, None).reconcile(
            company, fix=fix, tell=lambda so_far: move(None, so_far.companies)
        )
    lines = [f"{each.collection_name}: {each}, {each.queued:,} queued" for each in found]
    say("\n".join(lines) or "no embedding set", [asdict(each) for each in found], as_json)
    if not all(each.is_clean for each in found):
        raise typer.Exit(REFUSED)


@commands.command()
def status(
    *, url: Url, schema: Schema = None, platform_role: PlatformRole = PLATFORM, as_json: AsJson = False
) -> None:
    """Say for each embedding set what waits, since when, and what is dead; ends with 1 where something is."""
    with database(url, schema, platform_role) as db:
        backlogs = embeddings_of(db, [], None).backlog()
    lines = "\n".join(map(_line, backlogs)) or "no embedding set"
    say(lines, [asdict(each) for each in backlogs], as_json)
    if any(each.dead for each in backlogs):
        raise typer.Exit(REFUSED)


@commands.command()
def retry(
    *, url: Url, schema: Schema = None, platform_role: PlatformRole = PLATFORM, as_json: AsJson = False
) -> None:
    """Have dead changes tried again, once what they were refused for is mended."""
    with database(url, schema, platform_role) as db:
        count = embeddings_of(db, [], None).retry_dead()
    say(f"{count:,} changes wait again", {"retried": count}, as_json)


@contextmanager
def _stopped() -> Generator[threading.Event]:
    """Let SIGTERM and SIGINT ask the block to end by itself."""
    stop = threading.Event()

    def leave(_number: int, _frame: object) -> None:
        stop.set()

    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _line(backlog: Backlog) -> str:
    """Say a set's backlog in one line."""
    which = f"{backlog.name} {backlog.version} in {backlog.collection_name}"
    since = f" since {backlog.oldest_at:%Y-%m-%d %H:%M:%S %Z}" if backlog.oldest_at else ""
    counts = f"{backlog.waiting:,} waiting{since}, {backlog.dead:,} dead"
    error = f"; last error: {backlog.last_error}" if backlog.last_error else ""
    return f"{which} ({backlog.status}, {backlog.model}): {counts}{error}"
