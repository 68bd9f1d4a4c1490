"""downgrade() and adopt(): by hand, below the same lock, and never on a schema that is not known."""

from __future__ import annotations

import psycopg
import pytest

from chatapp_db.errors import (
    InvalidValue,
    MigrationLockTimeout,
    SchemaAhead,
    SchemaOutOfDate,
    UnknownRevision,
)
from chatapp_db.migrations import aadopt, adopt, adowngrade, check, downgrade, status
from chatapp_db.migrations.names import lock_key
from tests.migrations.catalog import catalog, differences

NEW_TABLE = "op.execute('CREATE TABLE chatapp_new (id int)')"


def set_version(place, revision):
    place.execute(f"UPDATE chatapp_db_version SET version_num = '{revision}'")


@pytest.mark.parametrize("schema", [None, "support"])
def test_down_to_base_is_as_if_it_had_never_been(any_place, schema):
    any_place.execute("CREATE SCHEMA support")
    before = catalog(any_place.url, schema=schema or "public", but="nothing")
    any_place.migrate(schema=schema)

    report = downgrade(any_place.url, "base", schema=schema, **any_place.names)

    assert (report.before, report.after, report.state) == ("0002", None, "unmanaged")
    assert str(report) == "migrated from 0002 to nothing"
    assert differences(before, catalog(any_place.url, schema=schema or "public", but="nothing")) == {}
    assert any_place.migrate(schema=schema).applied == ("0001", "0002")


def test_down_by_one_leaves_the_one_before(place, next_revision):
    next_revision(NEW_TABLE)
    place.migrate()

    report = downgrade(place.url, "0002", **place.names)

    assert (report.before, report.after, report.applied, report.state) == (
        "0003",
        "0002",
        ("0003",),
        "behind",
    )
    assert place.rows("SELECT version_num, number FROM chatapp_db_version") == [("0002", 2)]


def test_down_to_where_it_is_does_nothing(place):
    assert downgrade(place.url, "base", **place.names).applied == ()
    place.migrate()
    assert downgrade(place.url, "0002", **place.names).applied == ()


@pytest.mark.parametrize("to", ["0009", "head", "", "base; DROP TABLE x"])
def test_down_to_what_there_is_not_is_refused_before_anything_is_sent(to):
    with pytest.raises(InvalidValue, match="not a revision of this package"):
        downgrade("postgresql://nobody@127.0.0.1:1/nothing", to)


def test_down_is_never_up(place, next_revision):
    next_revision(NEW_TABLE)
    with pytest.raises(InvalidValue, match="0002 is later than nothing"):
        downgrade(place.url, "0002", **place.names)


def test_down_from_what_is_not_known_is_refused(place):
    place.migrate()
    before = catalog(place.url)
    for revision, error in (("0007", SchemaAhead), ("0000", UnknownRevision)):
        set_version(place, revision)
        with pytest.raises(error):
            downgrade(place.url, "base", **place.names)
    assert differences(before, catalog(place.url)) == {}


@pytest.mark.parametrize("call", [lambda url, **names: downgrade(url, "base", **names), adopt])
def test_a_migration_under_way_is_waited_for(place, call):
    place.migrate()
    with psycopg.connect(place.url) as stranger:
        stranger.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key("public")])
        with pytest.raises(MigrationLockTimeout):
            call(place.url, lock_timeout=0.2, **place.names)
    assert status(place.url).state == "current"


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

    assert (report.after, report.applied, report.state) == ("0002", (), "current")
    assert str(report) == "adopted at 0002"
    assert check(any_place.url, **any_place.names) == []
    assert any_place.migrate().applied == ()


def test_a_plain_owner_adopts_too(any_place):
    url = any_place.login("CREATEROLE")
    any_place.migrate(url)
    any_place.execute("DROP TABLE chatapp_db_version")

    assert adopt(url, **any_place.names).state == "current"


def test_a_schema_that_differs_is_not_adopted_and_the_difference_is_named(place):
    place.migrate()
    place.execute("DROP TABLE chatapp_db_version")
    place.execute("ALTER TABLE chatapp_users NO FORCE ROW LEVEL SECURITY")
    before = catalog(place.url, but="nothing")

    with pytest.raises(SchemaOutOfDate, match="row security chatapp_users: expected enabled forced"):
        adopt(place.url, **place.names)

    assert differences(before, catalog(place.url, but="nothing")) == {}
    assert status(place.url).state == "foreign"


def test_a_schema_at_head_is_left_alone_and_an_empty_one_is_not_adopted(place):
    with pytest.raises(SchemaOutOfDate, match=r"run: chatapp-db migrate$"):
        adopt(place.url, **place.names)
    place.migrate()
    assert adopt(place.url, **place.names).applied == ()
    set_version(place, "0007")
    with pytest.raises(SchemaAhead):
        adopt(place.url, **place.names)


async def test_the_asyncio_twins_do_the_same(place):
    place.migrate()
    place.execute("DROP TABLE chatapp_db_version")

    assert (await aadopt(place.url, **place.names)).state == "current"
    assert (await adowngrade(place.url, "base", **place.names)).state == "unmanaged"
