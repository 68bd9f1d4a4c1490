"""The plan for Citus: whole, in an order that every foreign key allows, and run where nothing distributes."""

from __future__ import annotations

import json
import re

import pglast
import psycopg
import pytest
from pglast import ast
from pglast.visitors import Visitor

from chatapp_db import check, scale_out_plan
from chatapp_db.cli import main
from chatapp_db.errors import InvalidValue
from chatapp_db.schema import metadata
from chatapp_db.schema.tombstones import tombstone_statements
from tests.migrations.conftest import Place, copied_place, fresh_place
from tests.migrations.test_offline import run
from tests.scale_out.stand_in import scale_out, stand_in_for_citus

TABLES = {table.name: table for table in metadata.sorted_tables}
DISTRIBUTED, REFERENCE, COORDINATOR = (
    "create_distributed_table",
    "create_reference_table",
    "citus_add_local_table_to_metadata",
)
ALLOWED = {
    DISTRIBUTED: {DISTRIBUTED, REFERENCE},
    REFERENCE: {REFERENCE},
    COORDINATOR: {REFERENCE, COORDINATOR},
}
"""What a table may refer to, by how it is placed; a reference out of a shard leads nowhere else."""


class _Calls(Visitor):
    """The calls of functions in a script, each with its texts."""

    def __init__(self) -> None:
        self.found: list[tuple[str, list[str], dict[str, str]]] = []

    def visit_FuncCall(self, _, node: ast.FuncCall) -> None:  # noqa: N802  # pglast calls it by the node
        arguments = [one for one in node.args or () if isinstance(one, ast.A_Const)]
        named = {one.name: one.arg.val.sval for one in node.args or () if isinstance(one, ast.NamedArgExpr)}
        texts = [one.val.sval for one in arguments if isinstance(one.val, ast.String)]
        self.found.append((node.funcname[-1].sval, texts, named))


def placed(script: str) -> dict[str, tuple[str, list[str], dict[str, str]]]:
    """Give how each table is placed, in the order of the script; a table twice is an error."""
    calls = _Calls()
    calls(pglast.parse_sql(script))
    found = [call for call in calls.found if call[0] in ALLOWED]
    names = [texts[0] for _, texts, _ in found]
    assert len(names) == len(set(names))
    return {texts[0]: (function, texts, named) for function, texts, named in found}


PLACED = placed(str(scale_out_plan()))


def test_every_table_is_placed_exactly_once():
    assert PLACED.keys() == TABLES.keys()


def test_what_is_of_companies_is_distributed_by_the_company_and_colocated():
    distributed = {name: call for name, call in PLACED.items() if call[0] == DISTRIBUTED}
    assert distributed.keys() == {name for name, table in TABLES.items() if table.info["scope"] == "tenant"}
    first, *_ = distributed
    for name, (_, texts, named) in distributed.items():
        assert texts == [name, "company_id"]
        assert named == {"colocate_with": "none" if name == first else first}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_after_what_it_refers_to_and_may(name):
    order = [*PLACED]
    for key in TABLES[name].foreign_key_constraints:
        referred = key.referred_table.name
        if referred == name:
            continue
        assert order.index(referred) < order.index(name), key.name
        assert PLACED[referred][0] in ALLOWED[PLACED[name][0]], key.name


@pytest.fixture(scope="module")
def coordinator(server):
    """A migrated place that the plan was run on."""
    with fresh_place(server) as place:
        place.migrate()
        stand_in_for_citus(place.url)
        scale_out(place.url, scale_out_plan(**place.names))
        yield place


@pytest.fixture
def scaled(coordinator):
    with copied_place(coordinator) as place:
        yield place


def test_the_plan_runs_and_every_table_arrives(coordinator: Place):
    found = coordinator.rows(
        "SELECT logicalrelid::text, kind, key FROM pg_catalog.pg_dist_partition ORDER BY place"
    )
    kinds = {DISTRIBUTED: "distributed", REFERENCE: "reference", COORDINATOR: "coordinator"}
    assert found == [
        (name, kinds[function], "company_id" if function == DISTRIBUTED else None)
        for name, (function, _, _) in PLACED.items()
    ]


def test_check_finds_no_difference_afterwards(coordinator: Place):
    assert check(coordinator.url, **coordinator.names) == []


def test_both_roles_may_log_in_on_the_workers_and_nowhere_here(coordinator: Place):
    sent = coordinator.rows("SELECT command FROM pg_catalog.sent_to_workers")
    assert sent == [(f'ALTER ROLE "{role}" LOGIN',) for role in coordinator.names.values()]


def test_a_scope_s_settings_reach_the_workers(coordinator: Place):
    assert coordinator.value("SHOW citus.propagate_set_commands") == "local"


def test_only_triggers_that_look_at_their_own_row_are_left_on_what_has_shards(coordinator: Place):
    found = coordinator.rows(
        "SELECT DISTINCT d.kind, t.tgfoid::regproc::text FROM pg_trigger AS t"
        " JOIN pg_catalog.pg_dist_partition AS d ON d.logicalrelid = t.tgrelid WHERE NOT t.tgisinternal"
    )
    assert sorted(found) == [
        ("coordinator", "chatapp_audit_guard"),
        ("distributed", "chatapp_touch_updated_at"),
        ("reference", "chatapp_touch_updated_at"),
    ]


def test_no_policy_has_a_sub_select_left(coordinator: Place):
    policies = "SELECT concat_ws(' ', qual, with_check) FROM pg_policies WHERE tablename LIKE 'chatapp%'"
    conditions = [words for (words,) in coordinator.rows(policies)]
    assert conditions
    # The version table and what is shared have a policy without a company.
    assert not [words for words in conditions if re.search("select", words, re.IGNORECASE)]


@pytest.mark.parametrize(
    ("kind", "statement"),
    [
        ("trigger", "DROP TRIGGER tr_chatapp_agents_updated_at ON chatapp_agents"),
        ("policy", "ALTER POLICY app_select ON chatapp_agents USING (true)"),
        ("grant", "REVOKE UPDATE ON chatapp_subscription_plans FROM {app_role}"),
        ("trigger", [*tombstone_statements()][-1]),
    ],
)
def test_check_goes_on_finding_what_is_wrong(scaled: Place, kind, statement):
    scaled.execute(statement.format(**scaled.names))

    assert [difference.kind for difference in check(scaled.url, **scaled.names)] == [kind]


def test_the_app_role_may_lock_a_plan_and_change_none(scaled: Place):
    scaled.execute("INSERT INTO chatapp_subscription_plans (name, slug, type) VALUES ('a', 'a', 'starter')")
    with psycopg.connect(scaled.url) as connection:
        connection.execute(f"SET LOCAL ROLE {scaled.app_role}")
        connection.execute("LOCK TABLE chatapp_subscription_plans IN ROW EXCLUSIVE MODE")
        assert connection.execute("UPDATE chatapp_subscription_plans SET name = 'b'").rowcount == 0


def test_a_server_without_citus_is_left_as_it_is(at_head: Place):
    with pytest.raises(psycopg.errors.RaiseException, match="no Citus coordinator"):
        scale_out(at_head.url, scale_out_plan(**at_head.names))
    assert check(at_head.url, **at_head.names) == []


def test_a_schema_that_is_not_at_this_release_is_left_as_it_is(place: Place):
    place.migrate()
    stand_in_for_citus(place.url)
    place.execute("UPDATE chatapp_db_version SET version_num = '0006'")
    with pytest.raises(psycopg.errors.RaiseException, match="not at"):
        scale_out(place.url, scale_out_plan(**place.names))
    assert place.rows("SELECT FROM pg_catalog.pg_dist_partition") == []


def test_psql_runs_the_text(place: Place, tmp_path):
    place.migrate(schema="support")
    stand_in_for_citus(place.url)

    done = run(place.url, str(scale_out_plan(schema="support", **place.names)), tmp_path)

    assert done.returncode == 0, done.stderr
    assert check(place.url, schema="support", **place.names) == []


def test_every_release_of_postgresql_takes_it(any_place: Place):
    any_place.migrate()
    stand_in_for_citus(any_place.url)

    scale_out(any_place.url, scale_out_plan(**any_place.names))

    assert check(any_place.url, **any_place.names) == []


def test_without_roles_there_is_nobody_to_let_in(place: Place):
    names = {"app_role": None, "platform_role": None}
    place.migrate(**names)
    stand_in_for_citus(place.url)

    scale_out(place.url, scale_out_plan(**names))

    assert place.rows("SELECT FROM pg_catalog.sent_to_workers") == []
    assert check(place.url, **names) == []


def test_the_command_prints_the_plan(capsys):
    assert main(["scale-out", "plan", "--app-role", "mine"]) == 0
    assert capsys.readouterr().out == str(scale_out_plan(app_role="mine"))


def test_a_program_reads_its_steps(capsys):
    assert main(["scale-out", "plan", "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert [tuple(step["statements"]) for step in steps] == [
        step.statements for step in scale_out_plan().steps
    ]


def test_a_name_that_is_none_is_refused():
    with pytest.raises(InvalidValue):
        scale_out_plan(schema='a"b')
