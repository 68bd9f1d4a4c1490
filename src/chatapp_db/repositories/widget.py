"""The widget: how a company's chat looks on its web site, and the key by which it is known there."""

from __future__ import annotations

import base64
import secrets
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, written
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.border import checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository
from chatapp_db.rows import WidgetSettingsRow, WidgetSettingsValues
from chatapp_db.schema import WidgetSettings

__all__ = ["AsyncWidgetRepository", "WidgetOperations", "WidgetRepository"]

_settings = table_of(WidgetSettings)

_RANDOM_BYTES = 16
_OF_THE_FIRST = frozenset({"id", "public_key"})
"""What a second upsert leaves as it is: pages that carry the key must go on working."""


class WidgetOperations:
    """The settings of a company's one widget."""

    _carrier: Carrier
    _company_id: UUID | None

    @operation
    async def get(self) -> WidgetSettingsRow:
        """Give the settings.

        Raises NotFound where the company has no widget yet.
        """
        rows = await self._carrier.fetch(_get(), {"company_id": self._company_id})
        if not rows:
            raise NotFound("widget")
        return rows[0]

    @operation
    async def upsert(self, **values: Unpack[WidgetSettingsValues]) -> WidgetSettingsRow:
        """Set the widget up, or change what is given of its settings; its public key stays.

        Raises InvalidReference for an agent the company does not have, InvalidValue.
        """
        given = checked(WidgetSettingsValues, values)
        made = {"id": uuid7(), "public_key": _public_key(self._company_id), **given}
        parameters = {f"new_{name}": value for name, value in made.items()}
        rows = await self._carrier.fetch(
            _upsert(frozenset(made)), {"company_id": self._company_id, **parameters}
        )
        return rows[0]


class WidgetRepository(WidgetOperations, BlockingRepository):
    """The settings of a company's one widget, blocking."""


class AsyncWidgetRepository(WidgetOperations, AsyncioRepository):
    """The settings of a company's one widget, awaited."""


def _public_key(company_id: UUID | None) -> str:
    """Make a key that cannot be guessed and names its company: a visitor's page knows nothing else."""
    company = company_id.bytes if company_id else b""
    return base64.urlsafe_b64encode(company + secrets.token_bytes(_RANDOM_BYTES)).decode().rstrip("=")


@cache
def _get() -> Statement[WidgetSettingsRow]:
    return Statement(sa.select(*_settings.c).where(owned(_settings)), WidgetSettingsRow)


@cache
def _upsert(names: frozenset[str]) -> Statement[WidgetSettingsRow]:
    values = {name: written(_settings.c[name]) for name in sorted(names)}
    insertion = insert(_settings).values(company_id=COMPANY, **values)
    change = {name: insertion.excluded[name] for name in sorted(names - _OF_THE_FIRST)}
    upsert: Any = insertion.on_conflict_do_update(index_elements=[_settings.c.company_id], set_=change)
    return Statement(upsert.returning(*_settings.c), WidgetSettingsRow)
