"""What a scope offers: the repositories of one company, or those above the companies."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from types import TracebackType
from typing import Any, Generic, TypeVar
from uuid import UUID

from chatapp_db import repositories
from chatapp_db.execution.carriers import Carrier, Transaction
from chatapp_db.execution.operation import finish

__all__ = [
    "AsyncCompanyScope",
    "AsyncOpenScope",
    "AsyncPlatform",
    "AsyncPlatformScope",
    "AsyncTenant",
    "CompanyScope",
    "OpenScope",
    "Platform",
    "PlatformScope",
    "Tenant",
]

R = TypeVar("R")


class _repository(Generic[R]):  # noqa: N801  # reads as the declaration it is
    """A repository of the scope, loaded and made when it is first asked for."""

    def __init__(self, load: Callable[[], Callable[[Carrier, Any], R]]) -> None:
        self._load = load

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, scope: Any, owner: type) -> R:
        repository = self._load()(scope.carrier, scope.company_id)
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

    agents = _repository(lambda: repositories.AgentRepository)
    audit = _repository(lambda: repositories.AuditRepository)
    canned_responses = _repository(lambda: repositories.CannedResponseRepository)
    company = _repository(lambda: repositories.CompanyRepository)
    conversation_analytics = _repository(lambda: repositories.ConversationAnalyticsRepository)
    conversations = _repository(lambda: repositories.ConversationRepository)
    customers = _repository(lambda: repositories.CustomerRepository)
    daily_analytics = _repository(lambda: repositories.DailyAnalyticsRepository)
    embedding_sets = _repository(lambda: repositories.EmbeddingSetRepository)
    integrations = _repository(lambda: repositories.IntegrationRepository)
    invitations = _repository(lambda: repositories.InvitationRepository)
    knowledge = _repository(lambda: repositories.KnowledgeRepository)
    knowledge_chunks = _repository(lambda: repositories.KnowledgeChunkRepository)
    messages = _repository(lambda: repositories.MessageRepository)
    packages = _repository(lambda: repositories.PackageRepository)
    plans = _repository(lambda: repositories.PlanRepository)
    usage = _repository(lambda: repositories.UsageRepository)
    users = _repository(lambda: repositories.UserRepository)
    webhook_deliveries = _repository(lambda: repositories.WebhookDeliveryRepository)
    webhooks = _repository(lambda: repositories.WebhookRepository)
    widget = _repository(lambda: repositories.WidgetRepository)


class AsyncCompanyScope(_Scope):
    """A company's repositories, awaited."""

    agents = _repository(lambda: repositories.AsyncAgentRepository)
    audit = _repository(lambda: repositories.AsyncAuditRepository)
    canned_responses = _repository(lambda: repositories.AsyncCannedResponseRepository)
    company = _repository(lambda: repositories.AsyncCompanyRepository)
    conversation_analytics = _repository(lambda: repositories.AsyncConversationAnalyticsRepository)
    conversations = _repository(lambda: repositories.AsyncConversationRepository)
    customers = _repository(lambda: repositories.AsyncCustomerRepository)
    daily_analytics = _repository(lambda: repositories.AsyncDailyAnalyticsRepository)
    embedding_sets = _repository(lambda: repositories.AsyncEmbeddingSetRepository)
    integrations = _repository(lambda: repositories.AsyncIntegrationRepository)
    invitations = _repository(lambda: repositories.AsyncInvitationRepository)
    knowledge = _repository(lambda: repositories.AsyncKnowledgeRepository)
    knowledge_chunks = _repository(lambda: repositories.AsyncKnowledgeChunkRepository)
    messages = _repository(lambda: repositories.AsyncMessageRepository)
    packages = _repository(lambda: repositories.AsyncPackageRepository)
    plans = _repository(lambda: repositories.AsyncPlanRepository)
    usage = _repository(lambda: repositories.AsyncUsageRepository)
    users = _repository(lambda: repositories.AsyncUserRepository)
    webhook_deliveries = _repository(lambda: repositories.AsyncWebhookDeliveryRepository)
    webhooks = _repository(lambda: repositories.AsyncWebhookRepository)
    widget = _repository(lambda: repositories.AsyncWidgetRepository)


class Tenant(_Savepoints, CompanyScope):
    """A company's repositories in one transaction."""


class AsyncTenant(_AsyncSavepoints, AsyncCompanyScope):
    """A company's repositories in one transaction."""


class PlatformScope(_Scope):
    """What stands above the companies, blocking."""

    audit = _repository(lambda: repositories.PlatformAuditRepository)
    companies = _repository(lambda: repositories.PlatformCompanyRepository)
    daily_analytics = _repository(lambda: repositories.PlatformDailyAnalyticsRepository)
    embedding_sets = _repository(lambda: repositories.PlatformEmbeddingSetRepository)
    invitations = _repository(lambda: repositories.PlatformInvitationRepository)
    knowledge_chunks = _repository(lambda: repositories.PlatformChunkRepository)
    packages = _repository(lambda: repositories.PlatformPackageRepository)
    plans = _repository(lambda: repositories.PlatformPlanRepository)
    usage = _repository(lambda: repositories.PlatformUsageRepository)
    users = _repository(lambda: repositories.PlatformUserRepository)
    vector_outbox = _repository(lambda: repositories.PlatformVectorOutboxRepository)
    webhook_deliveries = _repository(lambda: repositories.PlatformWebhookDeliveryRepository)


class Platform(_Savepoints, PlatformScope):
    """What stands above the companies, in one transaction."""

    messages = _repository(lambda: repositories.PlatformMessageRepository)


class AsyncPlatformScope(_Scope):
    """What stands above the companies, awaited."""

    audit = _repository(lambda: repositories.AsyncPlatformAuditRepository)
    companies = _repository(lambda: repositories.AsyncPlatformCompanyRepository)
    daily_analytics = _repository(lambda: repositories.AsyncPlatformDailyAnalyticsRepository)
    embedding_sets = _repository(lambda: repositories.AsyncPlatformEmbeddingSetRepository)
    invitations = _repository(lambda: repositories.AsyncPlatformInvitationRepository)
    knowledge_chunks = _repository(lambda: repositories.AsyncPlatformChunkRepository)
    packages = _repository(lambda: repositories.AsyncPlatformPackageRepository)
    plans = _repository(lambda: repositories.AsyncPlatformPlanRepository)
    usage = _repository(lambda: repositories.AsyncPlatformUsageRepository)
    users = _repository(lambda: repositories.AsyncPlatformUserRepository)
    vector_outbox = _repository(lambda: repositories.AsyncPlatformVectorOutboxRepository)
    webhook_deliveries = _repository(lambda: repositories.AsyncPlatformWebhookDeliveryRepository)


class AsyncPlatform(_AsyncSavepoints, AsyncPlatformScope):
    """What stands above the companies, in one transaction."""

    messages = _repository(lambda: repositories.AsyncPlatformMessageRepository)
