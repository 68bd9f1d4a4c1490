"""Exports: all that is a company's or a customer's and nothing else, no secret, as it was at one moment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from operator import itemgetter
from typing import Any

import pytest

from chatapp_db.errors import InvalidValue, NotFound, ScopeEnded
from chatapp_db.privacy.lineage import of_a_company, offspring
from chatapp_db.schema import Customer, metadata
from tests.isolation.population import KEYS, OWNED, Populations, populate
from tests.rows import new_company, new_conversation, new_customer, new_user

OUTLIVES_ITS_COMPANY = {"chatapp_vector_outbox"}
"""Tables that name a company and keep their rows when it is erased, for a reason that they declare."""

OF_A_CUSTOMER = {"chatapp_conversations", "chatapp_conversation_analytics", "chatapp_messages"}


@pytest.fixture
def populations(database_url) -> Populations:
    return populate(database_url)


@pytest.fixture
def keyed(world, login_url):
    """The database with the keys of the populations."""
    return world.open(login_url("service"), keys=KEYS)


async def read(opening: Any) -> dict[str, list[dict[str, Any]]]:
    """Read an export, its rows by table."""
    rows = defaultdict(list)
    async with opening as export:
        async for line in export:
            document = json.loads(line)
            assert document.keys() == {"table", "row"}
            rows[document["table"]].append(document["row"])
        counted = await export.rows
        assert {name: count for name, count in counted.items() if count} == {
            name: len(found) for name, found in rows.items()
        }
    return dict(rows)


def test_every_table_is_somebodys_or_everybodys():
    """A new table is a company's by its reference to companies; whatever else it is has to be said here."""
    of_companies = {table.name for table in of_a_company()}
    assert OWNED.keys() - of_companies == OUTLIVES_ITS_COMPANY
    everybodys = {table.name for table in metadata.sorted_tables} - OWNED.keys()
    assert everybodys == {
        "chatapp_subscription_plans", "chatapp_agent_packages", "chatapp_embedding_sets"
    }  # fmt: skip


def test_what_belongs_to_a_customer_is_said_here_too():
    """A table that refers to customers, or to what is theirs, is exported and erased with them."""
    assert {table.name for table in offspring(Customer.__table__)} == OF_A_CUSTOMER


def test_every_column_that_holds_a_digest_or_an_envelope_is_a_secret():
    said = {
        str(column)
        for table in metadata.sorted_tables
        for column in table.columns
        if (column.comment or "").startswith(("Sealed", "SHA-256"))
    }
    assert said == {str(c) for t in metadata.sorted_tables for c in t.columns if c.info.get("secret")}


async def test_a_company_is_exported_with_every_row_and_without_the_others(keyed, populations, superuser):
    ours, theirs = populations.ours, populations.theirs
    superuser.execute(f"ALTER DATABASE {superuser.info.dbname} SET TimeZone = 'Asia/Tokyo'")
    rows = await read(keyed.privacy.export_company(ours.id))
    assert rows.keys() == {table.name for table in of_a_company()}
    announced = next(row for row in rows["chatapp_audit_logs"] if row["action"] == "company.exported")
    rows["chatapp_audit_logs"].remove(announced)
    superuser.execute("SET TimeZone = 'UTC'")
    for table in of_a_company():
        columns = ", ".join(column.name for column in table.columns if not column.info.get("secret"))
        stored = superuser.execute(
            f"SELECT row_to_json(t) FROM (SELECT {columns} FROM {table.name}"
            f" WHERE {table.info['company_key']} = %s AND id <> %s ORDER BY id) AS t",
            [ours.id, announced["id"]],
        ).fetchall()
        assert sorted(rows[table.name], key=itemgetter("id")) == [row for (row,) in stored]
    everything = json.dumps(rows)
    assert theirs.mark not in everything
    assert str(theirs.id) not in everything


async def test_no_secret_is_exported(keyed, populations, superuser):
    async with keyed.privacy.export_company(populations.ours.id) as export:
        text = "\n".join([line async for line in export])
    secrets = superuser.execute(
        "SELECT token FROM chatapp_team_invitations UNION ALL SELECT config->>'ct' FROM chatapp_integrations"
        " UNION ALL SELECT secret::json->>'ct' FROM chatapp_webhooks"
    ).fetchall()
    assert len(secrets) == 18
    assert [secret for (secret,) in secrets if secret in text] == []
    assert '"config"' not in text


async def test_a_customer_is_exported_with_what_belongs_to_them(db):
    company_id = await new_company(db)
    grace, other = await new_customer(db, company_id), await new_customer(db, company_id, "Other")
    mine = [await new_conversation(db, company_id, customer_id=grace) for _ in range(2)]
    await new_conversation(db, company_id, customer_id=other)
    user_id = await new_user(db, company_id)
    async with db.tenant(company_id) as tenant:
        for id in mine:
            await tenant.messages.append(id, role="user", content="Hello\n\u2028there")
            await tenant.conversation_analytics.compute(id)
        await tenant.messages.append(
            mine[0], role="assistant", content="rude", sender_user_id=user_id, is_private=True
        )
    rows = await read(db.privacy.export_customer(company_id, grace))
    assert {name: len(found) for name, found in rows.items()} == {
        "chatapp_customers": 1,
        "chatapp_conversations": 2,
        "chatapp_conversation_analytics": 2,
        "chatapp_messages": 3,
    }
    assert rows["chatapp_customers"][0]["name"] == "Grace"
    assert {row["id"] for row in rows["chatapp_conversations"]} == {str(id) for id in mine}
    assert {row["content"] for row in rows["chatapp_messages"]} == {"Hello\n\u2028there", "rude"}
    seen = await read(db.privacy.export_customer(company_id, grace, private_notes=False))
    assert [row["content"] for row in seen["chatapp_messages"]] == ["Hello\n\u2028there"] * 2


async def test_an_export_is_in_the_trail_of_the_company(db, superuser):
    company_id = await new_company(db)
    customer_id = await new_customer(db, company_id)
    await read(db.privacy.export_customer(company_id, customer_id))
    found = superuser.execute(
        "SELECT company_id, resource_type, resource_id FROM chatapp_audit_logs"
        " WHERE action = 'customer.exported'"
    ).fetchall()
    assert found == [(company_id, "customer", customer_id)]


async def test_what_is_not_there_cannot_be_exported(db):
    company_id, other_id = await new_company(db), await new_company(db)
    customer_id = await new_customer(db, company_id)
    for opening in (
        db.privacy.export_customer(other_id, customer_id),
        db.privacy.export_customer(company_id, other_id),
        db.privacy.export_company(customer_id),
    ):
        with pytest.raises(NotFound):
            async with opening:
                pass
    with pytest.raises(InvalidValue):
        db.privacy.export_customer(company_id, str(customer_id))
    with pytest.raises(InvalidValue):
        db.privacy.export_company("acme")


async def test_an_export_shows_one_moment(db):
    """What is written while it is read is not in it, in whichever table."""
    company_id = await new_company(db)
    conversation_id = await new_conversation(db, company_id)
    await db.company(company_id).messages.append(conversation_id, role="user", content="before")
    rows = []
    async with db.privacy.export_company(company_id) as export:
        async for line in export:
            rows.append(json.loads(line))
            if len(rows) == 1:
                await db.company(company_id).messages.append(conversation_id, role="user", content="after")
                await new_customer(db, company_id)
    texts = [row["row"]["content"] for row in rows if row["table"] == "chatapp_messages"]
    assert texts == ["before"]
    assert sum(row["table"] == "chatapp_customers" for row in rows) == 1


async def test_an_export_changes_nothing_and_ends_with_its_block(db):
    company_id = await new_company(db)
    async with db.privacy.export_company(company_id) as export:
        pass
    with pytest.raises(ScopeEnded):
        [line async for line in export]


async def test_one_connection_exports_any_number_of_times(world, login_url):
    """What a connection prepares fits the next export, of other columns, too."""
    db = world.open(login_url("service"), pool_size=1, max_overflow=0)
    company_id = await new_company(db)
    customer_id = await new_customer(db, company_id)
    await new_conversation(db, company_id, customer_id=customer_id)
    for _ in range(8):
        assert len(await read(db.privacy.export_company(company_id))) == 5
        assert len(await read(db.privacy.export_customer(company_id, customer_id))) == 2


MEASURED = """
import resource, sys
from uuid import UUID
from chatapp_db import Database

with Database(sys.argv[1]) as db, db.privacy.export_company(UUID(sys.argv[2])) as export:
    lines = 0
    for line in export:
        lines += 1
        if lines == 2000:
            early = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(lines, early, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.parametrize("world", ["blocking"], indirect=True)
async def test_memory_does_not_grow_with_a_million_messages(db, login_url, superuser):
    company_id = await new_company(db)
    await new_conversation(db, company_id)
    superuser.execute(
        "INSERT INTO chatapp_messages (company_id, conversation_id, role, content)"
        " SELECT company_id, id, 'user', repeat('said ', 40) FROM chatapp_conversations,"
        " generate_series(1, 1000000)"
    )
    command = [sys.executable, "-c", MEASURED, login_url("service"), str(company_id)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines, early, late = map(int, done.stdout.split())
    assert lines >= 1_000_000
    kilobytes = 4096
    assert late - early < kilobytes
