"""What pytest-alembic asks of every project's revisions, asked of ours through env.py."""

from __future__ import annotations

import pytest
from alembic.config import Config
from sqlalchemy import create_engine

from chatapp_db.address import engine_url
from chatapp_db.migrations import revisions
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.roles import ensure_roles
from chatapp_db.migrations.version import create_version_table

tests = pytest.importorskip("pytest_alembic.tests")
alembic_runner = pytest.importorskip("pytest_alembic.plugin.fixtures").alembic_runner


@pytest.fixture
def alembic_config(place):
    config = Config()
    config.set_main_option("script_location", str(revisions.folder()))
    config.attributes["names"] = Names("public", **place.names)
    return config


@pytest.fixture
def alembic_engine(place):
    """A connection, as our env.py takes it, with what migrate() makes ahead of the revisions."""
    engine = create_engine(engine_url(place.url))
    with engine.connect() as connection:
        with connection.begin():
            names = Names("public", **place.names)
            ensure_roles(connection, names)
            create_version_table(connection, names)
        yield connection
    engine.dispose()


test_there_is_one_head = tests.test_single_head_revision
test_every_revision_upgrades = tests.test_upgrade
test_the_models_are_what_the_revisions_make = tests.test_model_definitions_match_ddl
test_every_revision_can_be_taken_back = tests.test_up_down_consistency
