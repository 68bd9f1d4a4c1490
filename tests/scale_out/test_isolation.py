"""The isolation tests again, where the policies are as Citus takes them."""

from __future__ import annotations

import psycopg

from tests.isolation import test_row_level_security
from tests.isolation.test_row_level_security import database_url, entered
from tests.isolation.test_state_machine import A_FEW, covered, every_method_succeeded, play, stage

__all__ = ["covered", "database_url", "entered", "stage"]


class TestPolicies:
    """Row-level security by itself, table by table."""

    pytestmark = test_row_level_security.pytestmark


for _name, _test in vars(test_row_level_security).items():
    if _name.startswith("test_"):
        setattr(TestPolicies, _name, staticmethod(_test))


def test_theirs_is_as_good_as_none_by_these_policies_alone(stage, covered):
    played = stage("blocking", "policies alone")
    play(played, A_FEW)
    every_method_succeeded(played)
    covered.add(played.covered)


def test_the_policies_here_are_those(database_url):
    with psycopg.connect(database_url) as connection:
        (found,) = connection.execute(
            "SELECT count(*) FROM pg_policies WHERE qual ~* 'select' OR with_check ~* 'select'"
        ).fetchone()
    assert found == 0
