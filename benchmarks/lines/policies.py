"""What row-level security costs: the same calls bound by the policies and free of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import psycopg

from benchmarks.asked import CONTENT, Asked, Operation
from benchmarks.figures import Figure, Goal
from benchmarks.measuring import Contender, compared
from benchmarks.peers import contender, opened
from benchmarks.peers.chatapp import Ours, OursBare
from benchmarks.stage import Stage, connected
from chatapp_db import ConversationStatus, MessageRole, NotFound
from chatapp_db.execution.statement import Statement
from chatapp_db.scopes import CompanyScope
from tests.performance.place import opening

__all__ = ["measure"]

R = TypeVar("R")

_GOAL = Goal(1.4)
_EXPLAINED = 100
"""Calls in a block."""
_EXPLAIN = "EXPLAIN (ANALYZE, TIMING off, FORMAT JSON)"

_CALLS: dict[Operation, Callable[[CompanyScope, Asked], object]] = {
    Operation.APPEND: lambda company, asked: company.messages.append(
        asked.open[0], role=MessageRole.USER, content=CONTENT
    ),
    Operation.HISTORY: lambda company, asked: company.messages.history(asked.long[0]),
    Operation.INBOX: lambda company, _: company.conversations.inbox(status=ConversationStatus.ACTIVE),
    Operation.AGENT: lambda company, asked: company.agents.get(asked.agents[0]),
}


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare whole calls, which the goal is for, then the server's own time for their statements."""
    database, world = stage.database, stage.worlds["blocking"]
    with opened([OursBare, Ours], database, world) as peers:
        for operation in _CALLS:
            sides = [contender(peer, operation, database.asked, world) for peer in peers]
            yield _figure(operation, "on / off, a call", sides, stage, _GOAL)
    bound = opening(database.asked.company_id)
    with (
        connected(database.url) as free,
        connected(database.service_url) as held,
    ):
        for operation, call in _CALLS.items():
            text, values = _statement(call, database.asked)
            sides = [
                Contender("off", _server_time(free, "BEGIN", text, values), _EXPLAINED),
                Contender("on", _server_time(held, bound, text, values), _EXPLAINED),
            ]
            yield _figure(operation, "on / off, the server alone", sides, stage)


def _figure(
    operation: Operation, by: str, contenders: list[Contender], stage: Stage, goal: Goal | None = None
) -> Figure:
    timed = compared(contenders, stage.effort)[contenders[-1].name]
    return Figure.of("policies", operation.label, by, timed, goal=goal)


class _Noting:
    """A carrier that only notes what it is asked to carry."""

    def __init__(self) -> None:
        self.noted: tuple[str, list[Any]] = ("", [])

    async def fetch(self, statement: Statement[R], parameters: Mapping[str, Any], **_: Any) -> list[R]:
        self.noted = statement.text, statement.bind(parameters)
        return []


def _statement(call: Callable[[CompanyScope, Asked], object], asked: Asked) -> tuple[str, list[Any]]:
    """Give the text that a call sends, and its values."""
    noting: Any = _Noting()
    with suppress(NotFound):
        call(CompanyScope(noting, asked.company_id), asked)
    noted: tuple[str, list[Any]] = noting.noted
    return noted


def _server_time(connection: Any, opened_by: str, text: str, values: list[Any]) -> Callable[[int], float]:
    """Make a block that adds up what the server says it took; whatever it writes is undone."""
    connection.execute("DEALLOCATE ALL")
    connection.execute(f"{opened_by}; PREPARE asked AS {text}; ROLLBACK")
    holders = ", ".join(["%s"] * len(values))
    rendering: Any = psycopg.ClientCursor(connection)
    asked = rendering.mogrify(f"{_EXPLAIN} EXECUTE asked ({holders})", values)

    def explained() -> float:
        cursor = connection.execute(f"{opened_by}; {asked}; ROLLBACK")
        while cursor.description is None:
            cursor.nextset()
        (((plan,),),) = cursor.fetchall()
        milliseconds: float = plan["Execution Time"]
        return milliseconds / 1000

    return lambda count: sum(explained() for _ in range(count)) / count
