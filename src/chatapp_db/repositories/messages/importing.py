"""The statements that bring in what another product has kept: by COPY to a temporary table, then from it.

A table below row-level security refuses COPY whatever the role, a temporary one does not; what goes
from there into the tables passes their policies and keys like any other row.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import sqlalchemy as sa
from psycopg.types.json import Jsonb
from sqlalchemy.dialects.postgresql import insert

from chatapp_db.execution.statement import COMPANY, Statement, constant, scalar
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.repositories.conversations.lifecycle import CLOSED, next_version, status
from chatapp_db.schema import Conversation, ConversationStatus, Message, MessageRole, User
from chatapp_db.schema.columns import PREVIEW_LENGTH

__all__ = [
    "COPY",
    "CREATE",
    "DROP",
    "TYPES",
    "Privilege",
    "Stray",
    "as_copied",
    "insert_landed",
    "lock",
    "move",
    "privilege",
    "stray",
]

_messages, _conversations, _users = table_of(Message), table_of(Conversation), table_of(User)

_COPIED = {
    "id": "uuid",
    "conversation_id": "uuid",
    "role": "text",
    "type": "text",
    "content": "text",
    "sender_user_id": "uuid",
    "is_private": "bool",
    "external_id": "text",
    "attachments": "jsonb",
    "metadata": "jsonb",
    "tokens_used": "int4",
    "created_at": "timestamptz",
}
"""What is copied of a message, and as what it is sent: a label goes as its text."""

_DOCUMENTS = {"attachments": "'[]'::jsonb", "metadata": "'{}'::jsonb"}
"""What is not sent where it is empty, and how empty is written."""

_LANDED = "chatapp_imported"
_landed: Any = sa.table(
    _LANDED,
    sa.column("place", sa.BigInteger()),
    *(sa.column(name, _messages.c[name].type) for name in _COPIED),
    schema="pg_temp",
)

_LIKE_MESSAGES = f"SELECT 0::bigint AS place, {', '.join(_COPIED)} FROM {_messages.name} WITH NO DATA"  # noqa: S608  # names of columns and tables
CREATE = f"CREATE TEMPORARY TABLE {_LANDED} ON COMMIT DROP AS {_LIKE_MESSAGES}"
COPY = f"COPY pg_temp.{_LANDED} (place, {', '.join(_COPIED)}) FROM STDIN (FORMAT BINARY)"
TYPES = ("int8", *_COPIED.values())
DROP = f"DROP TABLE pg_temp.{_LANDED}"


def as_copied(place: int, message: dict[str, Any]) -> list[Any]:
    """Write a message as a row of the COPY."""
    row = [place, *map(message.__getitem__, _COPIED)]
    for position in _DOCUMENT_POSITIONS:
        row[position] = Jsonb(row[position], msgspec.json.encode) if row[position] else None
    return row


_DOCUMENT_POSITIONS = tuple(1 + list(_COPIED).index(name) for name in _DOCUMENTS)


@dataclass(slots=True)
class Privilege:
    """Whether the role of the scope may create temporary tables, and in which database."""

    granted: bool
    role: str
    database: str


@cache
def privilege() -> Statement[Privilege]:
    """Ask before it is needed: a refusal would end the transaction."""
    database, role = sa.func.current_database(), sa.func.current_user()
    granted = sa.func.has_database_privilege(database, sa.literal_column("'TEMPORARY'"))
    named = (sa.func.quote_ident(one).cast(sa.Text()) for one in (role, database))
    columns = zip(("granted", "role", "database"), (granted, *named), strict=True)
    return Statement(sa.select(*(column.label(name) for name, column in columns)), Privilege)


def _touched() -> Any:
    """Name the conversations by an array, which is a condition of the index whatever the planner believes."""
    ids = sa.select(_landed.c.conversation_id).distinct().scalar_subquery()
    return sa.any_(sa.func.array(ids))


@cache
def lock() -> Statement[UUID]:
    """Let nobody else move the conversations, and two imports take them in one order."""
    c = _conversations.c
    query = sa.select(c.id).where(owned(_conversations), c.id == _touched()).order_by(c.id)
    return Statement(query.with_for_update(key_share=True), scalar)


@dataclass(slots=True)
class Stray:
    """The first message whose conversation or sender the company does not have."""

    conversation_id: int | None
    sender_user_id: int | None


@cache
def stray() -> Statement[Stray]:
    """Look for messages that belong nowhere; the keys would refuse them, and say not which."""

    def first(name: str, table: Any) -> Any:
        known = sa.exists(sa.select(table.c.id).where(owned(table), table.c.id == _landed.c[name]))
        lost = sa.select(sa.func.min(_landed.c.place)).where(_landed.c[name].is_not(None), ~known)
        return lost.scalar_subquery().label(name)

    columns = first("conversation_id", _conversations), first("sender_user_id", _users)
    return Statement(sa.select(*columns), Stray)


@cache
def insert_landed() -> Statement[int]:
    """Write the messages, but those that are there already; count what was written."""
    given = {name: _landed.c[name] for name in _COPIED}
    for name, empty in _DOCUMENTS.items():
        given[name] = sa.func.coalesce(given[name], sa.literal_column(empty))
    source = sa.select(COMPANY, *given.values())
    insertion = insert(_messages).from_select(["company_id", *given], source, include_defaults=False)
    c = _messages.c
    once: Any = insertion.on_conflict_do_nothing(
        index_elements=[c.company_id, c.conversation_id, c.external_id],
        index_where=c.external_id.is_not(None),
    )
    added = once.returning(c.id).cte("added")
    return Statement(sa.select(sa.func.count().label("added")).select_from(added), scalar)


@cache
def move() -> Statement[UUID]:
    """Bring the conversations that have new messages to where all their messages leave them.

    What is closed stays closed, unless the customer wrote after it was resolved.
    """
    c, said = _conversations.c, _outcome()
    closed = is_one_of(c.status, *CLOSED)
    reopened = sa.and_(closed, said.c.asked_at > c.resolved_at)
    queued = is_one_of(c.status, ConversationStatus.WAITING)
    values = {
        "last_message_at": said.c.last_at,
        "last_message_preview": said.c.preview,
        "first_response_at": sa.func.least(c.first_response_at, said.c.answered_at),
        "waiting_since": sa.case(
            (reopened, said.c.waiting_since),
            (closed, c.waiting_since),
            (queued, sa.func.coalesce(said.c.waiting_since, c.waiting_since)),
            else_=said.c.waiting_since,
        ),
        "status": sa.case((reopened, status(ConversationStatus.ACTIVE)), else_=c.status),
        "resolved_at": sa.case((reopened, sa.null()), else_=c.resolved_at),
        "version": next_version(),
    }
    update: Any = sa.update(_conversations).where(owned(_conversations), c.id == said.c.conversation_id)
    return Statement(update.values(values).returning(c.id), scalar)


def _outcome() -> Any:
    """Say of each conversation with new messages what all that was spoken in it comes to."""
    spoken = _spoken()
    c = spoken.c
    asked, answered = (
        c.role == constant(role, _messages.c.role.type) for role in (MessageRole.USER, MessageRole.ASSISTANT)
    )
    is_last = c.from_the_end == constant(1, sa.BigInteger())
    unanswered = sa.and_(asked, c.answers_since == constant(0, sa.BigInteger()))
    return (
        sa.select(
            c.conversation_id,
            sa.func.max(c.created_at).label("last_at"),
            sa.func.max(c.preview).filter(is_last).label("preview"),
            sa.func.min(c.created_at).filter(answered).label("answered_at"),
            sa.func.max(c.created_at).filter(asked).label("asked_at"),
            sa.func.min(c.created_at).filter(unanswered).label("waiting_since"),
        )
        .group_by(c.conversation_id)
        .subquery("said")
    )


def _spoken() -> Any:
    """Read the messages of these conversations, without private notes, with what followed each of them."""
    m, c = _messages.alias("added"), _messages.c
    is_new = sa.and_(owned(m), m.c.id == _landed.c.id, ~m.c.is_private)
    moved = sa.select(_landed.c.conversation_id).join_from(_landed, m, is_new).distinct().scalar_subquery()
    latest_first: dict[str, Any] = {
        "partition_by": c.conversation_id,
        "order_by": [c.created_at.desc(), c.id.desc()],
    }
    is_answer = c.role == constant(MessageRole.ASSISTANT, c.role.type)
    return (
        sa.select(
            c.conversation_id,
            c.role,
            c.created_at,
            sa.func.left(c.content, constant(PREVIEW_LENGTH, sa.Integer())).label("preview"),
            sa.func.row_number().over(**latest_first).label("from_the_end"),
            sa.func.count().filter(is_answer).over(**latest_first).label("answers_since"),
        )
        .where(owned(_messages), c.conversation_id == sa.any_(sa.func.array(moved)), ~c.is_private)
        .subquery("spoken")
    )
