"""What a scope offers: the repositories of one company, or those above the companies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Generic, TypeVar
from uuid import UUID

from chatapp_db.execution.carriers import Carrier, Transaction
from chatapp_db.execution.operation import finish
from chatapp_db.repositories import audit, conversations, customers, messages

__all__ = ["AsyncCompanyScope", "AsyncPlatform", "AsyncTenant", "CompanyScope", "Platform", "Tenant"]

R = TypeVar("R")


class _repository(Generic[R]):  # noqa: N801  # reads as the declaration it is
    """A repository of the scope, made when it is first asked for."""

    def __init__(self, kind: Callable[[Carrier, Any], R]) -> None:
        self._kind = kind

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, scope: Any, owner: type) -> R:
        repository = self._kind(scope.carrier, scope.company_id)
        scope.__dict__[self._name] = repository
        return repository


class _Scope:
    """A carrier, and the company it is for."""

    def __init__(self, carrier: Carrier, company_id: UUID | None) -> None:
        self.carrier = carrier
        self.company_id = company_id


class _Savepoints:
    """A transaction, part of which can be undone."""

    carrier: Any

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """Undo only what follows, if it fails; the error goes on."""
        transaction: Transaction = self.carrier
        name = finish(transaction.savepoint())
        try:
            yield
        except Exception as error:
            finish(transaction.end_savepoint(name, error))
            raise
        finish(transaction.end_savepoint(name, None))


class _AsyncSavepoints:
    """A transaction, part of which can be undone."""

    carrier: Any

    @asynccontextmanager
    async def savepoint(self) -> AsyncGenerator[None]:
        """Undo only what follows, if it fails; the error goes on."""
        transaction: Transaction = self.carrier
        name = await transaction.savepoint()
        try:
            yield
        except Exception as error:
            await transaction.end_savepoint(name, error)
            raise
        await transaction.end_savepoint(name, None)


class CompanyScope(_Scope):
    """A company's repositories, blocking."""

    audit = _repository(audit.AuditRepository)
    conversations = _repository(conversations.ConversationRepository)
    customers = _repository(customers.CustomerRepository)
    messages = _repository(messages.MessageRepository)


class AsyncCompanyScope(_Scope):
    """A company's repositories, awaited."""

    audit = _repository(audit.AsyncAuditRepository)
    conversations = _repository(conversations.AsyncConversationRepository)
    customers = _repository(customers.AsyncCustomerRepository)
    messages = _repository(messages.AsyncMessageRepository)


class Tenant(_Savepoints, CompanyScope):
    """A company's repositories in one transaction."""


class AsyncTenant(_AsyncSavepoints, AsyncCompanyScope):
    """A company's repositories in one transaction."""


class Platform(_Savepoints, _Scope):
    """What stands above the companies, in one transaction."""

    audit = _repository(audit.PlatformAuditRepository)


class AsyncPlatform(_AsyncSavepoints, _Scope):
    """What stands above the companies, in one transaction."""

    audit = _repository(audit.AsyncPlatformAuditRepository)
