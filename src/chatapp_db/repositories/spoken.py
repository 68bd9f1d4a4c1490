"""What was said since a moment: no index has only the time, but conversations have their last activity."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.schema import Conversation, ConversationStatus, Message

__all__ = ["spoken_since"]

_conversations, _messages = table_of(Conversation), table_of(Message)

# A conversation's last activity is when its transaction began, its message may be later.
_MARGIN = sa.literal_column("interval '1 day'", sa.Interval())


def spoken_since(moment: Any) -> sa.ColumnElement[bool]:
    """Leave of the company's messages those since a moment, without private notes.

    The conversations that may have one are named by an array, which is a condition of the index whatever
    the planner believes; a join of a table that was filled a moment ago compared every message with every
    conversation. The company of the messages is for the caller to compare.
    """
    c = _conversations.c
    alive = sa.union_all(
        *(
            sa.select(c.id).where(
                owned(_conversations), is_one_of(c.status, status), c.last_message_at >= moment - _MARGIN
            )
            for status in ConversationStatus
        )
    ).subquery("alive")
    ids = sa.func.array(sa.select(alive.c.id).scalar_subquery())
    among = _messages.c.conversation_id == sa.any_(ids)
    return sa.and_(among, _messages.c.created_at >= moment, ~_messages.c.is_private)
