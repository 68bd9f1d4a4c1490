"""The harness itself: one body, both worlds, and no call that is lost."""

import asyncio
import time

import pytest

from tests.worlds import Awaited

pytestmark = pytest.mark.filterwarnings("error")


class Blocking:
    def __enter__(self):
        return self

    def __exit__(self, *raised):
        self.left = True

    def answer(self, *, wrong=False):
        if wrong:
            raise ValueError("as it is")
        return 42

    def numbers(self):
        return iter([1, 2])

    def wait(self):
        time.sleep(0.2)
        return 42


class Asynchronous:
    async def __aenter__(self):
        return self

    async def __aexit__(self, *raised):
        self.left = True

    async def answer(self, *, wrong=False):
        await asyncio.sleep(0)
        if wrong:
            raise ValueError("as it is")
        return 42

    async def numbers(self):
        yield 1
        yield 2

    async def wait(self):
        await asyncio.sleep(0.2)
        return 42


@pytest.fixture
def thing(world):
    return world.pick(Blocking, Asynchronous)()


async def test_one_body_awaits_calls_scopes_and_iterations(thing):
    async with Awaited(thing) as scope:
        assert await scope.answer() == 42
        assert [number async for number in scope.numbers()] == [1, 2]
    assert thing.left


async def test_an_error_comes_through_as_it_is(thing):
    with pytest.raises(ValueError, match="as it is"):
        await Awaited(thing).answer(wrong=True)


async def test_calls_run_together_in_both_worlds(world, thing):
    started = time.monotonic()
    assert await world.together(*[Awaited(thing).wait] * 5) == [42] * 5
    assert time.monotonic() - started < 0.6
