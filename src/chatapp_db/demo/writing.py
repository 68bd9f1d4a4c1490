"""Visits: dialogues as they happen to a company, written through the repositories and timed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from time import perf_counter
from uuid import UUID

from chatapp_db.database import Database
from chatapp_db.demo.dialogues import Dialogue
from chatapp_db.demo.sample import GUESTS
from chatapp_db.schema import ChannelType, MessageRole

__all__ = ["Company", "Visit", "Writer", "timed", "visits", "write_visit"]

_BLOCK = 25
_VISITS_PER_GUEST = 2
_OPEN_ONE_IN = 3


@dataclass(frozen=True, slots=True)
class Company:
    """A company of the demo, and the agent that answers there."""

    id: UUID
    name: str
    agent_id: UUID
    agent_name: str


@dataclass(frozen=True, slots=True)
class Visit:
    """A dialogue, in which company's inbox and with which guest it takes place, and how it ends."""

    dialogue: Dialogue
    company: int
    guest_id: str
    guest_name: str
    settled: bool


Writer = Callable[[Visit], None]


def visits(dialogues: Iterable[Dialogue], companies: int) -> Iterator[Visit]:
    """Share dialogues out: companies take turns, a guest comes back, some conversations stay open."""
    for number, dialogue in enumerate(dialogues):
        place, company = divmod(number, companies)
        guest = place // _VISITS_PER_GUEST
        answered = dialogue.turns[-1][0] is MessageRole.ASSISTANT
        settled = answered and place % _OPEN_ONE_IN != 0
        yield Visit(dialogue, company, f"guest-{guest + 1:05}", _name(guest), settled)


def write_visit(db: Database, company: Company, visit: Visit) -> None:
    """Write a visit in one transaction of its company: a round trip a call, and two around them."""
    with db.tenant(company.id) as tenant:
        guest = tenant.customers.identify(external_id=visit.guest_id, name=visit.guest_name)
        conversation = tenant.conversations.open(
            agent_id=company.agent_id,
            customer_id=guest.id,
            channel=ChannelType.WIDGET,
            tags=visit.dialogue.tags,
            metadata=visit.dialogue.metadata,
        )
        for role, content in visit.dialogue.turns:
            tenant.messages.append(conversation.id, role=role, content=content)
        if visit.settled:
            tenant.conversations.resolve(conversation.id)


def timed(writers: Sequence[Writer], stream: Iterable[Visit], advance: Callable[[int], None]) -> list[float]:
    """Let each writer write every visit, and give the seconds each took.

    They take turns by small blocks, and in turns go first, so that whatever else the machine does, a
    checkpoint or a growing index, meets them alike.
    """
    seconds = [0.0] * len(writers)
    remaining = iter(stream)
    order = list(range(len(writers)))
    while block := list(islice(remaining, _BLOCK)):
        for place in order:
            started = perf_counter()
            for visit in block:
                writers[place](visit)
            seconds[place] += perf_counter() - started
        order.reverse()
        advance(sum(len(visit.dialogue.turns) for visit in block))
    return seconds


def _name(guest: int) -> str:
    """Make a name from two lists that are out of step, so that it comes back late."""
    first, _, _ = GUESTS[guest % len(GUESTS)].partition(" ")
    _, _, last = GUESTS[(guest + guest // len(GUESTS)) % len(GUESTS)].partition(" ")
    return f"{first} {last}"
