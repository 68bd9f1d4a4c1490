"""Rows that a test needs but does not speak of: each stored with all that it refers to."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chatapp_db.address import engine_url
from chatapp_db.database import Database
from chatapp_db.schema import Base, Company
from chatapp_db.scopes import CompanyScope
from chatapp_db.testing.factories import columns_of, factory_of, is_required

__all__ = ["MODELS", "CompanyRows", "Rows"]

M = TypeVar("M", bound=Base)

MODELS: dict[str, type[Base]] = {
    mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers
}
"""The model of each table, by the table's name."""


class Rows:
    """Stores rows of any table and any company; needs a login that nothing binds.

    ::

        message = rows.add(Message, content="Where is my parcel?")
        rows.add(Message, company_id=message.company_id, conversation_id=message.conversation_id)
    """

    def __init__(self, superuser_url: str) -> None:
        self.engine = sa.create_engine(engine_url(superuser_url), pool_size=1)

    def add(self, model: type[M], *, varied: bool = False, **values: Any) -> M:
        """Store a row and give it as the database has it; what it must refer to and is not given is added.

        The names are the model's: ``metadata_`` is the column ``metadata``. A new company comes with a
        row that needs one. Raises IntegrityError where the values given break a constraint.
        """
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            return self._added(session, model, values, varied=varied)

    def company(self, database: Database, **values: Any) -> CompanyRows:
        """Store a company and give it with its scope of a database."""
        return CompanyRows(self, self.add(Company, **values), database)

    def _added(self, session: Session, model: type[M], values: dict[str, Any], *, varied: bool = False) -> M:
        table: Any = model.__table__
        if "company_id" in table.c and "company_id" not in values and values.get("role") != "master_admin":
            values = {**values, "company_id": self._added(session, Company, {}).id}
        for name, target in _references(model).items():
            if name not in values:
                company = {"company_id": values["company_id"]} if "company_id" in table.c else {}
                shared = company if "company_id" in columns_of(target) else {}
                values = {**values, name: self._added(session, target, shared).id}  # type: ignore[attr-defined]  # every table has an id
        row: M = factory_of(model, varied=varied).build(**values)
        session.add(row)
        session.flush()
        session.refresh(row)
        return row

    def close(self) -> None:
        """Let the database go."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class CompanyRows:
    """A company: its row, its scope, and a way to more rows of its own."""

    def __init__(self, rows: Rows, row: Company, database: Database) -> None:
        self._rows = rows
        self.row = row
        self.id: UUID = row.id
        self.scope: CompanyScope = database.company(row.id)

    def add(self, model: type[M], *, varied: bool = False, **values: Any) -> M:
        """Store a row of this company; see ``Rows.add``."""
        return self._rows.add(model, varied=varied, company_id=self.id, **values)


def _references(model: type[Base]) -> dict[str, type[Base]]:
    """Name the columns that must refer to a row, but for the company's, and the models of those rows."""
    return {
        name: MODELS[key.column.table.name]
        for name, column in columns_of(model).items()
        if is_required(column) and column.name != "company_id"
        for key in column.foreign_keys
    }
