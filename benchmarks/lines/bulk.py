"""Many messages that come all at once, next to a binary COPY that no policy binds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, Effort, Timed, compared
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage, connected
from chatapp_db import Database, ImportedMessage, MessageRole, NewMessage

__all__ = ["measure"]

_SHARE = 30
"""One message in so many of the whole database comes at once: 50,000 of 1.5 million."""

_COPY = "binary COPY by hand"
_APPENDED, _IMPORTED = Goal(1.9), Goal(1.3)
_KINDS = {
    "company_id": "uuid",
    "id": "uuid",
    "conversation_id": "uuid",
    "role": "text",
    "content": "text",
    "tokens_used": "int4",
}
_KEPT = {"external_id": "text", "created_at": "timestamptz"}
"""What a message has besides where another product has kept it."""
_SINCE = datetime(2024, 1, 1, tzinfo=UTC)

_MOVED = """
UPDATE chatapp_conversations
   SET last_message_at = now(), last_message_preview = %s, waiting_since = NULL, version = version + 1,
       first_response_at = coalesce(first_response_at, now())
 WHERE company_id = %s AND id = %s"""


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare on a smaller database, so that tidying up between the rounds is quick."""
    database = stage.growing[1]
    company, (theirs, mine, *_) = database.asked.company_id, database.asked.open
    count = max(1_000, stage.database.asked.messages // _SHARE // 1_000 * 1_000)
    new = _new(count)
    with (
        connected(database.url) as admin,
        Database(database.service_url) as ours,
    ):

        def import_many() -> None:
            with ours.platform("benchmark") as platform:
                platform.messages.import_many(company, _kept(mine, new))

        def append_many() -> None:
            ours.company(company).messages.append_many(mine, new)

        def copy(messages: Iterable[Mapping[str, Any]], kinds: dict[str, str]) -> None:
            _copy(admin, company, theirs, messages, kinds)

        lines: list[tuple[str, Goal, Callable[[], None], Callable[[], None]]] = [
            ("at once", _APPENDED, lambda: copy(new, _KINDS), append_many),
            ("imported", _IMPORTED, lambda: copy(_kept(theirs, new), {**_KINDS, **_KEPT}), import_many),
        ]
        for what, goal, by_hand, by_us in lines:
            sides = {_COPY: (theirs, by_hand), OURS: (mine, by_us)}
            timed = _compared(admin, company, sides, stage.effort)
            for name, one in timed.items():
                asked = goal if name == OURS else None
                yield Figure.of("bulk", f"{count:,} messages {what}", name, one, goal=asked)


def _compared(
    admin: Any, company: UUID, sides: dict[str, tuple[UUID, Callable[[], None]]], effort: Effort
) -> dict[str, Timed]:
    """See that the sides write the same, then time them."""
    for id, call in sides.values():
        _tidy(admin, id)
        call()
    agree("a transcript", {name: _written(admin, company, id) for name, (id, _) in sides.items()})
    return compared(
        [Contender(name, _timed(admin, id, call), 1) for name, (id, call) in sides.items()], effort
    )


def _new(count: int) -> list[NewMessage]:
    return [
        {
            "role": MessageRole.ASSISTANT if place % 2 else MessageRole.USER,
            "content": f"Line {place} of a transcript that another system has kept until now.",
            "tokens_used": place % 2 * 120,
        }
        for place in range(count)
    ]


def _kept(id: UUID, messages: list[NewMessage]) -> Iterator[ImportedMessage]:
    """Say of each message where it belongs, when it was written and what it was called."""
    for place, one in enumerate(messages):
        at = _SINCE + timedelta(seconds=place)
        yield {**one, "conversation_id": id, "external_id": f"kept-{place}", "created_at": at}


def _copy(
    admin: Any, company: UUID, id: UUID, messages: Iterable[Mapping[str, Any]], kinds: dict[str, str]
) -> None:
    text = f"COPY chatapp_messages ({', '.join(kinds)}) FROM STDIN (FORMAT BINARY)"
    names = list(kinds)[3:]
    last = ""
    with admin.transaction(), admin.cursor() as cursor:
        with cursor.copy(text) as copy:
            copy.set_types(kinds.values())
            for one in messages:
                copy.write_row((company, uuid7(), id, *(one[name] for name in names)))
                last = one["content"]
        cursor.execute(_MOVED, (last[:200], company, id))


def _timed(admin: Any, id: UUID, call: Callable[[], object]) -> Callable[[int], float]:
    def block(_: int) -> float:
        _tidy(admin, id)
        started = perf_counter()
        call()
        return perf_counter() - started

    return block


def _tidy(admin: Any, id: UUID) -> None:
    admin.execute("DELETE FROM chatapp_messages WHERE conversation_id = %s", [id])
    admin.execute("VACUUM chatapp_messages")


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
