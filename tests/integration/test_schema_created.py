"""The tables and their security, created from the metadata alone, hold in a real server."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, create_engine, exc, inspect, select, text
from sqlalchemy.orm import Session

from chatapp_db.address import engine_url
from chatapp_db.schema import (
    Agent,
    AgentPackage,
    AgentStatus,
    AuditLog,
    Company,
    Conversation,
    Customer,
    KnowledgeChunk,
    KnowledgeSource,
    KnowledgeSourceType,
    PlanType,
    SubscriptionPlan,
    User,
    UserRole,
    metadata,
)
from chatapp_db.schema.security import FUNCTIONS, security_statements
from chatapp_db.testing.server import Server

NONCE = "A" * 16
SEALED = f'{{"v":1,"kid":"k1","nonce":"{NONCE}","ct":"{"B" * 24}"}}'


@dataclass
class Place:
    engine: Engine
    app: str
    platform: str

    @contextmanager
    def acting(self, role: str, company: UUID | None = None) -> Generator[Connection]:
        """Act in a transaction that leaves nothing behind."""
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f'SET LOCAL ROLE "{role}"')
            if company is not None:
                connection.execute(
                    text("SELECT set_config('chatapp.company_id', :id, true)"), {"id": str(company)}
                )
            yield connection
            connection.rollback()


@dataclass
class Rows:
    company: UUID
    user: UUID
    agent: UUID
    conversation: UUID


@pytest.fixture(scope="module")
def place(server: Server) -> Generator[Place]:
    suffix = secrets.token_hex(4)
    roles = [f"App'\"{suffix}", f"platform_{suffix}"]
    for role in roles:
        server.execute("CREATE ROLE {} NOLOGIN", role)
    with server.database() as url:
        engine = create_engine(engine_url(url))
        with engine.begin() as connection:
            metadata.create_all(connection)
            for statement in security_statements(metadata, app_role=roles[0], platform_role=roles[1]):
                connection.exec_driver_sql(statement)
        yield Place(engine, roles[0].replace('"', '""'), roles[1])
        engine.dispose()
    for role in roles:
        server.execute("DROP ROLE {}", role)


@pytest.fixture(scope="module")
def two(place: Place) -> tuple[Rows, Rows]:
    """Two companies, each with a user, an agent and a conversation, and one line that tells of it."""
    with Session(place.engine) as session, session.begin():
        plan = SubscriptionPlan(name="Free", slug="free", type=PlanType.FREE)
        session.add(plan)
        session.flush()
        session.execute(text(f"SET LOCAL ROLE {place.platform}"))
        session.execute(text("SET LOCAL chatapp.audit_purge = 'on'"))
        return new_company(session, plan, "one"), new_company(session, plan, "two")


def new_company(session: Session, plan: SubscriptionPlan, slug: str) -> Rows:
    company = Company(name=slug, slug=slug, subscription_plan=plan)
    user = User(email=f"{slug}@example.com", name=slug, role=UserRole.COMPANY_ADMIN, company=company)
    agent = Agent(company=company, name=slug)
    customer = Customer(company=company, name=slug)
    conversation = Conversation(company=company, agent=agent, customer=customer, assigned_user=user)
    session.add(AuditLog(company=company, user=user, action="made", resource_type="company"))
    session.add(conversation)
    session.flush()
    return Rows(company.id, user.id, agent.id, conversation.id)


def count(connection: Connection, table: str) -> int:
    return connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_all_tables_are_there_with_security_enabled_and_forced(place):
    with place.engine.connect() as connection:
        forced = connection.execute(
            text(
                "SELECT relname FROM pg_class WHERE relkind = 'r' AND relrowsecurity AND relforcerowsecurity"
            )
        ).scalars()

        assert set(forced) == set(metadata.tables)
    assert set(inspect(place.engine).get_table_names()) == set(metadata.tables)


def test_a_company_sees_its_own_rows_alone(place, two):
    owned = [name for name, table in metadata.tables.items() if table.info["company_key"]]
    for rows in two:
        with place.acting(place.app, rows.company) as connection:
            assert connection.execute(select(Company.id)).scalars().all() == [rows.company]
            assert connection.execute(select(Conversation.id)).scalars().all() == [rows.conversation]
            assert all(count(connection, name) <= 1 for name in owned)
            assert count(connection, "chatapp_subscription_plans") == 1


def test_without_a_company_there_are_no_rows_and_no_error(place, two):
    with place.acting(place.app) as connection:
        assert count(connection, "chatapp_conversations") == 0
        connection.execute(text("SELECT set_config('chatapp.company_id', '', true)"))
        assert count(connection, "chatapp_conversations") == 0


def test_a_policy_names_the_company_without_a_call_of_a_function(place):
    with place.acting(place.app) as connection:
        plan = "\n".join(connection.scalars(text("EXPLAIN (VERBOSE) SELECT id FROM chatapp_agents")))
    assert "current_setting('chatapp.company_id'" in plan
    assert "chatapp_current_company" not in plan


def test_the_platform_sees_every_company(place, two):
    with place.acting(place.platform) as connection:
        assert count(connection, "chatapp_companies") == 2
        assert count(connection, "chatapp_audit_logs") == 2


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE chatapp_companies SET trial_ends_at = now() + interval '1 year'",
        "UPDATE chatapp_companies SET subscription_plan_id = gen_random_uuid()",
        "INSERT INTO chatapp_companies (name, slug, subscription_plan_id) SELECT 'x', 'x', gen_random_uuid()",
        "DELETE FROM chatapp_companies",
        "DELETE FROM chatapp_users",
        "DELETE FROM chatapp_team_invitations",
        "UPDATE chatapp_audit_logs SET action = 'nothing'",
        "DELETE FROM chatapp_audit_logs",
        "INSERT INTO chatapp_subscription_plans (name, slug, type) VALUES ('x', 'x', 'free')",
        "UPDATE chatapp_agent_packages SET name = 'x'",
        "TRUNCATE chatapp_messages",
        "INSERT INTO chatapp_agents (company_id, name) VALUES (gen_random_uuid(), 'x')",
        "UPDATE chatapp_agents SET company_id = gen_random_uuid()",
    ],
)
def test_a_company_may_not(place, two, statement):
    with place.acting(place.app, two[0].company) as connection, pytest.raises(exc.ProgrammingError):
        connection.exec_driver_sql(statement)


def test_a_company_may_change_its_own_name(place, two):
    with place.acting(place.app, two[0].company) as connection:
        changed = connection.exec_driver_sql(
            "UPDATE chatapp_companies SET name = 'new', timezone = 'Asia/Tokyo'"
        )

        assert changed.rowcount == 1


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("DELETE FROM chatapp_audit_logs", "DELETE on chatapp_audit_logs refused: append-only"),
        ("UPDATE chatapp_audit_logs SET action = 'x'", "UPDATE on chatapp_audit_logs refused: append-only"),
        ("UPDATE chatapp_audit_logs SET action = 'x' WHERE false", "refused: append-only"),
        ("TRUNCATE chatapp_audit_logs", "TRUNCATE on chatapp_audit_logs refused: append-only"),
        ("TRUNCATE chatapp_companies CASCADE", "TRUNCATE on chatapp_audit_logs refused: append-only"),
    ],
)
def test_the_audit_log_is_append_only_even_for_the_owner(place, two, command, message):
    with place.engine.connect() as connection:
        connection.exec_driver_sql("SELECT set_config('chatapp.audit_purge', 'on', true)")
        with pytest.raises(exc.ProgrammingError, match=message):
            connection.exec_driver_sql(command)
        connection.rollback()


def test_the_platform_deletes_from_the_audit_log_only_by_the_purge_path(place, two):
    with place.acting(place.platform) as connection, pytest.raises(exc.ProgrammingError, match="append-only"):
        connection.exec_driver_sql("DELETE FROM chatapp_audit_logs")

    with place.acting(place.platform) as connection:
        connection.exec_driver_sql("SELECT set_config('chatapp.audit_purge', 'on', true)")
        assert connection.exec_driver_sql("DELETE FROM chatapp_audit_logs").rowcount == 2


def test_nobody_else_may_call_our_functions(place):
    with place.engine.connect() as connection:
        acls = connection.execute(
            text("SELECT proname, proacl::text FROM pg_proc WHERE proname LIKE 'chatapp%'")
        ).all()

    assert len(acls) == len(FUNCTIONS) + 2
    assert not any("{=" in acl or ",=" in acl for _, acl in acls)


def test_the_owner_is_bound_when_there_are_no_roles(server):
    owner = f"owner_{secrets.token_hex(4)}"
    server.execute("CREATE ROLE {} LOGIN PASSWORD 'x'", owner)
    with server.database() as url:
        engine = create_engine(engine_url(url))
        with engine.begin() as connection:
            connection.exec_driver_sql(f"GRANT CREATE ON SCHEMA public TO {owner}")
            connection.exec_driver_sql(f"SET LOCAL ROLE {owner}")
            metadata.create_all(connection)
            for statement in security_statements(metadata, app_role=None, platform_role=None):
                connection.exec_driver_sql(statement)
        with Session(engine) as session, session.begin():
            plan = SubscriptionPlan(name="Free", slug="free", type=PlanType.FREE)
            rows = new_company(session, plan, "one"), new_company(session, plan, "two")

        lone = Place(engine, owner, owner)
        with lone.acting(owner, rows[0].company) as connection:
            assert count(connection, "chatapp_companies") == 1
        with lone.acting(owner) as connection:
            assert count(connection, "chatapp_companies") == 0
        engine.dispose()
    server.execute("DROP ROLE {}", owner)


@pytest.mark.parametrize("reference", ["agent_id", "customer_id", "assigned_user_id"])
def test_a_reference_into_another_company_is_refused(place, two, reference):
    ours, theirs = two
    with place.engine.connect() as connection:
        with pytest.raises(exc.IntegrityError, match=f"fk_chatapp_conversations_{reference}"):
            connection.execute(
                text(
                    f"UPDATE chatapp_conversations SET {reference} ="
                    f" (SELECT {reference} FROM chatapp_conversations WHERE id = :theirs) WHERE id = :ours"
                ),
                {"theirs": theirs.conversation, "ours": ours.conversation},
            )
        connection.rollback()


def test_updated_at_moves_only_when_the_row_really_changes(place, two):
    def moved(connection: Connection, change: str) -> bool:
        where = f"WHERE id = '{two[0].agent}'"
        connection.exec_driver_sql(f"UPDATE chatapp_agents SET {change} {where}")
        return connection.exec_driver_sql(
            f"SELECT updated_at = now() FROM chatapp_agents {where}"
        ).scalar_one()

    with place.engine.connect() as connection:
        assert not moved(connection, "name = name")
        assert moved(connection, "name = 'other', updated_at = '2001-01-01Z'")
        connection.rollback()


def sealed_values() -> list[tuple[str, bool]]:
    member = f'"kid":"k1","nonce":"{NONCE}","ct":"{"B" * 24}"'
    return [
        (SEALED, True),
        (SEALED.replace('"v":1', '"v":"1"'), False),
        (SEALED.replace('"v":1', '"v":0'), False),
        (SEALED.replace('"v":1', '"v":1.0'), False),
        (SEALED.replace("BBBB", ""), False),
        (SEALED.replace("AAAA", ""), False),
        (SEALED.replace("}", ',"plain":"secret"}'), False),
        ("{" + member + "}", False),
        ('{"token":"secret"}', False),
        ('"secret"', False),
        ("[]", False),
        ("null", False),
        ("1", False),
    ]


@pytest.fixture
def store(place: Place, two: tuple[Rows, Rows]) -> Callable[[str, Any], None]:
    def store(table: str, value: Any) -> None:
        columns = {
            "integrations": "type, name, config) VALUES (:company, 'slack', 's', cast(:value AS jsonb))",
            "webhooks": "url, secret) VALUES (:company, 'https://example.com', :value)",
        }
        with place.engine.connect() as connection:
            statement = f"INSERT INTO chatapp_{table} (company_id, {columns[table]}"
            connection.execute(text(statement), {"company": two[0].company, "value": value})
            connection.rollback()

    return store


@pytest.mark.parametrize(("value", "taken"), [("{}", True), *sealed_values()])
def test_the_config_of_an_integration_is_empty_or_sealed(store, value, taken):
    if taken:
        store("integrations", value)
    else:
        with pytest.raises(exc.IntegrityError, match="ck_chatapp_integrations_config"):
            store("integrations", value)


@pytest.mark.parametrize(
    ("value", "taken"),
    [
        (None, True),
        ("{}", False),
        ("", False),
        ("secret", False),
        (SEALED + "\nsecret", False),
        *sealed_values(),
    ],
)
def test_the_secret_of_a_webhook_is_null_or_sealed(store, value, taken):
    if taken:
        store("webhooks", value)
    else:
        with pytest.raises(exc.IntegrityError, match="ck_chatapp_webhooks_secret"):
            store("webhooks", value)


@pytest.mark.parametrize("email", ["A@example.com", " a@example.com", "e\u0301@example.com"])
def test_an_email_that_is_not_normal_is_refused_by_every_table(place, two, email):
    for statement in (
        "users (company_id, email, name) VALUES (:company, :email, 'x')",
        "customers (company_id, email) VALUES (:company, :email)",
        "team_invitations (company_id, email, token) VALUES (:company, :email, repeat('0', 64))",
    ):
        insert = text(f"INSERT INTO chatapp_{statement}")
        with place.engine.connect() as connection, pytest.raises(exc.IntegrityError, match="_email"):
            connection.execute(insert, {"company": two[0].company, "email": email})


def test_a_relation_set_to_none_leaves_the_company_alone(place, two):
    with Session(place.engine) as session:
        conversation = session.get_one(Conversation, (two[0].company, two[0].conversation))
        conversation.assigned_user = None
        session.flush()

        assert (conversation.company_id, conversation.assigned_user_id) == (two[0].company, None)
        session.rollback()


def test_nothing_loads_by_accident(place, two):
    with Session(place.engine) as session:
        conversation = session.get_one(Conversation, (two[0].company, two[0].conversation))

        with pytest.raises(exc.InvalidRequestError, match="lazy='raise'"):
            _ = conversation.messages


def test_a_parent_that_goes_takes_only_what_the_database_says(place, two):
    with Session(place.engine) as session:
        source = KnowledgeSource(company_id=two[0].company, name="s", type=KnowledgeSourceType.TEXT)
        source.chunks = [
            KnowledgeChunk(company_id=two[0].company, content="c", chunk_index=0, qdrant_id=uuid4())
        ]
        session.add(source)
        session.flush()

        session.delete(source)
        session.flush()
        assert session.scalars(select(KnowledgeChunk.id)).all() == []

        session.delete(session.get_one(Agent, (two[0].company, two[0].agent)))
        with pytest.raises(exc.IntegrityError, match="fk_chatapp_conversations_agent_id"):
            session.flush()
        session.rollback()


def test_a_document_of_none_is_null_and_the_column_metadata_has_its_own_name(place, two):
    with Session(place.engine) as session:
        entry = AuditLog(action="a", resource_type="b", old_values=None)
        customer = Customer(company_id=two[0].company, metadata_={"plan": "gold"})
        session.add_all([entry, customer])
        session.flush()

        assert session.scalar(text("SELECT old_values IS NULL FROM chatapp_audit_logs WHERE action = 'a'"))
        stored = text("SELECT metadata->>'plan' FROM chatapp_customers WHERE id = :id")
        assert session.scalar(stored, {"id": customer.id}) == "gold"
        session.rollback()


def test_a_label_that_a_newer_release_added_is_read_as_it_is(place, two):
    with place.engine.connect() as connection:
        connection.exec_driver_sql("ALTER TYPE chatapp_agent_status RENAME VALUE 'paused' TO 'hibernating'")
        connection.execute(text("UPDATE chatapp_agents SET status = 'hibernating'"))
        labels = connection.execute(select(Agent.status)).scalars().all()
        connection.rollback()

    assert labels == ["hibernating", "hibernating"]
    with Session(place.engine) as session:
        assert set(session.scalars(select(Agent.status))) == {AgentStatus.DRAFT}


def test_a_package_belongs_to_no_company_and_its_agents_to_theirs(place, two):
    with Session(place.engine) as session:
        package = AgentPackage(name="Support", slug="support")
        agent = Agent(company_id=two[0].company, name="a", package=package)
        session.add(agent)
        session.flush()

        assert agent.package_id == package.id
        session.rollback()
