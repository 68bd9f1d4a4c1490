"""The two roles that policies name: made where they are missing, granted to who migrates.

Roles belong to the whole server while the migration lock belongs to one database, so that two
databases may make the same role at the same moment.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, text

from chatapp_db.errors import InvalidValue, RolesMissing
from chatapp_db.migrations.names import Names

__all__ = ["INHERITANCE_PER_GRANT", "creating", "ensure_roles", "granting"]

INHERITANCE_PER_GRANT = 160000  # PostgreSQL 16: WITH INHERIT, SET and ADMIN on each membership

_CREATE = """
DO $$ BEGIN
    CREATE ROLE "{role}" NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$
"""

_LOGIN = text("""
SELECT current_user AS name, rolsuper AS is_superuser, rolcreaterole AS makes_roles
  FROM pg_catalog.pg_roles WHERE rolname = current_user
""")

_PRIVILEGED = text("""
SELECT rolsuper OR rolbypassrls AS privileged FROM pg_catalog.pg_roles WHERE rolname = :role
""")

_MAY = text("SELECT pg_catalog.pg_has_role(current_user, CAST(:role AS name), :privilege)")

# The same for a DBA's script, which does not know the server: since PostgreSQL 16 a membership says
# what it is for.
_GRANT = """
DO $$ BEGIN
    IF pg_catalog.current_setting('server_version_num')::int >= 160000 THEN
        EXECUTE 'GRANT "{role}" TO {whom} WITH INHERIT FALSE, SET TRUE';
    ELSE
        EXECUTE 'GRANT "{role}" TO {whom}';
    END IF;
END $$
"""


@dataclass(frozen=True, slots=True)
class _Login:
    name: str
    is_superuser: bool
    makes_roles: bool
    server: int

    @property
    def may_make_roles(self) -> bool:
        return self.is_superuser or self.makes_roles


def ensure_roles(connection: Connection, names: Names) -> None:
    """Make sure that both roles exist and that this login may take them.

    Raises RolesMissing, with the SQL for a DBA, where it may not see to that itself, and
    InvalidValue for a role that row-level security would not bind.
    """
    login = _login(connection)
    for_dba: list[str] = []
    for role in names.roles:
        for_dba += _ensure_role(connection, login, role)
    if for_dba:
        raise RolesMissing(
            f"{login.name} may not create or take the roles that the policies name; a DBA runs:\n"
            + "\n".join(for_dba)
        )


def creating(role: str) -> str:
    """Write the statement that makes a role unless it is there."""
    return _CREATE.format(role=role).strip()


def granting(role: str, login: str) -> str:
    """Write the statement that lets a login take a role on purpose, on any server."""
    return _GRANT.format(role=role, whom=f'"{login}"').strip()


def _ensure_role(connection: Connection, login: _Login, role: str) -> list[str]:
    privileged = connection.execute(_PRIVILEGED, {"role": role}).scalar()
    if privileged:
        raise InvalidValue("role", f"{role} is a superuser or has BYPASSRLS: no policy would bind it")
    if privileged is None:
        if not login.may_make_roles:
            return [f'CREATE ROLE "{role}" NOLOGIN;', _grant(login, role)]
        connection.exec_driver_sql(_CREATE.format(role=role))
    if login.is_superuser or _may(connection, role, "SET" if _modern(login) else "MEMBER"):
        return []
    if not _may_grant(connection, login, role):
        return [_grant(login, role)]
    connection.exec_driver_sql(_grant_to("CURRENT_USER", login, role))
    return []


def _may_grant(connection: Connection, login: _Login, role: str) -> bool:
    """Tell whether the login may grant a role; since PostgreSQL 16 CREATEROLE alone is not enough."""
    if _may(connection, role, "MEMBER WITH ADMIN OPTION"):
        return True
    return login.makes_roles and not _modern(login)


def _may(connection: Connection, role: str, privilege: str) -> bool:
    return bool(connection.execute(_MAY, {"role": role, "privilege": privilege}).scalar())


def _grant(login: _Login, role: str) -> str:
    quoted = login.name.replace('"', '""')
    return _grant_to(f'"{quoted}"', login, role)


def _grant_to(whom: str, login: _Login, role: str) -> str:
    """Grant the role to be taken on purpose, where the server can say so, and not to be had all the time."""
    options = " WITH INHERIT FALSE, SET TRUE" if _modern(login) else ""
    return f'GRANT "{role}" TO {whom}{options};'


def _modern(login: _Login) -> bool:
    return login.server >= INHERITANCE_PER_GRANT


def _login(connection: Connection) -> _Login:
    row = connection.execute(_LOGIN).one()
    server = connection.execute(text("SHOW server_version_num")).scalar_one()
    return _Login(row.name, row.is_superuser, row.makes_roles, int(server))
