"""The same writes by hand-written SQL on plain psycopg, to measure the repositories against.

As fast as one writes it who keeps to a statement for each step: prepared, one transaction a visit,
nothing read back that is not needed, no row-level security. The same statements in the same number of
round trips; neither pipelines nor executemany, which the repositories would gain from as well.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.types.json import Json
from uuid_utils.compat import uuid7

from chatapp_db.demo.writing import Company, Visit, Writer
from chatapp_db.schema import MessageRole
from chatapp_db.schema.columns import PREVIEW_LENGTH

__all__ = ["plain_writer"]

_IDENTIFY = """
INSERT INTO chatapp_customers (company_id, id, external_id, name) VALUES (%s, %s, %s, %s)
ON CONFLICT (company_id, external_id) DO UPDATE SET name = excluded.name, last_seen_at = now()
RETURNING id
"""
_OPEN = """
INSERT INTO chatapp_conversations (company_id, id, agent_id, customer_id, channel, tags, metadata)
VALUES (%s, %s, %s, %s, 'widget', %s, %s)
RETURNING id
"""
_APPEND: dict[MessageRole, LiteralString] = {
    MessageRole.USER: """
WITH moved AS (
    UPDATE chatapp_conversations
    SET last_message_at = greatest(last_message_at, now()), last_message_preview = %s,
        waiting_since = coalesce(waiting_since, now()), resolved_at = NULL,
        status = CASE WHEN status IN ('resolved', 'archived') THEN 'active' ELSE status END,
        version = version + 1
    WHERE company_id = %s AND id = %s
    RETURNING company_id, id
)
INSERT INTO chatapp_messages (company_id, conversation_id, id, role, content)
SELECT company_id, id, %s, 'user', %s FROM moved
RETURNING id, created_at
""",
    MessageRole.ASSISTANT: """
WITH moved AS (
    UPDATE chatapp_conversations
    SET last_message_at = greatest(last_message_at, now()), last_message_preview = %s,
        waiting_since = NULL, first_response_at = coalesce(first_response_at, now()),
        version = version + 1
    WHERE company_id = %s AND id = %s
    RETURNING company_id, id
)
INSERT INTO chatapp_messages (company_id, conversation_id, id, role, content)
SELECT company_id, id, %s, 'assistant', %s FROM moved
RETURNING id, created_at
""",
    MessageRole.SYSTEM: """
WITH moved AS (
    UPDATE chatapp_conversations
    SET last_message_at = greatest(last_message_at, now()), last_message_preview = %s,
        version = version + 1
    WHERE company_id = %s AND id = %s
    RETURNING company_id, id
)
INSERT INTO chatapp_messages (company_id, conversation_id, id, role, content)
SELECT company_id, id, %s, 'system', %s FROM moved
RETURNING id, created_at
""",
}
_RESOLVE = """
UPDATE chatapp_conversations
SET status = 'resolved', resolved_at = now(), waiting_since = NULL, version = version + 1
WHERE company_id = %s AND id = %s AND status IN ('active', 'waiting')
RETURNING version
"""


@contextmanager
def plain_writer(url: str, companies: Sequence[Company]) -> Generator[Writer]:
    """Connect, and give what writes a visit into one of these companies."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        yield lambda visit: _write(connection, companies[visit.company], visit)


def _write(connection: psycopg.Connection[Any], company: Company, visit: Visit) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_IDENTIFY, (company.id, uuid7(), visit.guest_id, visit.guest_name))
        guest_id = _first(cursor)
        described = (visit.dialogue.tags, Json(visit.dialogue.metadata))
        cursor.execute(_OPEN, (company.id, uuid7(), company.agent_id, guest_id, *described))
        conversation_id = _first(cursor)
        for role, content in visit.dialogue.turns:
            preview = content[:PREVIEW_LENGTH]
            cursor.execute(_APPEND[role], (preview, company.id, conversation_id, uuid7(), content))
            cursor.fetchone()
        if visit.settled:
            cursor.execute(_RESOLVE, (company.id, conversation_id))
            cursor.fetchone()


def _first(cursor: psycopg.Cursor[Any]) -> Any:
    row = cursor.fetchone()
    return row and row[0]
