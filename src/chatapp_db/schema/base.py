"""What every table shares: its key, its place in a company, its times, the names of its constraints."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column, relationship
from sqlalchemy.schema import SchemaItem
from uuid_utils.compat import uuid7

from chatapp_db.schema.columns import Moment

if TYPE_CHECKING:
    from chatapp_db.schema.companies import Company

TableArguments = tuple[Any, ...]


def _own_columns(constraint: Any, table: sa.Table) -> str:
    """Join the names of a constraint's columns, without the company of a tenant table.

    There it says nothing: every key of such a table starts with it. Alone it stays.
    """
    names: list[str] = [column.name for column in constraint.columns]
    if table.info["scope"] == "tenant" and len(names) > 1:
        names.remove("company_id")
    return "_".join(names)


class Base(DeclarativeBase):
    """The declarative base of the package; no schema is named, the search path decides."""

    metadata = sa.MetaData(
        naming_convention={
            "own_columns": _own_columns,
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(own_columns)s",
            "uq": "uq_%(table_name)s_%(own_columns)s",
            "ix": "ix_%(table_name)s_%(own_columns)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )


@event.listens_for(Base, "init", propagate=True)
def _give_id(_target: Base, _args: Any, values: dict[str, Any]) -> None:
    """Give a new object its id: ordered by time, so that inserts stay at the right edge of the index."""
    values.setdefault("id", uuid7())


@event.listens_for(Base.registry, "before_configured")
def _load_every_table(_registry: Any) -> None:
    """Load the models that a repository had no use for: relations between models name them."""
    import_module("chatapp_db.schema.complete")


class Identified:
    """A table with an id."""

    id: Mapped[UUID] = mapped_column(sa.Uuid, server_default=sa.text("gen_random_uuid()"), sort_order=-2)


class Tenant(Identified):
    """A table whose every row belongs to one company."""

    if TYPE_CHECKING:
        __tablename__: str

    company_id: Mapped[UUID] = mapped_column(sa.ForeignKey("chatapp_companies.id"), sort_order=-1)

    @declared_attr
    def company(cls) -> Mapped[Company]:  # noqa: N805  # SQLAlchemy hands the class
        """Relate the row to its company, which knows the rows of a table by the table's name."""
        return relationship(lazy="raise", back_populates=cls.__tablename__.removeprefix("chatapp_"))


class Outliving(Identified):
    """A table whose every row belongs to one company, and may be there when the company no longer is."""

    company_id: Mapped[UUID] = mapped_column(sa.Uuid, sort_order=-1)


class Created:
    """A table that knows when a row was made."""

    created_at: Mapped[Moment] = mapped_column(server_default=sa.func.now(), sort_order=1)


class Timestamped(Created):
    """A table that also knows when a row last changed; a trigger moves it."""

    updated_at: Mapped[Moment] = mapped_column(server_default=sa.func.now(), sort_order=2)


def tenant_table(*items: SchemaItem, comment: str) -> TableArguments:
    """Declare a table of one company's rows: its key starts with the company."""
    facts = {"scope": "tenant", "company_key": "company_id"}
    return (sa.PrimaryKeyConstraint("company_id", "id"), *items, {"info": facts, "comment": comment})


def global_table(*items: SchemaItem, company_key: str | None, comment: str) -> TableArguments:
    """Declare a table above the companies, and the column that names the company a row concerns."""
    facts = {"scope": "global", "company_key": company_key}
    return (sa.PrimaryKeyConstraint("id"), *items, {"info": facts, "comment": comment})


def inside_company(column: str, table: str, *, ondelete: str | None = None) -> sa.ForeignKeyConstraint:
    """Refer to a row of the same company, which the database thereby enforces."""
    return sa.ForeignKeyConstraint(
        ["company_id", column], [f"{table}.company_id", f"{table}.id"], ondelete=ondelete
    )


def same_company(reference: str, target: str) -> str:
    """Write the join of a reference such as `Conversation.agent_id`.

    Only that column is foreign: setting the relation to None must not null the company.
    """
    model = reference.partition(".")[0]
    return f"and_({model}.company_id == {target}.company_id, foreign({reference}) == {target}.id)"


def parent(reference: str, target: str, *, back_populates: str) -> Any:
    """Relate a row to the one it refers to; nothing loads by accident."""
    return relationship(
        primaryjoin=same_company(reference, target), lazy="raise", back_populates=back_populates
    )


def children(reference: str, target: str, *, back_populates: str) -> Any:
    """Relate a row to those that refer to it; what becomes of them on delete is the database's to say."""
    return relationship(
        primaryjoin=same_company(reference, target),
        lazy="raise",
        passive_deletes="all",
        back_populates=back_populates,
    )


def company_children() -> Any:
    """Relate a company to its rows of one table."""
    return relationship(lazy="raise", passive_deletes="all", back_populates="company")


def email_is_normal() -> sa.CheckConstraint:
    """Refuse an e-mail that the border has not normalised: two spellings would be two people."""
    return sa.CheckConstraint(
        'email = lower(email COLLATE "C") AND email = btrim(email) AND email IS NFC NORMALIZED', name="email"
    )
