"""downgrade() and adopt(): by hand, below the same lock, and never on a schema that is not known."""

from __future__ import annotations

import pytest

from chatapp_db.errors import (
    InvalidValue,
    MigrationLockTimeout,
    SchemaAhead,
    SchemaOutOfDate,
    UnknownRevision,
)
from chatapp_db.migrations import aadopt, adopt, adowngrade, check, downgrade, status
from tests.migrations.catalog import catalog, differences
from tests.migrations.line import AHEAD, HEAD, LINE, NEXT
from tests.migrations.strangers import migrating

NEW_TABLE = "op.execute('CREATE TABLE chatapp_new (id int)')"


def set_version(place, revision):
    place.execute(f"UPDATE chatapp_db_version SET version_num = '{revision}'")


@pytest.mark.parametrize("schema", [None, "support"])
def test_down_to_base_is_as_if_it_had_never_been(any_place, schema):
    any_place.execute("CREATE SCHEMA support")
    before = catalog(any_place.url, schema=schema or "public", but="nothing")
    any_place.migrate(schema=schema)

    report = downgrade(any_place.url, "base", schema=schema, **any_place.names)

    assert (report.before, report.after, report.state) == (HEAD, None, "unmanaged")
    assert str(report) == f"migrated from {HEAD} to nothing"
    assert differences(before, catalog(any_place.url, schema=schema or "public", but="nothing")) == {}
    assert any_place.migrate(schema=schema).applied == LINE


def test_down_by_one_leaves_the_one_before(place, next_revision):
    next_revision(NEW_TABLE)
    place.migrate()

    report = downgrade(place.url, HEAD, **place.names)

    assert (report.before, report.after, report.applied, report.state) == (
        NEXT,
        HEAD,
        (NEXT,),
        "behind",
    )
    assert place.rows("SELECT version_num, number FROM chatapp_db_version") == [(HEAD, int(HEAD))]


def test_down_to_where_it_is_does_nothing(place):
    assert downgrade(place.url, "base", **place.names).applied == ()
    place.migrate()
    assert downgrade(place.url, HEAD, **place.names).applied == ()


@pytest.mark.parametrize("to", ["9999", "head", "", "base; DROP TABLE x"])
def test_down_to_what_there_is_not_is_refused_before_anything_is_sent(to):
    with pytest.raises(InvalidValue, match="not a revision of this package"):
        downgrade("postgresql://nobody@127.0.0.1:1/nothing", to)


def test_down_is_never_up(place, next_revision):
    next_revision(NEW_TABLE)
    with pytest.raises(InvalidValue, match=f"{HEAD} is later than nothing"):
        downgrade(place.url, HEAD, **place.names)


def test_down_from_what_is_not_known_is_refused(at_head):
    before = catalog(at_head.url)
    for revision, error in ((AHEAD, SchemaAhead), ("0000", UnknownRevision)):
        set_version(at_head, revision)
        with pytest.raises(error):
            downgrade(at_head.url, "base", **at_head.names)
    assert differences(before, catalog(at_head.url)) == {}


@pytest.mark.parametrize("call", [lambda url, **names: downgrade(url, "base", **names), adopt])
def test_a_migration_under_way_is_waited_for(at_head, call):
    with migrating(at_head.url), pytest.raises(MigrationLockTimeout):
        call(at_head.url, lock_timeout=0.2, **at_head.names)
    assert status(at_head.url).state == "current"


@pytest.mark.parametrize(
    "how",
    [
        "DROP TABLE chatapp_db_version",
        "DELETE FROM chatapp_db_version",
        "UPDATE chatapp_db_version SET version_num = '0000'",
    ],
)
def test_an_equal_schema_is_adopted(any_place, how):
    any_place.migrate()
    any_place.execute(how)

    report = adopt(any_place.url, **any_place.names)

    assert (report.after, report.applied, report.state) == (HEAD, (), "current")
    assert str(report) == f"adopted at {HEAD}"
    assert check(any_place.url, **any_place.names) == []
    assert any_place.migrate().applied == ()


def test_a_plain_owner_adopts_too(any_place):
    url = any_place.login("CREATEROLE")
    any_place.migrate(url)
    any_place.execute("DROP TABLE chatapp_db_version")

    assert adopt(url, **any_place.names).state == "current"


def test_a_schema_that_differs_is_not_adopted_and_the_difference_is_named(at_head):
    at_head.execute("DROP TABLE chatapp_db_version")
    at_head.execute("ALTER TABLE chatapp_users NO FORCE ROW LEVEL SECURITY")
    before = catalog(at_head.url, but="nothing")

    with pytest.raises(SchemaOutOfDate, match="row security chatapp_users: expected enabled forced"):
        adopt(at_head.url, **at_head.names)

    assert differences(before, catalog(at_head.url, but="nothing")) == {}
    assert status(at_head.url).state == "foreign"


def test_a_schema_at_head_is_left_alone_and_an_empty_one_is_not_adopted(place):
    with pytest.raises(SchemaOutOfDate, match=r"run: chatapp-db migrate$"):
        adopt(place.url, **place.names)
    place.migrate()
    assert adopt(place.url, **place.names).applied == ()
    set_version(place, AHEAD)
    with pytest.raises(SchemaAhead):
        adopt(place.url, **place.names)


async def test_the_asyncio_twins_do_the_same(at_head):
    at_head.execute("DROP TABLE chatapp_db_version")

    assert (await aadopt(at_head.url, **at_head.names)).state == "current"
    assert (await adowngrade(at_head.url, "base", **at_head.names)).state == "unmanaged"
