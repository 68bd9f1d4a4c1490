"""The commands about the keys that secrets are sealed with."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from chatapp_db.cli.opening import database
from chatapp_db.cli.options import PLATFORM, AsJson, PlatformRole, Schema, Url
from chatapp_db.cli.outcome import REFUSED, say
from chatapp_db.cli.progress import progress

if TYPE_CHECKING:
    from chatapp_db.repositories.rotation import KeyRotation

__all__ = ["commands"]

commands = typer.Typer(
    name="keys", help="Make keys, and seal all secrets with a new one.", no_args_is_help=True
)

Keys = Annotated[
    str,
    typer.Option(
        "--keys",
        envvar="CHATAPP_ENCRYPTION_KEYS",
        metavar="ID:KEY,..",
        help="The key that seals, then the old ones that still open. Safer in the variable: others on the "
        "machine can read a command line.",
    ),
]


@commands.command()
def generate(
    name: Annotated[str, typer.Argument(metavar="ID", help="What the key is called, a date for instance.")],
) -> None:
    """Print a new key, as the settings of a service take it."""
    from chatapp_db.encryption import KeyRing

    setting = f"{name}:{KeyRing.generate_key()}"
    KeyRing.parse(setting)
    typer.echo(setting)


@commands.command()
def rotate(
    *,
    url: Url,
    keys: Keys,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
    as_json: AsJson = False,
) -> None:
    """Seal every secret of every company with the first key.

    Safe to run while services write, and again after an interruption. Ends with 1 where a secret is still
    under an old key: that key is needed until none is.
    """
    from chatapp_db.encryption import KeyRing

    ring = KeyRing.parse(keys)
    with (
        database(url, schema, platform_role, keys=ring) as db,
        progress("sealing anew", "secrets") as move,
    ):
        rotation = db.rotate_keys(tell=lambda so_far: move(so_far.found, so_far.resealed + so_far.unopened))
    say(_summary(rotation), asdict(rotation), as_json)
    if not rotation.is_complete:
        raise typer.Exit(REFUSED)


def _summary(rotation: KeyRotation) -> str:
    lines = [f"{rotation.resealed:,} of {rotation.found:,} secrets sealed with the first key"]
    if rotation.remaining:
        lines.append(f"{rotation.remaining:,} are still under an old key: keep it, and run this again")
    if rotation.unopened:
        lines.append(f"{rotation.unopened:,} of them did not open:")
        lines += [
            f"  {one.table} {one.id} of company {one.company_id}: {one.reason}" for one in rotation.examples
        ]
    return "\n".join(lines)
