"""Who may migrate: a superuser, a plain owner who may create roles, and one for whom a DBA did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from chatapp_db.errors import NotPermitted, RolesMissing
from chatapp_db.migrations import check, plan, verify
from tests.migrations.catalog import catalog, differences
from tests.migrations.conftest import Place
from tests.migrations.line import LINE

OFFERED = "SELECT name FROM pg_available_extensions WHERE name IN ('uuid-ossp', 'pg_trgm') ORDER BY 1"
TABLES = "SELECT count(*) FROM pg_class WHERE relname LIKE 'chatapp%'"


def dba_runs(place: Place, error: RolesMissing) -> None:
    for statement in str(error).splitlines()[1:]:
        place.execute(statement)


def may_take_both(place: Place, url: str) -> bool:
    with psycopg.connect(url) as connection:
        for role in place.names.values():
            connection.execute(f"SET ROLE {role}")
    return True


def in_one_order(found: dict[str, str]) -> dict[str, str]:
    """Sort each description's words: grants are listed by the names of those who have them."""
    return {name: " ".join(sorted(text.split())) for name, text in found.items()}


def test_a_plain_owner_who_may_create_roles_makes_and_takes_them(any_place):
    url = any_place.login("CREATEROLE")

    any_place.migrate(url)

    roles = (
        f"SELECT rolcanlogin OR rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = '{any_place.app_role}'"
    )
    assert any_place.value(roles) is False
    assert may_take_both(any_place, url)


def test_where_the_server_can_say_so_the_owner_has_the_roles_rights_on_purpose_alone(any_place):
    url = any_place.login("CREATEROLE")
    any_place.migrate(url)
    any_place.execute("INSERT INTO chatapp_agent_packages (name, slug) VALUES ('a', 'a')")

    with psycopg.connect(url) as connection:
        seen = connection.execute("SELECT count(*) FROM chatapp_agent_packages").fetchone()
        can_say_so = connection.info.server_version >= 160000

    assert seen == (0 if can_say_so else 1,)


def test_what_a_plain_owner_makes_is_what_a_superuser_makes(any_place):
    url = any_place.login("CREATEROLE")
    any_place.migrate(url)
    owner = url.split("//")[1].split(":")[0]

    with any_place.server.database() as other:
        any_place.migrate(other)
        expected = {name: text.replace("postgres", owner) for name, text in catalog(other).items()}
        assert differences(in_one_order(catalog(any_place.url)), in_one_order(expected)) == {}


def test_an_owner_without_createrole_is_told_what_a_dba_has_to_run(any_place):
    url = any_place.login()

    with pytest.raises(RolesMissing, match=f'CREATE ROLE "{any_place.app_role}" NOLOGIN;') as refused:
        any_place.migrate(url)
    assert any_place.value(TABLES) == 0

    dba_runs(any_place, refused.value)
    assert any_place.migrate(url).applied == LINE
    assert may_take_both(any_place, url)


def test_roles_that_are_there_but_not_granted_are_asked_for(any_place):
    url = any_place.login()
    for role in any_place.names.values():
        any_place.execute(f"CREATE ROLE {role}")

    with pytest.raises(RolesMissing, match=f'GRANT "{any_place.app_role}" TO') as refused:
        any_place.migrate(url)

    assert "CREATE ROLE" not in str(refused.value)
    dba_runs(any_place, refused.value)
    assert any_place.migrate(url).applied == LINE


def test_without_an_app_role_no_role_is_needed(any_place):
    url = any_place.login()

    any_place.migrate(url, app_role=None, platform_role=None)

    assert any_place.value("SELECT count(*) FROM pg_policies WHERE 'public' = ANY (roles)") == 0
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO chatapp_agent_packages (name, slug) SELECT 'a', 'a' WHERE false")
        assert connection.execute("SELECT count(*) FROM chatapp_companies").fetchone() == (0,)


@pytest.mark.parametrize("role", ["app_role", "platform_role"])
def test_a_service_login_may_verify_and_not_migrate(any_place, role):
    any_place.migrate()
    service = any_place.login(owner=False)
    any_place.execute(f"GRANT {any_place.names[role]} TO {service.split('//')[1].split(':')[0]}")

    assert verify(service).state == "current"
    with pytest.raises(NotPermitted):
        any_place.migrate(service, schema="elsewhere")


def test_two_databases_may_make_the_same_roles_at_the_same_moment(place):
    """Roles belong to the whole server, so the second one meets what the first has not yet committed."""
    with place.server.database() as other, psycopg.connect(place.url) as first:
        first.execute(f"CREATE ROLE {place.app_role}")
        with psycopg.connect(other, autocommit=True) as watcher, ThreadPoolExecutor(1) as pool:
            second = pool.submit(place.migrate, other)
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'transactionid'"
            while not watcher.execute(waiting).fetchone()[0] and not second.done():
                pass
            assert not second.done()
            first.commit()
            assert second.result(timeout=20).applied == LINE


@pytest.mark.parametrize("way", ["migrate", "plan"])
def test_the_web_roles_of_a_hosted_server_get_nothing(place, web_roles, way):
    for things in ("TABLES", "FUNCTIONS", "SEQUENCES"):
        place.execute(
            f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON {things} TO {', '.join(web_roles)}"
        )

    if way == "migrate":
        place.migrate()
    else:
        place.execute(plan(**place.names))

    granted = [line for name, line in catalog(place.url, but="nothing").items() if name.startswith("grant ")]
    assert granted
    assert not [line for line in granted if "anon" in line or "authenticated" in line]


@pytest.mark.parametrize("attributes", ["SUPERUSER", "CREATEROLE"])
def test_optional_extensions_are_enabled_where_the_server_offers_them(any_place, attributes):
    any_place.migrate(any_place.login(attributes))

    enabled = "SELECT extname FROM pg_extension WHERE extnamespace = to_regnamespace('extensions') ORDER BY 1"
    assert any_place.rows(enabled) == any_place.rows(OFFERED)


def test_an_owner_who_may_not_create_in_the_database_does_without_extensions(any_place, caplog):
    url = any_place.login("CREATEROLE", owner=False)
    login = url.split("//")[1].split(":")[0]
    any_place.execute(f"GRANT CREATE ON SCHEMA public TO {login}")

    assert any_place.migrate(url).applied == LINE
    assert any_place.value("SELECT to_regnamespace('extensions')") is None
    assert "extension" not in caplog.text


def test_an_extension_that_fails_after_all_fails_no_migration(any_place, caplog):
    if not any_place.rows(OFFERED):
        pytest.skip("this server offers neither extension")
    any_place.execute("""
        CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'not here'; END $$;
        CREATE EVENT TRIGGER no_extension ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION')
        EXECUTE FUNCTION refuse()""")

    assert any_place.migrate().applied == LINE

    assert "was not enabled" in caplog.text
    any_place.execute("DROP EVENT TRIGGER no_extension")


@pytest.fixture
def web_roles(place):
    """What a hosted server has: two web roles and a service role, whoever made them."""
    roles = ("anon", "authenticated", "service_role")
    missing = [role for role in roles if not place.rows(f"SELECT FROM pg_roles WHERE rolname = '{role}'")]
    for role in missing:
        place.execute(f"CREATE ROLE {role}")
    yield roles
    for role in missing:
        place.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("where", ["IN SCHEMA public", ""])
def test_an_account_like_supabase_s_migrates_and_the_web_roles_get_nothing(place, web_roles, where):
    """It is no superuser, but has BYPASSRLS, and default privileges give the web roles all that it makes."""
    url = place.login("CREATEROLE CREATEDB BYPASSRLS")
    login = url.split("//")[1].split(":")[0]
    place.execute(f"CREATE SCHEMA extensions AUTHORIZATION {login}")
    for things in ("TABLES", "FUNCTIONS", "SEQUENCES"):
        place.execute(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {login} {where}"
            f" GRANT ALL ON {things} TO {', '.join(web_roles)}"
        )

    assert place.migrate(url).applied == LINE

    assert check(url, **place.names) == []
    held = """
        SELECT count(*) FROM pg_class
         WHERE relname LIKE 'chatapp%' AND relkind = 'r' AND has_table_privilege('{}', oid, 'SELECT')"""
    assert [place.value(held.format(role)) for role in web_roles[:2]] == [0, 0]
    assert may_take_both(place, url)
    with psycopg.connect(url) as connection:
        connection.execute(f"SET ROLE {place.app_role}")
        assert connection.execute("SELECT count(*) FROM chatapp_companies").fetchone() == (0,)


def test_an_extension_that_is_there_already_stays_where_it_is(any_place):
    offered = any_place.rows(OFFERED)
    if not offered:
        pytest.skip("this server offers neither extension")
    any_place.execute("CREATE SCHEMA elsewhere")
    for (name,) in offered:
        any_place.execute(f'CREATE EXTENSION "{name}" SCHEMA elsewhere')

    any_place.migrate(any_place.login("CREATEROLE"))

    where = "SELECT DISTINCT extnamespace::regnamespace::text FROM pg_extension WHERE extname <> 'plpgsql'"
    assert any_place.rows(where) == [("elsewhere",)]
    assert any_place.value("SELECT to_regnamespace('extensions')") is None
    assert check(any_place.url, **any_place.names) == []
