"""The options that several commands share, and the words that explain them."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = [
    "APP",
    "PLATFORM",
    "AppRole",
    "AsJson",
    "LockTimeout",
    "NamedSchema",
    "PlatformRole",
    "Schema",
    "Url",
]

APP = "chatapp_app"
PLATFORM = "chatapp_platform"

Url = Annotated[
    str,
    typer.Option(
        "--url",
        envvar="CHATAPP_DATABASE_URL",
        metavar="URL",
        help="The database, postgresql://user@host/name. A password is safer in the variable: others on "
        "the machine can read a command line.",
    ),
]
Schema = Annotated[
    str | None,
    typer.Option(
        "--schema", metavar="NAME", help="The schema of the tables; the first of the search path otherwise."
    ),
]
NamedSchema = Annotated[str, typer.Option("--schema", metavar="NAME", help="The schema of the tables.")]
AppRole = Annotated[
    str, typer.Option(metavar="NAME", help="The role of one company's scopes; empty where there is none.")
]
PlatformRole = Annotated[
    str, typer.Option(metavar="NAME", help="The role of the platform's scopes; empty where there is none.")
]
LockTimeout = Annotated[
    float, typer.Option(metavar="SECONDS", help="How long to wait for another migration.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for a program to read.")]
