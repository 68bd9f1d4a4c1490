"""The vector outbox as the platform works it off: taken by lease, ended, put back, looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.repositories.base import Entity, moment, table_of
from chatapp_db.repositories.border import (
    as_id,
    as_ids,
    as_list,
    as_member,
    as_positive,
    as_records,
    as_text,
)
from chatapp_db.repositories.embeddings.backlog import Backlog, of_each_set
from chatapp_db.repositories.embeddings.outbox import (
    KEY,
    LEASE_SECONDS,
    changed_to,
    in_seconds,
    is_live,
    leased,
    newest_revision,
    settle,
)
from chatapp_db.repositories.operations import (
    AsyncioPlatformRepository,
    BlockingPlatformRepository,
    Operations,
)
from chatapp_db.rows import VectorOutboxRow
from chatapp_db.schema import EmbeddingSet, VectorChange, VectorOutbox
from chatapp_db.schema.embeddings import VECTOR_REVISION

__all__ = [
    "AsyncPlatformVectorOutboxRepository",
    "Claimed",
    "Done",
    "PlatformVectorOutboxOperations",
    "PlatformVectorOutboxRepository",
    "PutBack",
]

_outbox = table_of(VectorOutbox)
_sets = table_of(EmbeddingSet)
_NAME_LENGTH = _sets.c.collection_name.info["max_length"]
_MOST_COLLECTIONS = 1000
_NO_NUMBER = "not a number from 1 on"


@dataclass(slots=True)
class Claimed:
    """A change that is leased, and the set it is for."""

    company_id: UUID
    subject_id: UUID
    embedding_set_id: UUID
    change: VectorChange | str
    revision: int
    content_hash: str | None
    embedding: bytes | None
    attempts: int
    collection_name: str
    model: str


@dataclass(slots=True)
class Done:
    """A change that has reached the store; ``stored`` where that was by writing a vector."""

    claimed: Claimed
    stored: bool


@dataclass(slots=True)
class PutBack:
    """A change that has not: it waits for so many seconds, or is dead until somebody has it tried again."""

    claimed: Claimed
    seconds: float
    error: str | None
    dead: bool = False


class PlatformVectorOutboxOperations(Operations[VectorOutboxRow]):
    """The vector outbox of all companies."""

    entity = Entity(VectorOutbox, VectorOutboxRow, "waiting change", across_companies=True)

    @operation
    async def claim(self, collections: Sequence[str], lease_token: UUID, most: int) -> list[Claimed]:
        """Lease the changes that have waited longest for these collections, past those that others have."""
        given = as_list("collections", collections)
        if len(given) > _MOST_COLLECTIONS:
            raise InvalidValue("collections", f"more than {_MOST_COLLECTIONS}")
        names = [as_text("collections", name, _NAME_LENGTH) for name in given]
        lease, limit = as_id("lease_token", lease_token), as_positive("most", most, _NO_NUMBER)
        return await self._fetch(_claim(), collections=names, new_lease_token=lease, limit=limit)

    @operation
    async def end(self, done: Sequence[Done], lease_token: UUID) -> list[UUID]:
        """End what reached the store; a change that was replaced by a newer one waits again.

        Names the subjects of the leases that have ended: what a writer is at this moment changing is not
        waited for.
        """
        ended = as_records("done", Done, done)
        return await self._fetch(
            settle(across_companies=True),
            **_keys([each.claimed for each in ended]),
            storeds=[each.stored for each in ended],
            token=as_id("lease_token", lease_token),
        )

    @operation
    async def put_back(self, rows: Sequence[PutBack], lease_token: UUID) -> list[UUID]:
        """End the leases of what did not, and name their subjects, as ``end`` does."""
        waiting = as_records("rows", PutBack, rows)
        return await self._fetch(
            _put_back(),
            **_keys([row.claimed for row in waiting]),
            secondss=[row.seconds for row in waiting],
            errors=[row.error for row in waiting],
            deads=[row.dead for row in waiting],
            token=as_id("lease_token", lease_token),
        )

    @operation
    async def retry_dead(self) -> int:
        """Have everything that is dead tried again, and say how many changes that are."""
        return len(await self._fetch(_retry_dead()))

    @operation
    async def backlog(self) -> list[Backlog]:
        """Say for each set that is written what it is behind by."""
        return await self._fetch(of_each_set())

    @operation
    async def newest_revision(self) -> int:
        """Say which revision was given out last."""
        return await self._one(newest_revision())

    @operation
    async def put(
        self, embedding_set_id: UUID, company_id: UUID, subject_ids: Sequence[UUID], change: VectorChange
    ) -> int:
        """Queue changes of a company for a set, and say how many; where one waits already, that is enough."""
        put = await self._fetch(
            _put(as_member("change", VectorChange, change)),
            set_id=as_id("embedding_set_id", embedding_set_id),
            company_id=as_id("company_id", company_id),
            subject_ids=as_ids("subject_ids", subject_ids),
        )
        return len(put)

    @operation
    async def purge_company(self, company_id: UUID) -> None:
        """Queue that a company's vectors are all deleted from every store, once it has no chunks.

        What else waits for the company is dropped. What is leased stays until its worker has ended, without
        its vector: that worker may still be storing one, which has to be deleted then. That PostgreSQL knows
        the company is not needed.
        """
        await self._fetch(_purge_company(), company_id=as_id("company_id", company_id))

    @operation
    async def forget_set(self, embedding_set_id: UUID, most: int) -> int:
        """Drop changes that wait for a set that is dropped, and say how many."""
        set_id, limit = as_id("embedding_set_id", embedding_set_id), as_positive("most", most, _NO_NUMBER)
        return len(await self._fetch(_forget_set(), set_id=set_id, limit=limit))


class PlatformVectorOutboxRepository(PlatformVectorOutboxOperations, BlockingPlatformRepository):
    """The vector outbox of all companies, blocking."""


class AsyncPlatformVectorOutboxRepository(PlatformVectorOutboxOperations, AsyncioPlatformRepository):
    """The vector outbox of all companies, awaited."""


def _keys(claimed: Sequence[Claimed]) -> dict[str, Any]:
    names = (*KEY, "revision")
    return {f"{name}s": [getattr(each, name) for each in claimed] for name in names}


@cache
def _claim() -> Statement[Claimed]:
    o, s = _outbox.c, _sets.c
    served = s.collection_name == sa.any_(sa.bindparam("collections", type_=sa.ARRAY(sa.Text())))
    due: Any = (
        sa.select(o.company_id, o.id, s.collection_name, s.model)
        .join_from(_outbox, _sets, s.id == o.embedding_set_id)
        .where(o.dead_at.is_(None), o.available_at <= sa.func.now(), is_live(), served)
        .order_by(o.available_at)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
        .with_for_update(skip_locked=True, of=_outbox)
        .cte("due")
    )
    update: Any = sa.update(_outbox).where(o.company_id == due.c.company_id, o.id == due.c.id)
    leased = update.values(
        lease_token=sa.bindparam("new_lease_token", type_=sa.Uuid()),
        available_at=in_seconds(constant(LEASE_SECONDS, sa.Integer())),
        attempts=o.attempts + constant(1, sa.Integer()),
    )
    columns = (o.company_id, o.subject_id, o.embedding_set_id, o.change, o.revision, o.content_hash)
    returned = leased.returning(*columns, o.embedding, o.attempts, due.c.collection_name, due.c.model)
    return Statement(returned, Claimed, across_companies=True)


@cache
def _put_back() -> Statement[UUID]:
    """End leases; a change that a newer one has replaced meanwhile waits for nothing."""
    o = _outbox.c
    back = leased({"seconds": sa.Double(), "error": sa.Text(), "dead": sa.Boolean()})
    update: Any = sa.update(_outbox).where(*(o[name] == back.c[name] for name in KEY))
    released = update.values(
        lease_token=sa.null(),
        available_at=sa.case((back.c.is_same, in_seconds(back.c.seconds, now=moment())), else_=moment()),
        last_error=sa.case((back.c.is_same, sa.func.coalesce(back.c.error, o.last_error))),
        dead_at=sa.case((sa.and_(back.c.is_same, back.c.dead), moment())),
    )
    return Statement(released.returning(o.subject_id), scalar, across_companies=True)


@cache
def _retry_dead() -> Statement[UUID]:
    o = _outbox.c
    update: Any = sa.update(_outbox).where(o.dead_at.is_not(None))
    alive = update.values(dead_at=sa.null(), attempts=constant(0, sa.Integer()), available_at=sa.func.now())
    return Statement(alive.returning(o.id), scalar, across_companies=True)


_SET = sa.bindparam("set_id", type_=sa.Uuid())
_COMPANY = sa.bindparam("company_id", type_=sa.Uuid())


@cache
def _put(change: VectorChange) -> Statement[UUID]:
    o = _outbox.c
    subject = sa.func.unnest(sa.bindparam("subject_ids", type_=sa.ARRAY(sa.Uuid()))).column_valued("subject")
    # Below a name of its own: Citus inserts nothing that comes from a function itself.
    given = sa.select(subject.label("id")).cte("given")
    source = sa.select(_COMPANY, _SET, given.c.id, changed_to(change), VECTOR_REVISION.next_value())
    names = [*_NAMES, "change", "revision"]
    insertion = insert(_outbox).from_select(names, source, include_defaults=False)
    once: Any = insertion.on_conflict_do_nothing(
        index_elements=[o.company_id, o.subject_id, o.embedding_set_id]
    )
    return Statement(once.returning(o.subject_id), scalar, across_companies=True)


_NAMES = ("company_id", "embedding_set_id", "subject_id")


@cache
def _purge_company() -> Statement[UUID]:
    o, s = _outbox.c, _sets.c
    is_rest = sa.and_(o.company_id == _COMPANY, o.subject_id != _COMPANY)
    rest: Any = sa.delete(_outbox).where(is_rest, o.lease_token.is_(None))
    held: Any = sa.update(_outbox).where(is_rest, o.lease_token.is_not(None))
    emptied = held.values(content_hash=sa.null(), embedding=sa.null(), last_error=sa.null())
    change = changed_to(VectorChange.PURGE_COMPANY)
    source = sa.select(_COMPANY, s.id, _COMPANY, change, VECTOR_REVISION.next_value()).where(is_live())
    insertion = insert(_outbox).from_select([*_NAMES, "change", "revision"], source, include_defaults=False)
    new = insertion.excluded
    once: Any = insertion.on_conflict_do_update(
        index_elements=[o.company_id, o.subject_id, o.embedding_set_id],
        set_={"revision": new.revision, "available_at": new.available_at, "dead_at": sa.null()},
    )
    queued = once.returning(o.embedding_set_id)
    settled = queued.add_cte(rest.returning(o.id).cte("rest"), emptied.returning(o.id).cte("emptied"))
    return Statement(settled, scalar, across_companies=True)


@cache
def _forget_set() -> Statement[UUID]:
    o = _outbox.c
    some: Any = (
        sa.select(o.company_id, o.id)
        .where(o.embedding_set_id == _SET)
        .limit(sa.bindparam("limit", type_=sa.Integer()))
        .cte("some")
    )
    gone: Any = sa.delete(_outbox).where(o.company_id == some.c.company_id, o.id == some.c.id)
    return Statement(gone.returning(o.id), scalar, across_companies=True)
