"""What was said since a moment: no index has only the time, but conversations have their last activity."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.schema import Conversation, ConversationStatus, Message

__all__ = ["alive_since", "spoken_since"]

_conversations, _messages = table_of(Conversation), table_of(Message)

# A conversation's last activity is when its transaction began, its message may be later.
_MARGIN = sa.literal_column("interval '1 day'", sa.Interval())
_NEVER = sa.literal_column("'infinity'::timestamptz", _conversations.c.last_message_at.type)


def spoken_since(moment: Any) -> sa.ColumnElement[bool]:
    """Leave of the company's messages those since a moment, without private notes.

    The conversations that may have one are named by an array, which is a condition of the index whatever
    the planner believes; a join of a table that was filled a moment ago compared every message with every
    conversation. The company of the messages is for the caller to compare.
    """
    alive = alive_since(owned(_conversations), moment).subquery("alive")
    ids = sa.func.array(sa.select(alive.c.id).scalar_subquery())
    among = _messages.c.conversation_id == sa.any_(ids)
    return sa.and_(among, _messages.c.created_at >= moment, ~_messages.c.is_private)


def alive_since(whose: sa.ColumnElement[bool], moment: Any) -> Any:
    """Read which conversations may have a message since a moment, each status by its index.

    Without an end the planner takes a third of all conversations to be alive, and reads them all.
    """
    c = _conversations.c
    active = sa.and_(whose, c.last_message_at >= moment - _MARGIN, c.last_message_at < _NEVER)
    return sa.union_all(
        *(
            sa.select(c.company_id, c.id).where(is_one_of(c.status, status), active)
            for status in ConversationStatus
        )
    )
