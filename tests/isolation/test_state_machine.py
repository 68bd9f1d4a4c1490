"""Whatever a company does and in whatever order, another company's rows are as good as none."""

from __future__ import annotations

import re
from copy import copy

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from chatapp_db.execution.carriers import SingleCalls, Transaction
from chatapp_db.execution.statement import Statement
from tests.isolation.drawing import calls_of, plain_calls_of
from tests.isolation.machine import METHODS, Company, Covered, How, Stage
from tests.isolation.population import KEYS

WORLDS = ["blocking", "asyncio"]
WALLS = ["every wall", "predicates alone", "policies alone"]
A_FEW, MANY = 4, 12
# What a method needs before it can succeed.
PRELUDES = {"agents.for_channel": "agents.activate", "agents.pause": "agents.activate"}


class _Report:
    """Writes what was covered below the summary of the run."""

    def __init__(self, covered: Covered) -> None:
        self._covered = covered

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("methods called by the company at work: successes/calls")
        for line in self._covered.lines():
            terminalreporter.line(line)


@pytest.fixture(scope="module")
def covered(request):
    """Everything that this run has covered."""
    total = Covered()
    request.config.pluginmanager.register(_Report(total))
    return total


@pytest.fixture
def stage(server, filled, runner, monkeypatch):
    """Set the stage with some of the walls taken away."""

    def set_with(world: str, walls: str) -> Stage:
        as_superuser = walls in {"predicates alone", "none"}
        if walls in {"policies alone", "none"}:
            for carrier in (SingleCalls, Transaction):
                monkeypatch.setattr(carrier, "fetch", without_predicates(carrier.fetch))

        def opened(world, url):
            if as_superuser:
                return world.open(url, rls="off", keys=KEYS)
            return world.open(server.login_url("service", url), keys=KEYS)

        return Stage(runner, world, filled.populations, lambda: server.database(filled.name), opened)

    return set_with


def without_predicates(fetch):
    """Take the comparison with the company out of every statement; what is inserted keeps its company."""

    async def bare(self, statement, parameters, **more):
        return await fetch(self, unowned(statement), parameters, **more)

    return bare


def unowned(statement: Statement) -> Statement:
    names = list(statement._adapters)
    if "company_id" not in names:
        return statement
    company = rf"\${names.index('company_id') + 1}::UUID"
    statement = copy(statement)
    statement.text = re.sub(rf"\w+\.(?:company_)?id = ({company})", r"\1 IS NOT NULL", statement.text)
    return statement


def play(stage: Stage, times: int, number: int = 0) -> None:
    """Deal all methods so many times; the numbers of a run are always the same."""

    @seed(number)
    def company() -> Company:
        return Company(stage)

    run_state_machine_as_test(
        company,
        settings=settings(
            max_examples=times,
            stateful_step_count=len(METHODS) + 1,
            deadline=None,
            database=None,
            # Every replay needs a database of its own: the whole story is printed instead.
            phases=[Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def every_method_succeeded(stage: Stage) -> None:
    """Call what had no success by chance as one who means well would; a refusal proves little."""
    company = Company(stage)
    by_name = {str(method): method for method in METHODS}
    for method in stage.covered.without_success():
        for call in plain_calls_of(method):
            if str(method) in PRELUDES:
                prelude = plain_calls_of(by_name[PRELUDES[str(method)]])
                company.call(next(prelude), How.TOGETHER)
            company.call(call, How.UNDONE)
    company.teardown()
    assert stage.covered.without_success() == []


def test_every_method_has_values_for_its_arguments():
    """Each raises LookupError for an argument of which nobody said what it is given."""
    for method in METHODS:
        calls_of(method).validate()


@pytest.mark.parametrize(
    ("world", "walls"),
    [("blocking", "every wall"), ("asyncio", "predicates alone"), ("blocking", "policies alone")],
)
def test_theirs_is_as_good_as_none(stage, covered, world, walls):
    played = stage(world, walls)
    play(played, A_FEW, number=WALLS.index(walls))
    every_method_succeeded(played)
    covered.add(played.covered)


@pytest.mark.slow
@pytest.mark.parametrize("walls", WALLS)
@pytest.mark.parametrize("world", WORLDS)
def test_theirs_is_as_good_as_none_many_times_over(stage, covered, world, walls):
    played = stage(world, walls)
    play(played, MANY, number=len(WALLS) + WALLS.index(walls))
    every_method_succeeded(played)
    covered.add(played.covered)


@pytest.mark.parametrize("world", WORLDS)
def test_without_any_wall_theirs_is_found(stage, world):
    """The positive control: a leak would be seen."""
    with pytest.raises(AssertionError, match=r"theirs|instead of"):
        play(stage(world, "none"), A_FEW)
