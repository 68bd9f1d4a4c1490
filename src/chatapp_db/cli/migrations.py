"""The commands that bring a schema to this release, say where it stands, or take it back."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any, TypedDict

import typer

import chatapp_db
from chatapp_db.cli.options import (
    APP,
    PLATFORM,
    AppRole,
    AsJson,
    LockTimeout,
    NamedSchema,
    PlatformRole,
    Schema,
    Url,
)
from chatapp_db.cli.outcome import REFUSED, say

__all__ = ["commands"]

commands = typer.Typer()


class _Roles(TypedDict):
    app_role: str | None
    platform_role: str | None


@commands.command()
def migrate(
    *,
    url: Url,
    schema: Schema = None,
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    lock_timeout: LockTimeout = 60.0,
    as_json: AsJson = False,
) -> None:
    """Bring a database to this release's schema.

    Safe to run at every start and on every replica at once: one migrates, the others wait, and a
    database that is current is left alone.
    """
    roles = _roles(app_role, platform_role)
    report = chatapp_db.migrate(url, schema=schema, lock_timeout=lock_timeout, **roles)
    say(report, asdict(report), as_json)


@commands.command()
def verify(url: Url, schema: Schema = None, as_json: AsJson = False) -> None:
    """Make sure that somebody else has migrated; changes nothing.

    Ends with 1, and the command to run, where the schema is behind or unknown. A schema that a newer
    release has migrated already is fine.
    """
    found = chatapp_db.verify(url, schema=schema)
    say(found, _status(found, schema), as_json)


@commands.command()
def status(url: Url, schema: Schema = None, as_json: AsJson = False) -> None:
    """Say where the schema stands beside this release; ends with 1 unless it is current or ahead."""
    found = chatapp_db.status(url, schema=schema)
    say(found.message(schema), _status(found, schema), as_json)
    if found.state not in {"current", "ahead"}:
        raise typer.Exit(REFUSED)


@commands.command()
def check(
    *,
    url: Url,
    schema: Schema = None,
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """List every difference between the live schema and this release; ends with 1 where there is one.

    It compares policies, forced row-level security, triggers, functions, constraints, enum labels,
    grants and indexes, too. It changes nothing: what it compares with is created and rolled back.
    """
    found = chatapp_db.check(url, schema=schema, **_roles(app_role, platform_role))
    say("\n".join(map(str, found)) or "no difference", [asdict(each) for each in found], as_json)
    if found:
        raise typer.Exit(REFUSED)


@commands.command()
def plan(
    *,
    from_: Annotated[
        str | None, typer.Option("--from", metavar="REVISION", help="Where the schema is; nowhere otherwise.")
    ] = None,
    to: Annotated[
        str, typer.Option(metavar="REVISION", help="Where it is to be: a revision, head or base.")
    ] = "head",
    schema: NamedSchema = "public",
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Print the SQL of a migration for a DBA to run with psql; no database is needed."""
    sql = chatapp_db.plan(from_=from_, to=to, schema=schema, **_roles(app_role, platform_role))
    say(sql.rstrip(), {"sql": sql}, as_json)


@commands.command()
def downgrade(
    *,
    url: Url,
    to: Annotated[str, typer.Option(metavar="REVISION", help="An earlier revision, or base for nothing.")],
    schema: Schema = None,
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    lock_timeout: LockTimeout = 60.0,
    yes: Annotated[bool, typer.Option("--yes", help="Confirm that the rows may go.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take the schema back to an earlier revision; what later revisions added is dropped with its rows."""
    if not yes:
        raise typer.BadParameter("rows are lost for good: confirm with --yes")
    roles = _roles(app_role, platform_role)
    report = chatapp_db.downgrade(url, to, schema=schema, lock_timeout=lock_timeout, **roles)
    say(report, asdict(report), as_json)


@commands.command()
def adopt(
    *,
    url: Url,
    schema: Schema = None,
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    lock_timeout: LockTimeout = 60.0,
    as_json: AsJson = False,
) -> None:
    """Mark an existing schema as migrated, once check finds no difference."""
    roles = _roles(app_role, platform_role)
    report = chatapp_db.adopt(url, schema=schema, lock_timeout=lock_timeout, **roles)
    say(report, asdict(report), as_json)


@commands.command()
def grants(
    *,
    role: Annotated[str, typer.Option(metavar="NAME", help="The login that migrates.")],
    schema: NamedSchema = "public",
    app_role: AppRole = APP,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Print what a DBA runs for a login that may create no roles; no database is needed."""
    sql = chatapp_db.grants(role, schema=schema, **_roles(app_role, platform_role))
    say(sql.rstrip(), {"sql": sql}, as_json)


def _roles(app_role: str, platform_role: str) -> _Roles:
    """Take an empty name for no role."""
    return {"app_role": app_role or None, "platform_role": platform_role or None}


def _status(found: chatapp_db.Status, schema: str | None) -> dict[str, Any]:
    return {**asdict(found), "remedy": found.remedy(schema)}
