"""Erasure: of who is erased nothing is left, of others everything, and a kill in the middle costs nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from chatapp_db.errors import InvalidReference, InvalidValue, NotFound, SerializationFailure
from chatapp_db.privacy import erasing
from chatapp_db.privacy.lineage import of_a_company
from tests.isolation.population import KEYS, OWNED, Populations, fingerprint, populate
from tests.rows import new_agent, new_company, new_conversation, new_customer, new_user
from tests.worlds import Awaited, settled

OF_A_COMPANY = {table.name: table for table in of_a_company()}


@pytest.fixture
def populations(database_url) -> Populations:
    """Two companies with rows in every table."""
    return populate(database_url)


@pytest.fixture
def keyed(world, login_url):
    return world.open(login_url("service"), keys=KEYS)


@pytest.fixture
def small_batches(monkeypatch):
    """Many batches of few rows, as of a large company."""
    monkeypatch.setattr(erasing, "BATCH", 2)
    erasing._delete.cache_clear()
    yield
    erasing._delete.cache_clear()


def left_of(superuser: psycopg.Connection[Any], company_id: UUID, mark: str) -> dict[str, int]:
    """Walk the catalog: rows that name the company, and rows with its mark in any column at all.

    What outlives a company was declared to, and names it by an id.
    """
    outlives = {f"public.{name}" for name in OWNED.keys() - OF_A_COMPANY.keys()}
    columns = superuser.execute(
        "SELECT table_schema || '.' || table_name, column_name FROM information_schema.columns"
        " WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert ("public.chatapp_messages", "company_id") in columns
    found = {}
    for table, column in columns:
        (count,) = superuser.execute(
            f'SELECT count(*) FROM {table} AS t WHERE t."{column}"::text ILIKE ANY (%s)',
            [[f"%{mark}%", *([str(company_id)] if column == "company_id" and table not in outlives else [])]],
        ).fetchone()
        if count:
            found[f"{table}.{column}"] = count
    return found


def tally(superuser: psycopg.Connection[Any], company_id: UUID) -> dict[str, int]:
    return {
        name: superuser.execute(
            f"SELECT count(*) FROM {name} WHERE {table.info['company_key']} = %s", [company_id]
        ).fetchone()[0]
        for name, table in OF_A_COMPANY.items()
    }


# A company.


@pytest.mark.usefixtures("small_batches")
async def test_of_an_erased_company_nothing_is_left(keyed, populations, superuser, database_url):
    ours, theirs = populations.ours, populations.theirs
    before, others = tally(superuser, ours.id), fingerprint(database_url, theirs.id)
    assert left_of(superuser, ours.id, ours.mark)
    erasure = await keyed.privacy.erase_company(ours.id)
    assert erasure.rows == before
    assert left_of(superuser, ours.id, ours.mark) == {}
    assert fingerprint(database_url, theirs.id) == others


async def test_a_dry_run_counts_what_would_go_and_removes_nothing(keyed, populations, superuser):
    ours = populations.ours
    before = tally(superuser, ours.id)
    erasure = await keyed.privacy.erase_company(ours.id, dry_run=True)
    assert erasure.rows == before == tally(superuser, ours.id)


async def test_the_trail_says_that_a_company_was_erased_and_nothing_of_it(keyed, populations, superuser):
    ours, staff_id = populations.ours, uuid4()
    erasure = await keyed.privacy.erase_company(ours.id, staff_id=staff_id)
    entries = superuser.execute(
        "SELECT action, company_id, staff_id, new_values FROM chatapp_audit_logs WHERE resource_id = %s"
        " ORDER BY created_at",
        [ours.id],
    ).fetchall()
    assert entries == [
        ("company.erasure_begun", None, staff_id, {"dry_run": False}),
        ("company.erased", None, staff_id, {"rows": erasure.rows}),
    ]


async def test_progress_is_told_after_each_batch(keyed, populations):
    told = []
    erasure = await keyed.privacy.erase_company(
        populations.ours.id, tell=lambda so_far: told.append(so_far.total)
    )
    assert told == sorted(told)
    assert told[-1] == erasure.total
    assert len(told) >= len([rows for rows in erasure.rows.values() if rows])


async def test_a_company_that_is_not_there_is_not_found(db):
    with pytest.raises(NotFound, match="company"):
        await db.privacy.erase_company(uuid4())
    with pytest.raises(InvalidValue):
        await db.privacy.erase_company("acme")


async def test_one_change_for_each_set_tells_the_stores(db, superuser):
    company_id, other_id = await new_company(db), await new_company(db)
    superuser.execute(
        "INSERT INTO chatapp_embedding_sets"
        " (name, version, model, dimensions, distance, backend, collection_name, status)"
        " SELECT 'default', n, 'm', 2, 'cosine', 'edge', 'c' || n, status"
        " FROM unnest(enum_range(NULL::chatapp_embedding_set_status)) WITH ORDINALITY AS s (status, n)"
    )
    for owner in (company_id, other_id):
        knowledge = db.company(owner).knowledge
        source = await knowledge.register(name="Atlas", type="text")
        await knowledge.replace_chunks(source.id, [{"content": "a"}, {"content": "b"}])
    await db.privacy.erase_company(company_id)
    waiting = "SELECT change::text, subject_id, embedding FROM chatapp_vector_outbox WHERE company_id = %s"
    assert superuser.execute(waiting, [company_id]).fetchall() == [("purge_company", company_id, None)] * 3
    assert {change for change, *_ in superuser.execute(waiting, [other_id])} == {"upsert"}


def fill(superuser: psycopg.Connection[Any], conversation_id: UUID, messages: int) -> None:
    superuser.execute(
        "INSERT INTO chatapp_messages (company_id, conversation_id, role, content)"
        " SELECT company_id, id, 'user', 'Hi' FROM chatapp_conversations, generate_series(1, %s)"
        " WHERE id = %s",
        [messages, conversation_id],
    )


KILLED = """
import sys, time
from uuid import UUID
from chatapp_db import Database

def tell(so_far):
    print(so_far.total, flush=True)
    if so_far.total >= 2000:
        time.sleep(60)

privacy = Database(sys.argv[1]).privacy
ids = [UUID(id) for id in sys.argv[3:]]
{"company": privacy.erase_company, "customer": privacy.erase_customer}[sys.argv[2]](*ids, tell=tell)
"""


def killed_in_the_middle(url: str, what: str, *ids: UUID) -> None:
    command = [sys.executable, "-c", KILLED, url, what, *map(str, ids)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while int(process.stdout.readline()) < 2000:
            pass
        os.kill(process.pid, signal.SIGKILL)


async def test_a_company_that_was_half_erased_is_erased_by_the_next_run(db, login_url, superuser):
    company_id = await new_company(db, "halfway")
    conversation_id = await new_conversation(db, company_id)
    fill(superuser, conversation_id, 5000)
    killed_in_the_middle(login_url("service"), "company", company_id)
    half = tally(superuser, company_id)
    assert half["chatapp_messages"] == 3000
    assert half["chatapp_companies"] == 1
    erasure = await db.privacy.erase_company(company_id)
    assert erasure.rows["chatapp_messages"] == 3000
    assert left_of(superuser, company_id, "halfway") == {}


async def test_in_the_end_nobody_can_write_to_a_company(db, superuser):
    """What came late goes in the last transaction, whatever its key, and nothing can come beside it."""
    company_id = await new_company(db)
    await new_user(db, company_id)
    insert = "INSERT INTO chatapp_webhooks (id, company_id, url) VALUES (%s, %s, 'https://example.com')"
    superuser.execute(insert, [UUID(int=2), company_id])
    seen = []

    def tell(so_far: Any) -> None:
        if so_far.rows["chatapp_users"] and not seen:
            for id in (UUID(int=1), UUID(int=2**127)):
                superuser.execute(insert, [id, company_id])
            seen.append("late")
        elif so_far.rows["chatapp_webhooks"] > 1 and len(seen) == 1:
            superuser.execute("SET lock_timeout = '200ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                superuser.execute(insert, [UUID(int=3), company_id])
            seen.append("too late")

    erasure = await db.privacy.erase_company(company_id, tell=tell)
    assert seen == ["late", "too late"]
    assert erasure.rows["chatapp_webhooks"] == 3


async def test_while_a_company_writes_it_is_erased_all_the_same(world, login_url, superuser, database_url):
    """Who writes is let, and refused in the end; in the moment between, it may be told to try again."""
    db = world.open(login_url("service"), pool_size=8)
    company_id, other_id = await new_company(db, "busy"), await new_company(db)
    agent_id = await new_agent(db, company_id)
    conversation_id = await new_conversation(db, company_id, agent_id=agent_id)
    await new_conversation(db, other_id)
    fill(superuser, conversation_id, 3000)
    others = fingerprint(database_url, other_id)
    refused, written = [], []

    async def work() -> None:
        plain = db.company(company_id).unwrap()
        for number in range(2000):
            try:
                customer = await settled(plain.customers.add(name=f"busy {number}"))
                conversation = await settled(
                    plain.conversations.open(agent_id=agent_id, customer_id=customer.id, channel="widget")
                )
                await settled(plain.messages.append(conversation.id, role="user", content="busy"))
                written.append(number)
            except (InvalidReference, NotFound, SerializationFailure) as error:
                refused.append(error)
                if isinstance(error, InvalidReference) and "company" in error.constraint:
                    return

    def work_here() -> None:
        import asyncio

        asyncio.run(work())

    writers = [work_here if world.blocking else work] * 3
    await world.together(*writers, lambda: db.privacy.erase_company(company_id).unwrap())
    assert written
    assert len(refused) >= 3
    assert left_of(superuser, company_id, "busy") == {}
    assert fingerprint(database_url, other_id) == others


# A customer.


async def visited(db: Awaited, company_id: UUID, name: str) -> UUID:
    """Let a customer have conversations, with messages and analytics."""
    customer_id = await new_customer(db, company_id, name)
    user_id = await new_user(db, company_id)
    for _ in range(2):
        conversation_id = await new_conversation(db, company_id, customer_id=customer_id)
        async with db.tenant(company_id) as tenant:
            await tenant.messages.append(conversation_id, role="user", content=f"I am {name}")
            await tenant.messages.append(
                conversation_id, role="assistant", content=f"{name} is rude", sender_user_id=user_id,
                is_private=True,
            )  # fmt: skip
            await tenant.conversation_analytics.compute(conversation_id)
    return customer_id


@pytest.mark.usefixtures("small_batches")
async def test_of_an_erased_customer_nothing_is_left(db, superuser, database_url):
    company_id, other_id = await new_company(db), await new_company(db)
    grace = await visited(db, company_id, "Gracemarker")
    await visited(db, company_id, "Another")
    await visited(db, other_id, "Theirs")
    before, others = tally(superuser, company_id), fingerprint(database_url, other_id)
    told = []
    erasure = await db.privacy.erase_customer(company_id, grace, tell=lambda it: told.append(it.total))
    assert erasure.rows == {
        "chatapp_customers": 1,
        "chatapp_conversations": 2,
        "chatapp_conversation_analytics": 2,
        "chatapp_messages": 4,
    }
    assert told[-1] == 9
    assert left_of(superuser, uuid4(), "gracemarker") == {}
    after = tally(superuser, company_id)
    gone = {name: before[name] - after[name] for name in before if before[name] > after[name]}
    assert gone == erasure.rows
    assert fingerprint(database_url, other_id) == others


async def test_the_company_reads_in_its_trail_that_a_customer_was_erased(db):
    company_id = await new_company(db)
    grace = await visited(db, company_id, "Gracemarker")
    erasure = await db.privacy.erase_customer(company_id, grace)
    page = await db.company(company_id).audit.page()
    entries = [
        (entry.action, entry.resource_id, entry.new_values)
        for entry in page.items
        if entry.resource_type == "customer" and entry.action.startswith("customer.eras")
    ]
    assert entries == [
        ("customer.erased", grace, {"rows": erasure.rows}),
        ("customer.erasure_begun", grace, {"dry_run": False}),
    ]


async def test_a_dry_run_counts_what_a_customer_has(db, superuser):
    company_id = await new_company(db)
    grace = await visited(db, company_id, "Grace")
    before = {name: rows for name, rows in tally(superuser, company_id).items() if "audit" not in name}
    counted = await db.privacy.erase_customer(company_id, grace, dry_run=True)
    assert before == {n: rows for n, rows in tally(superuser, company_id).items() if "audit" not in n}
    assert counted.rows == (await db.privacy.erase_customer(company_id, grace)).rows


async def test_a_customer_of_another_company_is_not_found(db):
    company_id, other_id = await new_company(db), await new_company(db)
    customer_id = await new_customer(db, other_id)
    with pytest.raises(NotFound, match="customer"):
        await db.privacy.erase_customer(company_id, customer_id)
    assert (await db.company(other_id).customers.get(customer_id)).id == customer_id


async def test_a_customer_who_was_half_erased_is_erased_by_the_next_run(db, login_url, superuser):
    company_id = await new_company(db)
    customer_id = await new_customer(db, company_id, "Halfwaymarker")
    fill(superuser, await new_conversation(db, company_id, customer_id=customer_id), 5000)
    killed_in_the_middle(login_url("service"), "customer", company_id, customer_id)
    assert tally(superuser, company_id)["chatapp_messages"] == 3000
    erasure = await db.privacy.erase_customer(company_id, customer_id)
    assert erasure.rows["chatapp_messages"] == 3000
    assert left_of(superuser, uuid4(), "halfwaymarker") == {}


# A person.


async def test_a_person_who_leaves_is_nobody_and_what_they_wrote_is_a_persons(db, superuser):
    company_id = await new_company(db)
    user_id = await new_user(db, company_id, "Adamarker")
    email = "adamarker@example.com"
    async with db.tenant(company_id) as tenant:
        await tenant.users.update(
            user_id, email=email, avatar_url="https://example.com/adamarker", settings={"theme": "dark"}
        )
        await tenant.users.touch_login(user_id)
    conversation_id = await new_conversation(db, company_id)
    async with db.tenant(company_id) as tenant:
        await tenant.conversations.assign(conversation_id, user_id)
        await tenant.messages.append(conversation_id, role="assistant", content="Hi", sender_user_id=user_id)
    superuser.execute(
        "INSERT INTO chatapp_team_invitations (company_id, email, token, status)"
        " VALUES (%s, %s, repeat('a', 64), 'accepted')",
        [company_id, email],
    )
    row = await db.privacy.anonymise_user(company_id, user_id)
    assert (row.id, row.email, row.status) == (user_id, f"deleted-{user_id}@invalid", "inactive")
    assert (row.avatar_url, row.settings, row.last_login_at) == (None, {}, None)
    assert left_of(superuser, uuid4(), "adamarker") == {}
    assert (await db.company(company_id).conversations.get(conversation_id)).assigned_user_id is None
    (message,) = (await db.company(company_id).messages.history(conversation_id)).items
    assert message.sender_user_id == user_id
    assert await db.privacy.anonymise_user(company_id, user_id) is not None
    (entry, *_) = (await db.company(company_id).audit.page()).items
    assert (entry.action, entry.resource_id, entry.new_values) == ("user.anonymised", user_id, {})


async def test_a_person_of_another_company_is_not_found(db):
    company_id, other_id = await new_company(db), await new_company(db)
    user_id = await new_user(db, other_id)
    with pytest.raises(NotFound, match="user"):
        await db.privacy.anonymise_user(company_id, user_id)
    assert (await db.company(other_id).users.get(user_id)).name == "Ada"


def test_the_order_of_an_erasure_comes_from_the_references():
    """Each table goes before those it refers to: so no reference is ever left without its row."""
    order = [table.name for table in (erasing.COMPANY.root, *erasing.COMPANY.branches)][::-1]
    for table in OF_A_COMPANY.values():
        for constraint in table.foreign_key_constraints:
            parent = constraint.referred_table.name
            if parent in OF_A_COMPANY and parent != table.name:
                assert order.index(table.name) < order.index(parent)
    assert order[-1] == "chatapp_companies"
