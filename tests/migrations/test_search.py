"""The search of messages: it finds a company's own, by the index, and nobody else's whoever asks how."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from chatapp_db.migrations import check, downgrade
from tests.migrations.filled import ALPINE, HARBOUR, add_messages
from tests.migrations.searching import TRICKS, Searcher, nodes


class Caller(Searcher):
    """Somebody who searches messages as the app role, for a company or for none."""

    def search(self, query, before=(None, None), most=50):
        return self.call("chatapp_search_messages", query, *before, most)

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
def test_a_company_finds_its_messages_newest_first_and_notes_too(grown, query, found):
    with Caller(grown, HARBOUR) as harbour:
        assert harbour.found(query) == found


def test_pages_go_on_where_the_last_one_ended(grown):
    with Caller(grown, HARBOUR) as harbour:
        everything = harbour.search("parcel")
        first = harbour.search("parcel", most=2)
        second = harbour.search("parcel", before=reversed(first[-1]), most=2)

        assert len(everything) == 3
        assert first + second == everything


@pytest.mark.parametrize("most", [0, -1, None, 2**31 - 1])
def test_no_limit_is_no_way_to_read_it_all(grown, most):
    add_messages(grown, HARBOUR, 600)
    with Caller(grown, HARBOUR) as harbour:
        assert len(harbour.search("filler", most=most)) == (501 if most and most > 0 else 1)


def test_another_company_finds_nothing_of_it(grown):
    grown.execute(
        "UPDATE chatapp_messages SET content = 'secret recipe' WHERE company_id = '" + HARBOUR + "'"
    )
    with Caller(grown, HARBOUR) as harbour, Caller(grown, ALPINE) as alpine, Caller(grown) as nobody:
        assert len(harbour.search("recipe")) == 5
        assert alpine.search("recipe") == nobody.search("recipe") == []
        assert alpine.search("parcel") != []


def test_no_search_path_and_no_temporary_object_gets_in_its_way(grown):
    grown.execute("CREATE SCHEMA tricks; GRANT USAGE, CREATE ON SCHEMA tricks TO PUBLIC")
    with Caller(grown, ALPINE) as alpine:
        honest = alpine.search("parcel")
        for where in ("tricks", "pg_temp"):
            alpine.connection.execute(TRICKS.format(where=where))
            alpine.connection.execute(f"SET search_path = {where}, public, pg_catalog")
            assert alpine.search("parcel") == honest
            assert len(honest) == 3
    grown.execute("DROP SCHEMA tricks CASCADE")


def test_the_app_role_alone_may_call_it(grown):
    grown.execute(
        f"CREATE ROLE {grown.app_role}_other; GRANT USAGE ON SCHEMA public TO {grown.app_role}_other"
    )
    try:
        with (
            Caller(grown, HARBOUR, role=f"{grown.app_role}_other") as other,
            pytest.raises(errors.InsufficientPrivilege, match="function chatapp_search_messages"),
        ):
            other.search("parcel")
    finally:
        grown.execute(f"DROP OWNED BY {grown.app_role}_other; DROP ROLE {grown.app_role}_other")


def test_the_searches_are_all_that_runs_above_the_policies_and_the_platform_role_s(grown):
    above = "SELECT proname, pg_get_userbyid(proowner), proconfig FROM pg_proc WHERE prosecdef"
    assert grown.rows(f"{above} AND pronamespace = 'public'::regnamespace ORDER BY 1 DESC") == [
        (name, grown.platform_role, ['search_path=""'])
        for name in ("chatapp_search_messages", "chatapp_search_chunks")
    ]
    assert not grown.value(f"SELECT has_schema_privilege('{grown.platform_role}', 'public', 'CREATE')")


def test_the_index_is_used_as_the_app_role(grown):
    add_messages(grown, HARBOUR, 20_000)
    add_messages(grown, ALPINE, 20_000)
    grown.execute("VACUUM ANALYZE chatapp_messages")
    scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'ix_chatapp_messages_search'"
    before = grown.value(scans)
    with Caller(grown, HARBOUR) as harbour:
        read = "SELECT seq_scan FROM pg_stat_xact_user_tables WHERE relname = 'chatapp_messages'"
        assert len(harbour.search("rye")) == 1
        assert harbour.connection.execute(read).fetchone() == (0,)
        harbour.connection.execute("SELECT pg_stat_force_next_flush()")
        harbour.connection.commit()
    assert grown.value(scans) > before


@pytest.mark.parametrize(("word", "most"), [("rye", 3), ("filler", 3)])
def test_its_body_reads_of_the_index_what_the_company_said_and_nobody_else(grown, word, most):
    """Another company said the second word 20,000 times, ours never; the plan is any company's."""
    add_messages(grown, ALPINE, 20_000)
    grown.execute("VACUUM ANALYZE chatapp_messages")
    with Caller(grown, HARBOUR, role=grown.platform_role) as caller:
        plan = caller.plan_of("chatapp_search_messages", [word, None, None, 50])
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    by_words = [node for node in scans if node.get("Index Name") == "ix_chatapp_messages_search"]
    assert by_words
    assert max(node["Actual Rows"] for node in scans) <= most


def test_text_of_any_length_and_kind_can_be_written(grown):
    """A vector of words holds 1 MB; an insert must not fail for being searchable."""
    worst = (
        " ".join(chr(0x10400 + n % 40) * 1 + f"{n:x}-{n * 7919:x}" for n in range(60_000)),
        " ".join(f"http://{n:x}.example/{n:x}" for n in range(60_000)),
        "".join(chr(0x4E00 + n % 20_000) + " " for n in range(500_000)),
        "a" * 1_000_000,
    )
    for content in worst:
        with psycopg.connect(grown.url) as connection:
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
