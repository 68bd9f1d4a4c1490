"""The command that takes a schema onto several machines."""

from __future__ import annotations

from dataclasses import asdict

import typer

import chatapp_db
from chatapp_db.cli.options import APP, PLATFORM, AppRole, AsJson, NamedSchema, PlatformRole
from chatapp_db.cli.outcome import say

__all__ = ["commands"]

commands = typer.Typer(name="scale-out", help="Take the tables onto several machines.", no_args_is_help=True)


@commands.command()
def plan(
    *,
    schema: NamedSchema = "public",
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Print the SQL that distributes a migrated schema on Citus; no database is needed.

    For a DBA to run with psql on the coordinator, while no service writes.
    """
    found = chatapp_db.scale_out_plan(
        schema=schema, app_role=app_role or None, platform_role=platform_role or None
    )
    say(str(found).rstrip(), asdict(found), as_json)
