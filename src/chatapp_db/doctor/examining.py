"""The examination: every area, one after the other, in a transaction that cannot write."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from sqlalchemy import Connection, text

from chatapp_db.doctor import backlogs, logins, pooling, relations, sealing, versions, walls
from chatapp_db.doctor.deployment import Deployment, only_reading
from chatapp_db.doctor.drifting import drift
from chatapp_db.doctor.finding import Examination, Finding, PoolerMode, Unseen
from chatapp_db.doctor.stores import of_store, of_store_awaited
from chatapp_db.encryption import KeyRing
from chatapp_db.errors import NotPermitted
from chatapp_db.migrations.awaited import awaited
from chatapp_db.migrations.check import differences
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.source import AsyncTarget, Source, Target, opened
from chatapp_db.migrations.transaction import Request, our_errors
from chatapp_db.vectors import AsyncVectorStore, VectorStore

__all__ = ["AREAS", "aexamine", "examine"]

_LOCK_TIMEOUT = 5.0
_STATEMENT_TIMEOUT = 60.0

AREAS: tuple[Callable[[Deployment], Iterator[Finding]], ...] = (
    versions.server,
    versions.schema,
    versions.libraries,
    versions.clock,
    logins.login,
    logins.roles,
    walls.row_security,
    walls.policies,
    relations.extensions,
    relations.indexes,
    relations.vacuum,
    backlogs.outbox,
    backlogs.deliveries,
    sealing.keys,
)

Tell = Callable[[int, int], object]


def examine(
    database: Target,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    keys: KeyRing | None = None,
    stores: Sequence[VectorStore] = (),
    tell: Tell | None = None,
) -> Examination:
    """Look at a deployment and say what is wrong, and what mends it; nothing is changed.

    Log in as the service does: that login is looked at, too, and no more rights than its own are needed.
    What it may not see is in ``unseen``. Everything is read in a transaction that cannot write, but for
    the comparison with this release, which needs CREATE on the database for a schema that is rolled back.

    ``tell`` is told after each area how many are done, and of how many.
    Raises Unavailable, and InvalidValue for arguments.
    """
    found = _examined(
        database, schema=schema, app_role=app_role, platform_role=platform_role, keys=keys, tell=tell
    )
    for store in stores:
        found.findings += of_store(store)
    found.sort()
    return found


async def aexamine(
    database: AsyncTarget,
    *,
    schema: str | None = None,
    app_role: str | None = "chatapp_app",
    platform_role: str | None = "chatapp_platform",
    keys: KeyRing | None = None,
    stores: Sequence[AsyncVectorStore] = (),
    tell: Tell | None = None,
) -> Examination:
    """Look at a deployment as ``examine`` does, awaited."""
    found = await _aexamined(
        database, schema=schema, app_role=app_role, platform_role=platform_role, keys=keys, tell=tell
    )
    for store in stores:
        found.findings += await of_store_awaited(store)
    found.sort()
    return found


def _examined(
    database: Target,
    *,
    schema: str | None,
    app_role: str | None,
    platform_role: str | None,
    keys: KeyRing | None,
    tell: Tell | None,
) -> Examination:
    request = Request.of(schema, app_role, platform_role, _LOCK_TIMEOUT, _STATEMENT_TIMEOUT)
    found = Examination()
    with our_errors(), opened(database) as source:
        found.pooler = pooling.pooler_of(source)
        found.findings += filter(None, [pooling.finding(found.pooler)])
        if found.pooler is PoolerMode.STATEMENT:
            return found
        with request.open(source) as (connection, names), only_reading(connection):
            _look(connection, names, found, keys, tell or _tell_nobody)
        if found.is_current:
            _compare(request, source, found)
    return found


_aexamined = awaited(_examined)


def _tell_nobody(_done: int, _of: int) -> None:
    """Take what nobody wants to know."""


def _look(connection: Connection, names: Names, found: Examination, keys: KeyRing | None, tell: Tell) -> None:
    deployment = Deployment(connection, names, keys, found.unseen)
    if deployment.status is not None:
        found.revision = deployment.status.current
        found.is_current = deployment.status.state == "current"
    found.server = connection.execute(text("SHOW server_version")).scalar_one()
    for number, area in enumerate(AREAS, 1):
        found.findings += area(deployment)
        tell(number, len(AREAS) + 1)


def _compare(request: Request, source: Source, found: Examination) -> None:
    with request.open(source) as (connection, names):
        try:
            found.findings += drift(differences(connection, names), names)
        except NotPermitted as error:
            found.unseen.append(Unseen("drift", str(error)))
