"""A check that a service's own function keeps companies apart, whatever it is built of.

It is called as one company and as another, in a database where both have rows of one shape in every
table. A leak is any of these:

* the result or the error holds an id, a key or a text of the other company's;
* a row of the other company's is changed, added or gone;
* the result differs where the other company is not there: it counted or searched across companies;
* naming a row of the other company's is answered differently from naming one that nobody has: it tells
  that the row exists.

What differs between two calls in one and the same state (new ids, times) is not compared. Before each call
the database is put back, the service's own tables too.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from chatapp_db.execution.operation import finish
from chatapp_db.testing.keeping import Kept
from chatapp_db.testing.leaves import outcome
from chatapp_db.testing.twins import Twin, Twins

__all__ = ["Call", "Leak", "aassert_isolated", "assert_isolated"]

Call = Callable[[Twin], Any] | Callable[[Twin, Twin], Any]
"""Takes the company that calls; with a second parameter, also the one whose rows it names."""

Leaves = dict[str, str]
_NAMES_ROWS = 2


class Leak(AssertionError):
    """A company sees, changes, counts or can tell of another one's rows."""


def assert_isolated(call: Call, twins: Twins) -> None:
    """Call a function as two companies and fail where one reaches the other.

    ::

        def test_inbox(chatapp_twins, database):
            assert_isolated(lambda us: inbox(database, us.id), chatapp_twins)
            assert_isolated(lambda us, whose: read(database, us.id, whose.one(Message).id), chatapp_twins)

    Raises Leak; AssertionError where the call fails for a company and its own rows, which proves nothing.
    """
    finish(_Check(call, twins, is_awaited=False).run())


async def aassert_isolated(call: Call, twins: Twins) -> None:
    """Check a function that is awaited; see assert_isolated()."""
    await _Check(call, twins, is_awaited=True).run()


class _Check:
    def __init__(self, call: Call, twins: Twins, *, is_awaited: bool) -> None:
        self._call: Callable[..., Any] = call
        self._twins = twins
        self._is_awaited = is_awaited
        self._kept: Kept = twins.keep()

    async def run(self) -> None:
        ours, theirs, nobody = self._twins.ours, self._twins.theirs, self._twins.nobody
        try:
            first = await self._seen(ours, theirs)
            await self._seen(theirs, ours)
            again = await self._told(ours, ours)
            alone = await self._told(ours, ours, without=theirs)
            _same(_stable(first, again), alone, _DEPENDS)
            if len(inspect.signature(self._call).parameters) >= _NAMES_ROWS:
                named = _as_named(await self._unchanged(ours, theirs, theirs), theirs)
                nothing = [_as_named(await self._told(ours, nobody), nobody) for _ in range(2)]
                _same(_stable(*nothing), named, _TELLS)
        finally:
            self._kept.restore()

    async def _seen(self, caller: Twin, other: Twin) -> Leaves:
        """Call for the caller's own rows; nothing of the other may be in what comes back."""
        told = await self._unchanged(caller, caller, other)
        if "error['raised']" in told:
            raise AssertionError(
                f"the call fails for a company and its own rows, so it proves nothing: {told}"
            )
        known = other.known_by()
        for path, text in told.items():
            for value, place in known.items():
                if value in text:
                    raise Leak(f"{path} shows another company's {place}: {text!r}")
        return told

    async def _unchanged(self, caller: Twin, whose: Twin, other: Twin) -> Leaves:
        """Call, and compare the other company's rows before and after."""
        told = await self._told(caller, whose)
        changed = self._kept.changed(other.id)
        if changed:
            raise Leak(f"the call changed another company's rows in {', '.join(changed)}")
        return told

    async def _told(self, caller: Twin, whose: Twin, *, without: Twin | None = None) -> Leaves:
        """Put the database back and call; an error is what was told."""
        self._kept.restore(without=None if without is None else without.id)
        named = (whose,) if len(inspect.signature(self._call).parameters) >= _NAMES_ROWS else ()
        try:
            value = self._call(caller, *named)
            return outcome(await value if self._is_awaited else _there(value))
        except _Unawaited:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what the caller would see
            return outcome(error)


class _Unawaited(TypeError):
    """The call has to be awaited."""


def _there(value: object) -> object:
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()
        raise _Unawaited("the call is to be awaited: await aassert_isolated(..)")
    return value


def _stable(first: Leaves, second: Leaves) -> dict[str, str | None]:
    """Keep what two calls in one state agree on; what differs is there and unknown."""
    shared = {path: text if second.get(path) == text else None for path, text in first.items()}
    return {**dict.fromkeys(second.keys() - first.keys()), **shared}


def _same(expected: dict[str, str | None], found: Leaves, complaint: str) -> None:
    for path in [*expected, *found]:
        noise = path in expected and expected[path] is None
        if not noise and expected.get(path) != found.get(path):
            raise Leak(complaint.format(path=path, there=expected.get(path), other=found.get(path)))


def _as_named(told: Leaves, named: Twin) -> Leaves:
    """Write what the caller itself has named as what it is, whoever's it is."""
    known = sorted(named.known_by().items(), key=lambda pair: -len(pair[0]))
    for value, place in known:
        told = {path: text.replace(value, f"<{place}>") for path, text in told.items()}
    return told


_DEPENDS = (
    "{path} is {there!r} where another company is and {other!r} where it is not: it counts or searches across"
    " companies"
)
_TELLS = (
    "naming another company's row gives {other!r} as {path}, naming nobody's gives {there!r}: it tells that"
    " the row exists"
)
