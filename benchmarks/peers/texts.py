"""The SQL that one would write by hand, for psycopg and for asyncpg."""

from __future__ import annotations

from itertools import count

from benchmarks.peers.peer import AGENT as AGENT_COLUMNS
from benchmarks.peers.peer import MESSAGE as MESSAGE_COLUMNS

__all__ = ["AGENT", "APPEND", "APPEND_ONCE", "HISTORY", "INBOX", "numbered"]

_MESSAGE = ", ".join(MESSAGE_COLUMNS)

AGENT = f"SELECT {', '.join(AGENT_COLUMNS)} FROM chatapp_agents WHERE company_id = %s AND id = %s"

HISTORY = f"""
SELECT {_MESSAGE} FROM chatapp_messages WHERE company_id = %s AND conversation_id = %s
 ORDER BY created_at DESC, id DESC LIMIT 50"""

INBOX = """
SELECT page.id, page.status, page.channel, page.priority, page.tags, page.agent_id, page.customer_id,
       customer.name, page.assigned_user_id, assignee.name, page.last_message_at, page.last_message_preview,
       page.waiting_since, page.version
  FROM (SELECT * FROM chatapp_conversations WHERE company_id = %s AND status = 'active'
         ORDER BY last_message_at DESC, id DESC LIMIT 25) AS page
  LEFT JOIN chatapp_customers AS customer
    ON customer.company_id = page.company_id AND customer.id = page.customer_id
  LEFT JOIN chatapp_users AS assignee
    ON assignee.company_id = page.company_id AND assignee.id = page.assigned_user_id
 ORDER BY page.last_message_at DESC, page.id DESC"""

_MOVED = """
UPDATE chatapp_conversations AS c
   SET last_message_at = greatest(c.last_message_at, now()), last_message_preview = left(%s, 200),
       waiting_since = coalesce(c.waiting_since, now()), resolved_at = NULL, version = c.version + 1,
       status = CASE WHEN c.status IN ('resolved', 'archived') THEN 'active' ELSE c.status END"""

APPEND = f"""
WITH moved AS ({_MOVED} WHERE c.company_id = %s AND c.id = %s RETURNING c.company_id, c.id)
INSERT INTO chatapp_messages (company_id, conversation_id, id, role, content)
SELECT company_id, id, %s, 'user', %s FROM moved RETURNING {_MESSAGE}"""

APPEND_ONCE = f"""
WITH message AS (
  INSERT INTO chatapp_messages (company_id, conversation_id, id, role, content, external_id)
  SELECT company_id, id, %s, 'user', %s, %s FROM chatapp_conversations WHERE company_id = %s AND id = %s
  ON CONFLICT (company_id, conversation_id, external_id) WHERE external_id IS NOT NULL
    DO UPDATE SET external_id = excluded.external_id
  RETURNING {_MESSAGE}),
moved AS ({_MOVED} FROM message
  WHERE c.company_id = %s AND c.id = message.conversation_id AND message.id = %s)
SELECT * FROM message"""


def numbered(text: str) -> str:
    """Write the parameters as asyncpg wants them: $1, $2, .."""
    numbers = count(1)
    first, *rest = text.split("%s")
    return first + "".join(f"${next(numbers)}{part}" for part in rest)
