"""Keep a trail of changes: triggers that write it, who acted, and the indexes it is read by.

Revision 0007, after 0006.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from alembic.operations import Operations

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_chatapp_audit_logs_user": "(company_id, user_id, created_at, id) WHERE user_id IS NOT NULL",
    "ix_chatapp_audit_logs_action": "(company_id, action, created_at, id)",
    "ix_chatapp_audit_logs_resource_type": "(company_id, resource_type, created_at, id)",
    "ix_chatapp_audit_logs_resource": (
        "(company_id, resource_id, created_at, id) WHERE resource_id IS NOT NULL"
    ),
}

# Where the table has rows these are there already, built ahead of this revision's transaction.
CONCURRENTLY = {name: ("chatapp_audit_logs", definition) for name, definition in INDEXES.items()}


def upgrade(op: Operations) -> None:
    options = op.get_context().opts
    names = options["names"]
    if not options["indexes_are_built"]:
        for name, definition in INDEXES.items():
            op.execute(f"CREATE INDEX IF NOT EXISTS {name} ON chatapp_audit_logs {definition}")
    op.execute("ALTER TABLE chatapp_audit_logs ADD COLUMN actor_label text")
    op.execute(f"COMMENT ON COLUMN chatapp_audit_logs.actor_label IS '{ACTOR_LABEL}'")
    op.execute(FUNCTION.format(schema=f'"{names.schema}"'))
    op.execute("REVOKE ALL ON FUNCTION chatapp_audit_change() FROM PUBLIC")
    for statement in triggers(names.platform_role):
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Keep the lines that were written, but for who acted in words."""
    for audited in AUDITED:
        op.execute(f"DROP TRIGGER tr_{audited.table}_audit ON {audited.table}")
        op.execute(f"DROP TRIGGER tr_{audited.table}_audit_update ON {audited.table}")
    op.execute("DROP FUNCTION chatapp_audit_change()")
    op.execute("ALTER TABLE chatapp_audit_logs DROP COLUMN actor_label")
    for name in INDEXES:
        op.execute(f"DROP INDEX {name}")


class Audited(NamedTuple):
    """A table whose changes are told, what its rows are called, and the columns that count."""

    table: str
    resource: str
    commands: str
    columns: str
    hidden: str
    verbs: str


def triggers(platform_role: str | None) -> Iterator[str]:
    """Call the function for every change; an update that changes nothing that is told calls none."""
    for told in AUDITED:
        columns = told.columns.split(",")
        before, after = (", ".join(f"{row}.{name}" for name in columns) for row in ("old", "new"))
        arguments = (
            f"'{platform_role or ''}', '{told.resource}',"
            f" '{{{told.columns}}}', '{{{told.hidden}}}', '{told.verbs}'"
        )
        call = f"EXECUTE FUNCTION chatapp_audit_change({arguments})"
        yield (
            f"CREATE TRIGGER tr_{told.table}_audit AFTER {told.commands} ON {told.table} FOR EACH ROW {call}"
        )
        yield (
            f"CREATE TRIGGER tr_{told.table}_audit_update AFTER UPDATE OF {', '.join(columns)}"
            f" ON {told.table} FOR EACH ROW WHEN (({before}) IS DISTINCT FROM ({after})) {call}"
        )


ACTOR_LABEL = "Who acted, in words: a job, an API key, a channel"

# The arguments are the platform role, what a row is called, its columns that are told, those of them that
# are hidden, and the finer words for an update: word, column, value after, value before. While the platform
# purges, it tells of it in one line of its own. That a company was made, or is gone, refers to none: the line
# would keep one that has nothing yet from being deleted. It outlives the company, so it tells the id alone,
# and no value that an erasure would miss. The id is a UUIDv7: where ids are the order, that is time.
FUNCTION = """
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
               when c.name = any (tg_argv[3]::text[]) then '"[redacted]"'
               when pg_catalog.length(s.image ->> c.name) > 2000 then
                 pg_catalog.to_jsonb(pg_catalog.left(s.image ->> c.name, 2000)
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

  insert into {schema}.chatapp_audit_logs
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
end $$"""

AUDITED = (
    Audited(
        table="chatapp_companies",
        resource="company",
        commands="INSERT OR DELETE",
        columns=(
            "name,slug,domain,logo_url,settings,subscription_plan_id,subscription_status,"
            "billing_cycle,timezone,trial_ends_at"
        ),
        hidden="",
        verbs=(
            '[["subscription_changed", "subscription_plan_id", null, null], '
            '["subscription_changed", "subscription_status", null, null], '
            '["subscription_changed", "billing_cycle", null, null], '
            '["subscription_changed", "trial_ends_at", null, null]]'
        ),
    ),
    Audited(
        table="chatapp_integrations",
        resource="integration",
        commands="INSERT OR DELETE",
        columns="type,name,config,status",
        hidden="config",
        verbs=(
            '[["connected", "status", "active", null], ["disconnected", "status", "inactive", null], '
            '["failed", "status", "error", null]]'
        ),
    ),
    Audited(
        table="chatapp_users",
        resource="user",
        commands="INSERT OR DELETE",
        columns="email,name,avatar_url,role,status,settings",
        hidden="email,name,avatar_url,settings",
        verbs=(
            '[["role_changed", "role", null, null], ["activated", "status", "active", null], '
            '["deactivated", "status", "inactive", null], ["suspended", "status", "suspended", null]]'
        ),
    ),
    Audited(
        table="chatapp_webhooks",
        resource="webhook",
        commands="INSERT OR DELETE",
        columns="url,events,secret,is_active,disabled_at,disabled_reason",
        hidden="secret",
        verbs=(
            '[["secret_rotated", "secret", null, null], ["enabled", "is_active", "true", null], '
            '["disabled", "is_active", "false", null]]'
        ),
    ),
    Audited(
        table="chatapp_agents",
        resource="agent",
        commands="INSERT OR DELETE",
        columns=(
            "name,description,avatar_url,type,status,system_prompt,welcome_message,model_config,"
            "tools_config,escalation_config,widget_config,package_id,created_by"
        ),
        hidden="",
        verbs=(
            '[["activated", "status", "active", null], ["paused", "status", "paused", null], '
            '["archived", "status", "archived", null]]'
        ),
    ),
    Audited(
        table="chatapp_canned_responses",
        resource="canned_response",
        commands="INSERT OR DELETE",
        columns="user_id,shortcut,title,content,category,tags,is_team",
        hidden="",
        verbs="[]",
    ),
    Audited(
        table="chatapp_team_invitations",
        resource="invitation",
        commands="INSERT OR DELETE",
        columns="email,role,invited_by,token,status,expires_at,accepted_at",
        hidden="email,token",
        verbs=(
            '[["accepted", "status", "accepted", null], ["revoked", "status", "revoked", null], '
            '["expired", "status", "expired", null], ["resent", "token", null, null]]'
        ),
    ),
    Audited(
        table="chatapp_conversations",
        resource="conversation",
        commands="DELETE",
        columns="agent_id,assigned_user_id,status",
        hidden="",
        verbs=(
            '[["resolved", "status", "resolved", null], ["archived", "status", "archived", null], '
            '["escalated", "status", "waiting", null], ["reopened", "status", "active", "resolved"], '
            '["reopened", "status", "active", "archived"], '
            '["unassigned", "assigned_user_id", "", null], '
            '["assigned", "assigned_user_id", null, null]]'
        ),
    ),
    Audited(
        table="chatapp_knowledge_sources",
        resource="knowledge_source",
        commands="INSERT OR DELETE",
        columns="agent_id,name,type,file_path,file_type,file_size,url,content_hash,metadata,created_by",
        hidden="",
        verbs="[]",
    ),
    Audited(
        table="chatapp_widget_settings",
        resource="widget",
        commands="INSERT OR DELETE",
        columns="agent_id,public_key,allowed_origins,appearance,behavior,launcher,chat_window,embed_code",
        hidden="",
        verbs="[]",
    ),
)
