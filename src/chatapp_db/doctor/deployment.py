"""A deployment as its login sees it, inside a transaction that cannot write."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from chatapp_db.doctor.finding import Unseen
from chatapp_db.encryption import KeyRing
from chatapp_db.execution.line import switching_privilege
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.report import Status
from chatapp_db.migrations.source import sqlstate
from chatapp_db.migrations.standing import status_inside

__all__ = ["Deployment", "Login", "Role", "only_reading", "our_tables"]

_NOT_PERMITTED = "42501"

_LOGIN = text("""
SELECT session_user::text AS name, rolsuper AS is_superuser, rolbypassrls AS bypasses
  FROM pg_catalog.pg_roles WHERE rolname = session_user
""")

_ROLES = text("""
SELECT w.role AS name, r.oid IS NOT NULL AS there,
       coalesce(r.rolsuper, false) AS is_superuser, coalesce(r.rolbypassrls, false) AS bypasses,
       coalesce(pg_catalog.pg_has_role(session_user, r.oid, :switch), false) AS may_be_taken,
       coalesce(pg_catalog.pg_has_role(session_user, r.oid, 'USAGE'), false) AS is_inherited
  FROM unnest(CAST(:roles AS text[])) AS w (role)
  LEFT JOIN pg_catalog.pg_roles AS r ON r.rolname = w.role
""")

_ONLY_READ = text("SET TRANSACTION READ ONLY")

_TAKE = text("SELECT pg_catalog.set_config('role', :role, true)")


@dataclass(frozen=True, slots=True)
class Login:
    """Who is logged in."""

    name: str
    is_superuser: bool
    bypasses: bool


@dataclass(frozen=True, slots=True)
class Role:
    """One of the roles that the policies name, and how the login stands to it."""

    name: str
    there: bool
    is_superuser: bool
    bypasses: bool
    may_be_taken: bool
    is_inherited: bool


@dataclass
class Deployment:
    """What the areas of an examination look at; what they may not see, they say in ``unseen``."""

    connection: Connection
    names: Names
    keys: KeyRing | None
    unseen: list[Unseen]

    @cached_property
    def server_version(self) -> int:
        """Give the server's version, 180004 for 18.4."""
        return int(self.connection.execute(text("SHOW server_version_num")).scalar_one())

    @cached_property
    def login(self) -> Login:
        """Ask who is logged in."""
        return Login(*self.connection.execute(_LOGIN).one())

    @cached_property
    def roles(self) -> dict[str, Role]:
        """Ask about the roles in use, by their names."""
        switch = switching_privilege(self.server_version)
        found = self.connection.execute(_ROLES, {"roles": list(self.names.roles), "switch": switch})
        return {row.name: Role(*row) for row in found}

    @cached_property
    def status(self) -> Status | None:
        """Read where the schema stands, as whichever role may; None where none may."""
        taken = next((role.name for role in self.roles.values() if role.may_be_taken), None)
        try:
            with self._acting(taken):
                return status_inside(self.connection, self.names.schema)
        except DBAPIError as error:
            if sqlstate(error) != _NOT_PERMITTED:
                raise
        self.unseen.append(Unseen("schema", f"{self.login.name} may not read the schema's revision"))
        return None

    @property
    def is_migrated(self) -> bool:
        """Tell whether the tables of this release are there, or a newer one's."""
        return self.status is not None and self.status.state in {"current", "ahead"}

    def rows(self, statement: Any, **parameters: Any) -> Any:
        """Read."""
        return self.connection.execute(statement, parameters).all()

    @contextmanager
    def across_companies(self, area: str) -> Generator[bool]:
        """Read as the platform role for a block, and tell whether there are rows that the login may see.

        What it may not see is said.
        """
        name = self.names.platform_role
        role = self.roles.get(name) if name else None
        may_take = role is not None and role.may_be_taken
        may_see = may_take or self.login.is_superuser or self.login.bypasses
        if not may_see:
            self.unseen.append(Unseen(area, f"rows of all companies take the role {name or 'of a platform'}"))
        with self._acting(name if may_take else None):
            yield may_see and self.is_migrated

    @contextmanager
    def _acting(self, role: str | None) -> Generator[None]:
        savepoint = self.connection.begin_nested()
        try:
            if role is not None:
                self.connection.execute(_TAKE, {"role": role})
            yield
        finally:
            savepoint.rollback()

    def table(self, name: str) -> str:
        """Name a table, or an index, for who runs what mends it."""
        return f'"{self.names.schema}".{name}'


@contextmanager
def only_reading(connection: Connection) -> Generator[None]:
    """Read for a block, in which nothing can be written; what it set is taken back."""
    savepoint = connection.begin_nested()
    try:
        connection.execute(_ONLY_READ)
        yield
    finally:
        savepoint.rollback()


def our_tables() -> list[str]:
    """List our tables."""
    from chatapp_db.schema import metadata

    return [table.name for table in metadata.sorted_tables]
