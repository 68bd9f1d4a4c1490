"""A company at work: random methods with random arguments, and what must hold after each call."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, fields
from enum import Enum
from itertools import groupby
from typing import Any

import psycopg
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from chatapp_db.repositories.paging import Page
from tests.isolation.arguments import KEYS, WITHIN_JSON, Slot, value_of, value_of_nobody
from tests.isolation.calling import KNOWN_ORACLE, REPOSITORIES, Caller, Undo
from tests.isolation.drawing import Call, Pick, Whose, calls_of, picks, settled_with
from tests.isolation.methods import Method, methods
from tests.isolation.outcome import Outcome, outcome_of
from tests.isolation.population import OWNED, Populations, fingerprint_seen_by
from tests.worlds import World

METHODS = [method for name, kind in REPOSITORIES.items() for method in methods(name, kind)]
ENTITIES = [kind.entity for kind in REPOSITORIES.values() if hasattr(kind, "entity")]
ROWS: dict[type, str] = {entity.row: entity.table.name for entity in ENTITIES}


class How(Enum):
    """What a call is part of."""

    ALONE = "alone"
    TOGETHER = "together"
    UNDONE = "undone"


@dataclass
class Covered:
    """How often each method was called and how often it succeeded, and whose rows were spoken of."""

    called: Counter[str] = field(default_factory=Counter)
    succeeded: Counter[str] = field(default_factory=Counter)
    whose: Counter[str] = field(default_factory=Counter)

    def count(self, method: Method, outcome: Outcome, given: Iterable[Pick]) -> None:
        self.called[str(method)] += 1
        self.succeeded[str(method)] += outcome.error is None
        self.whose.update(pick.whose.value for pick in given)

    def add(self, other: Covered) -> None:
        self.called.update(other.called)
        self.succeeded.update(other.succeeded)
        self.whose.update(other.whose)

    def without_success(self) -> list[Method]:
        return [method for method in METHODS if not self.succeeded[str(method)]]

    def lines(self) -> Iterator[str]:
        """Write for each repository its methods, with their successes and calls."""
        values = ", ".join(f"{count} {whose}" for whose, count in self.whose.most_common())
        yield f"{self.called.total()} calls of {len(METHODS)} methods, with values of rows: {values}"
        for repository, found in groupby(METHODS, key=lambda method: method.repository):
            counts = (f"{one.name} {self.succeeded[str(one)]}/{self.called[str(one)]}" for one in found)
            yield f"{repository}: {', '.join(counts)}"


@dataclass
class Stage:
    """What a machine is played on: a world, and how to make and open a database of the two companies."""

    runner: asyncio.Runner
    world: str
    populations: Populations
    database: Callable[[], AbstractContextManager[str]]
    open: Callable[[World, str], Any]
    covered: Covered = field(default_factory=Covered)


Run = Callable[[Method, dict[str, Any]], Awaitable[Outcome]]


class Company(RuleBasedStateMachine):
    """Our company at work beside another.

    A call is by itself, or in a transaction that goes on with the next call, or in one that is undone
    with it. From the same state the call is made with values of nobody in the place of theirs; the two must
    come to the same. Each value of ours is tried as one of theirs in the same way before.
    """

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self.stage = stage
        self.ours, self.theirs = stage.populations.ours, stage.populations.theirs
        self.rows = {name: {row["id"]: row for row in rows} for name, rows in self.ours.rows.items()}
        self.told: set[str] = set()
        self.tenant: Any = None
        self.closing = ExitStack()
        url = self.closing.enter_context(stage.database())
        world = World(stage.world, stage.runner)
        self.closing.callback(world.close)
        self.superuser = self.closing.enter_context(psycopg.connect(url, autocommit=True))
        self.caller = Caller(stage.open(world, url), stage.populations)
        self.before = fingerprint_seen_by(self.superuser, self.theirs.id)

    def teardown(self) -> None:
        with self.closing:
            self.stage.runner.run(self._end(Undo()))

    @initialize(deck=st.permutations(METHODS))
    def shuffle(self, deck: list[Method]) -> None:
        self.deck = iter(deck)

    @rule(data=st.data(), how=st.sampled_from(How))
    def deal(self, data: st.DataObject, how: How) -> None:
        """Call the next method of the deck, so that none is left to chance."""
        self.call(data.draw(calls_of(next(self.deck))), how)

    def call(self, call: Call, how: How) -> None:
        """Make a call and look at everything that could tell of theirs."""
        self.stage.runner.run(self._call(call, how))
        after = fingerprint_seen_by(self.superuser, self.theirs.id)
        assert after == self.before, f"{call} changed rows of theirs"

    async def _call(self, call: Call, how: How) -> None:
        await self._enter(how)
        values = {pick: await self._value(call, pick, pick.whose) for pick in picks(call.given)}
        theirs = [pick for pick in values if pick.whose is Whose.THEIRS]
        for pick in values:
            if pick.whose is Whose.OURS and pick.slot.table in OWNED:
                turned = await self._value(call, pick, Whose.THEIRS)
                await self._compare(call, values | {pick: turned}, [*theirs, pick], self._undone)
        outcome = await self._compare(call, values, theirs, self._outcome)
        self.stage.covered.count(call.method, outcome, values)
        if how is How.UNDONE:
            await self._end(Undo())
        elif outcome.error is None:
            self._remember(outcome.value)
            self.told |= {str(values[pick]) for pick in theirs if _is_written(pick.slot)}

    async def _compare(self, call: Call, values: dict[Pick, Any], of_them: list[Pick], run: Run) -> Outcome:
        """Make a call with values of theirs, and before that one with values of nobody, which is undone."""
        # A row of ours may have come to have the same value; then it is ours, too.
        theirs = {pick: values[pick] for pick in of_them if not self._is_ours_too(values[pick])}
        # What is twice the same stays so: a method may compare its arguments.
        stand_ins = {value: value_of_nobody(pick.slot) for pick, value in theirs.items()}
        nobodys = {pick: stand_ins[value] for pick, value in theirs.items()}
        if theirs:
            arguments = settled_with(call.given, (values | nobodys).__getitem__)
            nothing = await self._undone(call.method, arguments)
        outcome = await run(call.method, settled_with(call.given, values.__getitem__))
        shown = self.caller.shows_theirs(outcome, [*theirs.values(), *self.told])
        assert not shown, f"{call} shows {shown} of theirs: {outcome.text_within}"
        if theirs and not _is_known_oracle(call, theirs, outcome):
            expected = nothing.plain(self.caller.known, nobodys.values())
            found = outcome.plain(self.caller.known, theirs.values())
            named = ", ".join(pick.slot.name for pick in theirs)
            assert found == expected, f"{call} with {named} of theirs: {found} instead of {expected}"
        return outcome

    def _is_ours_too(self, value: Any) -> bool:
        return any(str(value) in one for one in self.told)

    async def _enter(self, how: How) -> None:
        if how is How.ALONE:
            await self._end()
        elif self.tenant is None:
            await self._begin()

    async def _begin(self) -> None:
        scope = self.caller.db.tenant(self.ours.id)
        self.tenant = scope, await scope.__aenter__()

    async def _end(self, error: Exception | None = None) -> None:
        if self.tenant is not None:
            (scope, _), self.tenant = self.tenant, None
            await scope.__aexit__(type(error) if error else None, error, None)

    async def _outcome(self, method: Method, arguments: dict[str, Any]) -> Outcome:
        if self.tenant is None:
            return await self.caller.done(method, arguments)
        return await outcome_of(self._in_savepoint(method, arguments))

    async def _in_savepoint(self, method: Method, arguments: dict[str, Any]) -> Any:
        _, tenant = self.tenant
        async with tenant.savepoint():
            return await self.caller.call(tenant, method, arguments)

    async def _undone(self, method: Method, arguments: dict[str, Any]) -> Outcome:
        if self.tenant is None:
            return await self.caller.undone(method, arguments, self.ours)
        _, tenant = self.tenant
        with pytest.raises(Undo):
            async with tenant.savepoint():
                outcome = await outcome_of(self.caller.call(tenant, method, arguments))
                raise Undo
        return outcome

    async def _value(self, call: Call, pick: Pick, whose: Whose) -> Any:
        if pick.slot.name == "cursor" and whose is not Whose.NOBODYS:
            return await self._cursor(call, pick, whose) or value_of_nobody(pick.slot)
        return self._known_value(pick, whose)

    async def _cursor(self, call: Call, pick: Pick, whose: Whose) -> str | None:
        """Take a cursor from the same list of its owner's own, if that goes on after its first row."""
        owner = self.ours if whose is Whose.OURS else self.theirs
        others = {name: value for name, value in call.given.items() if value is not pick}
        arguments = settled_with(others, lambda other: self._known_value(other, whose))
        first = await self.caller.undone(call.method, {**arguments, "limit": 1}, owner)
        return getattr(first.value, "next_cursor", None)

    def _known_value(self, pick: Pick, whose: Whose) -> Any:
        table = pick.slot.table
        if whose is Whose.NOBODYS:
            return value_of_nobody(pick.slot)
        if table not in OWNED:
            rows = self.stage.populations.shared.rows[table]
        elif whose is Whose.THEIRS:
            rows = self.theirs.rows[table]
        else:
            rows = [*self.rows[table].values()]
        values = [value for row in rows if (value := value_of(pick.slot, row)) is not None]
        return values[pick.place % len(values)] if values else value_of_nobody(pick.slot)

    def _remember(self, value: Any) -> None:
        """Keep the rows that a call gave: the next calls are about them, too."""
        if isinstance(value, list | Page):
            for one in getattr(value, "items", value):
                self._remember(one)
        elif ROWS.get(type(value)) in self.rows:
            row = {column.name: getattr(value, column.name) for column in fields(value)}
            self.rows[ROWS[type(value)]][row["id"]] = row


def _is_written(slot: Slot) -> bool:
    """Tell whether our own row holds the value afterwards: a key, or the id that a new row is to have."""
    return slot.name in KEYS | WITHIN_JSON or (slot.name == "id" and not slot.parameter.required)


def _is_known_oracle(call: Call, theirs: Iterable[Pick], outcome: Outcome) -> bool:
    asked = any((str(call.method), pick.slot.name) in KNOWN_ORACLE for pick in theirs)
    return asked and outcome.kind == "Conflict"
