"""What one company gets when it asks for another one's rows, by every way there is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from chatapp_db.database import Database
from chatapp_db.demo.library import Library
from chatapp_db.demo.writing import Company
from chatapp_db.errors import NotFound
from chatapp_db.schema import MessageRole

__all__ = ["Probe", "probes", "searched"]

_EVERY_MESSAGE = "SELECT count(*) FILTER (WHERE company_id = %s), count(*) FROM chatapp_messages"


@dataclass(frozen=True, slots=True)
class Probe:
    """A question, what came back, and whether that is nothing of the other company's."""

    question: str
    answer: str
    closed: bool


def probes(db: Database, url: str, *, asking: Company, owner: Company) -> list[Probe]:
    """Ask as one company for what another one has; both must have conversations."""
    with db.tenant(owner.id) as tenant:
        conversation = tenant.conversations.page(limit=1).items[0]
    other = db.company(asking.id)
    wanted = conversation.id
    history = other.messages.history(wanted).items
    return [
        _found("conversations.find(its id)", other.conversations.find(wanted)),
        _found("customers.find(its id)", other.customers.find(conversation.customer_id)),
        _found("agents.find(its id)", other.agents.find(owner.agent_id)),
        Probe("messages.history(its id)", f"{len(history)} messages", not history),
        _refused("conversations.resolve(its id)", lambda: other.conversations.resolve(wanted)),
        _refused(
            "messages.append(its id, ..)",
            lambda: other.messages.append(wanted, role=MessageRole.USER, content="Hello?"),
        ),
        _unfiltered(url, asking.id, owner.id),
    ]


def searched(library: Library, passages: Sequence[str], *, asking: Company) -> Probe:
    """Search as one company for the very words of another one's passages."""
    hits = [hit for passage in passages for _, hit in library.search(asking, passage, len(passages))]
    foreign = sum(hit in passages for hit in hits)
    return Probe("knowledge search, in its words", f"{len(hits)} hits, {foreign} of its", closed=not foreign)


def _found(question: str, row: object) -> Probe:
    return Probe(question, "None" if row is None else "a row", row is None)


def _refused(question: str, call: Callable[[], Any]) -> Probe:
    try:
        call()
    except NotFound as error:
        return Probe(question, f"NotFound: {error}", closed=True)
    return Probe(question, "it was done", closed=False)


def _unfiltered(url: str, asking: UUID, owner: UUID) -> Probe:
    """Leave the repositories and their conditions out: what remains is row-level security alone."""
    with psycopg.connect(url) as connection:
        connection.execute("SET LOCAL ROLE chatapp_app")
        connection.execute("SELECT set_config('chatapp.company_id', %s, true)", (str(asking),))
        row = connection.execute(_EVERY_MESSAGE, (owner,)).fetchone()
    others, visible = row or (0, 0)
    answer = f"{visible:,} messages seen, {others:,} of its"
    return Probe("SELECT count(*), no WHERE", answer, closed=not others)
