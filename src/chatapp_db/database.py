"""A database and its scopes: one company's transaction, one company's single calls, the platform's."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import fields
from types import TracebackType
from typing import Any, Self, TypedDict, cast
from uuid import UUID

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import Unpack

from chatapp_db.address import SecretLike, engine_url
from chatapp_db.execution.carriers import SingleCalls, Transaction
from chatapp_db.execution.operation import finish
from chatapp_db.execution.pool import PoolSettings, adopted, async_engine, blocking_engine
from chatapp_db.execution.scope import Access, RowLevelSecurity
from chatapp_db.execution.wire import ASYNCIO, BLOCKING
from chatapp_db.repositories.audit import AsyncPlatformAuditRepository, PlatformAuditRepository
from chatapp_db.repositories.border import as_company_id
from chatapp_db.rows import AuditLogValues
from chatapp_db.schema.payloads import AuditValues
from chatapp_db.scopes import AsyncCompanyScope, AsyncPlatform, AsyncTenant, CompanyScope, Platform, Tenant

__all__ = ["AsyncDatabase", "Database", "DatabaseSettings"]


class AccessSettings(TypedDict, total=False):
    """How scopes enter the database; ``statement_timeout`` is in seconds.

    ``rls`` says what happens where the login may not take ``app_role`` and row-level security would not
    bind it: ``require`` refuses, ``warn`` warns, ``off`` switches no role at all and is for tests.
    """

    schema: str | None
    app_role: str | None
    platform_role: str | None
    rls: RowLevelSecurity
    statement_timeout: float | None


class DatabaseSettings(AccessSettings, PoolSettings, total=False):
    """All settings of a Database; those of the pool go with a URL, an Engine brings its own."""


class Database:
    """A database, blocking: ``with db.tenant(company_id) as tenant: ..``.

    Takes a URL (libpq's or SQLAlchemy's form, also as a secret) or a service's own Engine of psycopg 3.
    Nothing connects before the first call. Safe to share between threads.
    """

    def __init__(self, url: str | URL | SecretLike | Engine, **settings: Unpack[DatabaseSettings]) -> None:
        self.access, pool = _shared_out(settings)
        self._owns_engine = not isinstance(url, Engine)
        if isinstance(url, Engine):
            adopted(url, pool)
            self.engine = url
        else:
            self.engine = blocking_engine(engine_url(url), pool)

    @contextmanager
    def tenant(self, company_id: UUID | str) -> Generator[Tenant]:
        """Open one transaction that can only see this company: committed at the end, undone by an error.

        Raises TransactionRolledBack where a statement had failed and its error was caught inside.
        """
        company = as_company_id(company_id)
        transaction = Transaction(BLOCKING, self.engine, self.access, company)
        with _opened(transaction):
            yield Tenant(transaction, company)

    def company(self, company_id: UUID | str) -> CompanyScope:
        """Give one company's repositories, each call a transaction and a round trip of its own."""
        company = as_company_id(company_id)
        return CompanyScope(SingleCalls(BLOCKING, self.engine, self.access, company), company)

    @contextmanager
    def platform(self, reason: str, *, staff_id: UUID | None = None) -> Generator[Platform]:
        """Open one transaction across companies; that it was opened, and why, is in the audit trail first.

        The line of the trail is committed on its own, so it stays whatever becomes of the transaction.
        """
        entry = SingleCalls(BLOCKING, self.engine, self.access, None, platform=True)
        PlatformAuditRepository(entry).record(**_entry(reason, staff_id))
        transaction = Transaction(BLOCKING, self.engine, self.access, None, platform=True)
        with _opened(transaction):
            yield Platform(transaction, None)

    def close(self) -> None:
        """Close the connections; those of a service's own Engine are its own matter."""
        if self._owns_engine:
            self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine.url!r})"


class AsyncDatabase:
    """A database, awaited: ``async with db.tenant(company_id) as tenant: ..``.

    Takes what Database takes, with an AsyncEngine in the place of an Engine.
    """

    def __init__(
        self, url: str | URL | SecretLike | AsyncEngine, **settings: Unpack[DatabaseSettings]
    ) -> None:
        self.access, pool = _shared_out(settings)
        self._owns_engine = not isinstance(url, AsyncEngine)
        if isinstance(url, AsyncEngine):
            adopted(url.sync_engine, pool)
            self.engine = url
        else:
            self.engine = async_engine(engine_url(url), pool)

    @asynccontextmanager
    async def tenant(self, company_id: UUID | str) -> AsyncGenerator[AsyncTenant]:
        """Open one transaction that can only see this company: committed at the end, undone by an error.

        Raises TransactionRolledBack where a statement had failed and its error was caught inside.
        """
        company = as_company_id(company_id)
        transaction = Transaction(ASYNCIO, self.engine, self.access, company)
        async with _async_opened(transaction):
            yield AsyncTenant(transaction, company)

    def company(self, company_id: UUID | str) -> AsyncCompanyScope:
        """Give one company's repositories, each call a transaction and a round trip of its own."""
        company = as_company_id(company_id)
        return AsyncCompanyScope(SingleCalls(ASYNCIO, self.engine, self.access, company), company)

    @asynccontextmanager
    async def platform(self, reason: str, *, staff_id: UUID | None = None) -> AsyncGenerator[AsyncPlatform]:
        """Open one transaction across companies; that it was opened, and why, is in the audit trail first.

        The line of the trail is committed on its own, so it stays whatever becomes of the transaction.
        """
        entry = SingleCalls(ASYNCIO, self.engine, self.access, None, platform=True)
        await AsyncPlatformAuditRepository(entry).record(**_entry(reason, staff_id))
        transaction = Transaction(ASYNCIO, self.engine, self.access, None, platform=True)
        async with _async_opened(transaction):
            yield AsyncPlatform(transaction, None)

    async def close(self) -> None:
        """Close the connections; those of a service's own AsyncEngine are its own matter."""
        if self._owns_engine:
            await self.engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine.url!r})"


@contextmanager
def _opened(transaction: Transaction) -> Generator[None]:
    finish(transaction.begin())
    try:
        yield
    except BaseException as error:
        finish(transaction.end(error))
        raise
    finish(transaction.end(None))


@asynccontextmanager
async def _async_opened(transaction: Transaction) -> AsyncGenerator[None]:
    await transaction.begin()
    try:
        yield
    except BaseException as error:
        await transaction.end(error)
        raise
    await transaction.end(None)


def _entry(reason: str, staff_id: UUID | None) -> AuditLogValues:
    return {
        "action": "platform.enter",
        "resource_type": "platform",
        "staff_id": staff_id,
        "new_values": cast("AuditValues", {"reason": reason}),
    }


def _shared_out(settings: DatabaseSettings) -> tuple[Access, PoolSettings]:
    given: dict[str, Any] = {**settings}
    access = {field.name: given.pop(field.name) for field in fields(Access) if field.name in given}
    return Access(**access), cast("PoolSettings", given)
