"""Texts of SQL run as one company, in one transaction and one round trip."""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from chatapp_db.errors import (
    ChatAppDbError,
    InvalidReference,
    SchemaOutOfDate,
    Unavailable,
    VectorStoreError,
    VectorStoreUnavailable,
)
from chatapp_db.execution.entrance import Entrance
from chatapp_db.execution.exchange import Message
from chatapp_db.execution.line import Line

__all__ = ["Calls", "Record"]

T = TypeVar("T")

Record: TypeAlias = tuple[Any, ...]


class Calls:
    """The way of an engine into a database; like a repository's single calls, but for texts."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        # Tables are made by the login itself: the scopes' roles own nothing.
        unhurried = replace(entrance.access, rls="off", statement_timeout=None)
        self._as_login = replace(entrance, access=unhurried)

    async def run(
        self, messages: Sequence[Message], company_id: uuid.UUID | None = None, *, platform: bool = False
    ) -> list[Record]:
        """Run texts after one another and give the records of the last.

        Raises VectorStoreUnavailable, VectorStoreError, and InvalidReference for a chunk that is gone.
        """
        *before, question = messages

        async def ask(line: Line) -> list[Record]:
            prologue = line.prologue(platform=platform)
            return await line.ask(question, [*prologue.single(company_id), *before], prologue.end())

        return await _on_a_line(self._entrance, ask)

    async def build(self, texts: Iterable[str]) -> None:
        """Run texts as whoever logged in, in one transaction.

        Raises VectorStoreUnavailable, VectorStoreError.
        """

        async def command(line: Line) -> None:
            await line.command("; ".join([line.prologue().begin(None), *texts, "COMMIT"]))

        await _on_a_line(self._as_login, command)


async def _on_a_line(entrance: Entrance, speak: Callable[[Line], Awaitable[T]]) -> T:
    try:
        pooled = await entrance.acquire()
        try:
            answer = await speak(await entrance.line(pooled))
        except BaseException as error:  # noqa: BLE001  # an interrupted call leaves its connection behind too
            await entrance.fail(pooled, error)
        await entrance.wire.release(pooled)
    except InvalidReference:
        raise
    except ChatAppDbError as error:
        raise _translate(error) from error
    return answer


def _translate(error: ChatAppDbError) -> VectorStoreError:
    if isinstance(error, Unavailable):
        return VectorStoreUnavailable(str(error))
    if isinstance(error, SchemaOutOfDate):
        return VectorStoreError("the collection or the database's schema is missing: ensure_collection()")
    return VectorStoreError(str(error))
