"""Each thing that the doctor finds, caused on a real server, and gone once what it says was done."""

from __future__ import annotations

import json
import re
import secrets
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from chatapp_db import Access, KeyRing, aexamine, downgrade, examine
from chatapp_db.cli import main
from chatapp_db.database import Database
from chatapp_db.doctor import examining, relations, versions
from chatapp_db.doctor.finding import PoolerMode
from chatapp_db.knowledge import Embeddings
from chatapp_db.vectors import create_async_vector_store, create_vector_store
from tests import pgbouncer
from tests.contract.stand_in import running_stand_in
from tests.migrations.conftest import Place, fresh_place
from tests.rows import new_company
from tests.worlds import Awaited, settled

ROOT = Path(__file__).parents[2]
SERVERS = ["server", "debian_server"]
# What is left to mend once a role is there that no policy names and nobody was granted.
ROLE_OF_NOBODY = ["drift", "login-may-not-take-role"]
OLD, NEW = KeyRing.generate_key(), KeyRing.generate_key()
RING = KeyRing({"new": NEW, "old": OLD})


@pytest.fixture(scope="module", params=SERVERS)
def origin(request):
    """A migrated place on the run's own server, and on the oldest that we support."""
    with fresh_place(request.getfixturevalue(request.param)) as place:
        place.migrate()
        yield place


@pytest.fixture
def place(origin):
    """A healthy deployment: a copy of the first, with a login as ``chatapp-db grants`` makes it."""
    with origin.server.database(str(make_url(origin.url).database)) as url:
        place = Place(origin.server, url, origin.app_role, origin.platform_role)
        place.url, place.admin = url, url
        place.service = service(place)
        yield place
        for login in reversed(place.logins):
            origin.server.execute("DROP OWNED BY {}", login, database=make_url(url).database)
            origin.server.execute("DROP ROLE IF EXISTS {}", login)


def service(place, *roles):
    """Log in as a service, which takes the roles on purpose alone and may compare the schema."""
    url = place.login("NOINHERIT", owner=False)
    login = make_url(url).username
    for role in roles or place.names.values():
        place.execute(f"GRANT {role} TO {login} {inheriting(place, 'FALSE')}")
    place.execute(f'GRANT CREATE ON DATABASE "{make_url(url).database}" TO {login}')
    return url


def inheriting(place, how):
    return f"WITH INHERIT {how}" if place.value("SHOW server_version_num") >= "160000" else ""


def codes(place, url=None, **options):
    return [finding.code for finding in found(place, url, **options)]


def found(place, url=None, **options):
    options = {**place.names, **options}
    return [one for one in examine(url or place.service, **options).findings if one.code != "server-untested"]


def mended(place, code, left=(), **options):
    """Do what the finding says, and see that it is gone and brought no other in its place."""
    (finding, *_) = [one for one in found(place, **options) if one.code == code]
    with psycopg.connect(place.url, autocommit=True) as connection:
        for statement in statements(finding.mend):
            connection.execute(statement)
        connection.execute("SELECT pg_stat_force_next_flush()")
    assert set(codes(place, **options)) == set(left)


def statements(mend):
    """Send them one by one, as psql does; a DO block has its own semicolons."""
    return [mend] if mend.startswith("DO ") else mend.split("; ")


def test_a_healthy_deployment_has_no_finding_and_nothing_unseen(place):
    found = examine(place.service, **place.names, keys=KeyRing({"new": NEW}))

    assert (found.findings, found.unseen) == ([], [])
    assert (found.pooler, found.is_healthy(strict=True)) == (PoolerMode.NONE, True)


# What is done to the catalog, and what is then found.
CATALOG = {
    "rls-disabled": "ALTER TABLE chatapp_agents DISABLE ROW LEVEL SECURITY",
    "rls-not-forced": "ALTER TABLE chatapp_agents NO FORCE ROW LEVEL SECURITY",
    "policy-missing": "DROP POLICY app_select ON chatapp_agents",
    "policy-foreign": "CREATE POLICY open ON chatapp_agents USING (true)",
    "role-unbound": "ALTER ROLE {app} BYPASSRLS",
}
DRIFTS = {
    "an altered policy": "ALTER POLICY app_select ON chatapp_agents USING (true)",
    "a missing index": "DROP INDEX ix_chatapp_vector_outbox_due",
    "an index too many": "CREATE INDEX mine ON chatapp_agents (name)",
    "a missing check": "ALTER TABLE chatapp_webhooks DROP CONSTRAINT ck_chatapp_webhooks_events",
    "a missing reference": "ALTER TABLE chatapp_agents DROP CONSTRAINT fk_chatapp_agents_company_id",
    "a trigger that is off": "ALTER TABLE chatapp_agents DISABLE TRIGGER tr_chatapp_agents_updated_at",
    "a missing trigger": "DROP TRIGGER tr_chatapp_agents_updated_at ON chatapp_agents",
}


@pytest.mark.parametrize("code", CATALOG)
def test_what_the_catalog_lacks_is_found_and_mended(place, code):
    place.execute(CATALOG[code].format(app=place.app_role))

    try:
        assert codes(place) == [code]
        mended(place, code)
    finally:
        place.execute(f"ALTER ROLE {place.app_role} NOBYPASSRLS")


@pytest.mark.parametrize("what", DRIFTS)
def test_drift_is_found_and_mended(place, what):
    place.execute(DRIFTS[what])

    assert codes(place) == ["drift"]
    mended(place, "drift")


def test_a_drift_that_no_statement_mends_is_told_all_the_same(place):
    place.execute("ALTER TABLE chatapp_agents ADD COLUMN mood text")

    (finding,) = found(place)

    assert (finding.code, finding.where, finding.mend) == ("drift", "column chatapp_agents.mood", None)


def test_an_index_that_a_build_left_invalid_is_found_and_dropped(place):
    place.execute(
        "INSERT INTO chatapp_agent_packages (name, slug, category) VALUES ('a','a','x'), ('b','b','x')"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        place.execute("CREATE UNIQUE INDEX CONCURRENTLY half ON chatapp_agent_packages (category)")

    assert codes(place) == ["index-invalid"]
    mended(place, "index-invalid")


def test_an_invalid_index_of_ours_is_built_anew(place):
    place.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'ix_chatapp_vector_outbox_due'::regclass"
    )

    assert codes(place) == ["index-invalid"]
    mended(place, "index-invalid")


def test_an_invalid_index_that_a_constraint_stands_on_is_built_anew(place):
    place.execute(
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid ="
        " (SELECT conindid FROM pg_constraint WHERE contype = 'p'"
        " AND conrelid = 'chatapp_subscription_plans'::regclass)"
    )

    assert "index-invalid" in codes(place)
    mended(place, "index-invalid")


def test_a_missing_extension_is_a_note(place):
    if not place.rows("SELECT FROM pg_available_extensions WHERE name = 'pg_trgm'"):
        pytest.skip("this server offers no pg_trgm")
    place.execute("DROP EXTENSION pg_trgm")

    (finding,) = found(place)

    assert (finding.code, finding.severity) == ("extension-missing", "note")
    mended(place, "extension-missing")


@pytest.mark.parametrize(
    ("attribute", "code"), [("SUPERUSER", "login-superuser"), ("BYPASSRLS", "login-bypasses-rls")]
)
def test_a_login_that_no_policy_binds_is_found_and_mended(place, attribute, code):
    place.execute(f"ALTER ROLE {make_url(place.service).username} {attribute}")

    assert codes(place) == [code]
    mended(place, code)


def test_a_login_that_may_not_take_the_role_is_found_and_mended(place):
    place.execute(f"REVOKE {place.app_role} FROM {make_url(place.service).username}")

    assert codes(place) == ["login-may-not-take-role"]
    mended(place, "login-may-not-take-role")


def test_a_login_that_is_a_member_and_may_not_switch_is_found_and_mended(place):
    if place.value("SHOW server_version_num") < "160000":
        pytest.skip("memberships have a SET option since PostgreSQL 16")
    login = make_url(place.service).username
    place.execute(f"GRANT {place.app_role} TO {login} WITH SET FALSE")

    assert codes(place) == ["login-may-not-take-role"]
    mended(place, "login-may-not-take-role")


def test_a_login_that_inherits_the_platform_role_is_found_and_mended(place):
    login = make_url(place.service).username
    place.execute(f"ALTER ROLE {login} INHERIT")
    place.execute(f"GRANT {place.platform_role} TO {login} {inheriting(place, 'TRUE')}")

    assert codes(place) == ["login-inherits-platform"]
    mended(place, "login-inherits-platform")


def test_a_missing_role_is_found_and_made(place):
    name = f"role_{secrets.token_hex(4)}"
    place.logins.append(name)

    assert codes(place, app_role=name)[0] == "role-missing"
    mended(place, "role-missing", ROLE_OF_NOBODY, app_role=name)


def test_a_table_full_of_dead_rows_is_found_and_mended(place):
    grown(place)
    place.execute("ALTER TABLE chatapp_agent_packages SET (autovacuum_enabled = off)")
    place.execute("ANALYZE chatapp_agent_packages")
    place.execute("DELETE FROM chatapp_agent_packages; SELECT pg_stat_force_next_flush()")

    assert codes(place) == ["vacuum-needed"]
    mended(place, "vacuum-needed")


def test_a_table_that_nobody_analysed_is_found_and_mended(place):
    grown(place)

    assert codes(place) == ["analyze-needed"]
    mended(place, "analyze-needed")


def grown(place):
    place.execute("ALTER TABLE chatapp_agent_packages SET (autovacuum_enabled = off)")
    place.execute(
        "INSERT INTO chatapp_agent_packages (name, slug, category)"
        f" SELECT 'a', 'a' || n, 'x' FROM generate_series(1, {relations.DEAD_ROWS}) AS n;"
        " SELECT pg_stat_force_next_flush()"
    )


@pytest.mark.slow
def test_a_table_with_old_transaction_ids_is_found_and_mended(place):
    place.execute(
        "ALTER TABLE chatapp_agents SET (autovacuum_freeze_max_age = 100000, autovacuum_enabled = off)"
    )
    place.execute(
        "DO $$ BEGIN FOR i IN 1..160000 LOOP PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )

    assert codes(place) == ["freeze-needed"]
    mended(place, "freeze-needed")


@contextmanager
def opened(place, **options):
    with Database(place.service, **place.names, **options) as db:
        yield db


async def company(place, **options):
    with opened(place, **options) as db:
        return await new_company(Awaited(db))


OUTBOX = """
INSERT INTO chatapp_vector_outbox (company_id, embedding_set_id, subject_id, change, revision, {column})
VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'delete', 1, now() - interval '1 hour')
"""


@pytest.mark.parametrize(("column", "code"), [("dead_at", "outbox-dead"), ("available_at", "outbox-late")])
def test_what_waits_or_died_in_the_outbox_is_found(place, column, code):
    change = place.value("SELECT (enum_range(NULL::chatapp_vector_change))[1]::text")
    place.execute(OUTBOX.format(column=column).replace("'delete'", f"'{change}'"))

    assert codes(place) == [code]


def test_the_dead_of_the_outbox_are_gone_from_the_findings_once_they_are_tried_again(place, monkeypatch):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", place.service)
    with opened(place) as db:
        store = create_vector_store("memory://", dimension=2, collection="first")
        row = Embeddings(db, [store]).register("mini", backend="memory")
    change = place.value("SELECT (enum_range(NULL::chatapp_vector_change))[1]::text")
    dead = OUTBOX.format(column="dead_at").replace("'delete'", f"'{change}'")
    place.execute(dead.replace("gen_random_uuid(), gen_random_uuid()", f"gen_random_uuid(), '{row.id}'", 1))
    (finding,) = found(place)
    assert main([*finding.mend.split()[1:], "--platform-role", place.platform_role]) == 0

    assert codes(place) == []


async def test_deliveries_that_wait_or_died_are_found(place):
    company_id = await company(place)
    with opened(place, keys=RING) as db:
        webhook, _ = db.company(company_id).webhooks.subscribe("https://example.com/x", ["a.b"])
    for column in ("next_attempt_at", "dead_at"):
        place.execute(
            "INSERT INTO chatapp_webhook_deliveries (company_id, webhook_id, event_id, event, payload,"
            f" {column}) VALUES ('{company_id}', '{webhook.id}', gen_random_uuid(), 'a.b', '{{}}',"
            " now() - interval '1 hour')"
        )

    assert codes(place) == ["deliveries-dead", "deliveries-late"]
    with opened(place) as db:
        (dead,) = [
            row.id
            for (row) in db.company(company_id).webhook_deliveries.list().items
            if row.dead_at is not None
        ]
        db.company(company_id).webhook_deliveries.redeliver(dead)
    assert codes(place) == ["deliveries-late"]


async def test_secrets_below_an_old_key_or_a_lost_one_are_found(place, monkeypatch, capsys):
    company_id = await company(place)
    with opened(place, keys=KeyRing({"old": OLD})) as db:
        db.company(company_id).integrations.connect("slack", "x", {"token": "t"})
        db.company(company_id).webhooks.subscribe("https://example.com/x", ["a.b"])

    assert codes(place, keys=KeyRing({"new": NEW})) == ["key-missing"]
    (finding,) = found(place, keys=RING)
    assert finding.code == "key-old"
    assert finding.what.startswith("2 secrets")
    monkeypatch.setenv("CHATAPP_DATABASE_URL", place.service)
    monkeypatch.setenv("CHATAPP_ENCRYPTION_KEYS", f"new:{NEW},old:{OLD}")
    assert main([*finding.mend.split()[1:], "--platform-role", place.platform_role]) == 0
    assert codes(place, keys=RING) == ["key-unused"]
    assert codes(place, keys=KeyRing({"new": NEW})) == []


@pytest.mark.parametrize("state", ["behind", "missing", "ahead", "unknown"])
def test_a_schema_of_another_release_is_found(place, state, monkeypatch):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", place.url)
    if state in {"behind", "missing"}:
        downgrade(place.url, "0004" if state == "behind" else "base", **place.names)
    else:
        place.execute(f"UPDATE chatapp_db_version SET version_num = '{9999 if state == 'ahead' else -1}'")

    finding = next(one for one in found(place, place.url) if one.code == f"schema-{state}")

    if state in {"behind", "missing"}:
        roles = ["--app-role", place.app_role, "--platform-role", place.platform_role]
        assert main([*finding.mend.split()[1:], *roles]) == 0
        assert f"schema-{state}" not in codes(place, place.url)


@pytest.mark.parametrize(
    ("name", "value", "code"), [("OLDEST", 99, "server-too-old"), ("NEWEST", 1, "server-untested")]
)
def test_a_server_that_is_not_supported_is_found(place, monkeypatch, name, value, code):
    monkeypatch.setattr(versions, name, value)

    found = examine(place.service, **place.names)

    assert [one.code for one in found.findings] == [code]


def test_a_libpq_without_pipelines_is_found(place, monkeypatch):
    monkeypatch.setattr(psycopg.Pipeline, "is_supported", classmethod(lambda _: False))

    assert codes(place) == ["libpq-too-old"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_is_wrong_is_found(place, monkeypatch, hours):
    monkeypatch.setattr(versions, "_now", lambda: datetime.now(UTC) + timedelta(hours=hours))

    assert codes(place) == ["clock-skew"]


@pytest.mark.parametrize(
    ("mode", "code"),
    [("transaction", None), ("session", "pooler-session"), ("statement", "pooler-statement")],
)
@pytest.mark.parametrize("pool_size", [1, 4])
def test_the_mode_of_a_pooler_is_seen(place, mode, code, pool_size):
    if pgbouncer.BINARY is None:
        pytest.skip("pgbouncer is not installed")
    with pgbouncer.pgbouncer(place.service, pool_size=pool_size, pool_mode=mode) as url:
        found = examine(url, **place.names)

    assert found.pooler == mode
    assert [one.code for one in found.findings] == ([code] if code else [])


@pytest.fixture(params=["edge", "memory"])
def store_url(request, tmp_path):
    return f"edge://{tmp_path / 'vectors'}" if request.param == "edge" else "memory://"


def test_a_collection_that_is_not_there_is_found_and_made(place, store_url):
    with create_vector_store(store_url, dimension=2) as store:
        assert codes(place, stores=[store]) == ["collection-missing"]
        store.ensure_collection()
        assert codes(place, stores=[store]) == []


def test_a_collection_of_another_dimension_and_distance_is_found(place, tmp_path):
    url = f"edge://{tmp_path / 'vectors'}"
    with create_vector_store(url, dimension=2) as store:
        store.ensure_collection()
    with create_vector_store(url, dimension=3, distance="dot") as store:
        (finding,) = found(place, stores=[store])
    assert finding.code == "collection-mismatch"
    assert "dimension is 2, not 3" in finding.what
    assert "distance is cosine, not dot" in finding.what


def test_a_missing_payload_index_is_found_and_made(place, tmp_path):
    url = f"edge://{tmp_path / 'vectors'}"
    with create_vector_store(url, dimension=2) as store:
        store.ensure_collection()
    with create_vector_store(url, dimension=2, keys={"page": "integer"}) as store:
        (finding,) = found(place, stores=[store])
        assert (finding.code, finding.what) == ("collection-index-missing", "has no index on meta.page")
        store.ensure_collection()
        assert codes(place, stores=[store]) == []


def test_a_store_that_another_has_open_is_a_note_and_one_that_is_down_an_error(place, tmp_path):
    url = f"edge://{tmp_path / 'vectors'}"
    with create_vector_store(url, dimension=2) as store, create_vector_store(url, dimension=2) as second:
        store.ensure_collection()
        assert codes(place, stores=[second]) == ["store-in-use"]
    with create_vector_store("http://127.0.0.1:1", dimension=2, timeout=1) as store:
        assert codes(place, stores=[store]) == ["store-unreachable"]


def test_a_database_without_pgvector_is_found(place):
    url = place.service.replace("postgresql:", "pgvector:", 1)
    access = Access(**place.names)
    with create_vector_store(url, dimension=2, access=access) as store:
        assert codes(place, stores=[store]) == ["extension-unavailable"]
        if place.rows("SELECT FROM pg_available_extensions WHERE name = 'vector'"):
            mended(place, "extension-unavailable", ["collection-missing"], stores=[store])


def test_a_store_that_is_too_old_is_found(place):
    with (
        running_stand_in("0.1.0") as stand_in,
        create_vector_store(stand_in.urls["rest"], dimension=2) as store,
    ):
        assert codes(place, stores=[store]) == ["store-refuses"]


def test_the_page_names_every_code_and_no_other():
    folder = ROOT / "src" / "chatapp_db" / "doctor"
    said = "".join(path.read_text("utf-8") for path in folder.glob("*.py"))
    named = (ROOT / "docs" / "howto" / "doctor.md").read_text("utf-8").partition("## What it finds")[2]
    codes = set(re.findall(r"\(\s*\"([a-z]+(?:-[a-z]+)*)\",\s+Severity", said))
    rows = [line.split("|")[1] for line in named.splitlines() if line.startswith("| `")]
    assert {code for row in rows for code in re.findall(r"`([a-z-]+)`", row)} == codes


def test_a_login_with_the_app_s_role_alone_is_told_what_it_may_not_see(place):
    url = place.login(owner=False)
    place.execute(f"GRANT {place.app_role} TO {make_url(url).username}")

    found = examine(url, **place.names, keys=RING)

    assert found.findings == []
    assert [one.area for one in found.unseen] == ["platform", "outbox", "deliveries", "keys", "drift"]


def test_a_login_without_any_right_is_examined_all_the_same(place):
    url = place.login(owner=False)
    place.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")

    assert examine(url, **place.names, schema="public").findings


def test_nothing_is_written_even_by_an_area_that_tries(place, monkeypatch):
    def careless(looked_at):
        looked_at.connection.execute(text("CREATE TABLE chatapp_mine (id int)"))
        yield from ()

    monkeypatch.setattr(examining, "AREAS", (careless,))

    with pytest.raises(Exception, match="25006"):
        examine(place.url, **place.names)


async def test_an_examination_leaves_everything_as_it_was(place):
    await company(place)
    counted = """SELECT json_agg(json_build_array(relname, n_tup_ins, n_tup_upd, n_tup_del) ORDER BY relname)
                   FROM pg_stat_user_tables"""
    place.execute("SELECT pg_stat_force_next_flush()")
    before = place.rows(counted)
    engine = create_engine(make_url(place.service).set(drivername="postgresql+psycopg"))

    with engine.connect() as connection:
        asked = text(
            "SELECT current_user, current_setting('search_path'), current_setting('transaction_read_only')"
        )
        session = connection.execute(asked).one()
        assert examine(connection, **place.names).findings == []
        assert connection.execute(asked).one() == session
        connection.commit()
    engine.dispose()

    assert place.rows(counted) == before


async def test_the_awaited_twin_finds_the_same(place):
    place.execute(CATALOG["rls-not-forced"])
    engine = create_async_engine(make_url(place.service).set(drivername="postgresql+psycopg"))
    store = create_async_vector_store("memory://", dimension=2)

    there = await aexamine(engine, **place.names, stores=[store])

    await engine.dispose()
    await settled(store.close())
    with create_vector_store("memory://", dimension=2) as blocking:
        assert there == examine(place.service, **place.names, stores=[blocking])
    assert sorted(one.code for one in there.findings) == ["collection-missing", "rls-not-forced"]


@pytest.fixture
def command(place, monkeypatch, capsys):
    monkeypatch.setenv("CHATAPP_DATABASE_URL", place.service)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        roles = ["--app-role", place.app_role, "--platform-role", place.platform_role]
        return main(["doctor", *roles, *arguments]), capsys.readouterr().out

    return run


def test_the_command_ends_by_the_worst_that_it_found(place, command):
    code, out = command("--strict")
    assert (code, "Nothing is wrong" in out) == (0, True)
    place.execute(f"ALTER ROLE {make_url(place.service).username} BYPASSRLS")
    assert command()[0] == 0
    assert command("--strict")[0] == 1
    place.execute(CATALOG["rls-not-forced"])
    code, out = command()
    assert code == 1
    assert "rls-not-forced" in out
    assert 'ALTER TABLE "public".chatapp_agents FORCE ROW LEVEL SECURITY' in out.splitlines()


def test_the_command_speaks_json(place, command):
    place.execute(CATALOG["rls-not-forced"])
    code, out = command("--json")
    said = json.loads(out)
    assert (code, said["healthy"], said["pooler"]) == (1, False, "none")
    assert said["findings"][0]["code"] == "rls-not-forced"


def test_the_command_looks_at_the_collection_of_each_set(place, command, tmp_path):
    url = f"edge://{tmp_path / 'vectors'}"
    with opened(place) as db, create_vector_store(url, dimension=2, collection="first") as store:
        Embeddings(db, [store]).register("mini", backend="edge")
    assert command("--vectors", url)[0] == 0
    code, out = command("--vectors", f"edge://{tmp_path / 'elsewhere'}", "--json")
    assert (code, json.loads(out)["findings"][0]["code"]) == (1, "collection-missing")


def test_the_command_looks_at_the_keys_and_refuses_none(command):
    assert command("--keys", f"new:{NEW}", "--json")[0] == 0
    assert command("--keys", "nothing")[0] == 2
