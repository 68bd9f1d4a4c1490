"""A company of a filled database, and the rows of it that are asked about."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import psycopg

from chatapp_db.execution.scope import DEFAULT_ACCESS, Prologue
from chatapp_db.schema.security import APP_ROLE

__all__ = ["Place", "opening"]

_MANY = 500


def opening(company_id: UUID) -> str:
    """Give what a company's scope sends before its first statement, BEGIN included."""
    return Prologue(DEFAULT_ACCESS, APP_ROLE, "public").begin(company_id)


@dataclass(frozen=True)
class Place:
    """A company, and of each kind of row the one that has most to do."""

    id: UUID
    other_id: UUID
    agent_id: UUID
    customer_id: UUID
    user_id: UUID
    conversation_id: UUID
    message_id: UUID
    source_id: UUID
    webhook_id: UUID
    latest: list[UUID]
    chunks: list[UUID]
    open: int
    """How many conversations are open."""

    @property
    def is_large(self) -> bool:
        """Tell whether reading the company would be noticed."""
        return self.open > _MANY

    @classmethod
    def of(cls, connection: psycopg.Connection, company_id: UUID, other_id: UUID) -> Place:
        """Look a company's rows up, as the company."""
        connection.execute(opening(company_id))
        values = connection.execute(_ROWS).fetchone() or ()
        connection.rollback()
        return cls(company_id, other_id, *values)


_ROWS = """
WITH thread AS (SELECT conversation_id AS id, count(*) AS length FROM chatapp_messages GROUP BY 1
                 ORDER BY 2 DESC, 1 LIMIT 1)
SELECT (SELECT agent_id FROM chatapp_conversations GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1),
       (SELECT customer_id FROM chatapp_conversations GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1),
       (SELECT assigned_user_id FROM chatapp_conversations WHERE assigned_user_id IS NOT NULL
         GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1),
       thread.id,
       (SELECT id FROM chatapp_messages WHERE conversation_id = thread.id
         ORDER BY created_at OFFSET thread.length / 2 LIMIT 1),
       (SELECT source_id FROM chatapp_knowledge_chunks ORDER BY id LIMIT 1),
       (SELECT webhook_id FROM chatapp_webhook_deliveries GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1),
       ARRAY(SELECT id FROM chatapp_conversations ORDER BY last_message_at DESC LIMIT 25),
       ARRAY(SELECT id FROM chatapp_knowledge_chunks ORDER BY id LIMIT 25),
       (SELECT count(*) FROM chatapp_conversations WHERE status IN ('active', 'waiting'))
  FROM thread
"""
