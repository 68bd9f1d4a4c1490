"""The calls that are compared: each method, with values of nobody, of theirs and of ours."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from chatapp_db.scopes import CompanyScope
from tests.isolation.arguments import BESIDE, ONE_OF, Slot, fillings, slots, value_in, value_of_nobody
from tests.isolation.methods import Method, methods, repositories
from tests.isolation.outcome import Outcome, outcome_of
from tests.isolation.population import OWNED, Population, Populations

REPOSITORIES = repositories(CompanyScope)

# An account's e-mail is unique over all companies, so it cannot be kept secret that it is taken.
KNOWN_ORACLE = {("users.add", "email"), ("users.update", "email")}
# Refused before any SQL, whatever is given: these ids are keys over all companies.
NOT_FOR_CALLERS = {("audit.record", "id"), ("users.add", "id")}
# Our widget exists already, and its id stays.
WITHOUT_EFFECT = {"widget.upsert(id)"}
# It asks for one of its keys.
NOTHING_TO_ASK = {"customers.identify()"}


@dataclass(frozen=True)
class Probe:
    """A method, and the slots that are given a value of nobody, of theirs or of ours."""

    method: Method
    filling: dict[str, Any]
    targets: tuple[Slot, ...]

    def __str__(self) -> str:
        return f"{self.method}({', '.join(slot.name for slot in self.targets)})"

    @property
    def is_of_companies(self) -> bool:
        return bool(self.targets) and all(slot.table in OWNED for slot in self.targets)

    @property
    def is_known_oracle(self) -> bool:
        return len(self.targets) == 1 and (str(self.method), self.targets[0].name) in KNOWN_ORACLE

    @property
    def is_for_callers(self) -> bool:
        return not any((str(self.method), slot.name) in NOT_FOR_CALLERS for slot in self.targets)


def probes(repository: str) -> Iterator[Probe]:
    """Each slot by itself, then all of them, then none."""
    for method in methods(repository, REPOSITORIES[repository]):
        found = slots(method)
        owned = tuple(_together(slot for slot in found if slot.table in OWNED))
        targets = dict.fromkeys([*((slot,) for slot in found), owned, ()])
        for filling in fillings(method):
            yield from (Probe(method, filling, target) for target in targets)


def _together(found: Iterable[Slot]) -> Iterator[Slot]:
    """Leave out, of arguments that exclude each other, all but the first."""
    taken = False
    for slot in found:
        if slot.name not in ONE_OF or not taken:
            yield slot
        taken = taken or slot.name in ONE_OF


class Caller:
    """Calls as our company."""

    def __init__(self, db: Any, populations: Populations) -> None:
        self.db = db
        self.populations = populations
        self.ours, self.theirs = populations.ours, populations.theirs
        self.known = self.ours.ids() | populations.shared.ids()

    async def finds_nothing_of_theirs(self, probe: Probe) -> None:
        """Compare what comes of their values with what comes of nobody's, and of ours."""
        nobody, theirs, ours = [
            await self.arguments(probe, whose) for whose in (None, self.theirs, self.ours)
        ]
        for name in theirs.keys() - {slot.name for slot in probe.targets}:
            theirs[name] = ours[name] = nobody[name]
        expected, got, control = [
            await self.undone(probe.method, arguments, self.ours) for arguments in (nobody, theirs, ours)
        ]
        if probe.is_known_oracle:
            assert got.kind == control.kind == "Conflict", (str(probe), got.text)
            return
        nothing = self.plain(expected, probe, nobody)
        assert self.plain(got, probe, theirs) == nothing, f"{probe}: {got.text} instead of {nothing}"
        assert not self.shows_theirs(got, theirs.values()), f"{probe} shows {got.text}"
        assert got.reached_the_database() == probe.is_for_callers, f"{probe}: {got.text}"
        # What repeats the argument and no more is no finding.
        unaware = self.plain(expected, probe, nobody, ours)
        found = self.plain(control, probe, nobody, ours)
        assert (found != unaware) == (probe.is_for_callers and str(probe) not in WITHOUT_EFFECT), (
            f"{probe}: our own row makes a difference, or none: {found}"
        )

    async def arguments(self, probe: Probe, whose: Population | None) -> dict[str, Any]:
        arguments = dict(probe.filling)
        beside = {BESIDE.get(slot.name) for slot in probe.targets}
        for slot in slots(probe.method):
            if slot in probe.targets and slot.name != "cursor":
                arguments[slot.name] = self._value(probe.method, slot, whose)
            elif slot.parameter.required or slot.name in beside:
                is_ours = slot.is_id or slot.name in beside
                arguments[slot.name] = self._value(probe.method, slot, self.ours if is_ours else None)
        if any(slot.name == "cursor" for slot in probe.targets):
            arguments["cursor"] = await self._cursor(probe.method, arguments, whose)
        return arguments

    def _value(self, method: Method, slot: Slot, whose: Population | None) -> Any:
        if whose is None:
            return slot.given(value_of_nobody(slot))
        return value_in(whose, self.populations.shared, method, slot)

    async def _cursor(self, method: Method, arguments: dict[str, Any], whose: Population | None) -> str:
        """Take a cursor from a list of its owner's own, which is never the end of it."""
        if whose is None:
            return "nobody"
        for slot in slots(method):
            if slot.parameter.required:
                arguments = {**arguments, slot.name: self._value(method, slot, whose)}
        page = (await self.undone(method, {**arguments, "limit": 1}, whose)).value
        assert page.next_cursor, f"{method}: the list is too short to have a cursor"
        return page.next_cursor

    async def undone(self, method: Method, arguments: dict[str, Any], whose: Population) -> Outcome:
        """Call in a transaction that is undone, so that the next call finds everything as it was."""
        outcome: Outcome | None = None
        with pytest.raises(Undo):
            async with self.db.tenant(whose.id) as tenant:
                outcome = await outcome_of(self.call(tenant, method, arguments))
                raise Undo
        assert outcome is not None
        return outcome

    async def done(self, method: Method, arguments: dict[str, Any]) -> Outcome:
        return await outcome_of(self.call(self.db.company(self.ours.id), method, arguments))

    def plain(self, outcome: Outcome, probe: Probe, *given: dict[str, Any]) -> str:
        values = [arguments[slot.name] for slot in probe.targets for arguments in given]
        return outcome.plain(self.known, values)

    def shows_theirs(self, outcome: Outcome, given: Iterable[Any]) -> list[str]:
        """Name what of theirs a caller could read that they had not passed themselves."""
        text = outcome.text_within
        for value in sorted(map(str, given), key=len, reverse=True):
            text = text.replace(value, "<given>")
        return [word for word in [self.theirs.mark, *map(str, self.theirs.ids())] if word in text]

    async def call(self, scope: Any, method: Method, arguments: dict[str, Any]) -> Any:
        return await getattr(getattr(scope, method.repository), method.name)(**arguments)


class Undo(Exception):
    """Ends a transaction that is to leave nothing."""
