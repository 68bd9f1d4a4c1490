"""Messages as the platform brings them into a company: what another product has kept, all at once."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chatapp_db.errors import InvalidValue, NotPermitted
from chatapp_db.execution.carriers import Transaction
from chatapp_db.execution.operation import Asyncio, operation
from chatapp_db.repositories.border import as_company_id
from chatapp_db.repositories.messages.importing import (
    COPY,
    CREATE,
    DROP,
    TYPES,
    as_copied,
    insert_landed,
    lock,
    move,
    privilege,
    stray,
)
from chatapp_db.repositories.messages.incoming import ImportedMessage, as_imported
from chatapp_db.repositories.operations import AsyncioPlatformRepository, BlockingPlatformRepository

__all__ = ["AsyncPlatformMessageRepository", "Imported", "PlatformMessageRepository"]


@dataclass(slots=True)
class Imported:
    """What came of an import."""

    received: int
    added: int
    """Of those received, the messages that were not there before."""


class PlatformMessageOperations:
    """The messages of any company."""

    _carrier: Any

    @operation
    async def import_many(
        self,
        company_id: UUID | str,
        messages: Iterable[ImportedMessage] | AsyncIterable[ImportedMessage],
    ) -> Imported:
        """Bring messages that another product has kept into conversations of a company, as they were.

        Any number of them, from anything that gives one after the other, with asyncio also from what is
        awaited; a few are in memory at a time. Each keeps its ``created_at``, and one whose ``external_id``
        its conversation has already stays as it is: to import again adds what is missing. The conversations
        are brought to where all their messages leave them: last activity, preview, first response, who
        waits since when. One that is closed stays so, unless the customer wrote after it was resolved.

        All of it or nothing: what is raised undoes the transaction. Raises InvalidValue, which names the
        message by its place (``messages.17.content``), also for a conversation or a sender that the company
        does not have; NotPermitted where the platform's role may not create temporary tables; and whatever
        ``messages`` raise.
        """
        transaction: Transaction = self._carrier
        company: dict[str, Any] = {"company_id": as_company_id(company_id)}
        source = _Source(messages, awaited=isinstance(self, Asyncio))
        await _require_temporary_tables(transaction)
        await transaction.command(CREATE)
        await transaction.copy_in(COPY, TYPES, source)
        await transaction.fetch(lock(), company)
        (lost,) = await transaction.fetch(stray(), company)
        for field, place in (
            ("conversation_id", lost.conversation_id),
            ("sender_user_id", lost.sender_user_id),
        ):
            if place is not None:
                raise InvalidValue(f"messages.{place}.{field}", "not one of the company's")
        (added,) = await transaction.fetch(insert_landed(), company)
        await transaction.fetch(move(), company)
        await transaction.command(DROP)
        return Imported(source.received, added)


class PlatformMessageRepository(PlatformMessageOperations, BlockingPlatformRepository):
    """The messages of any company, blocking."""


class AsyncPlatformMessageRepository(PlatformMessageOperations, AsyncioPlatformRepository):
    """The messages of any company, awaited."""


_NO_MESSAGES = (str, bytes, bytearray, Mapping)
"""What gives letters, numbers or names one after the other."""


class _Source:
    """Messages from anything that gives one after the other, each checked when its turn comes."""

    def __init__(self, messages: Any, *, awaited: bool) -> None:
        kinds = (Iterable, AsyncIterable) if awaited else Iterable
        if not isinstance(messages, kinds) or isinstance(messages, _NO_MESSAGES):
            raise InvalidValue("messages", "not something that gives messages one after the other")
        self._messages: Any = messages
        self._awaits = isinstance(messages, AsyncIterable)
        self.received = 0

    async def __aiter__(self) -> AsyncIterator[list[Any]]:
        if self._awaits:
            async for message in self._messages:
                yield self._next(message)
        else:
            for message in self._messages:
                yield self._next(message)

    def _next(self, message: ImportedMessage) -> list[Any]:
        row = as_copied(self.received, as_imported(self.received, message))
        self.received += 1
        return row


async def _require_temporary_tables(transaction: Transaction) -> None:
    (known,) = await transaction.fetch(privilege(), {})
    if not known.granted:
        grant = f"GRANT TEMPORARY ON DATABASE {known.database} TO {known.role}"
        raise NotPermitted(f"an import goes through a temporary table; a DBA runs: {grant}")
