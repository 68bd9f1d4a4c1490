"""Customers: who writes to a company, known by its own id for them or by e-mail."""

from __future__ import annotations

from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from typing_extensions import Unpack
from uuid_utils.compat import uuid7

from chatapp_db.errors import InvalidValue, SerializationFailure
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import COMPANY, Statement, written
from chatapp_db.repositories.base import Entity, owned, table_of
from chatapp_db.repositories.border import checked
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.rows import CustomerChanges, CustomerRow, CustomerValues
from chatapp_db.schema import Customer

__all__ = ["AsyncCustomerRepository", "CustomerOperations", "CustomerRepository"]

_customers = table_of(Customer)
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
