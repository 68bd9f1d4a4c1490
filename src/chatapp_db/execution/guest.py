"""Work inside a service's own SQLAlchemy session: in its transaction, leaving its settings as they were."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from chatapp_db.errors import InvalidValue, ScopeInUse
from chatapp_db.execution.exchange import Message
from chatapp_db.execution.failures import translate
from chatapp_db.execution.line import Line, line_of
from chatapp_db.execution.operation import finish
from chatapp_db.execution.scope import DEFAULT_ACCESS, Access, Acting
from chatapp_db.execution.statement import Statement
from chatapp_db.execution.wire import ASYNCIO, BLOCKING, Wire

__all__ = ["Guest", "tenant_scope"]

R = TypeVar("R")

_OPEN_SCOPE = "chatapp_db.tenant_scope"


class Guest:
    """Each call travels in one pipeline with what sets its company, and what sets the host's state back.

    A statement that fails has aborted the host's transaction, as one of its own would have.
    """

    __slots__ = ("_acting", "_company_id", "_session", "_wire", "access", "actor")

    def __init__(
        self, session: Session | AsyncSession, access: Access, company_id: UUID, actor: Acting | None
    ) -> None:
        self._wire = _wire_of(session)
        self._session = session
        self.access = access
        self._company_id = company_id
        self.actor = actor
        self._acting = None if actor is None else actor.setting()

    async def fetch(
        self, statement: Statement[R], parameters: Mapping[str, Any], *, before: Sequence[Message] = ()
    ) -> list[R]:
        """Flush the session, then run a statement in its transaction.

        Raises ScopeInUse inside the ``tenant_scope`` of another company.
        """
        question = statement.message(parameters)
        _refuse_other_company(self._session, self._company_id)
        line = await self._board()
        prologue = line.prologue()
        try:
            keeping = prologue.enter(self._company_id, by="call", actor=self._acting)
            entering = [*line.beginning(), *keeping, *before]
            records = await line.ask(question, entering, prologue.leave(by="call", actor=self._acting))
        except psycopg.Error as error:
            raise translate(error) from error
        return statement.rows(records)

    async def enter(self) -> None:
        """Set the company for the host's own statements, until ``leave``."""
        _refuse_other_company(self._session, None)
        line = await self._board()
        entering = line.prologue().enter(self._company_id, by="scope", actor=self._acting)
        await self._tell(line, [*line.beginning(), *entering])
        self._session.info[_OPEN_SCOPE] = self._company_id

    async def leave(self, error: BaseException | None) -> None:
        """Set the host's state back; after an error its own rollback does that."""
        self._session.info.pop(_OPEN_SCOPE, None)
        if error is None:
            line = await self._board()
            await self._tell(line, line.prologue().leave(by="scope", actor=self._acting))

    async def _board(self) -> Line:
        pooled = await self._wire.borrow(self._session)
        driver = pooled.driver_connection
        if not isinstance(driver, psycopg.Connection | psycopg.AsyncConnection):
            raise InvalidValue("session", f"needs psycopg 3, not {type(driver).__module__}")
        return await line_of(self._wire, pooled, self.access, prepares=False)

    async def _tell(self, line: Line, messages: Sequence[Message]) -> None:
        try:
            await line.tell(messages)
        except psycopg.Error as error:
            raise translate(error) from error


class tenant_scope:  # noqa: N801  # reads as the context manager it is
    """Run the host's own queries on our tables as one company: ``with tenant_scope(session, company_id):``.

    ``async with`` for an AsyncSession. Scopes do not nest. Leave it before you roll back; an error that
    leaves it has undone it. The ``actor`` is told by the audit trail beside what the host changes, and
    beside what a repository without one of its own changes in here.

    Entering it raises ScopeInUse inside another one, InvalidValue for a session of another driver.
    """

    def __init__(
        self,
        session: Session | AsyncSession,
        company_id: UUID,
        *,
        access: Access = DEFAULT_ACCESS,
        actor: Acting | None = None,
    ) -> None:
        self._guest = Guest(session, access, company_id, actor)

    def __enter__(self) -> None:
        finish(self._guest.enter())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        finish(self._guest.leave(error))

    async def __aenter__(self) -> None:
        await self._guest.enter()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._guest.leave(error)


def _wire_of(session: object) -> Wire:
    if isinstance(session, AsyncSession):
        return ASYNCIO
    if isinstance(session, Session):
        return BLOCKING
    raise InvalidValue("session", "not a Session or AsyncSession of SQLAlchemy")


def _refuse_other_company(session: Session | AsyncSession, company_id: UUID | None) -> None:
    if session.info.get(_OPEN_SCOPE, company_id) != company_id:
        raise ScopeInUse
