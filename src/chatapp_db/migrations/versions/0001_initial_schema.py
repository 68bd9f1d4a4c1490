"""Create the 18 tables, their types, and the walls between companies.

Revision 0001, the first. Released: never edited again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import Operations

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade(op: Operations) -> None:
    names = op.get_context().opts["names"]
    for name, labels in TYPES.items():
        op.execute(f"CREATE TYPE {name} AS ENUM ({', '.join(repr(label) for label in labels)})")
    for statements in (*TABLES, *FUNCTIONS.values()):
        op.execute(statements)
    for statement in (*triggers(names.platform_role), *policies(names), *grants(names)):
        op.execute(statement)


def downgrade(op: Operations) -> None:
    """Leave nothing of ours but the roles, which belong to the server, and the extensions."""
    names = op.get_context().opts["names"]
    for table in reversed(ACCESS):
        op.execute(f"DROP TABLE {table}")
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    for name in TYPES:
        op.execute(f"DROP TYPE {name}")
    for role in names.roles:
        op.execute(f'REVOKE USAGE ON SCHEMA "{names.schema}" FROM "{role}"')


def triggers(platform_role: str | None) -> Iterator[str]:
    """Move updated_at whenever a row really changes, and keep the audit log append-only."""
    for table in ACCESS:
        if table != "chatapp_audit_logs":
            yield f"""
                CREATE TRIGGER tr_{table}_updated_at BEFORE UPDATE ON {table}
                FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*)
                EXECUTE FUNCTION chatapp_touch_updated_at()"""
    guard = f"EXECUTE FUNCTION chatapp_audit_guard('{platform_role or ''}')"
    yield f"""
        CREATE TRIGGER tr_chatapp_audit_logs_row BEFORE UPDATE OR DELETE
        ON chatapp_audit_logs FOR EACH ROW {guard}"""
    yield f"""
        CREATE TRIGGER tr_chatapp_audit_logs_statement BEFORE UPDATE OR DELETE OR TRUNCATE
        ON chatapp_audit_logs FOR EACH STATEMENT {guard}"""


def policies(names: Any) -> Iterator[str]:
    """Show a company its own rows, and the platform all of them; one policy per command and role.

    Without an app role the policies bind the owner. The sub-select keeps it to one call of the
    function per statement.
    """
    app_role = f'"{names.app_role}"' if names.app_role else "CURRENT_USER"
    for table, (company, commands) in ACCESS.items():
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
        yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
        own = f"{company} = (SELECT chatapp_current_company())" if company else "true"
        for command in commands:
            yield policy(table, "app", command, app_role, own)
        if names.platform_role:
            for command in platform_commands(table):
                yield policy(table, "platform", command, f'"{names.platform_role}"', "true")


def policy(table: str, whose: str, command: str, role: str, condition: str) -> str:
    """Write one policy: reading is judged by USING, writing by WITH CHECK."""
    using = f" USING ({condition})" if command != "INSERT" else ""
    check = f" WITH CHECK ({condition})" if command in {"INSERT", "UPDATE"} else ""
    return f"CREATE POLICY {whose}_{command.lower()} ON {table} FOR {command} TO {role}{using}{check}"


def grants(names: Any) -> Iterator[str]:
    """Give both roles what their policies are about, and nobody else anything."""
    for function in FUNCTIONS:
        yield f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC"
    for role in names.roles:
        yield f'GRANT USAGE ON SCHEMA "{names.schema}" TO "{role}"'
        yield f'GRANT EXECUTE ON FUNCTION chatapp_current_company() TO "{role}"'
    for table, (_, commands) in ACCESS.items():
        yield f"REVOKE ALL ON {table} FROM PUBLIC"
        if names.app_role:
            granted = ", ".join(COLUMNS.get((table, command), command) for command in commands)
            yield f'GRANT {granted} ON {table} TO "{names.app_role}"'
        if names.platform_role:
            yield f'GRANT {", ".join(platform_commands(table))} ON {table} TO "{names.platform_role}"'


def platform_commands(table: str) -> tuple[str, ...]:
    """Tell what the platform may do; a DELETE on the audit log passes the trigger in a purge alone."""
    return ("SELECT", "INSERT", "DELETE") if table == "chatapp_audit_logs" else EVERYTHING


EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")

# For each table, in the order of their references: the column that names the company, and what a
# company may do with its own rows.
ACCESS: dict[str, tuple[str | None, tuple[str, ...]]] = {
    "chatapp_subscription_plans": (None, ("SELECT",)),
    "chatapp_agent_packages": (None, ("SELECT",)),
    "chatapp_companies": ("id", ("SELECT", "UPDATE")),
    "chatapp_users": ("company_id", ("SELECT", "INSERT", "UPDATE")),
    "chatapp_team_invitations": ("company_id", ("SELECT", "INSERT", "UPDATE")),
    "chatapp_audit_logs": ("company_id", ("SELECT", "INSERT")),
    "chatapp_agents": ("company_id", EVERYTHING),
    "chatapp_widget_settings": ("company_id", EVERYTHING),
    "chatapp_knowledge_sources": ("company_id", EVERYTHING),
    "chatapp_knowledge_chunks": ("company_id", EVERYTHING),
    "chatapp_customers": ("company_id", EVERYTHING),
    "chatapp_conversations": ("company_id", EVERYTHING),
    "chatapp_messages": ("company_id", EVERYTHING),
    "chatapp_canned_responses": ("company_id", EVERYTHING),
    "chatapp_conversation_analytics": ("company_id", EVERYTHING),
    "chatapp_daily_analytics": ("company_id", EVERYTHING),
    "chatapp_integrations": ("company_id", EVERYTHING),
    "chatapp_webhooks": ("company_id", EVERYTHING),
}

# A company changes a part of its own row: not its plan, not its trial.
COLUMNS = {
    ("chatapp_companies", "UPDATE"): "UPDATE (name, domain, logo_url, settings, timezone)",
}

FUNCTIONS = {
    # After a transaction the setting is '', not null, for ever. Immutable, a cached plan would show
    # the first company's rows to the second; not parallel safe, no plan below a policy would be.
    "chatapp_current_company()": """
CREATE FUNCTION chatapp_current_company() RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = '' AS
$$ select nullif(pg_catalog.current_setting('chatapp.company_id', true), '')::uuid $$""",
    "chatapp_touch_updated_at()": """
CREATE FUNCTION chatapp_touch_updated_at() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ begin new.updated_at := pg_catalog.now(); return new; end $$""",
    # The argument is the platform role: it alone may delete, and only once it said so in this transaction.
    "chatapp_audit_guard()": """
CREATE FUNCTION chatapp_audit_guard() RETURNS trigger
LANGUAGE plpgsql SET search_path = '' AS
$$ begin
  if tg_op = 'DELETE' and current_user = tg_argv[0]
     and pg_catalog.current_setting('chatapp.audit_purge', true) = 'on' then
    if tg_level = 'ROW' then return old; else return null; end if;
  end if;
  raise exception using errcode = 'insufficient_privilege',
    message = tg_op || ' on ' || tg_table_name || ' refused: append-only';
end $$""",
}

TYPES = {
    "chatapp_agent_status": ("draft", "active", "paused", "archived"),
    "chatapp_agent_type": ("support", "sales", "general", "custom"),
    "chatapp_billing_cycle": ("monthly", "yearly"),
    "chatapp_channel_type": ("widget", "whatsapp", "telegram", "slack", "teams", "email"),
    "chatapp_conversation_status": ("active", "waiting", "resolved", "archived"),
    "chatapp_integration_status": ("active", "inactive", "error"),
    "chatapp_integration_type": (
        "slack",
        "zapier",
        "salesforce",
        "hubspot",
        "zendesk",
        "intercom",
        "shopify",
        "stripe",
        "custom",
    ),
    "chatapp_invitation_status": ("pending", "accepted", "expired", "revoked"),
    "chatapp_knowledge_source_status": ("processing", "ready", "error"),
    "chatapp_knowledge_source_type": ("file", "url", "text"),
    "chatapp_message_role": ("user", "assistant", "system"),
    "chatapp_message_type": ("text", "image", "file", "system_event"),
    "chatapp_plan_type": ("free", "starter", "professional", "enterprise"),
    "chatapp_resolution_type": ("ai", "human", "abandoned"),
    "chatapp_subscription_status": ("trialing", "active", "past_due", "paused", "canceled", "expired"),
    "chatapp_user_role": ("master_admin", "company_admin", "support_agent"),
    "chatapp_user_status": ("active", "inactive", "pending", "suspended"),
}

SUBSCRIPTION_PLANS = """
CREATE TABLE chatapp_subscription_plans (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    type chatapp_plan_type NOT NULL,
    price_monthly numeric(12, 2) NOT NULL DEFAULT 0,
    price_yearly numeric(12, 2) NOT NULL DEFAULT 0,
    currency text NOT NULL DEFAULT 'USD',
    features jsonb NOT NULL DEFAULT '{}',
    limits jsonb NOT NULL DEFAULT '{}',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_subscription_plans PRIMARY KEY (id),
    CONSTRAINT uq_chatapp_subscription_plans_slug UNIQUE (slug),
    CONSTRAINT ck_chatapp_subscription_plans_currency CHECK (currency ~ '^[A-Z]{3}$'),
    CONSTRAINT ck_chatapp_subscription_plans_price
        CHECK (price_monthly >= 0 AND price_yearly >= 0)
);
COMMENT ON TABLE chatapp_subscription_plans IS 'Plans that companies subscribe to';
COMMENT ON COLUMN chatapp_subscription_plans.currency IS 'ISO 4217, of both prices';
COMMENT ON COLUMN chatapp_subscription_plans.limits IS 'null is unlimited';
COMMENT ON COLUMN chatapp_subscription_plans.is_active IS 'Whether new companies may choose it';
"""

AGENT_PACKAGES = """
CREATE TABLE chatapp_agent_packages (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL,
    slug text NOT NULL,
    description text,
    category text,
    icon text,
    base_prompt text NOT NULL DEFAULT '',
    suggested_tools jsonb NOT NULL DEFAULT '[]',
    is_active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_agent_packages PRIMARY KEY (id),
    CONSTRAINT uq_chatapp_agent_packages_slug UNIQUE (slug)
);
COMMENT ON TABLE chatapp_agent_packages IS 'Ready-made agents that companies start from';
COMMENT ON COLUMN chatapp_agent_packages.slug IS 'What the seed knows a package by';
COMMENT ON COLUMN chatapp_agent_packages.is_active IS 'Whether new agents may start from it';
"""

COMPANIES = """
CREATE TABLE chatapp_companies (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL,
    slug text NOT NULL,
    domain text,
    logo_url text,
    settings jsonb NOT NULL DEFAULT '{}',
    subscription_plan_id uuid NOT NULL,
    subscription_status chatapp_subscription_status NOT NULL DEFAULT 'trialing',
    billing_cycle chatapp_billing_cycle,
    timezone text NOT NULL DEFAULT 'UTC',
    trial_ends_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_companies PRIMARY KEY (id),
    CONSTRAINT uq_chatapp_companies_slug UNIQUE (slug),
    CONSTRAINT fk_chatapp_companies_subscription_plan_id
        FOREIGN KEY (subscription_plan_id)
        REFERENCES chatapp_subscription_plans (id),
    CONSTRAINT ck_chatapp_companies_slug CHECK (slug ~ '^[a-z0-9](-?[a-z0-9])*$')
);
CREATE INDEX ix_chatapp_companies_subscription_plan_id
    ON chatapp_companies (subscription_plan_id);
COMMENT ON TABLE chatapp_companies IS 'The tenants';
COMMENT ON COLUMN chatapp_companies.billing_cycle IS 'Null on a free plan';
COMMENT ON COLUMN chatapp_companies.timezone IS 'IANA name; says when a day of the analytics begins';
"""

USERS = """
CREATE TABLE chatapp_users (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    email text NOT NULL,
    name text NOT NULL,
    avatar_url text,
    role chatapp_user_role NOT NULL DEFAULT 'support_agent',
    company_id uuid,
    status chatapp_user_status NOT NULL DEFAULT 'pending',
    settings jsonb NOT NULL DEFAULT '{}',
    last_login_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_users PRIMARY KEY (id),
    CONSTRAINT uq_chatapp_users_company_id_id UNIQUE (company_id, id),
    CONSTRAINT uq_chatapp_users_email UNIQUE (email),
    CONSTRAINT fk_chatapp_users_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT ck_chatapp_users_email
        CHECK (email = lower(email COLLATE "C") AND email = btrim(email) AND email IS NFC NORMALIZED),
    CONSTRAINT ck_chatapp_users_role CHECK ((role = 'master_admin') = (company_id IS NULL))
);
COMMENT ON TABLE chatapp_users IS 'People who sign in; one account belongs to one company';
COMMENT ON COLUMN chatapp_users.email IS 'Unique over all companies; NFC, trimmed, lower case';
COMMENT ON COLUMN chatapp_users.company_id IS 'Null for a master admin';
"""

TEAM_INVITATIONS = """
CREATE TABLE chatapp_team_invitations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    email text NOT NULL,
    role chatapp_user_role NOT NULL DEFAULT 'support_agent',
    invited_by uuid,
    token text NOT NULL,
    status chatapp_invitation_status NOT NULL DEFAULT 'pending',
    expires_at timestamptz NOT NULL DEFAULT now() + interval '7 days',
    accepted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_team_invitations PRIMARY KEY (id),
    CONSTRAINT uq_chatapp_team_invitations_token UNIQUE (token),
    CONSTRAINT fk_chatapp_team_invitations_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_team_invitations_company_id_invited_by
        FOREIGN KEY (company_id, invited_by)
        REFERENCES chatapp_users (company_id, id),
    CONSTRAINT ck_chatapp_team_invitations_email
        CHECK (email = lower(email COLLATE "C") AND email = btrim(email) AND email IS NFC NORMALIZED),
    CONSTRAINT ck_chatapp_team_invitations_role CHECK (role <> 'master_admin'),
    CONSTRAINT ck_chatapp_team_invitations_token CHECK (length(token) = 64)
);
CREATE INDEX ix_chatapp_team_invitations_company_id_created_at
    ON chatapp_team_invitations (company_id, created_at);
CREATE INDEX ix_chatapp_team_invitations_company_id_invited_by
    ON chatapp_team_invitations (company_id, invited_by);
CREATE UNIQUE INDEX uq_chatapp_team_invitations_company_id_email
    ON chatapp_team_invitations (company_id, email) WHERE status = 'pending';
COMMENT ON TABLE chatapp_team_invitations IS 'Invitations to join a company; one pending for an e-mail';
COMMENT ON COLUMN chatapp_team_invitations.email IS 'NFC, trimmed, lower case';
COMMENT ON COLUMN chatapp_team_invitations.invited_by IS 'Null when platform staff invited';
COMMENT ON COLUMN chatapp_team_invitations.token
    IS 'SHA-256 (hexadecimal) of the token, which is stored nowhere';
COMMENT ON COLUMN chatapp_team_invitations.expires_at IS 'Judged by the database''s clock';
"""

AUDIT_LOGS = """
CREATE TABLE chatapp_audit_logs (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid,
    user_id uuid,
    staff_id uuid,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource_id uuid,
    old_values jsonb,
    new_values jsonb,
    ip_address text,
    user_agent text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_audit_logs PRIMARY KEY (id),
    CONSTRAINT fk_chatapp_audit_logs_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_audit_logs_company_id_user_id
        FOREIGN KEY (company_id, user_id)
        REFERENCES chatapp_users (company_id, id)
);
CREATE INDEX ix_chatapp_audit_logs_company_id_created_at
    ON chatapp_audit_logs (company_id, created_at, id);
CREATE INDEX ix_chatapp_audit_logs_company_id_user_id
    ON chatapp_audit_logs (company_id, user_id);
COMMENT ON TABLE chatapp_audit_logs IS 'Append only: who did what';
COMMENT ON COLUMN chatapp_audit_logs.company_id IS 'Null for what concerns no company';
COMMENT ON COLUMN chatapp_audit_logs.user_id IS 'A person of the company; null for platform staff';
COMMENT ON COLUMN chatapp_audit_logs.staff_id IS 'Platform staff; refers to no table, so it never blocks';
COMMENT ON COLUMN chatapp_audit_logs.old_values IS 'The changed columns only, no secrets';
COMMENT ON COLUMN chatapp_audit_logs.new_values IS 'The changed columns only, no secrets';
"""

AGENTS = """
CREATE TABLE chatapp_agents (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    name text NOT NULL,
    description text,
    avatar_url text,
    type chatapp_agent_type NOT NULL DEFAULT 'support',
    status chatapp_agent_status NOT NULL DEFAULT 'draft',
    system_prompt text NOT NULL DEFAULT '',
    welcome_message text,
    model_config jsonb NOT NULL DEFAULT '{}',
    tools_config jsonb NOT NULL DEFAULT '{}',
    escalation_config jsonb NOT NULL DEFAULT '{}',
    widget_config jsonb NOT NULL DEFAULT '{}',
    package_id uuid,
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_agents PRIMARY KEY (company_id, id),
    CONSTRAINT fk_chatapp_agents_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_agents_created_by
        FOREIGN KEY (company_id, created_by)
        REFERENCES chatapp_users (company_id, id),
    CONSTRAINT fk_chatapp_agents_package_id
        FOREIGN KEY (package_id)
        REFERENCES chatapp_agent_packages (id)
);
CREATE INDEX ix_chatapp_agents_created_by ON chatapp_agents (company_id, created_by);
CREATE INDEX ix_chatapp_agents_package_id ON chatapp_agents (package_id);
COMMENT ON TABLE chatapp_agents IS 'AI agents';
COMMENT ON COLUMN chatapp_agents.status IS 'draft, then active or paused, then archived for good';
COMMENT ON COLUMN chatapp_agents.package_id IS 'The package it started from';
COMMENT ON COLUMN chatapp_agents.created_by IS 'Null when platform staff made it';
"""

WIDGET_SETTINGS = """
CREATE TABLE chatapp_widget_settings (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    public_key text NOT NULL,
    allowed_origins text[] NOT NULL DEFAULT '{}',
    appearance jsonb NOT NULL DEFAULT '{}',
    behavior jsonb NOT NULL DEFAULT '{}',
    launcher jsonb NOT NULL DEFAULT '{}',
    chat_window jsonb NOT NULL DEFAULT '{}',
    embed_code text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_widget_settings PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_widget_settings_company_id UNIQUE (company_id),
    CONSTRAINT fk_chatapp_widget_settings_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_widget_settings_agent_id
        FOREIGN KEY (company_id, agent_id)
        REFERENCES chatapp_agents (company_id, id)
);
CREATE INDEX ix_chatapp_widget_settings_agent_id
    ON chatapp_widget_settings (company_id, agent_id);
COMMENT ON TABLE chatapp_widget_settings IS 'The chat widget, one for a company';
COMMENT ON COLUMN chatapp_widget_settings.public_key IS 'Carries the company, which a widget does not know';
COMMENT ON COLUMN chatapp_widget_settings.allowed_origins
    IS 'Where the widget may run; empty is everywhere';
"""

KNOWLEDGE_SOURCES = """
CREATE TABLE chatapp_knowledge_sources (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    agent_id uuid,
    name text NOT NULL,
    type chatapp_knowledge_source_type NOT NULL,
    status chatapp_knowledge_source_status NOT NULL DEFAULT 'processing',
    file_path text,
    file_type text,
    file_size bigint,
    url text,
    content_hash text,
    error_message text,
    metadata jsonb NOT NULL DEFAULT '{}',
    created_by uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_knowledge_sources PRIMARY KEY (company_id, id),
    CONSTRAINT fk_chatapp_knowledge_sources_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_knowledge_sources_agent_id
        FOREIGN KEY (company_id, agent_id)
        REFERENCES chatapp_agents (company_id, id),
    CONSTRAINT fk_chatapp_knowledge_sources_created_by
        FOREIGN KEY (company_id, created_by)
        REFERENCES chatapp_users (company_id, id)
);
CREATE INDEX ix_chatapp_knowledge_sources_agent_id
    ON chatapp_knowledge_sources (company_id, agent_id);
CREATE INDEX ix_chatapp_knowledge_sources_created_by
    ON chatapp_knowledge_sources (company_id, created_by);
CREATE UNIQUE INDEX uq_chatapp_knowledge_sources_content
    ON chatapp_knowledge_sources (company_id, agent_id, content_hash)
    NULLS NOT DISTINCT
    WHERE status <> 'error' AND content_hash IS NOT NULL;
COMMENT ON TABLE chatapp_knowledge_sources IS 'Files, pages and texts that agents answer from';
COMMENT ON COLUMN chatapp_knowledge_sources.agent_id IS 'Null: all agents of the company';
COMMENT ON COLUMN chatapp_knowledge_sources.file_type IS 'Media type';
COMMENT ON COLUMN chatapp_knowledge_sources.file_size IS 'Bytes';
COMMENT ON COLUMN chatapp_knowledge_sources.content_hash
    IS 'Keeps the same content from being registered twice for an agent';
COMMENT ON COLUMN chatapp_knowledge_sources.created_by IS 'Null when platform staff made it';
"""

KNOWLEDGE_CHUNKS = """
CREATE TABLE chatapp_knowledge_chunks (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    source_id uuid NOT NULL,
    content text NOT NULL,
    content_hash text NOT NULL DEFAULT '',
    qdrant_id uuid NOT NULL,
    metadata jsonb NOT NULL DEFAULT '{}',
    chunk_index integer NOT NULL,
    token_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_knowledge_chunks PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_knowledge_chunks_qdrant_id UNIQUE (company_id, qdrant_id),
    CONSTRAINT uq_chatapp_knowledge_chunks_source_id_chunk_index
        UNIQUE (company_id, source_id, chunk_index),
    CONSTRAINT fk_chatapp_knowledge_chunks_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_knowledge_chunks_source_id
        FOREIGN KEY (company_id, source_id)
        REFERENCES chatapp_knowledge_sources (company_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE chatapp_knowledge_chunks IS 'Passages of the sources; their vectors are in the vector store';
COMMENT ON COLUMN chatapp_knowledge_chunks.content_hash IS 'Tells whether the vector is current';
COMMENT ON COLUMN chatapp_knowledge_chunks.qdrant_id
    IS 'Point in the vector store: uuid5(company_id, id), never changed';
COMMENT ON COLUMN chatapp_knowledge_chunks.chunk_index IS 'Place in the source, from 0';
"""

CUSTOMERS = """
CREATE TABLE chatapp_customers (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    external_id text,
    email text,
    name text,
    phone text,
    avatar_url text,
    metadata jsonb NOT NULL DEFAULT '{}',
    tags text[] NOT NULL DEFAULT '{}',
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_customers PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_customers_email UNIQUE (company_id, email),
    CONSTRAINT uq_chatapp_customers_external_id UNIQUE (company_id, external_id),
    CONSTRAINT fk_chatapp_customers_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT ck_chatapp_customers_email
        CHECK (email = lower(email COLLATE "C") AND email = btrim(email) AND email IS NFC NORMALIZED)
);
CREATE INDEX ix_chatapp_customers_last_seen_at
    ON chatapp_customers (company_id, last_seen_at, id);
COMMENT ON TABLE chatapp_customers IS 'People who write to a company';
COMMENT ON COLUMN chatapp_customers.external_id IS 'What the company''s own systems call them';
COMMENT ON COLUMN chatapp_customers.email IS 'NFC, trimmed, lower case';
"""

CONVERSATIONS = """
CREATE TABLE chatapp_conversations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    customer_id uuid NOT NULL,
    assigned_user_id uuid,
    channel chatapp_channel_type NOT NULL DEFAULT 'widget',
    channel_conversation_id text,
    status chatapp_conversation_status NOT NULL DEFAULT 'active',
    priority integer NOT NULL DEFAULT 1,
    tags text[] NOT NULL DEFAULT '{}',
    metadata jsonb NOT NULL DEFAULT '{}',
    started_at timestamptz NOT NULL DEFAULT now(),
    resolved_at timestamptz,
    last_message_at timestamptz NOT NULL DEFAULT now(),
    last_message_preview text,
    waiting_since timestamptz,
    first_response_at timestamptz,
    escalated_at timestamptz,
    customer_last_read_at timestamptz,
    agent_last_read_at timestamptz,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_conversations PRIMARY KEY (company_id, id),
    CONSTRAINT fk_chatapp_conversations_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_conversations_agent_id
        FOREIGN KEY (company_id, agent_id)
        REFERENCES chatapp_agents (company_id, id),
    CONSTRAINT fk_chatapp_conversations_assigned_user_id
        FOREIGN KEY (company_id, assigned_user_id)
        REFERENCES chatapp_users (company_id, id),
    CONSTRAINT fk_chatapp_conversations_customer_id
        FOREIGN KEY (company_id, customer_id)
        REFERENCES chatapp_customers (company_id, id),
    CONSTRAINT ck_chatapp_conversations_preview CHECK (length(last_message_preview) <= 200),
    CONSTRAINT ck_chatapp_conversations_priority CHECK (priority BETWEEN 0 AND 3),
    CONSTRAINT ck_chatapp_conversations_resolved
        CHECK (CASE status
            WHEN 'resolved' THEN resolved_at IS NOT NULL
            WHEN 'archived' THEN true
            ELSE resolved_at IS NULL
        END)
);
CREATE INDEX ix_chatapp_conversations_agent_id ON chatapp_conversations (company_id, agent_id);
CREATE INDEX ix_chatapp_conversations_assigned_user_id
    ON chatapp_conversations (company_id, assigned_user_id);
CREATE INDEX ix_chatapp_conversations_customer_id
    ON chatapp_conversations (company_id, customer_id);
CREATE INDEX ix_chatapp_conversations_inbox_active
    ON chatapp_conversations (company_id, last_message_at DESC, id DESC) WHERE status = 'active';
CREATE INDEX ix_chatapp_conversations_inbox_archived
    ON chatapp_conversations (company_id, last_message_at DESC, id DESC) WHERE status = 'archived';
CREATE INDEX ix_chatapp_conversations_inbox_resolved
    ON chatapp_conversations (company_id, last_message_at DESC, id DESC) WHERE status = 'resolved';
CREATE INDEX ix_chatapp_conversations_inbox_waiting
    ON chatapp_conversations (company_id, last_message_at DESC, id DESC) WHERE status = 'waiting';
CREATE INDEX ix_chatapp_conversations_queue
    ON chatapp_conversations (company_id, priority DESC, waiting_since, id)
    WHERE status = 'waiting' AND assigned_user_id IS NULL;
CREATE INDEX ix_chatapp_conversations_started_at
    ON chatapp_conversations (company_id, started_at);
CREATE INDEX ix_chatapp_conversations_status ON chatapp_conversations (company_id, status);
CREATE UNIQUE INDEX uq_chatapp_conversations_channel
    ON chatapp_conversations (company_id, channel_conversation_id, channel)
    WHERE channel_conversation_id IS NOT NULL;
COMMENT ON TABLE chatapp_conversations IS 'Exchanges between a customer and an agent';
COMMENT ON COLUMN chatapp_conversations.assigned_user_id IS 'The person who took over';
COMMENT ON COLUMN chatapp_conversations.channel_conversation_id
    IS 'What the channel calls the conversation';
COMMENT ON COLUMN chatapp_conversations.priority IS '0 low, 1 normal, 2 high, 3 urgent';
COMMENT ON COLUMN chatapp_conversations.waiting_since
    IS 'Since when the customer has been waiting for a reply';
COMMENT ON COLUMN chatapp_conversations.agent_last_read_at IS 'When the company''s side last read it';
COMMENT ON COLUMN chatapp_conversations.version IS 'Grows with every change, for optimistic concurrency';
"""

MESSAGES = """
CREATE TABLE chatapp_messages (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    role chatapp_message_role NOT NULL,
    type chatapp_message_type NOT NULL DEFAULT 'text',
    content text NOT NULL,
    sender_user_id uuid,
    is_private boolean NOT NULL DEFAULT false,
    external_id text,
    attachments jsonb NOT NULL DEFAULT '[]',
    metadata jsonb NOT NULL DEFAULT '{}',
    tokens_used integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_messages PRIMARY KEY (company_id, id),
    CONSTRAINT fk_chatapp_messages_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_messages_conversation_id
        FOREIGN KEY (company_id, conversation_id)
        REFERENCES chatapp_conversations (company_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_chatapp_messages_sender_user_id
        FOREIGN KEY (company_id, sender_user_id)
        REFERENCES chatapp_users (company_id, id),
    CONSTRAINT ck_chatapp_messages_tokens CHECK (tokens_used >= 0)
);
CREATE INDEX ix_chatapp_messages_page
    ON chatapp_messages (company_id, conversation_id, created_at, id);
CREATE INDEX ix_chatapp_messages_sender_user_id
    ON chatapp_messages (company_id, sender_user_id) WHERE sender_user_id IS NOT NULL;
CREATE UNIQUE INDEX uq_chatapp_messages_external
    ON chatapp_messages (company_id, conversation_id, external_id) WHERE external_id IS NOT NULL;
COMMENT ON TABLE chatapp_messages IS 'The turns of the conversations';
COMMENT ON COLUMN chatapp_messages.sender_user_id
    IS 'The person who wrote an assistant''s message; null: the AI agent did';
COMMENT ON COLUMN chatapp_messages.is_private IS 'A note the customer never sees';
COMMENT ON COLUMN chatapp_messages.external_id
    IS 'What the channel calls the message: delivered twice, it is one row';
"""

CANNED_RESPONSES = """
CREATE TABLE chatapp_canned_responses (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    user_id uuid,
    shortcut text NOT NULL,
    title text NOT NULL DEFAULT '',
    content text NOT NULL,
    category text,
    tags text[] NOT NULL DEFAULT '{}',
    is_team boolean NOT NULL DEFAULT true,
    usage_count integer NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_canned_responses PRIMARY KEY (company_id, id),
    CONSTRAINT fk_chatapp_canned_responses_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_canned_responses_user_id
        FOREIGN KEY (company_id, user_id)
        REFERENCES chatapp_users (company_id, id),
    CONSTRAINT ck_chatapp_canned_responses_owner CHECK (is_team OR user_id IS NOT NULL)
);
CREATE INDEX ix_chatapp_canned_responses_user_id
    ON chatapp_canned_responses (company_id, user_id);
CREATE UNIQUE INDEX uq_chatapp_canned_responses_own
    ON chatapp_canned_responses (company_id, user_id, lower(shortcut)) WHERE NOT is_team;
CREATE UNIQUE INDEX uq_chatapp_canned_responses_team
    ON chatapp_canned_responses (company_id, lower(shortcut)) WHERE is_team;
COMMENT ON TABLE chatapp_canned_responses IS 'Ready-made answers of a person or of the team';
COMMENT ON COLUMN chatapp_canned_responses.user_id IS 'Whose it is, unless the team''s';
COMMENT ON COLUMN chatapp_canned_responses.shortcut
    IS 'What is typed to get it; upper and lower case are one';
"""

CONVERSATION_ANALYTICS = """
CREATE TABLE chatapp_conversation_analytics (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id uuid NOT NULL,
    resolution_type chatapp_resolution_type,
    messages_count integer NOT NULL DEFAULT 0,
    ai_messages_count integer NOT NULL DEFAULT 0,
    human_messages_count integer NOT NULL DEFAULT 0,
    response_time_avg integer,
    duration_seconds integer,
    satisfaction_score integer,
    escalated boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_conversation_analytics PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_conversation_analytics_conversation_id
        UNIQUE (company_id, conversation_id),
    CONSTRAINT fk_chatapp_conversation_analytics_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_conversation_analytics_agent_id
        FOREIGN KEY (company_id, agent_id)
        REFERENCES chatapp_agents (company_id, id),
    CONSTRAINT fk_chatapp_conversation_analytics_conversation_id
        FOREIGN KEY (company_id, conversation_id)
        REFERENCES chatapp_conversations (company_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_chatapp_conversation_analytics_counts
        CHECK (ai_messages_count + human_messages_count <= messages_count),
    CONSTRAINT ck_chatapp_conversation_analytics_score
        CHECK (satisfaction_score BETWEEN 1 AND 5)
);
CREATE INDEX ix_chatapp_conversation_analytics_agent_id
    ON chatapp_conversation_analytics (company_id, agent_id);
COMMENT ON TABLE chatapp_conversation_analytics IS 'How each conversation went, one row for each';
COMMENT ON COLUMN chatapp_conversation_analytics.human_messages_count
    IS 'Written by people of the company, not by the customer';
COMMENT ON COLUMN chatapp_conversation_analytics.response_time_avg IS 'Seconds';
COMMENT ON COLUMN chatapp_conversation_analytics.satisfaction_score IS '1 to 5';
"""

DAILY_ANALYTICS = """
CREATE TABLE chatapp_daily_analytics (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    date date NOT NULL,
    conversations_total integer NOT NULL DEFAULT 0,
    conversations_resolved integer NOT NULL DEFAULT 0,
    conversations_escalated integer NOT NULL DEFAULT 0,
    messages_total integer NOT NULL DEFAULT 0,
    avg_response_time integer,
    avg_satisfaction numeric(3, 2),
    response_time_sum bigint NOT NULL DEFAULT 0,
    response_time_count integer NOT NULL DEFAULT 0,
    satisfaction_sum integer NOT NULL DEFAULT 0,
    satisfaction_count integer NOT NULL DEFAULT 0,
    tokens_used bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_daily_analytics PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_daily_analytics_date UNIQUE (company_id, date),
    CONSTRAINT fk_chatapp_daily_analytics_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id)
);
COMMENT ON TABLE chatapp_daily_analytics IS 'How each day did, in the company''s time zone';
COMMENT ON COLUMN chatapp_daily_analytics.date IS 'In the company''s time zone';
COMMENT ON COLUMN chatapp_daily_analytics.avg_response_time IS 'Seconds';
COMMENT ON COLUMN chatapp_daily_analytics.avg_satisfaction IS '1 to 5';
COMMENT ON COLUMN chatapp_daily_analytics.response_time_sum IS 'Seconds';
"""

INTEGRATIONS = """
CREATE TABLE chatapp_integrations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    type chatapp_integration_type NOT NULL,
    name text NOT NULL,
    config jsonb NOT NULL DEFAULT '{}',
    status chatapp_integration_status NOT NULL DEFAULT 'inactive',
    last_sync_at timestamptz,
    last_error text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_integrations PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_integrations_type_name UNIQUE (company_id, type, name),
    CONSTRAINT fk_chatapp_integrations_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT ck_chatapp_integrations_config
        CHECK (config = '{}'
            OR config::text ~ '^[{]"v": [1-9][0-9]*, "ct": "[A-Za-z0-9+/_-]{22,}=*", '
            '"kid": "[A-Za-z0-9._:/-]+", "nonce": "[A-Za-z0-9+/_-]{16}"[}]$')
);
COMMENT ON TABLE chatapp_integrations IS 'Connections to other services';
COMMENT ON COLUMN chatapp_integrations.config
    IS 'Sealed (AES-256-GCM), never plain text; empty: nothing to keep secret';
"""

WEBHOOKS = """
CREATE TABLE chatapp_webhooks (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL DEFAULT '{conversation.created}',
    secret text,
    is_active boolean NOT NULL DEFAULT true,
    last_triggered_at timestamptz,
    failure_count integer NOT NULL DEFAULT 0,
    disabled_at timestamptz,
    disabled_reason text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_webhooks PRIMARY KEY (company_id, id),
    CONSTRAINT fk_chatapp_webhooks_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT ck_chatapp_webhooks_events CHECK (cardinality(events) > 0),
    CONSTRAINT ck_chatapp_webhooks_secret
        CHECK (secret ~ '^[{]"v":[1-9][0-9]*,"kid":"[A-Za-z0-9._:/-]+","nonce":"[A-Za-z0-9+/_-]{16}",'
            '"ct":"[A-Za-z0-9+/_-]{22,}=*"[}]$')
);
COMMENT ON TABLE chatapp_webhooks IS 'Addresses that are told what happens';
COMMENT ON COLUMN chatapp_webhooks.secret
    IS 'Sealed (AES-256-GCM), never plain text; null: calls are not signed';
COMMENT ON COLUMN chatapp_webhooks.failure_count IS 'Since it last worked';
"""

# In the order of their references.
TABLES = (
    SUBSCRIPTION_PLANS,
    AGENT_PACKAGES,
    COMPANIES,
    USERS,
    TEAM_INVITATIONS,
    AUDIT_LOGS,
    AGENTS,
    WIDGET_SETTINGS,
    KNOWLEDGE_SOURCES,
    KNOWLEDGE_CHUNKS,
    CUSTOMERS,
    CONVERSATIONS,
    MESSAGES,
    CANNED_RESPONSES,
    CONVERSATION_ANALYTICS,
    DAILY_ANALYTICS,
    INTEGRATIONS,
    WEBHOOKS,
)
