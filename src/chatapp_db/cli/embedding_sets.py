"""The commands that say which embeddings are written, and which of them are searched."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from chatapp_db.cli.opening import database
from chatapp_db.cli.options import PLATFORM, AsJson, PlatformRole, Schema, Url
from chatapp_db.cli.outcome import say
from chatapp_db.cli.progress import progress
from chatapp_db.cli.stores import (
    ApiKey,
    MetadataKeys,
    StoreUrl,
    embeddings_of,
    open_stores,
    store_of,
)

__all__ = ["reembed", "register"]

reembed = typer.Typer(
    name="reembed", help="Embed everything anew beside what is searched.", no_args_is_help=True
)

Model = Annotated[str, typer.Argument(metavar="MODEL", help="What the embedder is known by.")]
Collection = Annotated[str, typer.Option(metavar="NAME", help="The collection in the store.")]
SetName = Annotated[str, typer.Option("--set", metavar="NAME", help="Which embedding of a chunk it is.")]
Dimension = Annotated[int, typer.Option(min=1, metavar="N", help="How many numbers a vector has.")]
Distance = Annotated[str, typer.Option(metavar="cosine|dot", help="How vectors are compared.")]


def register(
    *,
    model: Model,
    url: Url,
    store: StoreUrl,
    collection: Collection,
    dimension: Dimension,
    distance: Distance = "cosine",
    name: SetName = "default",
    key: MetadataKeys = None,
    api_key: ApiKey = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Let every change of a chunk reach a collection from now on, which is the first to be searched."""
    layout: Any = {"collection": collection, "dimension": dimension, "distance": distance}
    with database(url, schema, platform_role) as db, store_of(store, key, api_key, **layout) as one:
        row = embeddings_of(db, [one], None).register(model, name=name, backend=_scheme(store))
    say(f"{row.collection_name} is {row.status}, of {row.model}", asdict(row), as_json)


@reembed.command()
def begin(
    *,
    model: Model,
    url: Url,
    store: StoreUrl,
    collection: Collection,
    dimension: Dimension,
    distance: Distance = "cosine",
    name: SetName = "default",
    key: MetadataKeys = None,
    api_key: ApiKey = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Let a new set grow beside the one that is searched; sync embeds it. Run it again if interrupted."""
    layout: Any = {"collection": collection, "dimension": dimension, "distance": distance}
    with (
        database(url, schema, platform_role) as db,
        store_of(store, key, api_key, **layout) as one,
        progress("queueing", "chunks") as move,
    ):
        row = embeddings_of(db, [one], None).begin_reembedding(
            model,
            collection=collection,
            name=name,
            backend=_scheme(store),
            tell=lambda so_far: move(None, so_far.queued),
        )
    say(f"{row.collection_name} is {row.status}, of {row.model}", asdict(row), as_json)


def _moving(verb: str) -> Any:
    def move(
        *,
        url: Url,
        store: StoreUrl,
        name: SetName = "default",
        key: MetadataKeys = None,
        api_key: ApiKey = None,
        schema: Schema = None,
        platform_role: PlatformRole = PLATFORM,
        as_json: AsJson = False,
    ) -> None:
        with database(url, schema, platform_role) as db, open_stores(db, store, key, api_key) as stores:
            row = getattr(embeddings_of(db, stores, None), verb)(name)
        say(f"{row.collection_name} is {row.status}, of {row.model}", asdict(row), as_json)

    return move


_HELP = {
    "switch": "Search the set that has grown, once it lacks nothing; the one before stays for rollback.",
    "rollback": "Search the set before again, which was written all the while.",
}
for _verb, _words in _HELP.items():
    reembed.command(_verb, help=_words)(_moving(_verb))


@reembed.command()
def drop(
    *,
    collection: Annotated[str, typer.Argument(metavar="NAME", help="The collection of a set not searched.")],
    url: Url,
    store: StoreUrl,
    key: MetadataKeys = None,
    api_key: ApiKey = None,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm that the vectors may go.")] = False,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Write a set no more and delete its vectors; the empty collection is left."""
    if not yes:
        raise typer.BadParameter("vectors are lost for good: confirm with --yes")
    with database(url, schema, platform_role) as db, open_stores(db, store, key, api_key) as stores:
        row = embeddings_of(db, stores, None).drop(collection)
    say(f"{row.collection_name} is {row.status}", asdict(row), as_json)


def _scheme(url: str) -> str:
    return url.partition(":")[0]
