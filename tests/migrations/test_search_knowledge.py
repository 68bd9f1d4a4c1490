"""The search of knowledge: it finds a company's own, the best first, and nobody else's whoever asks how."""

from __future__ import annotations

import psycopg
import pytest
from psycopg import errors

from chatapp_db.migrations import check, downgrade
from tests.migrations.filled import ALPINE, HARBOUR
from tests.migrations.searching import TRICKS, Searcher, nodes

SEARCH = "chatapp_search_chunks"
OWN, OTHER = "aaaaaaaa-0000-7000-8000-000000000001", "aaaaaaaa-0000-7000-8000-000000000002"
PASSAGES = {
    "Parcels leave the harbour at noon. A parcel that is late is refunded, parcel by parcel.": None,
    "A refund takes five days.": OWN,
    "Rye bread: ask Überraschung & Söhne for the parcel.": OTHER,
}


class Reader(Searcher):
    """Somebody who searches knowledge as the app role, for a company or for none."""

    def search(self, query, agent_id=None, most=50):
        return self.call(SEARCH, query, agent_id, most)

    def found(self, query, **options):
        ids = [row[0] for row in self.search(query, **options)]
        text = "SELECT id, content FROM chatapp_knowledge_chunks WHERE id = ANY (%s)"
        contents = dict(self.connection.execute(text, [ids]).fetchall())
        return [list(PASSAGES).index(contents[id]) for id in ids]


def add_chunks(place, company, contents, agent_id=None):
    """Add a source of an agent, or of the whole company, with chunks."""
    with psycopg.connect(place.url) as connection:
        connection.execute("SET session_replication_role = replica; SET search_path TO support, public")
        source = connection.execute(
            "INSERT INTO chatapp_knowledge_sources (company_id, agent_id, name, type)"
            " VALUES (%s, %s, 'Rules', 'text') RETURNING id",
            [company, agent_id],
        ).fetchone()[0]
        connection.execute(
            "INSERT INTO chatapp_knowledge_chunks (company_id, source_id, content, qdrant_id, chunk_index)"
            " SELECT %s, %s, content, gen_random_uuid(), place"
            "   FROM unnest(%s::text[]) WITH ORDINALITY AS given (content, place)",
            [company, source, list(contents)],
        )


@pytest.fixture
def shelved(grown):
    """Two companies with the same passages, of an agent, of another one, and of everybody."""
    for company in (HARBOUR, ALPINE):
        for content, agent_id in PASSAGES.items():
            add_chunks(grown, company, [content], agent_id)
    return grown


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("parcel", [0, 2]),
        ("PARCEL rye", [2]),
        ('"five days"', [1]),
        ("refunded or refund days", [1, 0]),
        ("parcel -rye", [0]),
        ("söhne Überraschung", [2]),
        ("-parcel", []),
        ("", []),
        ("' ) | & ! :*", []),
        ("nowhere", []),
    ],
)
def test_a_company_finds_its_passages_the_best_first(shelved, query, found):
    with Reader(shelved, HARBOUR) as harbour:
        assert harbour.found(query) == found


@pytest.mark.parametrize(("agent_id", "found"), [(OWN, {0}), (OTHER, {0, 2}), (HARBOUR, {0}), (None, {0, 2})])
def test_an_agent_s_are_its_own_and_everybody_s(shelved, agent_id, found):
    with Reader(shelved, HARBOUR) as harbour:
        assert set(harbour.found("parcel", agent_id=agent_id)) == found


@pytest.mark.parametrize("most", [0, -1, None, 2**31 - 1])
def test_no_limit_is_no_way_to_read_it_all(shelved, most):
    add_chunks(shelved, HARBOUR, [f"filler {n}" for n in range(1_200)])
    with Reader(shelved, HARBOUR) as harbour:
        assert len(harbour.search("filler", most=most)) == (501 if most and most > 0 else 1)


def test_another_company_finds_nothing_of_it(shelved):
    add_chunks(shelved, HARBOUR, ["secret recipe"], OWN)
    with Reader(shelved, HARBOUR) as harbour, Reader(shelved, ALPINE) as alpine, Reader(shelved) as nobody:
        assert len(harbour.search("recipe")) == 1
        for agent_id in (None, OWN, HARBOUR):
            assert alpine.search("recipe", agent_id) == nobody.search("recipe", agent_id) == []
        for trick in (f"company {HARBOUR}", f'"company {HARBOUR}"', f"recipe or 'company {HARBOUR}'"):
            assert alpine.search(trick) == nobody.search(trick) == []
        assert alpine.search("parcel") != []


def test_no_search_path_and_no_temporary_object_gets_in_its_way(shelved):
    shelved.execute("CREATE SCHEMA tricks; GRANT USAGE, CREATE ON SCHEMA tricks TO PUBLIC")
    with Reader(shelved, ALPINE) as alpine:
        honest = alpine.search("parcel", OWN)
        for where in ("tricks", "pg_temp"):
            alpine.connection.execute(TRICKS.format(where=where))
            alpine.connection.execute(f"SET search_path = {where}, public, pg_catalog")
            assert alpine.search("parcel", OWN) == honest
            assert len(honest) == 1
    shelved.execute("DROP SCHEMA tricks CASCADE")


def test_the_app_role_alone_may_call_it(shelved):
    other = f"{shelved.app_role}_other"
    shelved.execute(f"CREATE ROLE {other}; GRANT USAGE ON SCHEMA public TO {other}")
    try:
        with (
            Reader(shelved, HARBOUR, role=other) as stranger,
            pytest.raises(errors.InsufficientPrivilege, match=f"function {SEARCH}"),
        ):
            stranger.search("parcel")
    finally:
        shelved.execute(f"DROP OWNED BY {other}; DROP ROLE {other}")


@pytest.mark.parametrize(("word", "agent_id"), [("rye", None), ("filler", None), ("rye", OTHER)])
def test_its_body_reads_of_the_index_what_is_the_company_s_and_nobody_else_s(shelved, word, agent_id):
    """Another company wrote the second word 20,000 times, ours never; the plan is any company's."""
    add_chunks(shelved, ALPINE, [f"filler {n}" for n in range(20_000)])
    shelved.execute("VACUUM ANALYZE chatapp_knowledge_chunks")
    with Reader(shelved, HARBOUR, role=shelved.platform_role) as caller:
        plan = caller.plan_of(SEARCH, [word, agent_id, 50])
    scans = [node for node in nodes(plan) if "Scan" in node["Node Type"]]
    assert "ix_chatapp_knowledge_chunks_search" in {node.get("Index Name") for node in scans}
    assert max(node["Actual Rows"] for node in scans) <= 3


def test_a_text_of_any_length_can_be_written_and_is_found_by_its_beginning(shelved):
    """A vector of words holds 1 MB; an insert must not fail for being searchable."""
    add_chunks(shelved, HARBOUR, [" ".join(f"{n:x}-{n * 7919:x}" for n in range(60_000))])
    with Reader(shelved, HARBOUR) as harbour:
        assert len(harbour.search("1-1eef")) == 1


@pytest.mark.parametrize("without", [("app_role",), ("platform_role",), ("app_role", "platform_role")])
def test_without_a_role_it_finds_the_same(place, without):
    roles = {**place.names, **dict.fromkeys(without)}
    owner = place.login("CREATEROLE")
    place.migrate(owner, schema="support", **roles)
    assert check(owner, schema="support", **roles) == []
    for company in (HARBOUR, ALPINE):
        add_chunks(place, company, ["one parcel"])
    role = owner.split("//")[1].split(":")[0] if "app_role" in without else None
    with Reader(place, HARBOUR, role, "support") as harbour, Reader(place, None, role, "support") as nobody:
        assert len(harbour.search("parcel")) == 1
        assert nobody.search("parcel") == []
    downgrade(owner, "base", schema="support", **roles)
