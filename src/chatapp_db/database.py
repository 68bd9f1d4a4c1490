"""A database and its scopes: one company's transaction, one company's single calls, the platform's."""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from functools import cached_property, partial
from os import PathLike
from types import TracebackType
from typing import TYPE_CHECKING, Self, cast
from uuid import UUID

from sqlalchemy import URL, Engine
from sqlalchemy.ext.asyncio import AsyncEngine
from typing_extensions import Unpack

from chatapp_db import repositories, rows
from chatapp_db.address import SecretLike, engine_url
from chatapp_db.execution.carriers import SingleCalls, Transaction
from chatapp_db.execution.entrance import Entrance
from chatapp_db.execution.operation import finish
from chatapp_db.execution.pool import adopted, async_engine, blocking_engine
from chatapp_db.execution.wire import ASYNCIO, BLOCKING
from chatapp_db.repositories.acting import Actor, as_actor, as_staff
from chatapp_db.repositories.border import as_company_id, as_text
from chatapp_db.schema.payloads import AuditValues
from chatapp_db.scopes import (
    AsyncCompanyScope,
    AsyncOpenScope,
    AsyncPlatform,
    AsyncPlatformScope,
    AsyncTenant,
    CompanyScope,
    OpenScope,
    Platform,
    PlatformScope,
    Tenant,
)
from chatapp_db.settings import DatabaseSettings, shared_out

if TYPE_CHECKING:
    from chatapp_db.embedded import EmbeddedServer
    from chatapp_db.privacy import AsyncPrivacy, Privacy

__all__ = ["AsyncDatabase", "Database", "DatabaseSettings"]


class Database:
    """A database, blocking: ``with db.tenant(company_id) as tenant: ..``.

    Takes a URL (libpq's or SQLAlchemy's form, also as a secret) or a service's own Engine of psycopg 3.
    Nothing connects before the first call. Safe to share between threads.
    """

    def __init__(self, url: str | URL | SecretLike | Engine, **settings: Unpack[DatabaseSettings]) -> None:
        access, pool = shared_out(settings)
        self._server: EmbeddedServer | None = None
        self._owns_engine = not isinstance(url, Engine)
        if isinstance(url, Engine):
            adopted(url, pool)
            self.engine = url
        else:
            self.engine = blocking_engine(engine_url(url), pool)
        self._entrance = Entrance(BLOCKING, self.engine, access)

    @classmethod
    def embedded(cls, folder: str | PathLike[str], **settings: Unpack[DatabaseSettings]) -> Self:
        """Run a PostgreSQL in a folder, until ``close``; the schema is for ``migrate`` to make.

        Raises MissingExtra without the extra ``embedded``, EmbeddedServerError.
        """
        from chatapp_db.embedded import EmbeddedServer

        server = EmbeddedServer.start(folder)
        try:
            database = cls(server.url, **settings)
        except BaseException:
            server.stop()
            raise
        database._server = server
        return database

    def tenant(self, company_id: UUID | str, *, actor: Actor | None = None) -> OpenScope[Tenant]:
        """Open one transaction that can only see this company: ``with db.tenant(id) as tenant:``."""
        company = as_company_id(company_id)
        transaction = Transaction(self._entrance, company, actor=as_actor(actor))
        return OpenScope(transaction, Tenant(transaction, company))

    def company(self, company_id: UUID | str, *, actor: Actor | None = None) -> CompanyScope:
        """Give one company's repositories, each call a transaction and a round trip of its own."""
        company = as_company_id(company_id)
        return CompanyScope(SingleCalls(self._entrance, company, actor=as_actor(actor)), company)

    def widget(self, public_key: str, *, origin: str | None = None) -> rows.WidgetSettingsRow:
        """Give a widget's settings to the page that shows it, which knows its public key and no company.

        Raises NotFound, also where the settings do not allow the page's origin; InvalidValue for no key.
        """
        return self.company(repositories.company_of(public_key)).widget.by_public_key(public_key, origin)

    def accept_invitation(self, token: str, *, email: str, name: str) -> rows.UserRow:
        """Let somebody join the company that invited them, whose token they bring and know no company.

        Raises NotFound where it cannot be accepted, LimitReached where no seat is free, InvalidValue.
        """
        return self.company(repositories.company_of_invitation(token)).invitations.accept(token, email, name)

    def platform(
        self, reason: str, *, staff_id: UUID | None = None, actor: Actor | None = None
    ) -> OpenScope[Platform]:
        """Open one transaction across companies; that it was opened, and why, is in the audit trail first.

        The line of the trail is committed on its own, so it stays whatever becomes of the transaction.
        """
        staff = as_staff(staff_id, actor)
        entry = SingleCalls(self._entrance, None, platform=True, actor=staff)
        record = partial(repositories.PlatformAuditRepository(entry).record, **_entry(reason))
        transaction = Transaction(self._entrance, None, platform=True, actor=staff)
        return OpenScope(transaction, Platform(transaction, None), record)

    def platform_calls(self, reason: str, *, staff_id: UUID | None = None) -> PlatformScope:
        """Give what stands above the companies, each call a transaction of its own, once that is recorded."""
        carrier = SingleCalls(self._entrance, None, platform=True, actor=as_staff(staff_id, None))
        repositories.PlatformAuditRepository(carrier).record(**_entry(reason))
        return PlatformScope(carrier, None)

    def rotate_keys(
        self,
        *,
        staff_id: UUID | None = None,
        tell: Callable[[repositories.KeyRotation], object] | None = None,
    ) -> repositories.KeyRotation:
        """Seal the secrets of all companies with the primary key, in batches that are committed each.

        Run it again after an interruption. ``tell`` is called with how far it is. That it ran is in the
        audit trail first. Raises NoEncryptionKey, KeyUnavailable.
        """
        carrier = SingleCalls(self._entrance, None, platform=True, actor=as_staff(staff_id, None))
        repositories.key_ring(carrier)
        repositories.PlatformAuditRepository(carrier).record(**_entry("rotate keys"))
        return finish(repositories.rotate_keys(carrier, tell))

    @cached_property
    def privacy(self) -> Privacy:
        """What may be done with the personal rows of any company."""
        from chatapp_db.privacy import Privacy

        return Privacy(self._entrance)

    def close(self) -> None:
        """Close the connections; those of a service's own Engine are its own matter."""
        if self._owns_engine:
            self.engine.dispose()
        if self._server is not None:
            self._server.stop()

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
        access, pool = shared_out(settings)
        self._server: EmbeddedServer | None = None
        self._owns_engine = not isinstance(url, AsyncEngine)
        if isinstance(url, AsyncEngine):
            adopted(url.sync_engine, pool)
            self.engine = url
        else:
            self.engine = async_engine(engine_url(url), pool)
        self._entrance = Entrance(ASYNCIO, self.engine, access)

    @classmethod
    async def embedded(cls, folder: str | PathLike[str], **settings: Unpack[DatabaseSettings]) -> Self:
        """Run a PostgreSQL in a folder, until ``close``; the schema is for ``migrate`` to make.

        Raises MissingExtra without the extra ``embedded``, EmbeddedServerError.
        """
        from chatapp_db.embedded import EmbeddedServer

        server = await to_thread(EmbeddedServer.start, folder)
        try:
            database = cls(server.url, **settings)
        except BaseException:
            server.stop()
            raise
        database._server = server
        return database

    def tenant(self, company_id: UUID | str, *, actor: Actor | None = None) -> AsyncOpenScope[AsyncTenant]:
        """Open one transaction that can only see this company: ``async with db.tenant(id) as tenant:``."""
        company = as_company_id(company_id)
        transaction = Transaction(self._entrance, company, actor=as_actor(actor))
        return AsyncOpenScope(transaction, AsyncTenant(transaction, company))

    def company(self, company_id: UUID | str, *, actor: Actor | None = None) -> AsyncCompanyScope:
        """Give one company's repositories, each call a transaction and a round trip of its own."""
        company = as_company_id(company_id)
        return AsyncCompanyScope(SingleCalls(self._entrance, company, actor=as_actor(actor)), company)

    async def widget(self, public_key: str, *, origin: str | None = None) -> rows.WidgetSettingsRow:
        """Give a widget's settings to the page that shows it, which knows its public key and no company.

        Raises NotFound, also where the settings do not allow the page's origin; InvalidValue for no key.
        """
        return await self.company(repositories.company_of(public_key)).widget.by_public_key(
            public_key, origin
        )

    async def accept_invitation(self, token: str, *, email: str, name: str) -> rows.UserRow:
        """Let somebody join the company that invited them, whose token they bring and know no company.

        Raises NotFound where it cannot be accepted, LimitReached where no seat is free, InvalidValue.
        """
        return await self.company(repositories.company_of_invitation(token)).invitations.accept(
            token, email, name
        )

    def platform(
        self, reason: str, *, staff_id: UUID | None = None, actor: Actor | None = None
    ) -> AsyncOpenScope[AsyncPlatform]:
        """Open one transaction across companies; that it was opened, and why, is in the audit trail first.

        The line of the trail is committed on its own, so it stays whatever becomes of the transaction.
        """
        staff = as_staff(staff_id, actor)
        entry = SingleCalls(self._entrance, None, platform=True, actor=staff)
        record = partial(repositories.AsyncPlatformAuditRepository(entry).record, **_entry(reason))
        transaction = Transaction(self._entrance, None, platform=True, actor=staff)
        return AsyncOpenScope(transaction, AsyncPlatform(transaction, None), record)

    async def platform_calls(self, reason: str, *, staff_id: UUID | None = None) -> AsyncPlatformScope:
        """Give what stands above the companies, each call a transaction of its own, once that is recorded."""
        carrier = SingleCalls(self._entrance, None, platform=True, actor=as_staff(staff_id, None))
        await repositories.AsyncPlatformAuditRepository(carrier).record(**_entry(reason))
        return AsyncPlatformScope(carrier, None)

    async def rotate_keys(
        self,
        *,
        staff_id: UUID | None = None,
        tell: Callable[[repositories.KeyRotation], object] | None = None,
    ) -> repositories.KeyRotation:
        """Seal the secrets of all companies with the primary key, in batches that are committed each.

        Run it again after an interruption. ``tell`` is called with how far it is. That it ran is in the
        audit trail first. Raises NoEncryptionKey, KeyUnavailable.
        """
        carrier = SingleCalls(self._entrance, None, platform=True, actor=as_staff(staff_id, None))
        repositories.key_ring(carrier)
        await repositories.AsyncPlatformAuditRepository(carrier).record(**_entry("rotate keys"))
        return await repositories.rotate_keys(carrier, tell)

    @cached_property
    def privacy(self) -> AsyncPrivacy:
        """What may be done with the personal rows of any company."""
        from chatapp_db.privacy import AsyncPrivacy

        return AsyncPrivacy(self._entrance)

    async def close(self) -> None:
        """Close the connections; those of a service's own AsyncEngine are its own matter."""
        if self._owns_engine:
            await self.engine.dispose()
        if self._server is not None:
            await to_thread(self._server.stop)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.engine.url!r})"


def _entry(reason: str) -> rows.AuditLogValues:
    return {
        "action": "platform.enter",
        "resource_type": "platform",
        "new_values": cast("AuditValues", {"reason": as_text("reason", reason, 1000)}),
    }
