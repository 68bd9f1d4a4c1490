"""check(): it finds whatever was done to a migrated schema, and nothing on one that was left alone."""

from __future__ import annotations

import psycopg
import pytest
from sqlalchemy import create_engine

from chatapp_db.address import engine_url
from chatapp_db.errors import NotPermitted
from chatapp_db.migrations import acheck, check
from tests.migrations.catalog import catalog, differences
from tests.migrations.conftest import fresh_place
from tests.migrations.line import EVERY_TABLE

# The kind of thing, its name, and what breaks exactly that.
BREAKS = [
    ("column", "chatapp_users.name", "ALTER TABLE chatapp_users ALTER name DROP NOT NULL"),
    ("column", "chatapp_users.role", "ALTER TABLE chatapp_users ALTER role DROP DEFAULT"),
    ("column", "chatapp_customers.name", 'ALTER TABLE chatapp_customers ALTER name TYPE text COLLATE "C"'),
    ("column", "chatapp_users.nick", "ALTER TABLE chatapp_users ADD nick text"),
    ("table", "chatapp_integrations", "DROP TABLE chatapp_integrations"),
    ("table", "chatapp_integrations", "ALTER TABLE chatapp_integrations SET UNLOGGED"),
    ("sequence", "chatapp_vector_revision", "ALTER SEQUENCE chatapp_vector_revision INCREMENT -1"),
    ("sequence", "chatapp_vector_revision", "DROP SEQUENCE chatapp_vector_revision"),
    ("policy", "chatapp_users.app_select", "DROP POLICY app_select ON chatapp_users"),
    ("policy", "chatapp_users.app_select", "ALTER POLICY app_select ON chatapp_users USING (true)"),
    ("policy", "chatapp_users.app_select", "ALTER POLICY app_select ON chatapp_users TO PUBLIC"),
    ("policy", "chatapp_users.extra", "CREATE POLICY extra ON chatapp_users USING (true)"),
    (
        "policy",
        "chatapp_agents.app_update",
        "ALTER POLICY app_update ON chatapp_agents WITH CHECK (true)",
    ),
    *(
        ("policy", "chatapp_agents.app_select", f"ALTER POLICY app_select ON chatapp_agents USING ({other})")
        for other in (
            "company_id = (SELECT chatapp_current_company() AS other)",
            "company_id = (SELECT chatapp_current_company() LIMIT 1)",
            "company_id = coalesce(chatapp_current_company(), company_id)",
            "company_id = chatapp_current_company() OR chatapp_current_company() IS NULL",
            "id = chatapp_current_company()",
        )
    ),
    ("row security", "chatapp_users", "ALTER TABLE chatapp_users NO FORCE ROW LEVEL SECURITY"),
    ("row security", "chatapp_users", "ALTER TABLE chatapp_users DISABLE ROW LEVEL SECURITY"),
    ("row security", "chatapp_db_version", "ALTER TABLE chatapp_db_version DISABLE ROW LEVEL SECURITY"),
    (
        "trigger",
        "chatapp_users.tr_chatapp_users_updated_at",
        "DROP TRIGGER tr_chatapp_users_updated_at ON chatapp_users",
    ),
    (
        "trigger",
        "chatapp_audit_logs.tr_chatapp_audit_logs_row",
        "ALTER TABLE chatapp_audit_logs DISABLE TRIGGER tr_chatapp_audit_logs_row",
    ),
    (
        "trigger",
        "chatapp_audit_logs.tr_chatapp_audit_logs_row",
        "CREATE OR REPLACE TRIGGER tr_chatapp_audit_logs_row BEFORE UPDATE OR DELETE ON chatapp_audit_logs"
        " FOR EACH ROW EXECUTE FUNCTION chatapp_audit_guard('somebody')",
    ),
    (
        "function",
        "chatapp_current_company()",
        "CREATE OR REPLACE FUNCTION chatapp_current_company() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE"
        " SET search_path = '' AS $$ select null::uuid $$",
    ),
    (
        "function",
        "chatapp_current_company()",
        "CREATE OR REPLACE FUNCTION chatapp_current_company() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE"
        " RETURN '00000000-0000-7000-8000-000000000001'::uuid",
    ),
    ("function", "chatapp_current_company()", "ALTER FUNCTION chatapp_current_company() IMMUTABLE"),
    ("function", "chatapp_current_company()", "ALTER FUNCTION chatapp_current_company() SECURITY DEFINER"),
    (
        "function",
        "chatapp_current_company()",
        "ALTER FUNCTION chatapp_current_company() SET search_path = public",
    ),
    (
        "function",
        "chatapp_current_company(x integer)",
        "CREATE FUNCTION chatapp_current_company(x int) RETURNS int LANGUAGE sql RETURN 1;"
        "REVOKE ALL ON FUNCTION chatapp_current_company(int) FROM PUBLIC",
    ),
    (
        "owner",
        "chatapp_search_messages(query text",
        "ALTER FUNCTION chatapp_search_messages(text, timestamptz, uuid, integer) OWNER TO CURRENT_USER",
    ),
    (
        "function",
        "chatapp_search_chunks(query text",
        "ALTER FUNCTION chatapp_search_chunks(text, uuid, integer) RESET search_path",
    ),
    (
        "grant",
        "chatapp_search_chunks(query text",
        "GRANT EXECUTE ON FUNCTION chatapp_search_chunks(text, uuid, integer) TO PUBLIC",
    ),
    (
        "check",
        "chatapp_messages.ck_chatapp_messages_tokens",
        "ALTER TABLE chatapp_messages DROP CONSTRAINT ck_chatapp_messages_tokens",
    ),
    (
        "check",
        "chatapp_messages.ck_chatapp_messages_tokens",
        "ALTER TABLE chatapp_messages DROP CONSTRAINT ck_chatapp_messages_tokens,"
        " ADD CONSTRAINT ck_chatapp_messages_tokens CHECK (tokens_used >= 0) NOT VALID",
    ),
    (
        "constraint",
        "chatapp_messages.fk_chatapp_messages_conversation_id",
        "ALTER TABLE chatapp_messages DROP CONSTRAINT fk_chatapp_messages_conversation_id,"
        " ADD CONSTRAINT fk_chatapp_messages_conversation_id FOREIGN KEY (company_id, conversation_id)"
        " REFERENCES chatapp_conversations (company_id, id)",
    ),
    ("enum", "chatapp_user_status", "ALTER TYPE chatapp_user_status ADD VALUE 'retired'"),
    ("enum", "chatapp_user_status", "ALTER TYPE chatapp_user_status RENAME VALUE 'suspended' TO 'barred'"),
    ("grant", "chatapp_subscription_plans to", "GRANT UPDATE ON chatapp_subscription_plans TO {app}"),
    ("grant", "chatapp_users to", "REVOKE INSERT ON chatapp_users FROM {app}"),
    ("grant", "chatapp_users to PUBLIC", "GRANT SELECT ON chatapp_users TO PUBLIC"),
    ("grant", "chatapp_companies.slug to", "GRANT UPDATE (slug) ON chatapp_companies TO {app}"),
    (
        "grant",
        "chatapp_current_company() to",
        "REVOKE EXECUTE ON FUNCTION chatapp_current_company() FROM {app}",
    ),
    ("grant", "chatapp_audit_guard() to PUBLIC", "GRANT EXECUTE ON FUNCTION chatapp_audit_guard() TO PUBLIC"),
    ("grant", "chatapp_db_version to", "REVOKE SELECT ON chatapp_db_version FROM {platform}"),
    (
        "grant",
        "chatapp_vector_revision to",
        "REVOKE USAGE ON SEQUENCE chatapp_vector_revision FROM {app}",
    ),
    ("grant", "the schema to", "REVOKE USAGE ON SCHEMA {schema} FROM {app}"),
    ("grant", "chatapp_user_status to PUBLIC", "REVOKE USAGE ON TYPE chatapp_user_status FROM PUBLIC"),
    ("index", "ix_chatapp_messages_page", "DROP INDEX ix_chatapp_messages_page"),
    ("index", "mine", "CREATE INDEX mine ON chatapp_users (name)"),
    (
        "index",
        "ix_chatapp_messages_page",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_chatapp_messages_page'::regclass",
    ),
    ("rule", "chatapp_users.quiet", "CREATE RULE quiet AS ON DELETE TO chatapp_users DO INSTEAD NOTHING"),
    ("comment", "chatapp_companies", "COMMENT ON TABLE chatapp_companies IS 'x'"),
    ("role", "app_", "ALTER ROLE {app} BYPASSRLS"),
]  # fmt: skip


@pytest.mark.parametrize("schema", [None, "chatapp"])
def test_a_migrated_schema_has_no_difference(any_place, schema):
    any_place.migrate(schema=schema)

    assert check(any_place.url, schema=schema, **any_place.names) == []


@pytest.mark.parametrize("without", [("platform_role",), ("app_role", "platform_role")])
def test_nor_has_one_without_a_role(any_place, without):
    roles = {**any_place.names, **dict.fromkeys(without)}
    any_place.migrate(**roles)

    assert check(any_place.url, **roles) == []


@pytest.mark.parametrize(
    ("kind", "name", "statement"),
    BREAKS,
    ids=[f"{kind}-{name}-{n}" for n, (kind, name, _) in enumerate(BREAKS)],
)
def test_whatever_is_done_to_it_is_found_and_nothing_else(broken, kind, name, statement):
    found = broken(statement)

    assert [(kind, True)] == [(difference.kind, name in difference.name) for difference in found]


@pytest.fixture(scope="module")
def migrated(server):
    with fresh_place(server) as place:
        place.migrate(schema="support")
        engine = create_engine(engine_url(place.url))
        yield place, engine
        engine.dispose()


@pytest.fixture
def broken(migrated):
    """Break a migrated schema by a statement, list what check() finds, and take the statement back."""
    place, engine = migrated
    names = {"app": place.app_role, "platform": place.platform_role, "schema": "support"}

    def found(statement):
        with engine.connect() as connection:
            connection.exec_driver_sql("SET search_path TO support")
            connection.exec_driver_sql(statement.format(**names))
            return check(connection, schema="support", **place.names)

    return found


def test_a_policy_without_the_sub_select_is_no_difference(broken):
    """As Citus needs it: row-level security holds in both forms."""
    found = broken(
        "ALTER POLICY app_select ON chatapp_agents USING (company_id = chatapp_current_company());"
        "ALTER POLICY app_insert ON chatapp_agents WITH CHECK (company_id = chatapp_current_company())"
    )

    assert found == []


def test_a_disabled_foreign_key_is_found(broken):
    found = broken("ALTER TABLE chatapp_daily_analytics DISABLE TRIGGER ALL")

    assert {(difference.kind, difference.name) for difference in found} == {
        ("constraint", "chatapp_daily_analytics.fk_chatapp_daily_analytics_company_id"),
        ("trigger", "chatapp_daily_analytics.tr_chatapp_daily_analytics_updated_at"),
    }


def test_an_index_that_a_failed_build_left_invalid_is_found(at_head):
    at_head.execute(
        "INSERT INTO chatapp_agent_packages (name, slug, category) VALUES ('a', 'a', 'x'), ('b', 'b', 'x')"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        at_head.execute("CREATE UNIQUE INDEX CONCURRENTLY half ON chatapp_agent_packages (category)")

    (found,) = check(at_head.url, **at_head.names)

    assert (found.kind, found.name, found.expected) == ("index", "half", None)
    assert str(found.found).startswith("INVALID ")


def test_an_altered_function_owner_is_found(at_head):
    at_head.execute(f"GRANT CREATE ON SCHEMA public TO {at_head.app_role}")
    at_head.execute(f"ALTER FUNCTION chatapp_current_company() OWNER TO {at_head.app_role}")

    found = {(difference.kind, difference.name) for difference in check(at_head.url, **at_head.names)}

    assert ("function", "chatapp_current_company()") in found


def test_missing_roles_are_told_and_nothing_else_is_compared(place):
    found = check(place.url, **place.names)

    assert [(d.kind, d.name, d.found) for d in found] == [
        ("role", name, None) for name in place.names.values()
    ]


def test_an_empty_schema_lacks_its_tables_sequences_functions_and_enums_and_no_column_is_listed(place):
    for role in place.names.values():
        place.execute(f"CREATE ROLE {role}")

    found = check(place.url, **place.names)

    assert {difference.kind for difference in found} == {"table", "sequence", "function", "enum", "grant"}
    assert sum(difference.kind == "table" for difference in found) == EVERY_TABLE
    assert all(difference.found is None for difference in found)


def test_a_plain_owner_may_check_and_nothing_of_it_stays(any_place):
    url = any_place.login("CREATEROLE")
    any_place.migrate(url)
    before = catalog(any_place.url, but="nothing")
    schemas = any_place.rows("SELECT nspname FROM pg_namespace ORDER BY 1")

    assert check(url, **any_place.names) == []
    assert check(any_place.url, **any_place.names) == []

    assert any_place.rows("SELECT nspname FROM pg_namespace ORDER BY 1") == schemas
    assert differences(before, catalog(any_place.url, but="nothing")) == {}


def test_a_login_without_the_right_is_told_which(at_head):
    url = at_head.login(owner=False)

    with pytest.raises(NotPermitted, match="GRANT CREATE ON DATABASE") as refused:
        check(url, **at_head.names)
    at_head.execute(str(refused.value).rpartition(": ")[2])

    assert check(url, **at_head.names) == []


def test_what_a_hosted_server_grants_by_default_is_no_difference(place):
    """Supabase's default privileges give its service role everything in `public`."""
    hosted = place.login(owner=False).split("//")[1].split(":")[0]
    place.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO {hosted}")
    place.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON FUNCTIONS TO {hosted}")
    place.migrate()
    assert check(place.url, **place.names) == []

    place.execute(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public REVOKE ALL ON TABLES FROM {hosted}")
    assert {difference.kind for difference in check(place.url, **place.names)} == {"grant"}
    place.execute(f"DROP OWNED BY {hosted}")


def test_a_host_s_own_things_are_not_compared(at_head):
    at_head.execute("CREATE TABLE chatapp_reports (id int); CREATE TYPE chatapp_mood AS ENUM ('fine')")

    assert check(at_head.url, **at_head.names) == []


def test_a_difference_says_in_words_what_is_wrong(broken):
    (found,) = broken("ALTER POLICY app_select ON chatapp_users USING (true)")

    assert str(found).startswith("policy chatapp_users.app_select: expected FOR SELECT TO app_")
    assert str(found).endswith("USING (true)")


async def test_the_asyncio_twin_finds_the_same(at_head):
    at_head.execute("ALTER TABLE chatapp_users NO FORCE ROW LEVEL SECURITY")

    assert await acheck(at_head.url, **at_head.names) == check(at_head.url, **at_head.names) != []
