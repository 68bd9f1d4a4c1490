"""Customers: who writes to a company, known by its own id for them or by e-mail."""

from __future__ import annotations

from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import Conflict, InvalidReference, InvalidValue, SerializationFailure
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, constant, written
from chatapp_db.repositories.base import Entity, owned, table_of
from chatapp_db.repositories.border import as_id, as_term, as_text, checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.paging import as_limit, rung
from chatapp_db.rows import ConversationRow, CustomerChanges, CustomerRow, CustomerValues
from chatapp_db.schema import Conversation, Customer

__all__ = ["AsyncCustomerRepository", "CustomerOperations", "CustomerRepository"]

_customers = table_of(Customer)
_conversations = table_of(Conversation)
_TAGS = _customers.c.tags.info["max_items"]
_TAG_LENGTH = _customers.c.tags.info["max_length"]
_ATTEMPTS = 3


class CustomerOperations(TenantOperations[CustomerRow]):
    """A company's customers."""

    entity = Entity(Customer, CustomerRow, "customer")

    @operation
    async def add(self, **values: Unpack[CustomerValues]) -> CustomerRow:
        """Add a customer.

        Raises Conflict where the external id or the e-mail is taken, InvalidValue.
        """
        return await self._add(CustomerValues, values)

    @operation
    async def update(self, id: UUID, **changes: Unpack[CustomerChanges]) -> CustomerRow:
        """Change a customer.

        Raises NotFound, Conflict where the external id or the e-mail is taken, InvalidValue.
        """
        return await self._update(id, CustomerChanges, changes)

    @operation
    async def delete(self, id: UUID) -> None:
        """Delete a customer who has no conversations.

        Raises NotFound, Conflict.
        """
        await self._delete(id)

    @operation
    async def identify(
        self, *, external_id: str | None = None, email: str | None = None, name: str | None = None
    ) -> CustomerRow:
        """Find a customer by external id, else by e-mail, or add them, and note that they were seen.

        A name and an e-mail that are given replace the old ones; an external id only fills an empty one. An
        e-mail that belongs to somebody else stays with them. Where another call adds the customer in the same
        instant, it is found by asking again.

        Raises InvalidValue without either key.
        """
        given = {key: value for key, value in _keys(external_id, email, name).items() if value is not None}
        if not given.keys() - {"name"}:
            raise InvalidValue("external_id", "give an external_id or an email")
        values = {"external_id": None, "email": None, "name": None, **checked(CustomerValues, given)}
        parameters = {f"new_{key}": value for key, value in values.items()}
        for _ in range(_ATTEMPTS):
            row = await self._find(_identify(), new_id=uuid7(), **parameters)
            if row is not None:
                return row
        raise SerializationFailure("other calls keep adding and deleting this customer")

    @operation
    async def touch_seen(self, id: UUID) -> CustomerRow:
        """Note that a customer was seen now.

        Raises NotFound.
        """
        return await self._one(_changed("touch_seen"), id=as_id("id", id))

    @operation
    async def tag(self, id: UUID, tag: str) -> CustomerRow:
        """Add a tag, unless it is there.

        Raises NotFound, Conflict for a customer who has as many tags as there may be, InvalidValue.
        """
        row = await self._find(_changed("tag"), id=as_id("id", id), tag=as_text("tag", tag, _TAG_LENGTH))
        if row is None:
            await self._one(self.entity.get(), id=id)
            raise Conflict("tags", f"a customer has at most {_TAGS} tags")
        return row

    @operation
    async def untag(self, id: UUID, tag: str) -> CustomerRow:
        """Take a tag away, if it is there.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_changed("untag"), id=as_id("id", id), tag=as_text("tag", tag, _TAG_LENGTH))

    @operation
    async def search(self, term: str, *, limit: int = 25) -> list[CustomerRow]:
        """Find customers by a part of their name or e-mail, or by how their external id begins.

        Upper and lower case are one; who was seen last comes first. What is rare is looked for among all
        customers of the company. Raises InvalidValue.
        """
        found = as_term(term)
        statement = _search(rung(as_limit(limit)))
        return (await self._fetch(statement, begins=f"{found}%", contains=f"%{found}%"))[:limit]

    @operation
    async def recent_conversations(self, customer_id: UUID, *, limit: int = 10) -> list[ConversationRow]:
        """Give the conversations a customer began last, the newest first.

        A customer the company does not have has none. Raises InvalidValue.
        """
        statement = _recent_conversations(rung(as_limit(limit)))
        return (await self._fetch(statement, customer_id=as_id("customer_id", customer_id)))[:limit]

    @operation
    async def merge(self, keep: UUID, lose: UUID) -> CustomerRow:
        """Make one customer of two who turned out to be the same: the second one goes.

        Its conversations move, its tags are added, and what it knew fills what the first one did not.

        Raises NotFound where either does not exist, InvalidValue where both are one, SerializationFailure
        where a conversation with the second one begins in the same instant: try again.
        """
        if as_id("keep", keep) == as_id("lose", lose):
            raise InvalidValue("lose", "the customer that is kept")
        try:
            return await self._one(_merge(), keep=keep, lose=lose)
        except InvalidReference as error:
            raise SerializationFailure("a conversation with the customer began meanwhile") from error


class CustomerRepository(CustomerOperations, BlockingRepository):
    """A company's customers, blocking."""


class AsyncCustomerRepository(CustomerOperations, AsyncioRepository):
    """A company's customers, awaited."""


def _keys(external_id: str | None, email: str | None, name: str | None) -> dict[str, str | None]:
    return {"external_id": external_id, "email": email, "name": name}


@cache
def _identify() -> Statement[CustomerRow]:
    """Look by external id, then by e-mail; update the one that is hit, insert where none is."""
    c = _customers.c
    external_id, email, name = written(c.external_id), written(c.email), written(c.name)
    by_external: Any = _materialized("by_external", c.external_id == external_id)
    by_email: Any = _materialized("by_email", c.email == email)
    of_nobody = sa.or_(by_email.c.external_id.is_(None), external_id.is_(sa.null()))
    hit = (
        sa.select(by_external.c.id)
        .union_all(sa.select(by_email.c.id).where(~sa.exists(sa.select(by_external.c.id)), of_nobody))
        .cte("hit")
    )
    email_is_theirs = sa.exists(sa.select(by_email.c.id).where(by_email.c.id != c.id))
    seen: Any = sa.update(_customers).where(owned(_customers), c.id == hit.c.id)
    updated = (
        seen.values(
            external_id=sa.func.coalesce(c.external_id, external_id),
            email=sa.case((email_is_theirs, c.email), else_=sa.func.coalesce(email, c.email)),
            name=sa.func.coalesce(name, c.name),
            last_seen_at=sa.func.now(),
        )
        .returning(*c)
        .cte("updated")
    )
    email_is_free = sa.case((sa.exists(sa.select(by_email.c.id)), sa.null()), else_=email)
    source = sa.select(COMPANY, written(c.id), external_id, email_is_free, name).where(
        ~sa.exists(sa.select(hit.c.id))
    )
    names = ["company_id", "id", "external_id", "email", "name"]
    unless_taken = (
        insert(_customers).from_select(names, source, include_defaults=False).on_conflict_do_nothing()
    )
    added: Any = cast("Any", unless_taken).returning(*c).cte("added")
    return Statement(sa.select(updated).union_all(sa.select(added)), CustomerRow)


def _materialized(name: str, condition: sa.ColumnElement[bool]) -> Any:
    c = _customers.c
    query = sa.select(c.id, c.external_id).where(owned(_customers), condition)
    return query.cte(name).prefix_with("MATERIALIZED")


@cache
def _changed(verb: str) -> Statement[CustomerRow]:
    c = _customers.c
    tag = sa.bindparam("tag", type_=sa.Text())
    has_it = tag == sa.any_(c.tags)
    update: Any = sa.update(_customers).where(CustomerOperations.entity.is_one)
    if verb == "touch_seen":
        update = update.values(last_seen_at=sa.func.greatest(c.last_seen_at, sa.func.now()))
    elif verb == "untag":
        update = update.values(tags=sa.func.array_remove(c.tags, tag))
    else:
        has_room = sa.func.cardinality(c.tags) < constant(_TAGS, sa.Integer())
        added = sa.case((has_it, c.tags), else_=sa.func.array_append(c.tags, tag))
        update = update.where(sa.or_(has_it, has_room)).values(tags=added)
    return Statement(update.returning(*c), CustomerRow)


@cache
def _search(rows: int) -> Statement[CustomerRow]:
    """Walk the index by last_seen_at and stop at the limit: no index on text is usable below a policy."""
    c = _customers.c
    begins, contains = (sa.bindparam(name, type_=sa.Text()) for name in ("begins", "contains"))
    hit = sa.or_(c.name.ilike(contains), c.email.ilike(contains), c.external_id.ilike(begins))
    query = sa.select(*c).where(owned(_customers), hit).order_by(c.last_seen_at.desc(), c.id.desc())
    return Statement(query.limit(constant(rows, sa.Integer())), CustomerRow)


@cache
def _recent_conversations(rows: int) -> Statement[ConversationRow]:
    c = _conversations.c
    is_theirs = c.customer_id == sa.bindparam("customer_id", type_=c.customer_id.type)
    query = sa.select(*c).where(owned(_conversations), is_theirs).order_by(c.started_at.desc(), c.id.desc())
    return Statement(query.limit(constant(rows, sa.Integer())), ConversationRow)


@cache
def _merge() -> Statement[CustomerRow]:
    """Lock both in one order, move the conversations, delete the one, and fill the other from it."""
    c, v = _customers.c, _conversations.c
    keep, lose = (sa.bindparam(name, type_=c.id.type) for name in ("keep", "lose"))
    both = sa.select(c.id).where(owned(_customers), sa.or_(c.id == keep, c.id == lose))
    held = both.order_by(c.id).with_for_update().cte("held")
    count = sa.select(sa.func.count()).select_from(held).scalar_subquery()
    are_there = count == constant(2, sa.BigInteger())
    moving: Any = sa.update(_conversations).where(owned(_conversations), v.customer_id == lose, are_there)
    moved = moving.values(customer_id=keep, version=v.version + constant(1, v.version.type))
    going: Any = sa.delete(_customers).where(owned(_customers), c.id == lose, are_there)
    gone = going.returning(*c).cte("gone")
    filling: Any = sa.update(_customers).where(owned(_customers), c.id == keep, gone.c.id == lose)
    filled = filling.values(_filled(c, gone.c)).returning(*c).cte("filled")
    return Statement(sa.select(filled).add_cte(moved.returning(v.id).cte("moved")), CustomerRow)


def _filled(kept: Any, gone: Any) -> dict[str, Any]:
    names = ("external_id", "email", "name", "phone", "avatar_url")
    tags: Any = sa.func.unnest(kept.tags.concat(gone.tags)).table_valued(sa.column("tag", sa.Text()))
    tag = tags.render_derived("tags").c.tag
    distinct = (
        sa.select(tag).distinct().order_by(tag).limit(constant(_TAGS, sa.Integer())).subquery("distinct")
    )
    all_tags = sa.select(sa.func.array_agg(distinct.c.tag)).scalar_subquery()
    return {
        **{name: sa.func.coalesce(kept[name], gone[name]) for name in names},
        "metadata": gone.metadata.concat(kept.metadata),
        "tags": sa.func.coalesce(all_tags, kept.tags),
        "first_seen_at": sa.func.least(kept.first_seen_at, gone.first_seen_at),
        "last_seen_at": sa.func.greatest(kept.last_seen_at, gone.last_seen_at),
    }
