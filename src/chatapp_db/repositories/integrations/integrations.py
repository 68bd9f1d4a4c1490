"""Integrations: a company's connections to other services, with what each needs to sign in there."""

from __future__ import annotations

from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from uuid_utils.compat import uuid7

from chatapp_db.encryption import Secret
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, written
from chatapp_db.repositories.base import Entity, is_one_of, table_of
from chatapp_db.repositories.border import as_document, as_id, as_member, as_text
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import Page
from chatapp_db.repositories.sealing import CONFIG, key_ring
from chatapp_db.rows import IntegrationRow, IntegrationValues
from chatapp_db.schema import Integration, IntegrationStatus, IntegrationType

__all__ = ["AsyncIntegrationRepository", "IntegrationOperations", "IntegrationRepository"]

_integrations = table_of(Integration)
_c = _integrations.c
_ERROR_LENGTH = _c.last_error.info["max_length"]


class IntegrationOperations(TenantOperations[IntegrationRow]):
    """A company's connections to other services; what a row holds of their secrets is sealed."""

    entity = Entity(Integration, IntegrationRow, "integration")

    @operation
    async def connect(
        self, type: IntegrationType, name: str, config: dict[str, Any] | None = None
    ) -> IntegrationRow:
        """Add a connection, which is active; ``config`` is sealed, and empty where nothing is secret.

        Raises Conflict where the company has one of this type and name, NoEncryptionKey, InvalidValue.
        """
        id, values = uuid7(), {"type": type, "name": name}
        sealed = self._sealed(id, {} if config is None else config)
        active = IntegrationStatus.ACTIVE
        return await self._add(IntegrationValues, values, id=id, status=active, config=sealed)

    @operation
    async def reconnect(self, id: UUID, config: dict[str, Any]) -> IntegrationRow:
        """Replace what a connection signs in with; it is active again and its last error is forgotten.

        Raises NotFound, NoEncryptionKey, InvalidValue.
        """
        return await self._one(_reconnect(), id=as_id("id", id), new_config=self._sealed(id, config))

    @operation
    async def config(self, id: UUID) -> Secret[dict[str, Any]]:
        """Open what a connection signs in with; empty where nothing is secret.

        Raises NotFound, NoEncryptionKey, and BrokenSeal, UnknownKey, KeyUnavailable or InvalidEnvelope for
        what does not open.
        """
        ring = key_ring(self._carrier)
        row = await self._one(self.entity.get(), id=as_id("id", id))
        if not row.config:
            return Secret({})
        return ring.open(dict(row.config), CONFIG.place(self._company_id, id))

    @operation
    async def disconnect(self, id: UUID) -> IntegrationRow:
        """Make a connection inactive and forget what it signed in with; the row stays for ``reconnect``.

        Raises NotFound.
        """
        return await self._one(_disconnect(), id=as_id("id", id))

    @operation
    async def mark_synced(self, id: UUID) -> IntegrationRow:
        """Note that the other service answered; an error is over. One that is inactive stays so.

        Raises NotFound.
        """
        return await self._one(_mark_synced(), id=as_id("id", id))

    @operation
    async def mark_error(self, id: UUID, message: str) -> IntegrationRow:
        """Note why the other service did not answer; one that is inactive stays so.

        The message is stored as it is, so no secret belongs in it. Raises NotFound, InvalidValue.
        """
        said = as_text("message", message, _ERROR_LENGTH)
        return await self._one(_mark_error(), id=as_id("id", id), new_last_error=said)

    @operation
    async def list(
        self,
        *,
        type: IntegrationType | None = None,
        status: IntegrationStatus | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[IntegrationRow]:
        """List the connections of a type, of a status, or of both, the newest first.

        Raises InvalidValue, InvalidCursor for a cursor of another company, type or status.
        """
        wanted = {
            "type": None if type is None else as_member("type", IntegrationType, type),
            "status": None if status is None else as_member("status", IntegrationStatus, status),
        }
        return await self._listed(wanted, limit, cursor)

    def _sealed(self, id: UUID, config: dict[str, Any]) -> dict[str, Any]:
        """Seal what is there; an empty config has no secret, and needs no key."""
        if not as_document("config", config):
            return {}
        return key_ring(self._carrier).seal(config, CONFIG.place(self._company_id, id)).document()


class IntegrationRepository(IntegrationOperations, BlockingRepository):
    """A company's connections to other services, blocking."""


class AsyncIntegrationRepository(IntegrationOperations, AsyncioRepository):
    """A company's connections to other services, awaited."""


def _status(status: IntegrationStatus) -> sa.ColumnElement[Any]:
    return constant(status, _c.status.type)


def _unless_inactive(status: IntegrationStatus) -> sa.ColumnElement[Any]:
    """Change the status of a connection that is in use: its worker brings back none that was cut off."""
    return sa.case((is_one_of(_c.status, IntegrationStatus.INACTIVE), _c.status), else_=_status(status))


def _change(**values: Any) -> Statement[IntegrationRow]:
    update: Any = sa.update(_integrations).where(IntegrationOperations.entity.is_one)
    return Statement(update.values(**values).returning(*_c), IntegrationRow)


@cache
def _reconnect() -> Statement[IntegrationRow]:
    return _change(config=written(_c.config), status=_status(IntegrationStatus.ACTIVE), last_error=sa.null())


@cache
def _disconnect() -> Statement[IntegrationRow]:
    return _change(
        config=constant("{}", sa.Text()).cast(_c.config.type), status=_status(IntegrationStatus.INACTIVE)
    )


@cache
def _mark_synced() -> Statement[IntegrationRow]:
    return _change(
        status=_unless_inactive(IntegrationStatus.ACTIVE), last_sync_at=sa.func.now(), last_error=sa.null()
    )


@cache
def _mark_error() -> Statement[IntegrationRow]:
    return _change(status=_unless_inactive(IntegrationStatus.ERROR), last_error=written(_c.last_error))
