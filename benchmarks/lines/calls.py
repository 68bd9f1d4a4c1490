"""The four calls of everybody, blocking and awaited, next to the same written by hand with psycopg."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.asked import Operation
from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import World, compared
from benchmarks.peers import Peer, contender, installed, opened
from benchmarks.peers.chatapp import OURS, AsyncOurs, Ours, OursBare
from benchmarks.peers.psycopg import AsyncByHand, ByHand
from benchmarks.stage import Stage

__all__ = ["measure"]

_GOALS = {
    ("blocking", Operation.APPEND): Goal(1.5),
    ("blocking", Operation.HISTORY): Goal(0.9),
    ("blocking", Operation.INBOX): Goal(1.35),
    ("blocking", Operation.AGENT): Goal(1.4),
    ("blocking", Operation.APPEND_ONCE): Goal(1.7),
    ("asyncio", Operation.APPEND): Goal(1.5),
    ("asyncio", Operation.HISTORY): Goal(0.9),
    ("asyncio", Operation.INBOX): Goal(1.35),
    ("asyncio", Operation.AGENT): Goal(1.8),
    ("asyncio", Operation.APPEND_ONCE): Goal(1.7),
}

_OWN: tuple[type[Peer], ...] = (ByHand, AsyncByHand, Ours, AsyncOurs, OursBare)


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare everybody who is installed, in their own world."""
    everybody = [*_OWN, *installed()[0]]
    with stage.admin() as admin:
        for world in stage.worlds.values():
            kinds = [kind for kind in everybody if kind.world == world.name]
            with opened(kinds, stage.database, world) as peers:
                for operation in Operation:
                    yield from _compared(stage, world, peers, operation, admin)


def _compared(
    stage: Stage, world: World, peers: list[Peer], operation: Operation, admin: Any
) -> Iterator[Figure]:
    asked = stage.database.asked
    stage.database.tidy()
    peers = [peer for peer in peers if peer.offers(operation)]
    given = next(asked.arguments(operation))
    results = {peer.name: _result(peer, operation, given, world, admin) for peer in peers}
    agree(f"{operation.label} ({world.name})", results)
    contenders = [contender(peer, operation, asked, world) for peer in peers]
    for name, timed in compared(contenders, stage.effort).items():
        goal = _GOALS[world.name, operation] if name == OURS else None
        yield Figure.of("calls", operation.label, name, timed, world=world.name, goal=goal)


def _result(peer: Peer, operation: Operation, arguments: tuple[Any, ...], world: World, admin: Any) -> Any:
    """Make a call and give what it came to: its rows, and of a write what became of the conversation."""
    if operation not in {Operation.APPEND, Operation.APPEND_ONCE}:
        return peer.plain(operation, world.settle(getattr(peer, operation)(*arguments)))
    if operation is Operation.APPEND_ONCE:
        admin.execute("DELETE FROM chatapp_messages WHERE external_id = %s", arguments[2:])
    version, *_ = _standing(admin, peer, arguments)
    plain = peer.plain(operation, world.settle(getattr(peer, operation)(*arguments)))
    after, *standing = _standing(admin, peer, arguments)
    return plain, after - version, standing


def _standing(admin: Any, peer: Peer, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
    found: tuple[Any, ...] = admin.execute(_STANDING, [peer.company_id, arguments[0]]).fetchone()
    return found


_STANDING = """
SELECT version, last_message_preview, status, waiting_since IS NOT NULL AND resolved_at IS NULL
  AND last_message_at > now() - interval '1 minute'
  FROM chatapp_conversations WHERE company_id = %s AND id = %s"""
