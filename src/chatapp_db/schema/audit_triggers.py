"""The audit trail as SQL: the function that writes its lines, and the triggers that call it."""

from __future__ import annotations

import json
from collections.abc import Iterator

from sqlalchemy import Table

from chatapp_db.schema.auditing import AUDITED, Verb, told
from chatapp_db.schema.quoting import literal

__all__ = ["AUDIT_CHANGE", "LONGEST_VALUE", "REDACTED", "audit_trigger_names", "audit_triggers"]

REDACTED = "[redacted]"
"""What stands for a value that the trail does not tell."""

LONGEST_VALUE = 2_000
"""Characters of a value; of a longer one its beginning is told, and how long it is."""

# The arguments are the platform role, what a row is called, its columns that are told, those of them that
# are hidden, and the finer words for an update. While the platform purges it tells of it in one line.
# That a company was made, or is gone, refers to none: the line would keep one that has nothing yet from
# being deleted. It outlives the company, so it tells the id alone, and no value that an erasure would miss.
# The id is a UUIDv7: where ids are the order, that is time.
AUDIT_CHANGE = f"""\
DO $do$ BEGIN
  EXECUTE replace($body$
CREATE FUNCTION chatapp_audit_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ declare
  actor jsonb := nullif(pg_catalog.current_setting('chatapp.actor', true), '')::jsonb;
  moment timestamptz := pg_catalog.clock_timestamp();
  before jsonb;
  after jsonb;
  any_row jsonb;
  company uuid;
  befores jsonb;
  afters jsonb;
  word text;
begin
  if pg_catalog.current_setting('chatapp.audit_purge', true) = 'on' and current_user = tg_argv[0] then
    return null;
  end if;
  if tg_op <> 'INSERT' then before := pg_catalog.to_jsonb(old); end if;
  if tg_op <> 'DELETE' then after := pg_catalog.to_jsonb(new); end if;
  any_row := coalesce(after, before);
  company := case when pg_catalog.jsonb_exists(any_row, 'company_id') then (any_row ->> 'company_id')::uuid
                  when tg_op = 'UPDATE' then (any_row ->> 'id')::uuid end;

  select pg_catalog.jsonb_object_agg(side.name, side.value) filter (where side.place = 0 and side.exist),
         pg_catalog.jsonb_object_agg(side.name, side.value) filter (where side.place = 1 and side.exist)
    into befores, afters
    from (
      select c.name, s.place, s.image is not null as exist, case
               when s.image -> c.name = 'null' then 'null'
               when c.name = any (tg_argv[3]::text[]) then '"{REDACTED}"'
               when pg_catalog.length(s.image ->> c.name) > {LONGEST_VALUE} then
                 pg_catalog.to_jsonb(pg_catalog.left(s.image ->> c.name, {LONGEST_VALUE})
                   || '… [' || pg_catalog.length(s.image ->> c.name) || ' characters]')
               else s.image -> c.name
             end as value
        from pg_catalog.unnest(tg_argv[2]::text[]) as c (name)
       cross join (values (0, before), (1, after)) as s (place, image)
       where company is not null
         and coalesce(before -> c.name, 'null') <> coalesce(after -> c.name, 'null')
    ) as side;

  if tg_op = 'UPDATE' then
    select v.verb ->> 0 into word
      from pg_catalog.jsonb_array_elements(tg_argv[4]::jsonb) with ordinality as v (verb, place)
     where pg_catalog.jsonb_exists(afters, v.verb ->> 1)
       and coalesce(v.verb ->> 2 = coalesce(after ->> (v.verb ->> 1), ''), true)
       and coalesce(v.verb ->> 3 = coalesce(before ->> (v.verb ->> 1), ''), true)
     order by v.place limit 1;
  end if;

  insert into <schema>.chatapp_audit_logs
    (id, company_id, user_id, staff_id, actor_label, ip_address, user_agent,
     action, resource_type, resource_id, old_values, new_values, created_at)
  values (
    pg_catalog.encode(pg_catalog.set_bit(pg_catalog.set_bit(
      overlay(pg_catalog.uuid_send(pg_catalog.gen_random_uuid()) placing pg_catalog.substring(
        pg_catalog.int8send(pg_catalog.trunc(extract(epoch from moment) * 1000)::bigint), 3) from 1 for 6),
      52, 1), 53, 1), 'hex')::uuid,
    company, (actor ->> 'user_id')::uuid, (actor ->> 'staff_id')::uuid, actor ->> 'actor_label',
    actor ->> 'ip_address', actor ->> 'user_agent',
    tg_argv[1] || '.' || coalesce(word, case tg_op
      when 'INSERT' then 'created' when 'DELETE' then 'deleted' else 'updated' end),
    tg_argv[1], (any_row ->> 'id')::uuid, befores, afters,
    moment);
  return null;
end $$
  $body$, '<schema>', pg_catalog.quote_ident(pg_catalog.current_schema()));
END $do$"""  # noqa: S608  # constants


def audit_trigger_names(table: Table) -> tuple[str, str]:
    """Name the trigger of rows that come and go, and that of rows that change."""
    return f"tr_{table.name}_audit", f"tr_{table.name}_audit_update"


def audit_triggers(table: Table, platform_role: str | None) -> Iterator[str]:
    """Write the triggers of a table; an update that changes nothing that is told calls no function."""
    if table.name not in AUDITED:
        return
    audited = AUDITED[table.name]
    columns = told(table)
    arguments = [
        platform_role or "",
        audited.resource,
        _array(columns),
        _array(name for name in columns if name in audited.hidden),
        json.dumps([_rule(verb) for verb in audited.verbs]),
    ]
    call = f"EXECUTE FUNCTION chatapp_audit_change({', '.join(map(literal, arguments))})"
    row, update = audit_trigger_names(table)
    commands = "INSERT OR DELETE" if audited.tells_inserts else "DELETE"
    yield f"CREATE TRIGGER {row} AFTER {commands} ON {table.name} FOR EACH ROW {call}"
    before, after = (", ".join(f"{image}.{name}" for name in columns) for image in ("old", "new"))
    yield (
        f"CREATE TRIGGER {update} AFTER UPDATE OF {', '.join(columns)} ON {table.name}"
        f" FOR EACH ROW WHEN (({before}) IS DISTINCT FROM ({after})) {call}"
    )


def _rule(verb: Verb) -> list[str | None]:
    return [verb.word, verb.column, verb.after, verb.before]


def _array(names: Iterator[str] | list[str]) -> str:
    return "{" + ",".join(names) + "}"
