"""Add the embedding sets and the outbox that keeps vector stores in step with the chunks.

Revision 0004, after 0003.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import Operations

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    names = op.get_context().opts["names"]
    for name, labels in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ENUM ({', '.join(repr(label) for label in labels)})")
    op.execute(f"CREATE SEQUENCE {SEQUENCE} START WITH 2251799813685248")
    for statements in (EMBEDDING_SETS, VECTOR_OUTBOX, LEAVE_TOMBSTONES.format(schema=f'"{names.schema}"')):
        op.execute(statements)
    for statement in (*triggers(), *policies(names), *grants(names)):
        op.execute(statement)


def downgrade(op: Operations) -> None:
    op.execute("DROP TRIGGER tr_chatapp_knowledge_chunks_tombstones ON chatapp_knowledge_chunks")
    op.execute(f"DROP FUNCTION {FUNCTION}")
    for table in reversed(ACCESS):
        op.execute(f"DROP TABLE {table}")
    op.execute(f"DROP SEQUENCE {SEQUENCE}")
    for name in TYPES:
        op.execute(f"DROP TYPE {name}")


def triggers() -> Iterator[str]:
    """Move updated_at whenever a row really changes, and write down which chunks are lost."""
    for table in ACCESS:
        yield f"""
            CREATE TRIGGER tr_{table}_updated_at BEFORE UPDATE ON {table}
            FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*)
            EXECUTE FUNCTION chatapp_touch_updated_at()"""
    yield f"""
        CREATE TRIGGER tr_chatapp_knowledge_chunks_tombstones AFTER DELETE ON chatapp_knowledge_chunks
        REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION {FUNCTION}"""


def policies(names: Any) -> Iterator[str]:
    """Show a company its own rows, and the platform all of them; one policy per command and role."""
    app_role = f'"{names.app_role}"' if names.app_role else "CURRENT_USER"
    for table, (own, commands) in ACCESS.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        for command in commands:
            yield policy(table, "app", command, app_role, own)
        if names.platform_role:
            for command in EVERYTHING:
                yield policy(table, "platform", command, f'"{names.platform_role}"', "true")


def policy(table: str, whose: str, command: str, role: str, condition: str) -> str:
    """Write one policy: reading is judged by USING, writing by WITH CHECK."""
    using = f" USING ({condition})" if command != "INSERT" else ""
    check = f" WITH CHECK ({condition})" if command in {"INSERT", "UPDATE"} else ""
    return f"CREATE POLICY {whose}_{command.lower()} ON {table} FOR {command} TO {role}{using}{check}"


def grants(names: Any) -> Iterator[str]:
    """Give both roles what their policies are about, and nobody else anything."""
    yield f"REVOKE ALL ON FUNCTION {FUNCTION} FROM PUBLIC"
    for role in names.roles:
        yield f'GRANT USAGE ON SEQUENCE {SEQUENCE} TO "{role}"'
    for table, (_, commands) in ACCESS.items():
        yield f"REVOKE ALL ON {table} FROM PUBLIC"
        if names.app_role:
            yield f'GRANT {", ".join(commands)} ON {table} TO "{names.app_role}"'
        if names.platform_role:
            yield f'GRANT {", ".join(EVERYTHING)} ON {table} TO "{names.platform_role}"'


EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")

# Which rows a company sees, and what it may do with them.
ACCESS: dict[str, tuple[str, tuple[str, ...]]] = {
    "chatapp_embedding_sets": ("true", ("SELECT",)),
    "chatapp_vector_outbox": ("company_id = (SELECT chatapp_current_company())", EVERYTHING),
}

TYPES = {
    "chatapp_embedding_set_status": ("building", "active", "retiring", "dropped"),
    "chatapp_vector_change": ("upsert", "delete", "purge_source", "purge_company"),
    "chatapp_vector_distance": ("cosine", "dot"),
}

# It starts above the microseconds since 1970, by which points were numbered before.
SEQUENCE = "chatapp_vector_revision"

EMBEDDING_SETS = """
CREATE TABLE chatapp_embedding_sets (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL,
    version integer NOT NULL,
    model text NOT NULL,
    dimensions integer NOT NULL,
    distance chatapp_vector_distance NOT NULL,
    backend text NOT NULL,
    collection_name text NOT NULL,
    status chatapp_embedding_set_status NOT NULL DEFAULT 'building',
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_embedding_sets PRIMARY KEY (id),
    CONSTRAINT uq_chatapp_embedding_sets_name_version UNIQUE (name, version),
    CONSTRAINT ck_chatapp_embedding_sets_dimensions CHECK (dimensions BETWEEN 1 AND 65536)
);
CREATE UNIQUE INDEX uq_chatapp_embedding_sets_active
    ON chatapp_embedding_sets (name) WHERE status = 'active';
CREATE UNIQUE INDEX uq_chatapp_embedding_sets_collection
    ON chatapp_embedding_sets (collection_name) WHERE status <> 'dropped';
COMMENT ON TABLE chatapp_embedding_sets
    IS 'All chunks as one model embeds them, in one collection of a vector store';
COMMENT ON COLUMN chatapp_embedding_sets.name IS 'Of its versions one is searched';
COMMENT ON COLUMN chatapp_embedding_sets.model IS 'Says which embedder makes its vectors';
COMMENT ON COLUMN chatapp_embedding_sets.backend IS 'Where the collection is, for people';
"""

VECTOR_OUTBOX = """
CREATE TABLE chatapp_vector_outbox (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    embedding_set_id uuid NOT NULL,
    subject_id uuid NOT NULL,
    change chatapp_vector_change NOT NULL,
    revision bigint NOT NULL,
    content_hash text,
    embedding bytea,
    attempts integer NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL DEFAULT now(),
    lease_token uuid,
    last_error text,
    dead_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_vector_outbox PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_vector_outbox_subject_id_embedding_set_id
        UNIQUE (company_id, subject_id, embedding_set_id)
);
CREATE INDEX ix_chatapp_vector_outbox_due
    ON chatapp_vector_outbox (available_at) WHERE dead_at IS NULL;
COMMENT ON TABLE chatapp_vector_outbox
    IS 'Changes of chunks that have not reached the vector store; refers to none, it outlives them';
COMMENT ON COLUMN chatapp_vector_outbox.subject_id
    IS 'The chunk; of a purge the source or the company';
COMMENT ON COLUMN chatapp_vector_outbox.revision
    IS 'Of the newest change; what is stored is the chunk as it is by then';
COMMENT ON COLUMN chatapp_vector_outbox.content_hash IS 'Of the content that the embedding is of';
COMMENT ON COLUMN chatapp_vector_outbox.embedding
    IS 'Where the writer brought it: float32, little-endian';
COMMENT ON COLUMN chatapp_vector_outbox.available_at
    IS 'Nobody takes it earlier: the end of a lease, or of a pause';
COMMENT ON COLUMN chatapp_vector_outbox.lease_token IS 'Whose lease it is, until available_at';
COMMENT ON COLUMN chatapp_vector_outbox.dead_at IS 'Given up, until somebody has it tried again';
"""

FUNCTION = "chatapp_leave_tombstones()"

# After the statement, for all its rows at once: a cascade from the sources and raw SQL run it too. Where the
# source is gone as well, one row for all its chunks is enough. What is leased stays so until its worker has
# ended: only then may another one delete what that one may still be storing.
LEAVE_TOMBSTONES = """
CREATE FUNCTION chatapp_leave_tombstones() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ begin
  if not exists (select from {schema}.chatapp_embedding_sets as s where s.status <> 'dropped') then
    return null;
  end if;
  insert into {schema}.chatapp_vector_outbox as waiting
         (company_id, embedding_set_id, subject_id, change, revision)
  select lost.company_id, s.id, lost.subject_id, lost.change,
         pg_catalog.nextval('{schema}.chatapp_vector_revision')
    from (select distinct d.company_id,
                 case when k.id is null then d.source_id else d.id end as subject_id,
                 case when k.id is null then 'purge_source'::{schema}.chatapp_vector_change
                      else 'delete'::{schema}.chatapp_vector_change end as change
            from deleted as d
            left join {schema}.chatapp_knowledge_sources as k
              on k.company_id = d.company_id and k.id = d.source_id) as lost
   cross join {schema}.chatapp_embedding_sets as s
   where s.status <> 'dropped'
      on conflict (company_id, subject_id, embedding_set_id) do update
     set change = excluded.change, revision = excluded.revision, content_hash = null, embedding = null,
         attempts = 0, last_error = null, dead_at = null,
         available_at = case when waiting.lease_token is null
                             then excluded.available_at else waiting.available_at end;
  return null;
end $$"""
