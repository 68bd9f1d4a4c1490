"""What is asked about: a company, and enough of its rows that calls do not meet the same one each time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import cycle, repeat
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.volume import company_id

__all__ = ["CONTENT", "Asked", "Operation"]

CONTENT = "Where is my parcel? It was to arrive last Tuesday, and the tracking number says nothing at all."


class Operation(StrEnum):
    """The calls that everybody makes."""

    APPEND = "append"
    HISTORY = "history"
    INBOX = "inbox"
    AGENT = "agent"
    APPEND_ONCE = "append_once"

    @property
    def label(self) -> str:
        """Say it in a person's words."""
        return _LABELS[self]


_LABELS = {
    Operation.APPEND: "append a message",
    Operation.HISTORY: "last 50 messages",
    Operation.INBOX: "inbox of 25",
    Operation.AGENT: "agent by id",
    Operation.APPEND_ONCE: "append once",
}


@dataclass(frozen=True)
class Asked:
    """The largest company of a database, and rows of it."""

    company_id: UUID
    agents: list[UUID]
    open: list[UUID]
    """Conversations to append to."""
    long: list[UUID]
    """Conversations of more messages than a page has; nothing is appended to them."""
    user_id: UUID
    day: dt.date
    """The last one that is over: what a night adds up."""
    messages: int
    """How many there are in the whole database."""

    @classmethod
    def of(cls, connection: psycopg.Connection[Any], rank: int = 1) -> Asked:
        """Look the rows of a filled database up."""
        company = company_id(rank)
        return cls(company, *(connection.execute(_ROWS, {"company_id": company}).fetchone() or ()))

    def arguments(self, operation: Operation) -> Iterator[tuple[Any, ...]]:
        """Give the arguments of one call after the other, without an end."""
        if operation is Operation.INBOX:
            return repeat(())
        if operation is Operation.APPEND_ONCE:
            return ((conversation, CONTENT, f"delivery-{uuid4()}") for conversation in cycle(self.open))
        if operation is Operation.APPEND:
            return ((conversation, CONTENT) for conversation in cycle(self.open))
        return ((id,) for id in cycle(self.agents if operation is Operation.AGENT else self.long))


_ROWS = """
WITH threads AS MATERIALIZED (
  SELECT conversation_id AS id, count(*) > 60 AS long FROM chatapp_messages WHERE company_id = %(company_id)s
   GROUP BY 1)
SELECT ARRAY(SELECT id FROM chatapp_agents WHERE company_id = %(company_id)s ORDER BY id LIMIT 64),
       ARRAY(SELECT id FROM threads NATURAL JOIN chatapp_conversations AS c
              WHERE NOT long AND c.company_id = %(company_id)s AND status = 'active' ORDER BY id LIMIT 256),
       ARRAY(SELECT id FROM threads WHERE long ORDER BY id LIMIT 64),
       (SELECT assigned_user_id FROM chatapp_conversations WHERE assigned_user_id IS NOT NULL
          AND company_id = %(company_id)s GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1),
       (SELECT (max(started_at) AT TIME ZONE 'UTC')::date - 1 FROM chatapp_conversations),
       (SELECT count(*) FROM chatapp_messages)
"""
