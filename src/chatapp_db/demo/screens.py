"""What the demo prints, laid out for a terminal of any width from 80 columns on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from chatapp_db.demo.probes import Probe
from chatapp_db.repositories.conversations.conversations import InboxItem
from chatapp_db.rows import DailyAnalyticsRow, MessageRow
from chatapp_db.schema import MessageRole

__all__ = ["Screens"]

_LABEL = 11
_LONGEST = 600
_STATUS_STYLES = {"active": "green", "waiting": "yellow", "resolved": "cyan"}
_SPEAKERS = {MessageRole.USER: ("guest", "bold cyan"), MessageRole.ASSISTANT: ("agent", "bold green")}


class Screens:
    """The demo's output; the texts it shows are other people's, so none of them is taken for markup."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def step(self, label: str, text: str) -> None:
        """Say what was done, in one line."""
        self.console.print(Text.assemble((f"{label:<{_LABEL}}", "bold"), text), soft_wrap=True)

    def title(self, text: str) -> None:
        """Begin a part."""
        self.console.print()
        self.console.print(Rule(f"[bold]{escape(_shown(text))}", align="left", style="dim"))

    def tally(self, rows: Sequence[tuple[str, int, int]]) -> None:
        """Set what the file holds beside what the database holds."""
        table = _table("", ">conversations", ">messages")
        for name, conversations, messages in rows:
            table.add_row(name, f"{conversations:,}", f"{messages:,}")
        self.console.print(table)

    def inbox(self, company: str, items: Iterable[InboxItem]) -> None:
        """Show the latest lines of an inbox."""
        self.title(f"Inbox of {company}")
        table = _table("status", "guest", ">waits", "*last message", ">at")
        for item in items:
            status = Text(str(item.status), _STATUS_STYLES.get(str(item.status), ""))
            waits = _age(item.waiting_since)
            preview = Text(_shown(item.last_message_preview or ""))
            at = f"{item.last_message_at.astimezone():%H:%M:%S}"
            table.add_row(status, Text(_shown(item.customer_name or "")), waits, preview, at)
        self.console.print(table)

    def conversation(self, title: str, messages: Sequence[MessageRow], older: bool) -> None:
        """Show a conversation as it went."""
        self.title(title)
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True)
        table.add_column(ratio=1)
        if older:
            table.add_row("", Text("(earlier messages left out)", "dim"))
        for message in messages:
            name, style = _SPEAKERS.get(MessageRole(message.role), ("system", "dim"))
            table.add_row(Text(name, style), Text(_shown(message.content)))
        self.console.print(table)

    def hits(self, company: str, question: str, hits: Iterable[tuple[float, str]]) -> None:
        """Show what a knowledge search found."""
        self.title(f"Knowledge of {company}")
        self.console.print(Text.assemble(("asked  ", "bold cyan"), _shown(question)))
        table = _table(">score", "*passage", wrap=True)
        for score, passage in hits:
            table.add_row(f"{score:.2f}", Text(_shown(passage)))
        self.console.print(table)

    def analytics(self, rows: Iterable[tuple[str, DailyAnalyticsRow]]) -> None:
        """Show what the day adds up to."""
        self.title("The day's analytics")
        table = _table("company", "day", ">conversations", ">resolved", ">messages", ">reply (s)")
        for company, day in rows:
            reply = "-" if day.avg_response_time is None else str(day.avg_response_time)
            counts = (day.conversations_total, day.conversations_resolved, day.messages_total)
            table.add_row(company, f"{day.date}", *(f"{count:,}" for count in counts), reply)
        self.console.print(table)

    def isolation(self, asking: str, owner: str, probes: Iterable[Probe]) -> None:
        """Show that a company gets nothing of another one's."""
        self.title(f"What {asking} sees of {owner}")
        table = _table("asked", "answered", "")
        for probe in probes:
            verdict = Text("closed", "green") if probe.closed else Text("OPEN", "bold red")
            table.add_row(Text(probe.question), Text(probe.answer), verdict)
        self.console.print(table)

    def rates(self, rows: Iterable[tuple[str, float, float]], ratio: float) -> None:
        """Set the repositories' rate beside plain psycopg's."""
        self.title("Compared with plain psycopg")
        table = _table("written by", ">seconds", ">turns a second")
        for name, seconds, rate in rows:
            table.add_row(name, f"{seconds:.2f}", f"{rate:,.0f}")
        self.console.print(table)
        self.step("ratio", f"{ratio:.2f} of plain psycopg's rate")


def _table(*columns: str, wrap: bool = False) -> Table:
    """Make a table: ``>`` sets a column to the right, ``*`` gives it the room that is left."""
    expand = any(name.startswith("*") for name in columns)
    table = Table(box=box.SIMPLE_HEAD, expand=expand, pad_edge=False, show_edge=False)
    for name in columns:
        wide = name.startswith("*")
        table.add_column(
            name.lstrip("*>"),
            justify="right" if name.startswith(">") else "left",
            no_wrap=not (wide and wrap),
            ratio=1 if wide else None,
            overflow="ellipsis" if not wrap else "fold",
        )
    return table


def _shown(text: str) -> str:
    """Make a text short, harmless and of one line: what a guest wrote must not steer the terminal."""
    start = text[:_LONGEST]
    plain = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    return plain if len(text) <= _LONGEST else f"{plain} ..."


def _age(since: datetime | None) -> str:
    """Say for how long a guest has been waiting."""
    return "" if since is None else f"{max(0, (datetime.now(UTC) - since).seconds)} s"
