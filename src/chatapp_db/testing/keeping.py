"""A database that can be put back: every row of every table, the service's own tables too."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, Engine, text

__all__ = ["Kept"]

_SCHEMA = "chatapp_kept"
_LOCK_TIMEOUT = "5s"

_TABLES = """
SELECT c.oid::regclass::text,
       (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
         WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped AND attgenerated = ''),
       EXISTS (SELECT FROM pg_attribute
                WHERE attrelid = c.oid AND attname = 'company_id' AND atttypid = 'uuid'::regtype)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind = 'r' AND c.relpersistence <> 't'
   AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_' AND n.nspname <> :kept
   AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype = 'e')
 ORDER BY 1
"""


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    columns: str
    of_companies: bool

    @property
    def company_key(self) -> str | None:
        if self.name.rpartition(".")[2] == "chatapp_companies":
            return "id"
        return "company_id" if self.of_companies else None


class Kept:
    """The rows as they were when this was made."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            self._tables = [_Table(*row) for row in connection.execute(text(_TABLES), {"kept": _SCHEMA})]
            connection.execute(text(f"DROP SCHEMA IF EXISTS {_SCHEMA} CASCADE"))
            connection.execute(text(f"CREATE SCHEMA {_SCHEMA}"))
            for place, table in enumerate(self._tables):
                copy = f"CREATE TABLE {_SCHEMA}.t{place} AS SELECT {table.columns} FROM {table.name}"  # noqa: S608  # names of the catalog
                connection.execute(text(copy))

    def restore(self, *, without: UUID | None = None) -> None:
        """Put every row back, without those of a company where one is named."""
        with self._engine.begin() as connection:
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_TIMEOUT}'"))
            connection.execute(text(f"TRUNCATE {', '.join(table.name for table in self._tables)}"))
            for place, table in enumerate(self._tables):
                _put_back(connection, table, place, without)

    def changed(self, company_id: UUID) -> list[str]:
        """Name the tables in which a company no longer has what it had."""
        with self._engine.connect() as connection:
            return [
                table.name
                for place, table in enumerate(self._tables)
                if table.company_key
                and _hashed(connection, table, table.name, company_id)
                != _hashed(connection, table, f"{_SCHEMA}.t{place}", company_id)
            ]


def _hashed(connection: Connection, table: _Table, place: str, company_id: UUID) -> str:
    rows = f"SELECT {table.columns} FROM {place} WHERE {table.company_key} = :company_id"  # noqa: S608  # names of the catalog
    hashed = (
        f"SELECT count(*) || coalesce(md5(string_agg(t::text, '|' ORDER BY t::text)), '') FROM ({rows}) t"  # noqa: S608  # names of the catalog
    )
    found: str = connection.execute(text(hashed), {"company_id": company_id}).scalar_one()
    return found


def _put_back(connection: Connection, table: _Table, place: int, without: UUID | None) -> None:
    condition = "true"
    if without is not None and table.company_key:
        condition = f"{table.company_key} IS DISTINCT FROM :without"
    statement = (
        f"INSERT INTO {table.name} ({table.columns}) OVERRIDING SYSTEM VALUE"  # noqa: S608  # names of the catalog
        f" SELECT {table.columns} FROM {_SCHEMA}.t{place} WHERE {condition}"
    )
    connection.execute(text(statement), {"without": without} if ":without" in condition else {})
