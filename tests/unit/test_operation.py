"""One body for both worlds."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from chatapp_db.execution.operation import Asyncio, Blocking, operation


class Operations:
    """Adds."""

    def __init__(self, *, suspends: bool = False) -> None:
        self._suspends = suspends

    @operation
    async def add(self, one: int, *, other: int = 1) -> int:
        """Add two numbers."""
        if self._suspends:
            await asyncio.sleep(0)
        return one + other

    @operation
    async def double(self, one: int) -> int:
        """Add a number to itself."""
        return await Operations.add(self, one, other=one)


class Here(Operations, Blocking):
    pass


class Later(Operations, Asyncio):
    pass


def test_a_blocking_call_returns_its_value_and_an_asyncio_one_is_awaited():
    assert Here().add(2, other=3) == 5
    assert asyncio.run(Later().add(2, other=3)) == 5


def test_a_body_calls_another_in_either_world():
    assert Here().double(4) == 8
    assert asyncio.run(Later(suspends=True).double(4)) == 8


def test_a_blocking_body_that_suspends_is_refused_and_leaves_no_coroutine():
    with pytest.raises(RuntimeError, match="nothing but its carrier"):
        Here(suspends=True).add(1)


def test_both_sides_keep_name_documentation_and_signature():
    for bound in (Here().add, Later().add):
        assert bound.__name__ == "add"
        assert bound.__doc__ == "Add two numbers."
        assert list(inspect.signature(bound).parameters) == ["one", "other"]
    assert inspect.iscoroutinefunction(Later().add)
    assert not inspect.iscoroutinefunction(Here().add)


def test_a_wrong_argument_is_a_type_error_at_the_call():
    with pytest.raises(TypeError):
        Here().add(1, another=2)  # type: ignore[call-arg]  # what the test is about
