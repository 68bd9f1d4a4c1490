"""What a database is opened with: how its scopes enter it, and how many connections it keeps."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypedDict, cast

from chatapp_db.encryption import KeyRing
from chatapp_db.execution.pool import PoolSettings
from chatapp_db.execution.scope import Access, RowLevelSecurity

__all__ = ["AccessSettings", "DatabaseSettings", "shared_out"]


class AccessSettings(TypedDict, total=False):
    """How scopes enter the database; ``statement_timeout`` is in seconds, ``keys`` seals and opens secrets.

    ``rls`` says what happens where the login may not take ``app_role`` and row-level security would not
    bind it: ``require`` refuses, ``warn`` warns, ``off`` switches no role at all and is for tests.
    """

    schema: str | None
    app_role: str | None
    platform_role: str | None
    rls: RowLevelSecurity
    statement_timeout: float | None
    keys: KeyRing | None


class DatabaseSettings(AccessSettings, PoolSettings, total=False):
    """All settings of a Database; those of the pool go with a URL, an Engine brings its own."""


def shared_out(settings: DatabaseSettings) -> tuple[Access, PoolSettings]:
    """Share settings out between what enters the database and its pool."""
    given: dict[str, Any] = {**settings}
    access = {field.name: given.pop(field.name) for field in fields(Access) if field.name in given}
    return Access(**access), cast("PoolSettings", given)
