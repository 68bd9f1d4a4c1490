"""The benchmarks' own arithmetic; that both sides of a figure agree is for a run to find out."""

import sys
from importlib.util import find_spec

import pytest

from benchmarks.figures import BASE, Differs, Figure, Goal, agree
from benchmarks.lines import LINES
from benchmarks.measuring import Contender, Effort, compared
from benchmarks.peers import installed
from benchmarks.peers.chatapp import OURS
from benchmarks.peers.texts import numbered
from benchmarks.report import markdown
from benchmarks.run import Run
from benchmarks.tables import tables

MET = Figure("calls", "agent by id", OURS, 1.3, world="blocking", goal=Goal(1.4), spread=(1.2, 1.5))
MISSED = Figure("together", "200 calls", OURS, 0.8, unit="times", goal=Goal(0.9, at_least=True))
BY_HAND = Figure("calls", "agent by id", BASE, 1.0, world="blocking", microseconds=120.0)


def test_every_line_has_a_module():
    assert [name for name in LINES if find_spec(f"benchmarks.lines.{name}") is None] == []


def test_a_ratio_is_the_median_of_the_rounds_own_ratios():
    """The second round is ten times slower for both sides: the ratio of the medians would be 15."""
    base, other = iter([1.0, 10.0, 2.0]), iter([3.0, 30.0, 2.0])
    contenders = [
        Contender("base", lambda _: next(base), 1),
        Contender("other", lambda _: next(other), 1),
    ]
    timed = compared(contenders, Effort(rounds=3, seconds=0))
    assert timed["base"].ratio == 1
    assert timed["other"].ratio == 3
    assert timed["other"].seconds == 3


def test_sides_that_differ_are_not_compared():
    agree("a page", {BASE: [1, 2], OURS: [1, 2]})
    with pytest.raises(Differs, match="a page differs"):
        agree("a page", {BASE: [1, 2], OURS: [2, 1]})


def test_a_goal_is_met_from_its_own_side():
    assert MET.is_met
    assert MISSED.is_met is False
    assert BY_HAND.is_met is None


def test_a_run_is_read_back_as_it_was_written(tmp_path):
    file = tmp_path / "run.json"
    run = Run({"cpus": "2"}, 15_000, 31, [], [BY_HAND, MET, MISSED])
    run.write(file)
    assert Run.read(file) == run


def test_goals_stand_beside_the_figures():
    calls, together = tables([BY_HAND, MET, MISSED])
    assert calls.rows == [[BASE, "1 (120 µs)"], [OURS, "1.30 ✓"], ["goal", "≤ 1.4"]]
    assert calls.verdicts == [None, True, None]
    assert together.rows == [["200 calls", OURS, "0.80 times", "", "≥ 0.9", "✗"]]


def test_the_tables_are_markdown():
    text = markdown(Run({"cpus": "2"}, 15_000, 31, [], [BY_HAND, MET]))
    assert f"| {OURS} | 1.30 ✓ |" in text
    assert text.endswith("15,000 messages, 31 rounds; cpus 2.")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_peer_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.delitem(sys.modules, "benchmarks.peers.piccolo", raising=False)
    monkeypatch.setitem(sys.modules, "piccolo", None)
    peers, missing = installed()
    assert "piccolo" in missing
    assert "SQLAlchemy Core" in {peer.name for peer in peers}


def test_parameters_are_numbered_in_their_order():
    assert numbered("a = %s AND b = %s") == "a = $1 AND b = $2"
