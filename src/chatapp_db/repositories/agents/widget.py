"""The widget: how a company's chat looks on its web site, and the key by which it is known there."""

from __future__ import annotations

import re
from functools import cache
from html import escape
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.encryption.tokens import CompanyToken
from chatapp_db.errors import InvalidValue, NotFound
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, written
from chatapp_db.repositories.base import owned, table_of
from chatapp_db.repositories.border import as_text, checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository
from chatapp_db.rows import WidgetSettingsRow, WidgetSettingsValues
from chatapp_db.schema import WidgetSettings

__all__ = ["AsyncWidgetRepository", "WidgetOperations", "WidgetRepository", "company_of"]

_settings = table_of(WidgetSettings)

_KEY = CompanyToken("public_key", random_bytes=16)
_KEY_LENGTH = _settings.c.public_key.info["max_length"]
_ORIGIN_LENGTH = _settings.c.allowed_origins.info["max_length"]
_WEB_URL = re.compile(r"https?://[^\s]+")
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
        return await self._one(_get())

    @operation
    async def upsert(self, **values: Unpack[WidgetSettingsValues]) -> WidgetSettingsRow:
        """Set the widget up, or change what is given of its settings; its public key stays.

        Raises InvalidReference for an agent the company does not have, InvalidValue.
        """
        given = checked(WidgetSettingsValues, values)
        made = {"id": uuid7(), "public_key": self._new_key(), **given}
        parameters = {f"new_{name}": value for name, value in made.items()}
        return await self._one(_upsert(frozenset(made)), **parameters)

    @operation
    async def by_public_key(self, public_key: str, origin: str | None = None) -> WidgetSettingsRow:
        """Give the settings to the page that shows the widget; ``origin`` is what its browser says it is.

        The key names the company (``company_of``), whose repository is asked. Where the settings allow some
        origins only, a page that is none of them, or says nothing, is told what a wrong key is told.

        Raises NotFound, InvalidValue.
        """
        key = as_text("public_key", public_key, _KEY_LENGTH)
        page = None if origin is None else as_text("origin", origin, _ORIGIN_LENGTH)
        rows = await self._fetch(_by_public_key(), public_key=key)
        if not rows or not _is_allowed(page, rows[0].allowed_origins):
            raise NotFound("widget")
        return rows[0]

    @operation
    async def rotate_key(self) -> WidgetSettingsRow:
        """Give the widget a new public key; pages that carry the old one find it no more.

        Raises NotFound where the company has no widget yet.
        """
        return await self._one(_rotate_key(), new_public_key=self._new_key())

    @operation
    async def embed_snippet(self, script_url: str) -> str:
        """Write the line of HTML that shows the widget on a page, by the script at a URL.

        Raises NotFound where the company has no widget yet, InvalidValue for what is no URL of the web.
        """
        if not _WEB_URL.fullmatch(as_text("script_url", script_url, _ORIGIN_LENGTH)):
            raise InvalidValue("script_url", "not a URL that begins with https:// or http://")
        row = await self._one(_get())
        return f'<script src="{escape(script_url)}" data-key="{row.public_key}" async></script>'

    def _new_key(self) -> str:
        """Make a key that names its company: a visitor's page knows nothing else."""
        return _KEY.issue(cast("UUID", self._company_id))

    async def _fetch(self, statement: Statement[WidgetSettingsRow], **given: Any) -> list[WidgetSettingsRow]:
        return await self._carrier.fetch(statement, {"company_id": self._company_id, **given})

    async def _one(self, statement: Statement[WidgetSettingsRow], **given: Any) -> WidgetSettingsRow:
        rows = await self._fetch(statement, **given)
        if not rows:
            raise NotFound("widget")
        return rows[0]


class WidgetRepository(WidgetOperations, BlockingRepository):
    """The settings of a company's one widget, blocking."""


class AsyncWidgetRepository(WidgetOperations, AsyncioRepository):
    """The settings of a company's one widget, awaited."""


def company_of(public_key: str) -> UUID:
    """Read from a widget's public key whose it is; whether there is such a key, its company tells.

    Raises InvalidValue for what is no such key.
    """
    return _KEY.company_of(as_text("public_key", public_key, _KEY_LENGTH))


def _is_allowed(origin: str | None, allowed: list[str]) -> bool:
    """Compare as browsers do: a scheme and a host have no upper case, and no path follows them."""
    if not allowed:
        return True
    return origin is not None and _plain(origin) in map(_plain, allowed)


def _plain(origin: str) -> str:
    return origin.lower().rstrip("/")


@cache
def _get() -> Statement[WidgetSettingsRow]:
    return Statement(sa.select(*_settings.c).where(owned(_settings)), WidgetSettingsRow)


@cache
def _by_public_key() -> Statement[WidgetSettingsRow]:
    c = _settings.c
    key = sa.bindparam("public_key", type_=c.public_key.type)
    return Statement(sa.select(*c).where(owned(_settings), c.public_key == key), WidgetSettingsRow)


@cache
def _rotate_key() -> Statement[WidgetSettingsRow]:
    c = _settings.c
    update: Any = sa.update(_settings).where(owned(_settings)).values(public_key=written(c.public_key))
    return Statement(update.returning(*c), WidgetSettingsRow)


@cache
def _upsert(names: frozenset[str]) -> Statement[WidgetSettingsRow]:
    values = {name: written(_settings.c[name]) for name in sorted(names)}
    insertion = insert(_settings).values(company_id=COMPANY, **values)
    change = {name: insertion.excluded[name] for name in sorted(names - _OF_THE_FIRST)}
    upsert: Any = insertion.on_conflict_do_update(index_elements=[_settings.c.company_id], set_=change)
    return Statement(upsert.returning(*_settings.c), WidgetSettingsRow)
