"""Rotation: every sealed value of every company, sealed anew with the primary key, batch by batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from chatapp_db.encryption import KeyRing
from chatapp_db.errors import BrokenSeal, InvalidEnvelope, SerializationFailure, UnknownKey
from chatapp_db.execution.carriers import Carrier
from chatapp_db.execution.scope import PURGE
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.repositories.sealing import SEALED, SealedColumn, key_ring

__all__ = ["KeyRotation", "UnopenedSecret", "key_of", "rotate_keys"]

BATCH: Final = 200
"""Rows of one transaction."""

_PASSES: Final = 5
_EXAMPLES: Final = 20
_NIL: Final = UUID(int=0)
_UNOPENED = (BrokenSeal, InvalidEnvelope, UnknownKey)


@dataclass(frozen=True, slots=True)
class UnopenedSecret:
    """A secret that could not be opened, so it could not be sealed anew; of it nothing is shown."""

    table: str
    company_id: UUID
    id: UUID
    reason: str


@dataclass(slots=True)
class KeyRotation:
    """How far a rotation is, in rows.

    ``found`` were under an old key at its start, ``remaining`` still are at its end: those that did not
    open (``unopened``, the first of them named in ``examples``), and what others sealed with an old key
    meanwhile.
    """

    found: int = 0
    resealed: int = 0
    unopened: int = 0
    remaining: int = 0
    examples: list[UnopenedSecret] = field(default_factory=list[UnopenedSecret])

    @property
    def is_complete(self) -> bool:
        """Tell whether the old keys are needed no more."""
        return not self.remaining


async def rotate_keys(carrier: Carrier, tell: Callable[[KeyRotation], object] | None) -> KeyRotation:
    """Seal everything with the primary key, telling after each batch how far it is.

    Each batch is a transaction of its own, and what is under the primary key already is not read: after a
    kill the next call goes on where this one was. A value that somebody wrote since it was read stays as
    they wrote it, and is looked at again.

    Raises NoEncryptionKey, KeyUnavailable, Unavailable.
    """
    run = _Run(carrier, key_ring(carrier), tell or (lambda _: None))
    run.ring.load()
    rotation = run.rotation
    rotation.found = rotation.remaining = await run.waiting()
    run.tell(rotation)
    for _ in range(_PASSES):
        rotation.unopened = 0
        rotation.examples.clear()
        for sealed in SEALED:
            await run.pass_over(sealed)
        rotation.remaining = await run.waiting()
        if rotation.remaining <= rotation.unopened:
            break
    run.tell(rotation)
    return rotation


@dataclass(slots=True)
class _Sealed:
    """A sealed value, and the row that it is of."""

    company_id: UUID
    id: UUID
    value: Any


@dataclass(slots=True)
class _Run:
    """A rotation at work."""

    carrier: Carrier
    ring: KeyRing
    tell: Callable[[KeyRotation], object]
    rotation: KeyRotation = field(default_factory=KeyRotation)

    async def waiting(self) -> int:
        """Count what is under an old key."""
        primary = {"primary": self.ring.primary}
        counts = [await self.carrier.fetch(_count(sealed), primary) for sealed in SEALED]
        return sum(count for (count,) in counts)

    async def pass_over(self, sealed: SealedColumn) -> None:
        """Take the rows of a column in the order of their keys, each of them once."""
        after = _Sealed(_NIL, _NIL, None)
        while True:
            batch = await self.carrier.fetch(
                _batch(sealed),
                {"primary": self.ring.primary, "company_id": after.company_id, "id": after.id},
            )
            if batch:
                self.rotation.resealed += await self._reseal(sealed, batch)
                self.tell(self.rotation)
            if len(batch) < BATCH:
                return
            after = batch[-1]

    async def _reseal(self, sealed: SealedColumn, batch: Sequence[_Sealed]) -> int:
        """Seal a batch anew; give how many rows were still as they had been read."""
        anew = [(row, value) for row in batch if (value := self._anew(sealed, row)) is not None]
        parameters = {
            "company_ids": [row.company_id for row, _ in anew],
            "ids": [row.id for row, _ in anew],
            "olds": [row.value for row, _ in anew],
            "news": [value for _, value in anew],
        }
        try:
            return len(await self.carrier.fetch(_replace(sealed), parameters)) if anew else 0
        except SerializationFailure:
            # Another rotation had the same rows; the next pass sees what it left.
            return 0

    def _anew(self, sealed: SealedColumn, row: _Sealed) -> Any:
        """Seal a value anew, None for one that does not open."""
        try:
            envelope = self.ring.reseal(row.value, sealed.place(row.company_id, row.id))
        except _UNOPENED as error:
            self._note(UnopenedSecret(sealed.table.name, row.company_id, row.id, str(error)))
            return None
        return envelope.document() if sealed.is_document else envelope.text()

    def _note(self, secret: UnopenedSecret) -> None:
        self.rotation.unopened += 1
        if len(self.rotation.examples) < _EXAMPLES:
            self.rotation.examples.append(secret)


def key_of(sealed: SealedColumn) -> Any:
    """Read which key a value is under; null where nothing is sealed."""
    document = sealed.column if sealed.is_document else sa.cast(sealed.column, JSONB)
    return document.op("->>")(constant("kid", sa.Text()))


def _is_waiting(sealed: SealedColumn) -> Any:
    return key_of(sealed) != sa.bindparam("primary", type_=sa.Text())


@cache
def _count(sealed: SealedColumn) -> Statement[int]:
    counted = sa.func.count().label("count")
    query = sa.select(counted).select_from(sealed.table).where(_is_waiting(sealed))
    return Statement(query, scalar, across_companies=True)


@cache
def _batch(sealed: SealedColumn) -> Statement[_Sealed]:
    c = sealed.table.c
    key = sa.tuple_(c.company_id, c.id)
    after = sa.tuple_(sa.bindparam("company_id", type_=sa.Uuid()), sa.bindparam("id", type_=sa.Uuid()))
    query = sa.select(c.company_id, c.id, sealed.column.label("value")).where(
        _is_waiting(sealed), key > after
    )
    in_order = query.order_by(c.company_id, c.id).limit(constant(BATCH, sa.Integer()))
    return Statement(in_order, _Sealed, across_companies=True)


@cache
def _replace(sealed: SealedColumn) -> Statement[UUID]:
    """Write what was sealed anew, where the row still holds what it was made from."""
    c = sealed.table.c
    types = {"company_id": sa.Uuid(), "id": sa.Uuid(), "old": sealed.column.type, "new": sealed.column.type}
    names = ("company_ids", "ids", "olds", "news")
    arrays = [
        sa.bindparam(name, type_=sa.ARRAY(kind)) for name, kind in zip(names, types.values(), strict=True)
    ]
    anew: Any = (
        sa.func.unnest(*arrays)
        .table_valued(*(sa.column(name, kind) for name, kind in types.items()))
        .render_derived("anew")
    )
    update: Any = sa.update(sealed.table).where(
        c.company_id == anew.c.company_id, c.id == anew.c.id, sealed.column == anew.c.old
    )
    changed = update.values({sealed.column: anew.c.new}).returning(c.id)
    # The secret is the same; that keys were rotated, the trail tells once.
    return Statement(changed, scalar, across_companies=True, settings={PURGE: "on"})
