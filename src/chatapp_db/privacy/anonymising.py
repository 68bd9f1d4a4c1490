"""A person who leaves: what they wrote stays somebody's, but nothing says any more whose."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.rows import UserRow
from chatapp_db.schema import Conversation, ConversationStatus, TeamInvitation, User, UserStatus

__all__ = ["anonymise"]

_NAME: Final = "Deleted user"

_users, _invitations, _conversations = table_of(User), table_of(TeamInvitation), table_of(Conversation)


@cache
def anonymise() -> Statement[UserRow]:
    """Take the person out of their row and of the invitations to them; their open conversations are nobody's.

    No row where the company has no such person. The second time changes nothing.
    """
    c = _users.c
    nobody = _text("deleted-") + sa.cast(c.id, sa.Text()) + _text("@invalid")
    is_one = sa.and_(owned(_users), c.id == sa.bindparam("id", type_=sa.Uuid()))
    known = sa.select(c.id, c.email).where(is_one).with_for_update().cte("known")
    emptied: Any = sa.update(_users).where(owned(_users), c.id == known.c.id)
    values: dict[str, Any] = {
        "email": nobody,
        "name": _text(_NAME),
        "avatar_url": sa.null(),
        "settings": sa.literal_column("'{}'::jsonb"),
        "status": constant(UserStatus.INACTIVE, c.status.type),
        "last_login_at": sa.null(),
    }
    person = emptied.values(values).returning(*c).cte("person")
    invited: Any = sa.update(_invitations).where(
        owned(_invitations), _invitations.c.email == known.c.email, known.c.id == person.c.id
    )
    forgotten = invited.values(email=person.c.email).returning(_invitations.c.id).cte("forgotten")
    return Statement(sa.select(person).add_cte(forgotten, _released(person)), UserRow)


def _released(person: Any) -> Any:
    """Leave the open conversations of the person to nobody."""
    c = _conversations.c
    is_open = is_one_of(c.status, ConversationStatus.ACTIVE, ConversationStatus.WAITING)
    update: Any = sa.update(_conversations).where(
        owned(_conversations), c.assigned_user_id == person.c.id, is_open
    )
    version = c.version + constant(1, c.version.type)
    return update.values(assigned_user_id=sa.null(), version=version).returning(c.id).cte("released")


def _text(value: str) -> sa.ColumnElement[str]:
    return constant(value, sa.Text())
