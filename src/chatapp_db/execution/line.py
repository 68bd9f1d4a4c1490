"""One pooled connection as this package uses it: what its login may do, and how it is spoken to."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row
from sqlalchemy import PoolProxiedConnection

from chatapp_db.errors import RolesMissing, RowLevelSecurityRequired, SchemaOutOfDate
from chatapp_db.execution.exchange import Exchange, Message
from chatapp_db.execution.scope import VERSION_TABLE, Access, Prologue
from chatapp_db.execution.wire import Wire

__all__ = ["Line", "RowsFailed", "line_of", "switching_privilege"]

_FACTS = f"""
SELECT pg_backend_pid(), coalesce(installation.nspname, current_schema()), session_user::text,
  login.rolsuper OR login.rolbypassrls, to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL,
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


class RowsFailed(Exception):
    """Where the rows of a COPY come from, something failed: nothing that the server need know."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__("the rows ended early")


class Line:
    """One connection as this package uses it; kept in the connection's ``info``, so it dies with it.

    Behind a pooler, which may answer the next call from another server process, nothing is prepared.
    """

    __slots__ = (
        "_access",
        "_bypasses",
        "_cursor",
        "_driver",
        "_exchange",
        "_login",
        "_memberships",
        "_prologues",
        "_schema",
        "_wire",
    )

    def __init__(
        self, wire: Wire, driver: Any, access: Access, facts: tuple[Any, ...], *, prepares: bool
    ) -> None:
        pid, schema, self._login, self._bypasses, is_citus, *roles = facts
        self._access = replace(access, set_local=True) if is_citus else access
        self._schema = access.schema or schema
        self._memberships = {
            platform: _Membership(role, *roles[position::2])
            for position, (platform, role) in enumerate(
                [(False, access.app_role), (True, access.platform_role)]
            )
            if role is not None
        }
        self._prologues: dict[bool, Prologue] = {}
        self._wire = wire
        self._driver = driver
        self._cursor = driver.cursor()
        from chatapp_db.execution.documents import DocumentLoader

        # Registered on the cursor alone: the connection may be a host's.
        for name in ("json", "jsonb"):
            self._cursor.adapters.register_loader(name, DocumentLoader)
        pooled = driver.info.backend_pid != pid
        threshold = driver.prepare_threshold if prepares and not pooled else None
        self._exchange = Exchange(driver.pgconn, self._cursor, threshold)

    async def tell(self, messages: Sequence[Message]) -> None:
        """Send messages that answer nothing, in one round trip."""
        await self._wire.wait(self._driver, self._exchange.round_trip(messages))

    async def ask(
        self, question: Message, before: Sequence[Message] = (), after: Sequence[Message] = ()
    ) -> list[tuple[Any, ...]]:
        """Send a question with what goes before and after it, in one round trip; give its records."""
        exchange = self._exchange
        results = await self._wire.wait(self._driver, exchange.round_trip([*before, question, *after]))
        return exchange.records(results[len(before)])

    async def copy(self, text: str, types: Sequence[str], rows: AsyncIterable[Sequence[Any]]) -> None:
        """Stream rows to a COPY FROM STDIN in the binary format.

        Raises RowsFailed with what was raised by the rows.
        """
        await self._wire.copy(self._cursor, text, types, _discreet(rows))

    async def command(self, text: str) -> str | None:
        """Run texts that take no values and answer nothing; give what the server says it did last."""
        await self._wire.execute(self._cursor, text)
        status: str | None = self._cursor.statusmessage
        return status

    def beginning(self) -> list[Message]:
        """Open the transaction that psycopg would open now, where the connection is not in autocommit."""
        driver = self._driver
        if driver.autocommit or driver.info.transaction_status != TransactionStatus.IDLE:
            return []
        modes = [
            driver.isolation_level and f"ISOLATION LEVEL {driver.isolation_level.name.replace('_', ' ')}",
            {True: "READ ONLY", False: "READ WRITE"}.get(driver.read_only),
            {True: "DEFERRABLE", False: "NOT DEFERRABLE"}.get(driver.deferrable),
        ]
        return [(" ".join(["BEGIN", *filter(None, modes)]), ())]

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


def switching_privilege(server_version: int) -> str:
    """Name what a login needs of a role to act as it, as ``pg_has_role`` takes it."""
    return "SET" if server_version >= _SET_PRIVILEGE_SINCE else "MEMBER"


async def line_of(
    wire: Wire, pooled: PoolProxiedConnection, access: Access, *, prepares: bool = True
) -> Line:
    """Give the line of a connection; the first use of one asks the server, once."""
    line: Line | None = pooled.info.get(access)
    if line is None:
        driver: Any = pooled.driver_connection
        cursor = driver.cursor(row_factory=tuple_row)
        switch = switching_privilege(driver.info.server_version)
        parameters = {"app": access.app_role, "platform": access.platform_role, "switch": switch}
        await wire.execute(cursor, _FACTS, parameters)
        (facts,) = await wire.fetch(cursor)
        line = pooled.info[access] = Line(wire, driver, access, facts, prepares=prepares)
    return line


async def _discreet(rows: AsyncIterable[Sequence[Any]]) -> AsyncIterator[Sequence[Any]]:
    """Keep what the rows raise from the driver: it sends the words of an error to the server's log."""
    try:
        async for row in rows:
            yield row
    except Exception as error:
        raise RowsFailed(error) from error
