"""The search of messages: it finds a company's own, by the index, and nobody else's whoever asks how."""

from __future__ import annotations

import re

import psycopg
import pytest
from psycopg import errors

from chatapp_db.migrations import check, downgrade
from tests.migrations.conftest import SERVERS, copied_place, fresh_place
from tests.migrations.filled import ALPINE, HARBOUR, add_messages, restore

SEARCH = "SELECT id, created_at FROM {schema}.chatapp_search_messages(%s, %s, %s, %s)"


@pytest.fixture(scope="module", params=SERVERS)
def migrated(request):
    with fresh_place(request.getfixturevalue(request.param)) as place:
        restore(place)
        place.migrate()
        yield place


@pytest.fixture
def filled(migrated):
    with copied_place(migrated) as place:
        yield place


TRICKS = f"""
CREATE FUNCTION {{where}}.chatapp_current_company() RETURNS uuid LANGUAGE sql
    AS $$ SELECT '{HARBOUR}'::uuid $$;
CREATE FUNCTION {{where}}.websearch_to_tsquery(regconfig, text) RETURNS tsquery LANGUAGE sql
    AS $$ SELECT 'parcel'::tsquery $$;
CREATE FUNCTION {{where}}.always(uuid, uuid) RETURNS boolean LANGUAGE sql AS $$ SELECT true $$;
CREATE OPERATOR {{where}}.= (LEFTARG = uuid, RIGHTARG = uuid, FUNCTION = {{where}}.always);
CREATE TABLE {{where}}.chatapp_messages (LIKE public.chatapp_messages);
CREATE DOMAIN {{where}}.regconfig AS text
"""


class Caller:
    """Somebody who searches as the app role, for a company or for none."""

    def __init__(self, place, company=None, role=None, schema="public"):
        self.connection = psycopg.connect(place.url)
        self.connection.execute(f"SET ROLE {role or place.app_role}")
        if company:
            self.connection.execute("SELECT set_config('chatapp.company_id', %s, false)", [company])
        self.schema = schema

    def __enter__(self):
        return self

    def __exit__(self, *_raised):
        self.connection.close()

    def search(self, query, before=(None, None), most=50):
        arguments = [query, *before, most]
        return self.connection.execute(SEARCH.format(schema=self.schema), arguments).fetchall()

    def found(self, query, **page):
        ids = [row[0] for row in self.search(query, **page)]
        rows = self.connection.execute("SELECT id, content FROM chatapp_messages WHERE id = ANY (%s)", [ids])
        contents = dict(rows.fetchall())
        return [contents.get(id) for id in ids]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("parcel rye", ["Where is my parcel with the rye bread?"]),
        ('"your parcel"', ["Your parcel left this morning."]),
        ("bread or thank", ["Thank you, I will wait.", "Where is my parcel with the rye bread?"]),
        ("parcel -rye -refund", ["Your parcel left this morning."]),
        ("REFUND", ["Note: offer a refund if the parcel is late"]),
        ("Straße Überraschung", ["Straße geöffnet? Überraschung!"]),
        ("-parcel", []),
        ("", []),
        ("' ) | & ! :*", []),
        ("nowhere", []),
    ],
)
def test_a_company_finds_its_messages_newest_first_and_notes_too(filled, query, found):
    with Caller(filled, HARBOUR) as harbour:
        assert harbour.found(query) == found


def test_pages_go_on_where_the_last_one_ended(filled):
    with Caller(filled, HARBOUR) as harbour:
        everything = harbour.search("parcel")
        first = harbour.search("parcel", most=2)
        second = harbour.search("parcel", before=reversed(first[-1]), most=2)

        assert len(everything) == 3
        assert first + second == everything


@pytest.mark.parametrize("most", [0, -1, None, 2**31 - 1])
def test_no_limit_is_no_way_to_read_it_all(filled, most):
    add_messages(filled, HARBOUR, 600)
    with Caller(filled, HARBOUR) as harbour:
        assert len(harbour.search("filler", most=most)) == (501 if most and most > 0 else 1)


def test_another_company_finds_nothing_of_it(filled):
    filled.execute(
        "UPDATE chatapp_messages SET content = 'secret recipe' WHERE company_id = '" + HARBOUR + "'"
    )
    with Caller(filled, HARBOUR) as harbour, Caller(filled, ALPINE) as alpine, Caller(filled) as nobody:
        assert len(harbour.search("recipe")) == 5
        assert alpine.search("recipe") == nobody.search("recipe") == []
        assert alpine.search("parcel") != []


def test_no_search_path_and_no_temporary_object_gets_in_its_way(filled):
    filled.execute("CREATE SCHEMA tricks; GRANT USAGE, CREATE ON SCHEMA tricks TO PUBLIC")
    with Caller(filled, ALPINE) as alpine:
        honest = alpine.search("parcel")
        for where in ("tricks", "pg_temp"):
            alpine.connection.execute(TRICKS.format(where=where))
            alpine.connection.execute(f"SET search_path = {where}, public, pg_catalog")
            assert alpine.search("parcel") == honest
            assert len(honest) == 3
    filled.execute("DROP SCHEMA tricks CASCADE")


def test_the_app_role_alone_may_call_it(filled):
    filled.execute(
        f"CREATE ROLE {filled.app_role}_other; GRANT USAGE ON SCHEMA public TO {filled.app_role}_other"
    )
    try:
        with (
            Caller(filled, HARBOUR, role=f"{filled.app_role}_other") as other,
            pytest.raises(errors.InsufficientPrivilege, match="function chatapp_search_messages"),
        ):
            other.search("parcel")
    finally:
        filled.execute(f"DROP OWNED BY {filled.app_role}_other; DROP ROLE {filled.app_role}_other")


def test_it_is_all_that_runs_above_the_policies_and_the_platform_role_s(filled):
    above = "SELECT proname, pg_get_userbyid(proowner), proconfig FROM pg_proc WHERE prosecdef"
    assert filled.rows(f"{above} AND pronamespace = 'public'::regnamespace") == [
        ("chatapp_search_messages", filled.platform_role, ['search_path=""'])
    ]
    assert not filled.value(f"SELECT has_schema_privilege('{filled.platform_role}', 'public', 'CREATE')")


def test_the_index_is_used_as_the_app_role(filled):
    add_messages(filled, HARBOUR, 20_000)
    add_messages(filled, ALPINE, 20_000)
    filled.execute("VACUUM ANALYZE chatapp_messages")
    scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_chatapp_messages_search'"
    before = filled.value(scans)
    with Caller(filled, HARBOUR) as harbour:
        read = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'chatapp_messages'"
        assert len(harbour.search("rye")) == 1
        assert harbour.connection.execute(read).fetchone() == (0,)
        harbour.connection.execute("SELECT pg_stat_force_next_flush()")
        harbour.connection.commit()
    assert filled.value(scans) > before


@pytest.mark.parametrize(("word", "most"), [("rye", 3), ("filler", 3)])
def test_its_body_reads_of_the_index_what_the_company_said_and_nobody_else(filled, word, most):
    """Another company said the second word 20,000 times, ours never; the plan is any company's."""
    add_messages(filled, ALPINE, 20_000)
    filled.execute("VACUUM ANALYZE chatapp_messages")
    body = filled.value("SELECT prosrc FROM pg_proc WHERE proname = 'chatapp_search_messages'")
    for place, name in enumerate(("query", "before", "before_id", "most"), start=1):
        body = re.sub(rf"\b{name}\b", f"${place}", body)
    with Caller(filled, HARBOUR, role=filled.platform_role) as caller:
        caller.connection.execute(f"PREPARE body (text, timestamptz, uuid, int) AS {body}")
        caller.connection.execute("SET plan_cache_mode = force_generic_plan")
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE body ('{word}', NULL, NULL, 50)"
        (((plan,),),) = caller.connection.execute(explain).fetchall()
    scans = [node for node in nodes(plan["Plan"]) if "Scan" in node["Node Type"]]
    by_words = [node for node in scans if node.get("Index Name") == "ix_chatapp_messages_search"]
    assert by_words
    assert max(node["Actual Rows"] for node in scans) <= most


def nodes(plan):
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def test_text_of_any_length_and_kind_can_be_written(filled):
    """A vector of words holds 1 MB; an insert must not fail for being searchable."""
    worst = (
        " ".join(chr(0x10400 + n % 40) * 1 + f"{n:x}-{n * 7919:x}" for n in range(60_000)),
        " ".join(f"http://{n:x}.example/{n:x}" for n in range(60_000)),
        "".join(chr(0x4E00 + n % 20_000) + " " for n in range(500_000)),
        "a" * 1_000_000,
    )
    for content in worst:
        with psycopg.connect(filled.url) as connection:
            connection.execute(
                "UPDATE chatapp_messages SET content = %s WHERE company_id = %s", [content, HARBOUR]
            )


@pytest.mark.parametrize("without", [("app_role",), ("platform_role",), ("app_role", "platform_role")])
def test_without_a_role_it_finds_the_same(place, without):
    roles = {**place.names, **dict.fromkeys(without)}
    owner = place.login("CREATEROLE")
    place.migrate(owner, schema="support", **roles)
    assert check(owner, schema="support", **roles) == []
    with psycopg.connect(place.url) as connection:
        connection.execute("SET search_path TO support; SET session_replication_role = replica")
        for company in (HARBOUR, ALPINE):
            connection.execute(
                "INSERT INTO chatapp_messages (company_id, conversation_id, role, content)"
                " VALUES (%s, gen_random_uuid(), 'user', 'one parcel')",
                [company],
            )
    role = owner.split("//")[1].split(":")[0] if "app_role" in without else None
    with Caller(place, HARBOUR, role, "support") as harbour, Caller(place, None, role, "support") as nobody:
        assert len(harbour.search("parcel")) == 1
        assert nobody.search("parcel") == []
    downgrade(owner, "base", schema="support", **roles)


def test_a_login_that_may_not_give_it_away_goes_without_the_index(place):
    login = place.login("CREATEROLE", owner=False)
    place.execute(f"GRANT CREATE ON SCHEMA public TO {login.split('//')[1].split(':')[0]}")
    place.migrate(login)

    assert not place.value("SELECT prosecdef FROM pg_proc WHERE proname = 'chatapp_search_messages'")
    assert "function" in {difference.kind for difference in check(place.url, **place.names)}
    with Caller(place, HARBOUR) as harbour:
        assert harbour.search("parcel") == []
    downgrade(login, "0001", **place.names)
