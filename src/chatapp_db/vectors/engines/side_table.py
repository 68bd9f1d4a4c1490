"""The table of a collection in PostgreSQL: how it is made, and in what an existing one differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from psycopg import sql

from chatapp_db.errors import ExtensionUnavailable, InvalidValue
from chatapp_db.execution.scope import Access
from chatapp_db.vectors.engine import Collection, Comparison, Distance
from chatapp_db.vectors.engines.calls import Record

__all__ = ["DESCRIPTION", "EXTENSION", "FACTS", "LARGEST_HALF", "SideTable", "extension_schema", "quoted"]

LARGEST_HALF: Final = 65504.0
_PREFIX: Final = "chatapp_vectors_"
_LONGEST_NAME: Final = 63 - len(f"ix_{_PREFIX}_embedding")
_MOST_DIMENSIONS: Final = 4000  # of an hnsw index over halfvec
_OLDEST_EXTENSION: Final = (0, 8, 0)  # older ones cannot go on with a search that a policy thinned out

_OPERATOR_CLASSES: Final[Mapping[Distance, str]] = {
    "cosine": "halfvec_cosine_ops",
    "dot": "halfvec_ip_ops",
}

EXTENSION: Final = """
SELECT n.nspname, e.extversion FROM pg_catalog.pg_extension AS e
  JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace WHERE e.extname = 'vector'
"""

FACTS: Final = """
SELECT a.atttypmod, t.typname, c.relrowsecurity AND c.relforcerowsecurity,
  (SELECT o.opcname FROM pg_catalog.pg_index AS i
     JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
     JOIN pg_catalog.pg_am AS m ON m.oid = x.relam AND m.amname = 'hnsw'
     JOIN pg_catalog.pg_opclass AS o ON o.oid = i.indclass[0]
    WHERE i.indrelid = c.oid AND i.indisvalid LIMIT 1),
  (SELECT f.confrelid::regclass::text FROM pg_catalog.pg_constraint AS f
    WHERE f.conrelid = c.oid AND f.contype = 'f')
FROM pg_catalog.pg_class AS c
  LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attname = 'embedding'
  LEFT JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
WHERE c.oid = to_regclass($1)
"""


# A table that nobody has looked over has no estimate yet.
DESCRIPTION: Final = """
SELECT (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'vector'), c.oid IS NOT NULL,
  greatest(c.reltuples, 0)::bigint
FROM (SELECT to_regclass($1) AS oid) AS wanted LEFT JOIN pg_catalog.pg_class AS c ON c.oid = wanted.oid
"""


class SideTable:
    """The table of one collection, which may refer to the table of the chunks.

    Raises InvalidValue for a name or a dimension that PostgreSQL or pgvector would refuse.
    """

    def __init__(self, collection: Collection, chunks_table: str | None) -> None:
        if len(collection.name) > _LONGEST_NAME:
            raise InvalidValue("collection", f"must be at most {_LONGEST_NAME} characters in PostgreSQL")
        if collection.dimension > _MOST_DIMENSIONS:
            raise InvalidValue("dimension", f"must be at most {_MOST_DIMENSIONS} in pgvector")
        self._collection = collection
        self._chunks_table = chunks_table
        self._plain_name = f"{_PREFIX}{collection.name}"
        self.name = quoted(self._plain_name)

    def differences(self, facts: Record | None) -> list[str]:
        """Compare what exists; a missing table or index is made, not reported."""
        if facts is None:
            return []
        dimension, type_, secured, operators, refers_to = facts
        if type_ != "halfvec":
            return ["it has no column embedding of halfvec"]
        wanted = self._collection
        found = next((name for name, one in _OPERATOR_CLASSES.items() if one == operators), wanted.distance)
        differences: list[str] = []
        if dimension != wanted.dimension:
            differences.append(f"its dimension is {dimension}, not {wanted.dimension}")
        if found != wanted.distance:
            differences.append(f"its distance is {found}, not {wanted.distance}")
        if refers_to != self._chunks_table:
            differences.append(
                f"it refers to {refers_to or 'nothing'}, not {self._chunks_table or 'nothing'}"
            )
        if not secured:
            differences.append("row-level security is not forced")
        return differences

    def compared(self, facts: Record | None) -> Comparison:
        """Compare what exists, and say whether the index is there that a search goes by."""
        missing = [] if self.is_complete(facts) else ["embedding"]
        return Comparison(facts is not None, self.differences(facts), missing)

    @staticmethod
    def is_complete(facts: Record | None) -> bool:
        """Say whether the table is there with the index that a search goes by."""
        return facts is not None and facts[3] is not None

    def creation(self, extension: str, access: Access) -> Iterator[str]:
        """Make what is missing, in a transaction that only one replica at a time is in."""
        yield f"SELECT pg_advisory_xact_lock(hashtextextended({_literal(self._plain_name)}, 0))"
        yield f"CREATE TABLE IF NOT EXISTS {self.name} ({', '.join(self._columns(extension))})"
        yield from self._indexes(extension)
        yield f"ALTER TABLE {self.name} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {self.name} FORCE ROW LEVEL SECURITY"
        yield f"REVOKE ALL ON {self.name} FROM PUBLIC"
        yield _REVOKE_FROM_WEB.format(table=self.name.replace("'", "''"))
        app = "CURRENT_USER" if access.app_role is None else quoted(access.app_role)
        yield from self._policies("app", app, "company_id = (SELECT chatapp_current_company())")
        if access.platform_role is not None:
            yield from self._policies("platform", quoted(access.platform_role), "true")
        for role in filter(None, (access.app_role, access.platform_role)):
            yield f"GRANT SELECT, INSERT, UPDATE, DELETE ON {self.name} TO {quoted(role)}"
            yield _GRANT_EXTENSION.format(role=_literal(role), schema=_literal(extension))

    def _columns(self, extension: str) -> Iterator[str]:
        yield "company_id uuid NOT NULL"
        yield "chunk_id uuid NOT NULL"
        yield "source_id uuid NOT NULL"
        yield "agent_id uuid"
        yield "content_hash text NOT NULL"
        yield "revision bigint NOT NULL"
        yield f"embedding {quoted(extension)}.halfvec({self._collection.dimension}) NOT NULL"
        yield "meta jsonb NOT NULL"
        yield "PRIMARY KEY (company_id, chunk_id)"
        if self._chunks_table is not None:
            chunks = quoted(self._chunks_table)
            yield f"FOREIGN KEY (company_id, chunk_id) REFERENCES {chunks} (company_id, id) ON DELETE CASCADE"

    def _indexes(self, extension: str) -> Iterator[str]:
        operators = f"{quoted(extension)}.{_OPERATOR_CLASSES[self._collection.distance]}"
        for ending, definition in (
            ("source", "(company_id, source_id)"),
            ("embedding", f"USING hnsw (embedding {operators})"),
        ):
            name = quoted(f"ix_{self._plain_name}_{ending}")
            yield f"CREATE INDEX IF NOT EXISTS {name} ON {self.name} {definition}"

    def _policies(self, whose: str, role: str, condition: str) -> Iterator[str]:
        for command in ("select", "insert", "update", "delete"):
            using = "" if command == "insert" else f" USING ({condition})"
            check = f" WITH CHECK ({condition})" if command in {"insert", "update"} else ""
            yield f"DROP POLICY IF EXISTS {whose}_{command} ON {self.name}"
            yield f"CREATE POLICY {whose}_{command} ON {self.name} FOR {command} TO {role}{using}{check}"


# Supabase grants everything new to the two roles of its web API.
_REVOKE_FROM_WEB: Final = """\
DO $$ DECLARE web name; BEGIN
  FOR web IN SELECT rolname FROM pg_catalog.pg_roles WHERE rolname IN ('anon', 'authenticated') LOOP
    EXECUTE 'REVOKE ALL ON {table} FROM ' || pg_catalog.quote_ident(web);
  END LOOP;
END $$"""

# The type and its operators are named with their schema, which the roles have to be let into.
_GRANT_EXTENSION: Final = """\
DO $$ BEGIN
  IF NOT has_schema_privilege({role}, {schema}, 'USAGE') THEN
    EXECUTE 'GRANT USAGE ON SCHEMA ' || quote_ident({schema}) || ' TO ' || quote_ident({role});
  END IF;
END $$"""


def extension_schema(found: list[Record]) -> str:
    """Say where pgvector is installed.

    Raises ExtensionUnavailable where it is not, or is too old; the message holds the SQL for a DBA.
    """
    if not found:
        raise ExtensionUnavailable("pgvector is not enabled in this database: CREATE EXTENSION vector")
    schema, version = found[0]
    if tuple(map(int, version.split("."))) < _OLDEST_EXTENSION:
        oldest = ".".join(map(str, _OLDEST_EXTENSION))
        raise ExtensionUnavailable(
            f"pgvector {version} is too old, {oldest} or newer is needed: ALTER EXTENSION vector UPDATE"
        )
    return str(schema)


def quoted(name: str) -> str:
    """Write a name into a text."""
    return sql.Identifier(name).as_string()


def _literal(text: str) -> str:
    return sql.Literal(text).as_string()
