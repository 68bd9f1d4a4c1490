"""The commands of the how-to cut the messages into partitions, and everything of the table goes on."""

from __future__ import annotations

import re
from pathlib import Path

import psycopg
import pytest

from chatapp_db import check
from chatapp_db.errors import InvalidReference, NotFound
from tests.isolation import test_row_level_security
from tests.isolation.population import KEYS, fingerprint
from tests.isolation.test_row_level_security import entered

__all__ = ["entered"]

HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "scale-out.md"
(COMMANDS,) = re.findall(
    r"^```postgres\n(.*?)^```$", HOWTO.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
)
MESSAGES = test_row_level_security.OWNED["chatapp_messages"]
PARTITIONS = 16


@pytest.fixture(scope="module")
def partitioned(server, plainly_filled):
    """The isolation tests' database, after the commands."""
    with server.database(plainly_filled.name) as url:
        ours = plainly_filled.populations.ours.id
        before = fingerprint(url, ours)
        with psycopg.connect(url, autocommit=True) as connection:
            transaction, rest = COMMANDS.split("COMMIT;")
            connection.execute(f"{transaction}COMMIT;")
            connection.execute(rest)
        after = fingerprint(url, ours)
        # The rows were written anew, each in the transaction of the commands.
        assert before.keys() == after.keys()
        assert {name for name in after if after[name] != before[name]} == {"chatapp_messages"}
        yield url


@pytest.fixture
def populations(plainly_filled):
    return plainly_filled.populations


@pytest.fixture
def database_url(partitioned):
    return partitioned


@pytest.fixture
def conversation_id(populations):
    return populations.ours.rows["chatapp_conversations"][0]["id"]


@pytest.fixture
def ours(world, login_url, populations):
    return world.open(login_url("service"), keys=KEYS).company(populations.ours.id)


@pytest.fixture
def as_app(login_url, populations):
    with psycopg.connect(login_url("app")) as connection:
        connection.execute("SELECT set_config('chatapp.company_id', %s, true)", [str(populations.ours.id)])
        connection.execute("SET LOCAL ROLE chatapp_app")
        yield connection


class TestPolicies:
    """The table's row-level security holds for the partitions below it."""

    pytestmark = pytest.mark.parametrize("table", [MESSAGES], ids=[MESSAGES.name])


for _name, _test in vars(test_row_level_security).items():
    if _name.startswith("test_"):
        setattr(TestPolicies, _name, staticmethod(_test))


async def test_messages_are_written_read_and_found(ours, conversation_id, world):
    key = f"partitioned {world.name}"
    first = await ours.messages.append(conversation_id, role="user", content="A wombat", external_id=key)
    again = await ours.messages.append(conversation_id, role="user", content="A wombat", external_id=key)
    assert again == first
    assert first in (await ours.messages.history(conversation_id)).items
    assert first.id in [found.id for found in (await ours.messages.search("wombat")).items]
    edited = await ours.messages.edit(first.id, "Two")
    assert edited.updated_at > first.updated_at
    await ours.messages.append_many(conversation_id, [{"role": "user", "content": "Three"}])
    await ours.messages.delete(first.id)


async def test_references_hold_in_both_directions(ours, conversation_id, populations, superuser):
    theirs = populations.theirs.rows
    with pytest.raises(InvalidReference):
        await ours.messages.append(
            conversation_id,
            role="assistant",
            content="x",
            sender_user_id=theirs["chatapp_users"][0]["id"],
        )
    with pytest.raises(NotFound):
        await ours.messages.append(theirs["chatapp_conversations"][0]["id"], role="user", content="x")
    with superuser.transaction(force_rollback=True):
        gone = populations.ours.rows["chatapp_conversations"][0]["id"]
        superuser.execute("DELETE FROM chatapp_conversation_analytics")
        superuser.execute("DELETE FROM chatapp_conversations WHERE id = %s", [gone])
        left = superuser.execute("SELECT FROM chatapp_messages WHERE conversation_id = %s", [gone])
        assert left.fetchall() == []


@pytest.mark.parametrize("condition", ["true", "company_id = chatapp_current_company()"])
def test_one_partition_is_read_by_the_policy_alone(as_app, condition):
    explain = f"EXPLAIN (ANALYZE, COSTS OFF) SELECT FROM chatapp_messages WHERE {condition}"
    lines = [line for (line,) in as_app.execute(explain) if " on chatapp_messages_" in line]
    assert len([line for line in lines if "never executed" not in line]) == 1
    assert len(lines) <= PARTITIONS


@pytest.mark.parametrize("part", [0, PARTITIONS - 1])
def test_a_partition_itself_is_closed(as_app, superuser, part):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_app.execute(f"SELECT FROM chatapp_messages_{part}")
    query = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = %s"
    assert superuser.execute(query, [f"chatapp_messages_{part}"]).fetchone() == (True,)


def test_check_reports_what_the_how_to_says(database_url):
    kinds = [difference.kind for difference in check(database_url)]
    assert kinds == ["index"] * 5 + ["table"]


def test_an_index_is_not_built_concurrently_any_more(superuser):
    with pytest.raises(psycopg.errors.FeatureNotSupported, match="partitioned"):
        superuser.execute("CREATE INDEX CONCURRENTLY mine ON chatapp_messages (id)")
