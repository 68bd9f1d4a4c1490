"""The migrated database is the metadata: nothing is declared in one and missing in the other."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from chatapp_db.address import engine_url
from chatapp_db.migrations.names import Names
from chatapp_db.migrations.runner import context_options
from chatapp_db.schema import metadata
from chatapp_db.schema.security import security_statements
from tests.migrations.catalog import catalog, differences
from tests.migrations.conftest import Place


def create_from_metadata(place: Place, url: str, roles: dict[str, str | None]) -> None:
    engine = create_engine(engine_url(url))
    with engine.begin() as connection:
        metadata.create_all(connection)
        for statement in security_statements(metadata, **roles):
            connection.exec_driver_sql(statement)
    engine.dispose()


@pytest.mark.parametrize("without", [(), ("app_role",), ("platform_role",), ("app_role", "platform_role")])
def test_the_migrated_catalog_is_what_the_metadata_creates(any_place, without):
    roles = {**any_place.names, **dict.fromkeys(without)}

    any_place.migrate(**roles)

    with any_place.server.database() as from_metadata:
        create_from_metadata(any_place, from_metadata, roles)
        migrated, created = catalog(any_place.url), catalog(from_metadata)
        assert len(created) > 500
        assert differences(migrated, created) == {}


def test_alembic_finds_nothing_to_generate(any_place):
    any_place.migrate()

    engine = create_engine(engine_url(any_place.url))
    with engine.connect() as connection:
        options = context_options(Names("public", **any_place.names))
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()

    assert found == []
