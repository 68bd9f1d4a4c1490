"""The rules of script.py.mako: what a revision may do where they are kept, and what saves it where not."""

from __future__ import annotations

import pytest

from chatapp_db.errors import ChatAppDbError
from chatapp_db.migrations import check, status
from tests.migrations.line import AFTER_FIRST, HEAD, LINE, NEXT

DATA_STEP = '''platform = op.get_context().opts["names"].platform_role
    op.execute(f"""
        DO $$ DECLARE
            role_before text := current_setting('role');
            touched bigint;
        BEGIN
            PERFORM set_config('role', '{platform}', true);
            UPDATE chatapp_agent_packages SET name = upper(name);
            GET DIAGNOSTICS touched = ROW_COUNT;
            PERFORM set_config('role', role_before, true);
            IF touched <> 2 THEN
                RAISE EXCEPTION 'expected 2 rows, touched %', touched;
            END IF;
        END $$""")'''

ADD_A_LABEL = "ALTER TYPE chatapp_user_status ADD VALUE 'retired'"
USE_IT = "ALTER TABLE chatapp_users ALTER status SET DEFAULT 'retired'"
LABELS = "SELECT array_agg(enumlabel::text) FROM pg_enum WHERE enumtypid = 'chatapp_user_status'::regtype"

INDEXED = (
    'if not op.get_context().opts["indexes_are_built"]:\n'
    '        op.execute("CREATE INDEX IF NOT EXISTS ix_new ON chatapp_companies (name)")'
)
DECLARED = 'CONCURRENTLY = {"ix_new": ("chatapp_companies", "(name)")}'


@pytest.fixture
def owned(any_place):
    """A place that a plain owner has migrated, with two packages in it, and that owner's login."""
    owner = any_place.login("CREATEROLE")
    any_place.migrate(owner)
    any_place.execute("INSERT INTO chatapp_agent_packages (name, slug) VALUES ('a', 'a'), ('b', 'b')")
    return any_place, owner


def test_a_data_step_as_the_platform_role_touches_every_row_for_a_plain_owner(owned, next_revision):
    place, owner = owned
    next_revision(DATA_STEP)

    assert place.migrate(owner).applied == (NEXT,)

    assert place.rows("SELECT name FROM chatapp_agent_packages ORDER BY name") == [("A",), ("B",)]


def test_a_data_step_as_the_owner_touches_none_and_its_count_takes_the_migration_back(owned, next_revision):
    place, owner = owned
    if int(place.value("SHOW server_version_num")) < 160000:
        pytest.skip("there a member of the platform role has its rights all the time")
    switching = "PERFORM set_config('role', '{platform}', true);"
    assert switching in DATA_STEP
    next_revision(DATA_STEP.replace(switching, ""))

    with pytest.raises(ChatAppDbError):
        place.migrate(owner)

    assert status(place.url).current == HEAD
    assert place.rows("SELECT name FROM chatapp_agent_packages ORDER BY name") == [("a",), ("b",)]


def test_a_label_is_used_by_a_later_release_than_the_one_that_adds_it(at_head, next_revision):
    labels = at_head.value(LABELS)
    next_revision(f'op.execute("{ADD_A_LABEL}")\n    op.execute("{USE_IT}")')
    with pytest.raises(ChatAppDbError):
        at_head.migrate()
    assert (status(at_head.url).current, at_head.value(LABELS)) == (HEAD, labels)

    next_revision(f'op.execute("{ADD_A_LABEL}")')

    assert at_head.migrate().applied == (NEXT,)
    at_head.execute(USE_IT)


def test_a_declared_index_is_built_ahead_of_its_revision_and_after_those_before_it(filled, next_revision):
    next_revision(INDEXED, DECLARED)

    assert filled.migrate().applied == (*AFTER_FIRST, NEXT)

    assert [str(difference) for difference in check(filled.url, **filled.names)] == [
        "index ix_new: unexpected, found CREATE INDEX ix_new ON chatapp_companies USING btree (name)"
    ]


def test_an_index_declared_for_an_empty_table_is_made_in_the_one_transaction(place, next_revision, caplog):
    next_revision(INDEXED, DECLARED)

    assert place.migrate().applied == (*LINE, NEXT)

    assert place.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_new'::regclass")
    assert "building index" not in caplog.text
