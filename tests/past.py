"""A company whose conversations lie in the past, which cannot be written through the repositories.

::

    conversation_id = await past.conversation(started_at)
    past.message(conversation_id, at, tokens=5)
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

import psycopg

from chatapp_db.rows import DailyAnalyticsRow
from tests.rows import new_agent, new_company, new_conversation, new_customer
from tests.worlds import Awaited


class Past:
    """A company in a time zone, what it had, and the superuser who writes that."""

    def __init__(self, db: Awaited, superuser: psycopg.Connection[Any], company_id: UUID) -> None:
        self.db, self.superuser, self.id = db, superuser, company_id
        self.agent_id: UUID
        self.customer_id: UUID

    @classmethod
    async def new(cls, db: Awaited, superuser: psycopg.Connection[Any], zone: str) -> Past:
        past = cls(db, superuser, await new_company(db))
        superuser.execute("UPDATE chatapp_companies SET timezone = %s WHERE id = %s", [zone, past.id])
        past.agent_id = await new_agent(db, past.id)
        past.customer_id = await new_customer(db, past.id)
        return past

    async def conversation(
        self, started_at: datetime, *, agent_id: UUID | None = None, **moments: Any
    ) -> UUID:
        conversation_id = await new_conversation(
            self.db, self.id, agent_id=agent_id or self.agent_id, customer_id=self.customer_id
        )
        self.change(conversation_id, **{"started_at": started_at, "last_message_at": started_at, **moments})
        return conversation_id

    def change(self, conversation_id: UUID, **values: Any) -> None:
        assignments = ", ".join(f"{name} = %s" for name in values)
        text = f"UPDATE chatapp_conversations SET {assignments} WHERE id = %s"
        self.superuser.execute(text, [*values.values(), conversation_id])

    def message(
        self,
        conversation_id: UUID,
        at: datetime,
        role: str = "user",
        *,
        sender_user_id: UUID | None = None,
        tokens: int = 0,
        is_private: bool = False,
    ) -> None:
        self.superuser.execute(
            "INSERT INTO chatapp_messages (company_id, conversation_id,"
            " created_at, role, sender_user_id, tokens_used, is_private, content)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, 'Hi')",
            [self.id, conversation_id, at, role, sender_user_id, tokens, is_private],
        )
        if not is_private:
            self.change(conversation_id, last_message_at=at)

    async def rollup(self, day: date) -> DailyAnalyticsRow:
        return await self.db.company(self.id).daily_analytics.rollup(day)
