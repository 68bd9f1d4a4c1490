"""What a peer is: a connection to the database of one company, and the calls that are compared."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar
from uuid import UUID

from benchmarks.asked import Operation
from chatapp_db.repositories import InboxItem
from chatapp_db.rows import AgentRow, MessageRow

__all__ = ["AGENT", "INBOX", "MESSAGE", "Peer"]

MESSAGE = tuple(field.name for field in fields(MessageRow))
INBOX = tuple(field.name for field in fields(InboxItem))
AGENT = tuple(field.name for field in fields(AgentRow))

_NAMES = {
    Operation.APPEND: MESSAGE,
    Operation.APPEND_ONCE: MESSAGE,
    Operation.HISTORY: MESSAGE,
    Operation.INBOX: INBOX,
    Operation.AGENT: AGENT,
}

_OF_THE_ROW = {"id", "created_at", "updated_at"}
"""What differs between two messages that say the same."""


class Peer:
    """One way to make the calls; what a call gives is its library's own kind of row.

    Where ``world`` is asyncio, calls are awaited, and so are ``open`` and ``close``. One that ``is_bound`` by
    row-level security logs in as a service, the others as superuser.
    """

    name: ClassVar[str]
    world: ClassVar[str] = "blocking"
    is_bound: ClassVar[bool] = False

    def __init__(self, url: str, company_id: UUID) -> None:
        self.url = url
        self.company_id = company_id

    def open(self) -> Any:
        """Connect."""

    def close(self) -> Any:
        """Disconnect."""

    def offers(self, operation: Operation) -> bool:
        """Tell whether the peer makes a call."""
        return hasattr(self, operation)

    def plain(self, operation: Operation, result: Any) -> list[tuple[Any, ...]]:
        """Give a result as everybody's can be compared."""
        rows = self.rows(result) if operation in {Operation.HISTORY, Operation.INBOX} else [result]
        plain = [self.fields(operation, row, _NAMES[operation]) for row in rows]
        if operation in {Operation.APPEND, Operation.APPEND_ONCE}:
            kept = [place for place, name in enumerate(MESSAGE) if name not in _OF_THE_ROW]
            plain = [tuple(row[place] for place in kept) for row in plain]
        return plain

    def rows(self, result: Any) -> list[Any]:
        """Give the rows of a page."""
        return list(result)

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        """Give the fields of a row; a mapped class cannot call one ``metadata``."""
        return tuple(getattr(row, f"{name}_" if hasattr(row, f"{name}_") else name) for name in names)
