"""The tags of conversations: on one of them, and over the whole company."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement, constant, scalar
from chatapp_db.repositories.base import owned
from chatapp_db.repositories.border import as_id, as_list, checked
from chatapp_db.repositories.conversations.lifecycle import CONVERSATIONS, next_version
from chatapp_db.repositories.operations import TenantOperations
from chatapp_db.rows import ConversationChanges, ConversationRow

__all__ = ["TaggingOperations", "as_tags"]

_BATCH = 500
_conversations = CONVERSATIONS.table
_c = _conversations.c
_MOST_TAGS: int = _c.tags.info["max_items"]
_TAG, _NEW_TAG = (sa.bindparam(name, type_=_c.tags.type.item_type) for name in ("tag", "new_tag"))
_NO_ID = UUID(int=0)


def as_tags(tags: Sequence[str]) -> list[str]:
    """Take tags as a conversation may bear them; a text alone is not taken for the list of its letters."""
    return checked(ConversationChanges, {"tags": as_list("tags", tags)}).get("tags", [])


def _as_tag(field: str, tag: str) -> str:
    try:
        return as_tags([tag])[0]
    except InvalidValue as error:
        raise InvalidValue(field, error.reason) from None


class TaggingOperations(TenantOperations[ConversationRow]):
    """The tags of a company's conversations."""

    @operation
    async def add_tag(self, id: UUID, tag: str) -> ConversationRow:
        """Tag a conversation; one that bears the tag already stays as it is.

        Raises NotFound, InvalidValue, also for a tag that is one too many.
        """
        wanted = _as_tag("tag", tag)
        row = await self._one(_add_tag(), id=as_id("id", id), tag=wanted)
        if wanted not in row.tags:
            raise InvalidValue("tag", f"a conversation bears no more than {_MOST_TAGS}")
        return row

    @operation
    async def remove_tag(self, id: UUID, tag: str) -> ConversationRow:
        """Take a tag from a conversation; one that does not bear it stays as it is.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_remove_tag(), id=as_id("id", id), tag=_as_tag("tag", tag))

    @operation
    async def rename_tag(self, tag: str, new_tag: str) -> int:
        """Rename a tag on all conversations of the company, and count them; it may merge with another.

        Goes through the company once, in statements of a few hundred conversations; outside of a scope
        with a transaction each is kept by itself, so calling again goes on where an error stopped it.

        Raises InvalidValue.
        """
        names = {"tag": _as_tag("tag", tag), "new_tag": _as_tag("new_tag", new_tag)}
        if names["tag"] == names["new_tag"]:
            raise InvalidValue("new_tag", "the same tag")
        count, after_id = 0, _NO_ID
        while True:
            renamed = await self._fetch(_rename_tag(), after_id=after_id, **names)
            count += len(renamed)
            if len(renamed) < _BATCH:
                return count
            after_id = max(renamed)


def _bears(tag: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return tag == sa.any_(_c.tags)


@cache
def _add_tag() -> Statement[ConversationRow]:
    full = sa.func.cardinality(_c.tags) >= constant(_MOST_TAGS, sa.Integer())
    return _retagged(sa.or_(_bears(_TAG), full), sa.func.array_append(_c.tags, _TAG))


@cache
def _remove_tag() -> Statement[ConversationRow]:
    return _retagged(~_bears(_TAG), sa.func.array_remove(_c.tags, _TAG))


def _retagged(stays: sa.ColumnElement[bool], tags: Any) -> Statement[ConversationRow]:
    values = {
        "tags": sa.case((stays, _c.tags), else_=tags),
        "version": sa.case((stays, _c.version), else_=next_version()),
    }
    update: Any = sa.update(_conversations).where(CONVERSATIONS.is_one).values(values)
    return Statement(update.returning(*_c), ConversationRow)


@cache
def _rename_tag() -> Statement[UUID]:
    """Walk the primary key: below row-level security no index on tags would be used."""
    after = sa.bindparam("after_id", type_=_c.id.type)
    batch = (
        sa.select(_c.id)
        .where(owned(_conversations), _c.id > after, _bears(_TAG))
        .order_by(_c.id)
        .limit(constant(_BATCH, sa.Integer()))
        .with_for_update(key_share=True)
        .cte("batch")
        .prefix_with("MATERIALIZED")
    )
    merged = sa.case(
        (_bears(_NEW_TAG), sa.func.array_remove(_c.tags, _TAG)),
        else_=sa.func.array_replace(_c.tags, _TAG, _NEW_TAG),
    )
    update: Any = sa.update(_conversations).where(owned(_conversations), _c.id == batch.c.id)
    return Statement(update.values(tags=merged, version=next_version()).returning(_c.id), scalar)
