"""What is known of one pooled connection: its cursors, the pooler behind it, what its login may do."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import msgspec
from psycopg.rows import tuple_row
from psycopg.types.json import set_json_loads
from sqlalchemy import PoolProxiedConnection

from chatapp_db.errors import RolesMissing, RowLevelSecurityRequired, SchemaOutOfDate
from chatapp_db.execution.scope import VERSION_TABLE, Access, Prologue
from chatapp_db.execution.wire import Wire

__all__ = ["Line", "line_of", "new_cursor"]

_FACTS = f"""
SELECT pg_backend_pid(), coalesce(installation.nspname, current_schema()), session_user::text,
  login.rolsuper OR login.rolbypassrls,
  to_regrole(quote_ident(%(app)s)) IS NOT NULL, to_regrole(quote_ident(%(platform)s)) IS NOT NULL,
  pg_has_role(session_user, to_regrole(quote_ident(%(app)s)), %(switch)s),
  pg_has_role(session_user, to_regrole(quote_ident(%(platform)s)), %(switch)s),
  pg_has_role(session_user, to_regrole(quote_ident(%(app)s)), 'USAGE'),
  pg_has_role(session_user, to_regrole(quote_ident(%(platform)s)), 'USAGE')
FROM pg_catalog.pg_roles AS login
  LEFT JOIN pg_catalog.pg_class AS versions ON versions.oid = to_regclass('{VERSION_TABLE}')
  LEFT JOIN pg_catalog.pg_namespace AS installation ON installation.oid = versions.relnamespace
WHERE login.rolname = session_user
"""  # noqa: S608  # a constant
_SET_PRIVILEGE_SINCE = 160000


@dataclass(slots=True)
class _Membership:
    """How the login stands to one role."""

    role: str
    exists: bool
    may_switch: bool | None
    inherits: bool | None


class Line:
    """One connection as this package uses it; kept in the connection's ``info``, so it dies with it.

    psycopg caches its loaders per cursor, hence two cursors for the connection's whole life.
    ``prepare`` is False behind a pooler, which may answer the next call from another server process.
    """

    __slots__ = (
        "_access",
        "_bypasses",
        "_login",
        "_memberships",
        "_prologues",
        "_schema",
        "main",
        "opening",
        "prepare",
    )

    def __init__(self, driver: Any, access: Access, facts: tuple[Any, ...]) -> None:
        pid, schema, self._login, self._bypasses, *roles = facts
        self._access = access
        self._schema = access.schema or schema
        self._memberships = {
            platform: _Membership(role, *roles[position::2])
            for position, (platform, role) in enumerate(
                [(False, access.app_role), (True, access.platform_role)]
            )
            if role is not None
        }
        self._prologues: dict[bool, Prologue] = {}
        self.opening = new_cursor(driver)
        self.main = new_cursor(driver)
        self.prepare = None if driver.info.backend_pid == pid else False

    def prologue(self, *, platform: bool = False) -> Prologue:
        """Give the texts that open a scope.

        Raises SchemaOutOfDate, RolesMissing or RowLevelSecurityRequired where that would not be safe.
        """
        known = self._prologues.get(platform)
        if known is None:
            if self._schema is None:
                raise SchemaOutOfDate("the search_path names no schema that exists: pass schema=")
            known = self._prologues[platform] = Prologue(self._access, self._role(platform), self._schema)
        return known

    def _role(self, platform: bool) -> str | None:
        membership = self._memberships.get(platform)
        if self._access.rls == "off":
            return None
        if membership is not None and not membership.exists:
            raise RolesMissing(f"role {membership.role} does not exist: run `chatapp-db migrate`")
        if membership is not None and membership.may_switch:
            return membership.role
        if not self._bypasses and (membership is None or membership.inherits):
            return None
        self._object(membership)
        return None

    def _object(self, membership: _Membership | None) -> None:
        mend = (
            f"GRANT {membership.role} TO {self._login}" if membership else "log in without these attributes"
        )
        reason = "is not bound by row-level security" if self._bypasses else "may not act as the scope's role"
        message = f"the login {self._login} {reason}: {mend}"
        if self._access.rls == "require":
            raise RowLevelSecurityRequired(message)
        warnings.warn(message, RuntimeWarning, stacklevel=2)


async def line_of(wire: Wire, pooled: PoolProxiedConnection, access: Access) -> Line:
    """Give the line of a connection; the first use of one asks the server, once."""
    line: Line | None = pooled.info.get(access)
    if line is None:
        driver: Any = pooled.driver_connection
        cursor = new_cursor(driver)
        switch = "SET" if driver.info.server_version >= _SET_PRIVILEGE_SINCE else "MEMBER"
        parameters = {"app": access.app_role, "platform": access.platform_role, "switch": switch}
        await wire.execute(cursor, _FACTS, parameters, False)
        (facts,) = await wire.fetch(cursor)
        line = pooled.info[access] = Line(driver, access, facts)
    return line


def new_cursor(driver: Any) -> Any:
    """Make a cursor that reads jsonb quickly; nothing is registered on the connection, it may be a host's."""
    cursor = driver.cursor(row_factory=tuple_row)
    set_json_loads(msgspec.json.decode, cursor)
    return cursor
