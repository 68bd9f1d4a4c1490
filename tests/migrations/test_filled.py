"""From 0001 with rows to this release: through whatever names the database, and nothing is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine

from chatapp_db.address import engine_url
from chatapp_db.errors import InvalidValue
from chatapp_db.migrations import amigrate, downgrade, status
from tests.migrations.catalog import catalog, differences
from tests.migrations.filled import assert_whole, restore
from tests.migrations.line import AFTER_FIRST, HEAD

# By another body, which gives the same.
_WRITTEN_ANEW = "function chatapp_current_company()"


def test_what_the_last_release_left_is_migrated_with_its_rows(any_place):
    restore(any_place)

    report = any_place.migrate()

    assert (report.before, report.after, report.applied) == ("0001", HEAD, AFTER_FIRST)
    assert_whole(any_place)
    assert any_place.migrate().applied == ()
    with any_place.server.database() as fresh:
        any_place.migrate(fresh)
        assert differences(catalog(any_place.url), catalog(fresh)) == {}


def test_the_kept_database_is_what_the_first_release_makes(filled, first_release):
    first_release()
    with filled.server.database() as fresh:
        assert filled.migrate(fresh).applied == ("0001",)
        assert differences(catalog(filled.url), catalog(fresh)) == {}


def test_all_that_the_last_release_works_with_stays_as_it_was(filled):
    before = catalog(filled.url)

    filled.migrate()

    after = catalog(filled.url)
    assert len(before) > 500
    changed = differences(before, {name: after.get(name) for name in before})
    assert changed.keys() == {_WRITTEN_ANEW}


def test_an_engine_with_one_connection_is_enough(filled):
    engine = create_engine(
        engine_url(filled.url), pool_size=1, max_overflow=0, isolation_level="SERIALIZABLE"
    )
    before = "SHOW lock_timeout"
    with engine.connect() as connection:
        usual = connection.exec_driver_sql(before).scalar()

    # Long enough for any machine, and an end for a build that waits for its own watch.
    assert filled.migrate(engine, lock_timeout=20).applied == AFTER_FIRST

    with engine.connect() as connection:
        assert connection.get_isolation_level() == "SERIALIZABLE"
        assert connection.exec_driver_sql(before).scalar() == usual
    engine.dispose()
    assert_whole(filled)


def test_a_connection_of_yours_that_is_in_no_transaction_will_do(filled):
    engine = create_engine(engine_url(filled.url))
    with engine.connect() as connection:
        assert filled.migrate(connection).applied == AFTER_FIRST
        assert not connection.in_transaction()
        assert connection.get_isolation_level() == "READ COMMITTED"
    engine.dispose()
    assert_whole(filled)


def test_a_connection_that_is_in_a_transaction_is_refused_and_nothing_changed(filled):
    before = catalog(filled.url)
    engine = create_engine(engine_url(filled.url))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id int)")
        with pytest.raises(InvalidValue, match="CONCURRENTLY, which no transaction may"):
            filled.migrate(connection)
        connection.commit()
        connection.exec_driver_sql("DROP TABLE mine")
        connection.commit()
    engine.dispose()
    assert differences(before, catalog(filled.url)) == {}


def test_where_no_message_is_yet_a_transaction_of_yours_will_do(filled):
    filled.execute("SET session_replication_role = replica; TRUNCATE chatapp_companies CASCADE")
    engine = create_engine(engine_url(filled.url))
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE mine (id int)")
        assert filled.migrate(connection).applied == AFTER_FIRST
        connection.rollback()
    engine.dispose()
    assert status(filled.url).current == "0001"


async def test_asyncio_builds_too(filled):
    engine = create_async_engine(engine_url(filled.url), pool_size=1, max_overflow=0)
    assert (await amigrate(engine, **filled.names)).applied == AFTER_FIRST
    await engine.dispose()
    assert_whole(filled)


def test_down_and_up_again_is_the_same(filled):
    filled.migrate()
    first = catalog(filled.url, but="nothing")
    downgrade(filled.url, "0001", **filled.names)
    assert filled.value("SELECT to_regclass('ix_chatapp_messages_search')") is None

    assert filled.migrate().applied == AFTER_FIRST

    assert differences(first, catalog(filled.url, but="nothing")) == {}
