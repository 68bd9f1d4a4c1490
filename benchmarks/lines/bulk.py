"""A transcript that comes all at once: append_many, next to a binary COPY that no policy binds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, compared
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage, connected
from chatapp_db import Database, MessageRole, NewMessage

__all__ = ["measure"]

_SHARE = 30
"""One message in so many of the whole database comes at once: 50,000 of 1.5 million."""

_COPY = "binary COPY by hand"
_GOAL = Goal(1.9)
_COPIED = """
COPY chatapp_messages (company_id, id, conversation_id, role, content, tokens_used)
FROM STDIN (FORMAT BINARY)"""
_KINDS = ["uuid", "uuid", "uuid", "text", "text", "int4"]
_MOVED = """
UPDATE chatapp_conversations
   SET last_message_at = now(), last_message_preview = %s, waiting_since = NULL, version = version + 1,
       first_response_at = coalesce(first_response_at, now())
 WHERE company_id = %s AND id = %s"""


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare both on a smaller database, so that tidying up between the rounds is quick."""
    database = stage.growing[1]
    company, (theirs, mine, *_) = database.asked.company_id, database.asked.open
    count = max(1_000, stage.database.asked.messages // _SHARE // 1_000 * 1_000)
    messages = _messages(count)
    with (
        connected(database.url) as admin,
        Database(database.service_url) as ours,
    ):
        sides: dict[str, tuple[UUID, Callable[[], object]]] = {
            _COPY: (theirs, lambda: _copy(admin, company, theirs, messages)),
            OURS: (mine, lambda: ours.company(company).messages.append_many(mine, messages)),
        }
        for _, call in sides.values():
            call()
        agree("a transcript", {name: _written(admin, company, id) for name, (id, _) in sides.items()})
        contenders = [Contender(name, _timed(admin, id, call), 1) for name, (id, call) in sides.items()]
        for name, timed in compared(contenders, stage.effort).items():
            goal = _GOAL if name == OURS else None
            yield Figure.of("bulk", f"{count:,} messages at once", name, timed, goal=goal)


def _messages(count: int) -> list[NewMessage]:
    return [
        {
            "role": MessageRole.ASSISTANT if place % 2 else MessageRole.USER,
            "content": f"Line {place} of a transcript that another system has kept until now.",
            "tokens_used": place % 2 * 120,
        }
        for place in range(count)
    ]


def _copy(admin: Any, company: UUID, id: UUID, messages: list[NewMessage]) -> None:
    with admin.transaction(), admin.cursor() as cursor:
        with cursor.copy(_COPIED) as copy:
            copy.set_types(_KINDS)
            for one in messages:
                copy.write_row(
                    (company, uuid7(), id, str(one["role"]), one["content"], one.get("tokens_used", 0))
                )
        cursor.execute(_MOVED, (messages[-1]["content"][:200], company, id))


def _timed(admin: Any, id: UUID, call: Callable[[], object]) -> Callable[[int], float]:
    def block(_: int) -> float:
        admin.execute("DELETE FROM chatapp_messages WHERE conversation_id = %s", [id])
        admin.execute("VACUUM chatapp_messages")
        started = perf_counter()
        call()
        return perf_counter() - started

    return block


def _written(admin: Any, company: UUID, id: UUID) -> list[tuple[Any, ...]]:
    """Give what was written last, in its order, and what became of the conversation."""
    lines = admin.execute(_LINES, [company, id]).fetchall()
    return [*lines, *admin.execute(_STANDING, [company, id]).fetchall()]


_LINES = """
SELECT role, type, content, tokens_used, attachments, metadata FROM chatapp_messages
 WHERE company_id = %s AND conversation_id = %s AND content LIKE 'Line %%' ORDER BY created_at, id"""

_STANDING = """
SELECT last_message_preview, waiting_since IS NULL FROM chatapp_conversations
 WHERE company_id = %s AND id = %s"""
