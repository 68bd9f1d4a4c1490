"""Who may migrate: a superuser, a plain owner who may create roles, and one for whom a DBA did."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from chatapp_db.errors import NotPermitted, RolesMissing
from chatapp_db.migrations import check, verify
from tests.migrations.catalog import catalog, differences
from tests.migrations.conftest import Place

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
    assert any_place.migrate(url).applied == ("0001", "0002")
    assert may_take_both(any_place, url)


def test_roles_that_are_there_but_not_granted_are_asked_for(any_place):
    url = any_place.login()
    for role in any_place.names.values():
        any_place.execute(f"CREATE ROLE {role}")

    with pytest.raises(RolesMissing, match=f'GRANT "{any_place.app_role}" TO') as refused:
        any_place.migrate(url)

    assert "CREATE ROLE" not in str(refused.value)
    dba_runs(any_place, refused.value)
    assert any_place.migrate(url).applied == ("0001", "0002")


def test_without_an_app_role_no_role_is_needed(any_place):
    url = any_place.login()

    any_place.migrate(url, app_role=None, platform_role=None)

    assert any_place.value("SELECT count(*) FROM pg_policies WHERE 'public' = ANY (roles)") == 0
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO chatapp_agent_packages (name, slug) SELECT 'a', 'a' WHERE false")
        assert connection.execute("SELECT count(*) FROM chatapp_companies").fetchone() == (0,)


def test_a_service_login_may_verify_and_not_migrate(any_place):
    any_place.migrate()
    service = any_place.login(owner=False)
    any_place.execute(f"GRANT {any_place.app_role} TO {service.split('//')[1].split(':')[0]}")

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
            assert second.result(timeout=20).applied == ("0001", "0002")


def test_the_web_roles_of_a_hosted_server_get_nothing(place):
    roles = ("anon", "authenticated")
    missing = [r for r in roles if not place.rows(f"SELECT FROM pg_roles WHERE rolname = '{r}'")]
    for role in missing:
        place.execute(f"CREATE ROLE {role}")
    try:
        for things in ("TABLES", "FUNCTIONS", "SEQUENCES"):
            place.execute(
                f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON {things} TO anon, authenticated"
            )

        place.migrate()

        granted = [
            line for name, line in catalog(place.url, but="nothing").items() if name.startswith("grant ")
        ]
        assert granted
        assert not [line for line in granted if "anon" in line or "authenticated" in line]
    finally:
        for role in missing:
            place.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("attributes", ["SUPERUSER", "CREATEROLE"])
def test_optional_extensions_are_enabled_where_the_server_offers_them(any_place, attributes):
    any_place.migrate(any_place.login(attributes))

    offered = "SELECT array_agg(name) FROM pg_available_extensions WHERE name IN ('uuid-ossp', 'pg_trgm')"
    enabled = """
        SELECT array_agg(extname::name) FROM pg_extension
         WHERE extname IN ('uuid-ossp', 'pg_trgm') AND extnamespace = to_regnamespace('extensions')"""
    assert sorted(any_place.value(offered) or []) == sorted(any_place.value(enabled) or [])


def test_an_owner_who_may_not_create_in_the_database_does_without_extensions(any_place, caplog):
    url = any_place.login("CREATEROLE", owner=False)
    login = url.split("//")[1].split(":")[0]
    any_place.execute(f"GRANT CREATE ON SCHEMA public TO {login}")

    assert any_place.migrate(url).applied == ("0001", "0002")
    assert any_place.value("SELECT to_regnamespace('extensions')") is None
    assert "extension" not in caplog.text


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

    assert place.migrate(url).applied == ("0001", "0002")

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
    offered = any_place.rows(
        "SELECT name FROM pg_available_extensions WHERE name IN ('uuid-ossp', 'pg_trgm')"
    )
    if not offered:
        pytest.skip("this server offers neither extension")
    any_place.execute("CREATE SCHEMA elsewhere")
    for (name,) in offered:
        any_place.execute(f'CREATE EXTENSION "{name}" SCHEMA elsewhere')

    any_place.migrate(any_place.login("CREATEROLE"))

    where = "SELECT DISTINCT extnamespace::regnamespace::text FROM pg_extension WHERE extname <> 'plpgsql'"
    assert any_place.rows(where) == [("elsewhere",)]
    assert check(any_place.url, **any_place.names) == []
