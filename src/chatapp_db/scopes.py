"""What a scope offers: the repositories of one company, or those above the companies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Generic, TypeVar
from uuid import UUID

from chatapp_db.execution.carriers import Carrier, Transaction
from chatapp_db.execution.operation import finish
from chatapp_db.repositories import (
    agents,
    audit,
    canned_responses,
    companies,
    conversation_analytics,
    conversations,
    customers,
    daily_analytics,
    integrations,
    invitations,
    knowledge,
    knowledge_chunks,
    messages,
    packages,
    plans,
    users,
    webhooks,
    widget,
)

__all__ = [
    "AsyncCompanyScope",
    "AsyncOpenScope",
    "AsyncPlatform",
    "AsyncTenant",
    "CompanyScope",
    "OpenScope",
    "Platform",
    "Tenant",
]

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


class OpenScope(Generic[R]):
    """A transaction for a ``with`` block: committed at its end, undone by an error.

    Leaving it raises TransactionRolledBack where a statement had failed and its error was caught inside.
    """

    def __init__(
        self, transaction: Transaction, offered: R, before: Callable[[], object] | None = None
    ) -> None:
        self._transaction = transaction
        self._offered = offered
        self._before = before

    def __enter__(self) -> R:
        if self._before is not None:
            self._before()
        finish(self._transaction.begin())
        return self._offered

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        finish(self._transaction.end(error))


class AsyncOpenScope(Generic[R]):
    """A transaction for an ``async with`` block: committed at its end, undone by an error.

    Leaving it raises TransactionRolledBack where a statement had failed and its error was caught inside.
    """

    def __init__(
        self, transaction: Transaction, offered: R, before: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        self._transaction = transaction
        self._offered = offered
        self._before = before

    async def __aenter__(self) -> R:
        if self._before is not None:
            await self._before()
        await self._transaction.begin()
        return self._offered

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transaction.end(error)


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

    agents = _repository(agents.AgentRepository)
    audit = _repository(audit.AuditRepository)
    canned_responses = _repository(canned_responses.CannedResponseRepository)
    company = _repository(companies.CompanyRepository)
    conversation_analytics = _repository(conversation_analytics.ConversationAnalyticsRepository)
    conversations = _repository(conversations.ConversationRepository)
    customers = _repository(customers.CustomerRepository)
    daily_analytics = _repository(daily_analytics.DailyAnalyticsRepository)
    integrations = _repository(integrations.IntegrationRepository)
    invitations = _repository(invitations.InvitationRepository)
    knowledge = _repository(knowledge.KnowledgeRepository)
    knowledge_chunks = _repository(knowledge_chunks.KnowledgeChunkRepository)
    messages = _repository(messages.MessageRepository)
    packages = _repository(packages.PackageRepository)
    plans = _repository(plans.PlanRepository)
    users = _repository(users.UserRepository)
    webhooks = _repository(webhooks.WebhookRepository)
    widget = _repository(widget.WidgetRepository)


class AsyncCompanyScope(_Scope):
    """A company's repositories, awaited."""

    agents = _repository(agents.AsyncAgentRepository)
    audit = _repository(audit.AsyncAuditRepository)
    canned_responses = _repository(canned_responses.AsyncCannedResponseRepository)
    company = _repository(companies.AsyncCompanyRepository)
    conversation_analytics = _repository(conversation_analytics.AsyncConversationAnalyticsRepository)
    conversations = _repository(conversations.AsyncConversationRepository)
    customers = _repository(customers.AsyncCustomerRepository)
    daily_analytics = _repository(daily_analytics.AsyncDailyAnalyticsRepository)
    integrations = _repository(integrations.AsyncIntegrationRepository)
    invitations = _repository(invitations.AsyncInvitationRepository)
    knowledge = _repository(knowledge.AsyncKnowledgeRepository)
    knowledge_chunks = _repository(knowledge_chunks.AsyncKnowledgeChunkRepository)
    messages = _repository(messages.AsyncMessageRepository)
    packages = _repository(packages.AsyncPackageRepository)
    plans = _repository(plans.AsyncPlanRepository)
    users = _repository(users.AsyncUserRepository)
    webhooks = _repository(webhooks.AsyncWebhookRepository)
    widget = _repository(widget.AsyncWidgetRepository)


class Tenant(_Savepoints, CompanyScope):
    """A company's repositories in one transaction."""


class AsyncTenant(_AsyncSavepoints, AsyncCompanyScope):
    """A company's repositories in one transaction."""


class Platform(_Savepoints, _Scope):
    """What stands above the companies, in one transaction."""

    audit = _repository(audit.PlatformAuditRepository)
    companies = _repository(companies.PlatformCompanyRepository)
    daily_analytics = _repository(daily_analytics.PlatformDailyAnalyticsRepository)
    invitations = _repository(invitations.PlatformInvitationRepository)
    packages = _repository(packages.PlatformPackageRepository)
    plans = _repository(plans.PlatformPlanRepository)
    users = _repository(users.PlatformUserRepository)


class AsyncPlatform(_AsyncSavepoints, _Scope):
    """What stands above the companies, in one transaction."""

    audit = _repository(audit.AsyncPlatformAuditRepository)
    companies = _repository(companies.AsyncPlatformCompanyRepository)
    daily_analytics = _repository(daily_analytics.AsyncPlatformDailyAnalyticsRepository)
    invitations = _repository(invitations.AsyncPlatformInvitationRepository)
    packages = _repository(packages.AsyncPlatformPackageRepository)
    plans = _repository(plans.AsyncPlatformPlanRepository)
    users = _repository(users.AsyncPlatformUserRepository)
