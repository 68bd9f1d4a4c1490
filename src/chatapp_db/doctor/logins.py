"""Whether row-level security binds who is logged in, and lets them do their work."""

from __future__ import annotations

from collections.abc import Iterator

from chatapp_db.doctor.deployment import Deployment, Role
from chatapp_db.doctor.finding import Finding, Severity, Unseen
from chatapp_db.migrations.roles import INHERITANCE_PER_GRANT, creating, granting

__all__ = ["login", "roles"]


def login(deployment: Deployment) -> Iterator[Finding]:
    """Look at what the login is: scopes switch the role, but SQL outside of them is bound by nothing."""
    who = deployment.login
    where = f"login {who.name}"
    if who.is_superuser:
        what = "is a superuser: SQL outside of the scopes is bound by no policy"
        yield Finding(
            "login-superuser", Severity.WARNING, where, what, f'ALTER ROLE "{who.name}" NOSUPERUSER'
        )
    if who.bypasses and not who.is_superuser:
        what = "has BYPASSRLS: SQL outside of the scopes is bound by no policy"
        mend = f'ALTER ROLE "{who.name}" NOBYPASSRLS'
        yield Finding("login-bypasses-rls", Severity.WARNING, where, what, mend)


def roles(deployment: Deployment) -> Iterator[Finding]:
    """Look at the roles that the policies name, and whether the login may take them."""
    for role in deployment.roles.values():
        where = f"role {role.name}"
        if not role.there:
            mend = creating(role.name)
            yield Finding("role-missing", Severity.ERROR, where, "is not there", mend)
        elif role.is_superuser or role.bypasses:
            what = "is a superuser or has BYPASSRLS: no policy binds it"
            mend = f'ALTER ROLE "{role.name}" NOSUPERUSER NOBYPASSRLS'
            yield Finding("role-unbound", Severity.ERROR, where, what, mend)
        else:
            yield from _membership(deployment, role)


def _membership(deployment: Deployment, role: Role) -> Iterator[Finding]:
    """Look at how the login stands to a role; a service without the platform's scopes needs not have that."""
    who, is_platform = deployment.login, role.name == deployment.names.platform_role
    where = f"login {who.name}"
    if not role.may_be_taken and is_platform:
        deployment.unseen.append(Unseen("platform", f"{who.name} may not take the role {role.name}"))
    elif not role.may_be_taken:
        what = f"may not take the role {role.name}: no company's scope opens"
        mend = granting(role.name, who.name)
        yield Finding("login-may-not-take-role", Severity.ERROR, where, what, mend)
    elif is_platform and role.is_inherited and not who.is_superuser:
        what = f"has the rights of {role.name} without taking it: outside of the scopes it sees every company"
        yield Finding(
            "login-inherits-platform", Severity.WARNING, where, what, _disinheriting(deployment, role)
        )


def _disinheriting(deployment: Deployment, role: Role) -> str:
    if deployment.server_version >= INHERITANCE_PER_GRANT:
        return granting(role.name, deployment.login.name)
    return f'ALTER ROLE "{deployment.login.name}" NOINHERIT'
