"""Keep what webhooks are told until they were, and what is used of a plan; find invitations that are over.

Revision 0006, after 0005.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alembic.operations import Operations

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

EXPIRY = "ix_chatapp_team_invitations_expiry"
# What is asked of one company alone must not be read from everybody's: only a statement that says of a
# pending invitation that nobody accepted it is served.
ON_INVITATIONS = "(expires_at, id) WHERE status = 'pending' AND accepted_at IS NULL"

# Where the table has rows it is there already, built ahead of this revision's transaction.
CONCURRENTLY = {EXPIRY: ("chatapp_team_invitations", ON_INVITATIONS)}

TABLES = ("chatapp_webhook_deliveries", "chatapp_usage_counters", "chatapp_usage_reservations")
COMMANDS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def upgrade(op: Operations) -> None:
    options = op.get_context().opts
    if not options["indexes_are_built"]:
        op.execute(f"CREATE INDEX IF NOT EXISTS {EXPIRY} ON chatapp_team_invitations {ON_INVITATIONS}")
    for statements in (WEBHOOK_DELIVERIES, USAGE_COUNTERS, USAGE_RESERVATIONS):
        op.execute(statements)
    for table in TABLES:
        for statement in walls(table, options["names"]):
            op.execute(statement)


def downgrade(op: Operations) -> None:
    for table in reversed(TABLES):
        op.execute(f"DROP TABLE {table}")
    op.execute(f"DROP INDEX {EXPIRY}")


def walls(table: str, names: Any) -> Iterator[str]:
    """Show a company its own rows, and the platform all of them; without an app role, bind the owner."""
    yield f"""
        CREATE TRIGGER tr_{table}_updated_at BEFORE UPDATE ON {table}
        FOR EACH ROW WHEN (old.* IS DISTINCT FROM new.*)
        EXECUTE FUNCTION chatapp_touch_updated_at()"""
    yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    app_role = f'"{names.app_role}"' if names.app_role else "CURRENT_USER"
    for command in COMMANDS:
        yield policy(table, "app", command, app_role, "company_id = (SELECT chatapp_current_company())")
        if names.platform_role:
            yield policy(table, "platform", command, f'"{names.platform_role}"', "true")
    yield f"REVOKE ALL ON {table} FROM PUBLIC"
    for role in names.roles:
        yield f'GRANT {", ".join(COMMANDS)} ON {table} TO "{role}"'


def policy(table: str, whose: str, command: str, role: str, condition: str) -> str:
    """Write one policy: reading is judged by USING, writing by WITH CHECK."""
    using = f" USING ({condition})" if command != "INSERT" else ""
    check = f" WITH CHECK ({condition})" if command in {"INSERT", "UPDATE"} else ""
    return f"CREATE POLICY {whose}_{command.lower()} ON {table} FOR {command} TO {role}{using}{check}"


WEBHOOK_DELIVERIES = """
CREATE TABLE chatapp_webhook_deliveries (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    payload jsonb NOT NULL DEFAULT '{}',
    attempts integer NOT NULL DEFAULT 0,
    status_code integer,
    error text,
    next_attempt_at timestamptz,
    lease_token uuid,
    delivered_at timestamptz,
    dead_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_webhook_deliveries PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_webhook_deliveries_event_id_webhook_id
        UNIQUE (company_id, event_id, webhook_id),
    CONSTRAINT fk_chatapp_webhook_deliveries_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT fk_chatapp_webhook_deliveries_webhook_id
        FOREIGN KEY (company_id, webhook_id)
        REFERENCES chatapp_webhooks (company_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_chatapp_webhook_deliveries_state
        CHECK (num_nonnulls(next_attempt_at, delivered_at, dead_at) = 1)
);
CREATE INDEX ix_chatapp_webhook_deliveries_webhook
    ON chatapp_webhook_deliveries (company_id, webhook_id, id);
CREATE INDEX ix_chatapp_webhook_deliveries_due
    ON chatapp_webhook_deliveries (company_id, next_attempt_at, id) WHERE next_attempt_at IS NOT NULL;
CREATE INDEX ix_chatapp_webhook_deliveries_due_anywhere
    ON chatapp_webhook_deliveries (next_attempt_at, id)
    WHERE next_attempt_at IS NOT NULL AND delivered_at IS NULL;
CREATE INDEX ix_chatapp_webhook_deliveries_dead
    ON chatapp_webhook_deliveries (company_id, id) WHERE dead_at IS NOT NULL;
CREATE INDEX ix_chatapp_webhook_deliveries_settled
    ON chatapp_webhook_deliveries (company_id, COALESCE(delivered_at, dead_at))
    WHERE next_attempt_at IS NULL;
COMMENT ON TABLE chatapp_webhook_deliveries IS 'Events on their way to webhooks, and what became of them';
COMMENT ON COLUMN chatapp_webhook_deliveries.event_id
    IS 'The same for all who are told, and for every attempt';
COMMENT ON COLUMN chatapp_webhook_deliveries.attempts IS 'How often it was claimed';
COMMENT ON COLUMN chatapp_webhook_deliveries.status_code IS 'What the last attempt was answered';
COMMENT ON COLUMN chatapp_webhook_deliveries.error IS 'Why the last attempt failed';
COMMENT ON COLUMN chatapp_webhook_deliveries.next_attempt_at
    IS 'When it is due; while it is claimed, when the lease ends; null: settled';
COMMENT ON COLUMN chatapp_webhook_deliveries.lease_token IS 'Of who has claimed it';
COMMENT ON COLUMN chatapp_webhook_deliveries.dead_at IS 'When it was given up';
"""

USAGE_COUNTERS = """
CREATE TABLE chatapp_usage_counters (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    metric text NOT NULL,
    period date NOT NULL,
    used bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_usage_counters PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_usage_counters_metric_period UNIQUE (company_id, metric, period),
    CONSTRAINT fk_chatapp_usage_counters_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT ck_chatapp_usage_counters_used CHECK (used >= 0)
);
COMMENT ON TABLE chatapp_usage_counters IS 'What was used in each month';
COMMENT ON COLUMN chatapp_usage_counters.metric IS 'The name of the plan''s limit';
COMMENT ON COLUMN chatapp_usage_counters.period
    IS 'The first day of the month, in the company''s time zone';
"""

USAGE_RESERVATIONS = """
CREATE TABLE chatapp_usage_reservations (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    company_id uuid NOT NULL,
    metric text NOT NULL,
    period date NOT NULL,
    amount bigint NOT NULL,
    key text,
    expires_at timestamptz NOT NULL DEFAULT now() + interval '15 minutes',
    settled_at timestamptz,
    used bigint,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT pk_chatapp_usage_reservations PRIMARY KEY (company_id, id),
    CONSTRAINT uq_chatapp_usage_reservations_key UNIQUE (company_id, key),
    CONSTRAINT fk_chatapp_usage_reservations_company_id
        FOREIGN KEY (company_id)
        REFERENCES chatapp_companies (id),
    CONSTRAINT ck_chatapp_usage_reservations_amount CHECK (amount > 0),
    CONSTRAINT ck_chatapp_usage_reservations_used
        CHECK (used IS NULL OR used >= 0 AND settled_at IS NOT NULL)
);
CREATE INDEX ix_chatapp_usage_reservations_open
    ON chatapp_usage_reservations (company_id, metric, period, expires_at) WHERE settled_at IS NULL;
CREATE INDEX ix_chatapp_usage_reservations_expires_at
    ON chatapp_usage_reservations (company_id, expires_at);
COMMENT ON TABLE chatapp_usage_reservations
    IS 'What is held of a limit until it was used, and what was counted under a key';
COMMENT ON COLUMN chatapp_usage_reservations.metric IS 'The name of the plan''s limit';
COMMENT ON COLUMN chatapp_usage_reservations.period IS 'The month that it counts in';
COMMENT ON COLUMN chatapp_usage_reservations.key
    IS 'The caller''s name for it: given twice, it counts once';
COMMENT ON COLUMN chatapp_usage_reservations.expires_at IS 'From then on it holds nothing';
COMMENT ON COLUMN chatapp_usage_reservations.used IS 'Null: open, or released';
"""
