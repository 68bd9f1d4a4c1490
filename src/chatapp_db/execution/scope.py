"""What travels before a statement: the role, the search_path and the company, for one transaction only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias
from uuid import UUID

from psycopg import sql

from chatapp_db.encryption import KeyRing
from chatapp_db.execution.exchange import Message

__all__ = [
    "DEFAULT_ACCESS",
    "PURGE",
    "SCOPED",
    "VERSION_TABLE",
    "Access",
    "Acting",
    "Prologue",
    "RowLevelSecurity",
]

RowLevelSecurity = Literal["require", "warn", "off"]

SCOPED = "chatapp.company_id"
"""The setting that row-level security reads the company from."""

ACTOR = "chatapp.actor"
"""The setting that the audit trail reads from who acts; nobody is bound where it is empty."""

Keeper = Literal["call", "scope"]
"""Who keeps a host's settings: a call inside a scope keeps the scope's, and the scope the host's own."""

Settings: TypeAlias = tuple[tuple[str, str], ...]
"""Settings of the server, and their values."""

VERSION_TABLE = "chatapp_db_version"
"""The table that tells an installation of this package, and the revision it is at."""


@dataclass(frozen=True, eq=False)
class Access:
    """How scopes enter the database; one for each Database, or for a service's own Session.

    ``schema`` None is the one of the connection's search path that was migrated, else its first. A role
    of None is not switched to. ``statement_timeout`` is in seconds. ``set_local`` sends the prologue as
    ``SET LOCAL`` inside a transaction, which is what a Citus coordinator forwards to its workers; where
    there is Citus, a connection does so by itself.
    ``keys`` seals and opens secrets; without it they can be neither written nor read.
    """

    schema: str | None = None
    app_role: str | None = "chatapp_app"
    platform_role: str | None = "chatapp_platform"
    rls: RowLevelSecurity = "require"
    statement_timeout: float | None = None
    set_local: bool = False
    keys: KeyRing | None = field(default=None, repr=False)


DEFAULT_ACCESS = Access()
"""What a repository in a service's own session uses unless it is told otherwise."""


PURGE = "chatapp.audit_purge"
"""The setting that, ``on``, lets the platform role delete from the audit trail, which then tells no rows."""


class Acting(Protocol):
    """Who acts in a scope."""

    def columns(self) -> dict[str, Any]:
        """Give what is known, by the columns of the audit trail."""
        ...

    def setting(self) -> str:
        """Write who it is, as the audit trail reads it."""
        ...


class Prologue:
    """The texts that open a scope as one role in one schema, and close it."""

    __slots__ = ("_begin", "_calls", "_names", "_set_local", "_singles")

    def __init__(self, access: Access, role: str | None, schema: str) -> None:
        settings = {"search_path": f"{sql.Identifier(schema).as_string()}, pg_temp"}
        if access.statement_timeout is not None:
            settings["statement_timeout"] = str(round(access.statement_timeout * 1000))
        if role is not None:
            settings["role"] = role
        self._names = [SCOPED, *settings]
        self._set_local = access.set_local
        self._begin = ["BEGIN", *(f"SET LOCAL {name} = {_value(name, settings)}" for name in settings)]
        self._calls = [_call(name, value) for name, value in settings.items()]
        self._singles: dict[tuple[Settings, bool], str] = {}

    def single(
        self, company_id: UUID | None, settings: Settings = (), *, actor: str | None = None
    ) -> list[Message]:
        """Open a transaction that is one pipeline; the role comes last, since it may forbid the rest."""
        if self._set_local:
            more = [f"SET LOCAL {name} = {_value(name, dict(settings))}" for name, _ in settings]
            return [(text, ()) for text in [*self._texts(company_id, actor), *more]]
        return [self._set_all(company_id, settings, actor)]

    def end(self) -> list[Message]:
        """Close what ``single`` opened; a pipeline without BEGIN ends by itself."""
        return [("COMMIT", ())] if self._set_local else []

    def begin(self, company_id: UUID | None, *, actor: str | None = None) -> str:
        """Open a transaction that goes on, as one message; a rendered UUID needs no quoting."""
        return "; ".join(self._texts(company_id, actor))

    def enter(self, company_id: UUID, *, by: Keeper, actor: str | None = None) -> list[Message]:
        """Keep what a host's transaction has set, then set ours."""
        names = self._kept_names(actor)
        keep = (_set(_kept(name, by), f"coalesce(current_setting('{name}', true), '')") for name in names)
        return [(f"SELECT {', '.join(keep)}", ()), self._set_all(company_id, (), actor)]

    def leave(self, *, by: Keeper, actor: str | None = None) -> list[Message]:
        """Put a host's transaction back as ``enter`` found it; its own role first, so that it may."""
        names = reversed(self._kept_names(actor))
        back = (_set(name, f"current_setting('{_kept(name, by)}')") for name in names)
        return [(f"SELECT {', '.join(back)}", ())]

    def _kept_names(self, actor: str | None) -> list[str]:
        """Name what is set; where nobody is bound, whoever a host's scope has bound goes on acting."""
        return self._names if actor is None else [ACTOR, *self._names]

    def _set_all(self, company_id: UUID | None, settings: Settings, actor: str | None) -> Message:
        key = settings, actor is None
        text = self._singles.get(key)
        if text is None:
            values = [_set(SCOPED, "$1")] if actor is None else [_set(SCOPED, "$1"), _set(ACTOR, "$2")]
            calls = [*values, *(_call(*setting) for setting in settings), *self._calls]
            text = self._singles[key] = f"SELECT {', '.join(calls)}"
        company = str(company_id or "")
        return text, [company] if actor is None else [company, actor]

    def _texts(self, company_id: UUID | None, actor: str | None) -> list[str]:
        texts = [*self._begin, f"SET LOCAL {SCOPED} = '{company_id or ''}'"]
        return texts if actor is None else [*texts, f"SET LOCAL {ACTOR} = {sql.Literal(actor).as_string()}"]


def _set(name: str, value: str) -> str:
    return f"set_config('{name}', {value}, true)"


def _call(name: str, value: str) -> str:
    return _set(name, sql.Literal(value).as_string())


def _value(name: str, settings: dict[str, str]) -> str:
    """Write a value for SET; search_path takes its list as it is."""
    return settings[name] if name == "search_path" else sql.Literal(settings[name]).as_string()


def _kept(name: str, by: Keeper) -> str:
    return f"chatapp.kept_by_{by}_{name.replace('.', '_')}"
