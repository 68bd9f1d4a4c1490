"""The commands about personal rows: export them, erase them, remove what is too old."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

import typer

from chatapp_db.cli.opening import database
from chatapp_db.cli.options import PLATFORM, AsJson, PlatformRole, Schema, Url
from chatapp_db.cli.outcome import REFUSED
from chatapp_db.cli.progress import progress

if TYPE_CHECKING:
    from chatapp_db.privacy import Erasure, Export, Retention
    from chatapp_db.scopes import OpenScope

__all__ = ["commands"]

commands = typer.Typer()
_export = typer.Typer(name="export", help="Write what is stored of a company or of a customer.")
_erase = typer.Typer(name="erase", help="Erase a company or a customer for good.")
commands.add_typer(_export, no_args_is_help=True)
commands.add_typer(_erase, no_args_is_help=True)

CompanyId = Annotated[UUID, typer.Argument(metavar="COMPANY_ID")]
CustomerId = Annotated[UUID, typer.Argument(metavar="CUSTOMER_ID")]
StaffId = Annotated[
    UUID | None, typer.Option("--staff", metavar="ID", help="Who has it done, for the audit trail.")
]
Output = Annotated[
    str,
    typer.Option(
        "--output", "-o", metavar="FILE", help="A new file, for its owner's eyes only; - is the output."
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

R = TypeVar("R", bound="Erasure | Retention")

_SOME_LINES = 500
_PRIVATE = 0o600


@_export.command("company")
def export_company(
    company_id: CompanyId,
    *,
    url: Url,
    output: Output = "-",
    staff_id: StaffId = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
) -> None:
    """Write every row of a company as JSON Lines, without its secrets."""
    with database(url, schema, platform_role) as db:
        _write(db.privacy.export_company(company_id, staff_id=staff_id), output)


@_export.command("customer")
def export_customer(
    company_id: CompanyId,
    customer_id: CustomerId,
    *,
    url: Url,
    output: Output = "-",
    private_notes: Annotated[
        bool, typer.Option(help="With what people of the company noted among themselves.")
    ] = True,
    staff_id: StaffId = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
) -> None:
    """Write a customer with all that belongs to them as JSON Lines."""
    with database(url, schema, platform_role) as db:
        opening = db.privacy.export_customer(
            company_id, customer_id, private_notes=private_notes, staff_id=staff_id
        )
        _write(opening, output)


@_erase.command("company")
def erase_company(
    company_id: CompanyId,
    *,
    url: Url,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    staff_id: StaffId = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
) -> None:
    """Erase a company with every row of it.

    After an interruption, run it again. Its vectors go by the sync worker, as soon as that runs.
    """
    with database(url, schema, platform_role) as db:
        erase = partial(db.privacy.erase_company, company_id, staff_id=staff_id)
        erasure = _done(erase, f"erase company {company_id}", dry_run=dry_run, yes=yes)
    _say(erasure, dry_run=dry_run, as_json=as_json)


@_erase.command("customer")
def erase_customer(
    company_id: CompanyId,
    customer_id: CustomerId,
    *,
    url: Url,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    staff_id: StaffId = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
) -> None:
    """Erase a customer with all that belongs to them.

    After an interruption, run it again.
    """
    with database(url, schema, platform_role) as db:
        erase = partial(db.privacy.erase_customer, company_id, customer_id, staff_id=staff_id)
        erasure = _done(erase, f"erase customer {customer_id}", dry_run=dry_run, yes=yes)
    _say(erasure, dry_run=dry_run, as_json=as_json)


def _days(what: str) -> Any:
    """Declare how long something is kept."""
    return typer.Option(metavar="DAYS", min=1, help=f"How long to keep {what}.")


@commands.command()
def retention(
    *,
    url: Url,
    conversations: Annotated[int | None, _days("settled conversations since their last message")] = None,
    messages: Annotated[int | None, _days("messages")] = None,
    customers: Annotated[int | None, _days("customers without a conversation, once seen")] = None,
    invitations: Annotated[int | None, _days("invitations that are over")] = None,
    webhook_deliveries: Annotated[int | None, _days("deliveries that arrived or were given up")] = None,
    usage_reservations: Annotated[int | None, _days("usage reservations that hold nothing")] = None,
    audit_logs: Annotated[int | None, _days("the audit trail")] = None,
    company_id: Annotated[
        UUID | None, typer.Option("--company", metavar="ID", help="Of this company alone.")
    ] = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
    staff_id: StaffId = None,
    schema: Schema = None,
    platform_role: PlatformRole = PLATFORM,
) -> None:
    """Remove what is older than so many days; what has no number is kept.

    Safe to run while services write, from several machines, and again after an interruption.
    """
    from chatapp_db.privacy import RetentionPolicy

    days = {"conversations": conversations, "messages": messages, "customers": customers,
            "invitations": invitations, "webhook_deliveries": webhook_deliveries,
            "usage_reservations": usage_reservations, "audit_logs": audit_logs}  # fmt: skip
    policy = RetentionPolicy(**{name: timedelta(days=number) for name, number in days.items() if number})
    if not policy.periods():
        raise typer.BadParameter("say what is to be removed: --messages, --conversations ..")
    with database(url, schema, platform_role) as db:
        retain = partial(
            db.privacy.retain, policy, datetime.now(UTC), company_id=company_id, staff_id=staff_id
        )
        retention = _done(retain, "remove what is too old", dry_run=dry_run, yes=yes)
    _say(retention, dry_run=dry_run, as_json=as_json)


def _write(opening: OpenScope[Export], output: str) -> None:
    """Write an export; a file that was begun and cannot be finished is removed."""
    with ExitStack() as stack:
        export = stack.enter_context(opening)
        if output == "-":
            _write_lines(export, typer.get_binary_stream("stdout"))
            return
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _PRIVATE)
        with os.fdopen(descriptor, "wb") as file:
            stack.push(partial(_removed_after_an_error, Path(output)))
            _write_lines(export, file)


def _removed_after_an_error(
    path: Path, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
) -> None:
    if kind is not None:
        path.unlink()


def _write_lines(export: Export, file: IO[bytes]) -> None:
    with progress("exporting", "rows") as move:
        for number, line in enumerate(export, 1):
            file.write(line.encode() + b"\n")
            if number % _SOME_LINES == 0:
                move(None, number)
        file.flush()


def _done(act: Callable[..., R], what: str, *, dry_run: bool, yes: bool) -> R:
    """Count, ask and act; where nobody is to be asked, nothing is counted before."""
    total: int | None = None
    if dry_run or not yes:
        counted = act(dry_run=True)
        if dry_run:
            return counted
        total = counted.total
        _confirm(f"{what.capitalize()}: {total:,} rows?")
    with progress(what.partition(" ")[0], "rows") as move:
        move(total, 0)

        def told(so_far: Erasure | Retention) -> None:
            move(total, so_far.total)

        return act(tell=told)


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: give --yes, or --dry-run to see what would go")
    if not typer.confirm(question, err=True):
        raise typer.Exit(REFUSED)


def _say(result: Erasure | Retention, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({**asdict(result), "dry_run": dry_run}))
        return
    for table, rows in result.rows.items():
        if rows:
            typer.echo(f"{rows:>12,}  {table}")
    typer.echo(f"{result.total:>12,}  rows {'would go' if dry_run else 'are gone'}")
