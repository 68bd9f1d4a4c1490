"""Tombstones: what a deleted chunk leaves in the vector outbox, whoever deleted it."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["TOMBSTONES", "TOMBSTONE_TRIGGER", "tombstone_statements"]

TOMBSTONES = "chatapp_leave_tombstones()"

TOMBSTONE_TRIGGER = ("tr_chatapp_knowledge_chunks_tombstones", "chatapp_knowledge_chunks")
"""The trigger and its table."""

# After the statement, for all its rows at once: a cascade from the sources and raw SQL run it too. Where the
# source is gone as well, one row for all its chunks is enough. What is leased stays so until its worker has
# ended: only then may another one delete what that one may still be storing.
_LEAVE = """\
DO $do$ BEGIN
  EXECUTE replace($body$
CREATE FUNCTION chatapp_leave_tombstones() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ begin
  if not exists (select from <schema>.chatapp_embedding_sets as s where s.status <> 'dropped') then
    return null;
  end if;
  insert into <schema>.chatapp_vector_outbox as waiting
         (company_id, embedding_set_id, subject_id, change, revision)
  select lost.company_id, s.id, lost.subject_id, lost.change,
         pg_catalog.nextval('<schema>.chatapp_vector_revision')
    from (select distinct d.company_id,
                 case when k.id is null then d.source_id else d.id end as subject_id,
                 case when k.id is null then 'purge_source'::<schema>.chatapp_vector_change
                      else 'delete'::<schema>.chatapp_vector_change end as change
            from deleted as d
            left join <schema>.chatapp_knowledge_sources as k
              on k.company_id = d.company_id and k.id = d.source_id) as lost
   cross join <schema>.chatapp_embedding_sets as s
   where s.status <> 'dropped'
      on conflict (company_id, subject_id, embedding_set_id) do update
     set change = excluded.change, revision = excluded.revision, content_hash = null, embedding = null,
         attempts = 0, last_error = null, dead_at = null,
         available_at = case when waiting.lease_token is null
                             then excluded.available_at else waiting.available_at end;
  return null;
end $$
  $body$, '<schema>', pg_catalog.quote_ident(pg_catalog.current_schema()));
END $do$"""

_TRIGGER = """\
CREATE TRIGGER {} AFTER DELETE ON {}
REFERENCING OLD TABLE AS deleted FOR EACH STATEMENT EXECUTE FUNCTION chatapp_leave_tombstones()"""


def tombstone_statements() -> Iterator[str]:
    """Write the trigger, which runs as whoever deletes and below the same policies."""
    yield _LEAVE
    yield _TRIGGER.format(*TOMBSTONE_TRIGGER)
