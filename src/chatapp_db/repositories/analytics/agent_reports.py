"""What is reported of each agent: how many conversations it had, how soon it answered, how they ended."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, constant
from chatapp_db.repositories.analytics.days import FIRST, LAST, span, within
from chatapp_db.repositories.analytics.rollup import (
    among_conversations,
    average,
    of_conversations,
    response_time,
    total,
)
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.schema import Agent, Conversation, ConversationAnalytics, ResolutionType

__all__ = ["AgentReport", "agent_report"]

_agents = table_of(Agent)
_conversations = table_of(Conversation)
_analytics = table_of(ConversationAnalytics)


@dataclass(slots=True)
class AgentReport:
    """How an agent's conversations of some days did.

    ``ai_share`` is the part that the AI wrote, 0 to 1, of what the company wrote to customers. The response
    time is that of the first answer, in seconds: half of them came within ``response_time_p50``.
    """

    agent_id: UUID
    agent_name: str
    conversations_total: int
    conversations_resolved: int
    conversations_escalated: int
    resolved_by_ai: int
    ai_share: float | None
    response_time_p50: float | None
    response_time_p90: float | None
    response_time_p99: float | None
    satisfaction_count: int
    avg_satisfaction: float | None


@cache
def agent_report() -> Statement[AgentReport]:
    """Add up by agent first, then look up the names."""
    done = _by_agent().subquery("done")
    query = (
        sa.select(done.c.agent_id, _agents.c.name.label("agent_name"), *list(done.c)[1:])
        .join_from(done, _agents, sa.and_(owned(_agents), _agents.c.id == done.c.agent_id))
        .order_by(done.c.conversations_total.desc(), _agents.c.name, done.c.agent_id)
    )
    return Statement(query, AgentReport)


def _by_agent() -> Any:
    c, noted = _conversations.c, _analytics.c
    counts = {column.key: column for column in of_conversations()}
    by_ai = is_one_of(noted.resolution_type, ResolutionType.AI)
    answers = noted.ai_messages_count + noted.human_messages_count
    columns = [
        c.agent_id,
        *(counts[f"conversations_{which}"] for which in ("total", "resolved", "escalated")),
        sa.func.count().filter(by_ai).label("resolved_by_ai"),
        _ratio(total(noted.ai_messages_count), total(answers)).label("ai_share"),
        *(_percentile(percent).label(f"response_time_p{percent}") for percent in (50, 90, 99)),
        counts["satisfaction_count"],
        _ratio(counts["satisfaction_sum"], counts["satisfaction_count"]).label("avg_satisfaction"),
    ]
    began = within(span(FIRST, LAST), c.started_at)
    return among_conversations(columns, began).group_by(c.agent_id)


def _percentile(percent: int) -> sa.ColumnElement[Any]:
    part: sa.ColumnElement[float] = constant(percent / 100, sa.Double())
    return sa.func.percentile_cont(part).within_group(sa.cast(response_time(), sa.Double()))


def _ratio(part: Any, whole: Any) -> sa.ColumnElement[Any]:
    return sa.cast(average(part, whole), sa.Double())
