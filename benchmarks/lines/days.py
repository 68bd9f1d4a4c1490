"""A day added up for every company: a call for each, next to one statement for all, so far by hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure, Goal, agree
from benchmarks.measuring import Contender, compared, once
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage
from chatapp_db import ConversationStatus, Database
from tests.volume import company_id

__all__ = ["measure"]

_ALL_AT_ONCE = "one statement for all, by hand"
_GOAL = Goal(0.55)
_MEASURES = (
    "conversations_total, conversations_resolved, conversations_escalated, response_time_sum,"
    " response_time_count, satisfaction_sum, satisfaction_count, messages_total, tokens_used"
)


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare both ways to add up the same day."""
    companies = [company_id(rank) for rank in range(1, stage.volume.companies + 1)]
    day = stage.database.asked.day
    with stage.admin() as admin, Database(stage.database.service_url) as database:

        def one_by_one() -> None:
            for company in companies:
                database.company(company).daily_analytics.rollup(day)

        def at_once() -> None:
            admin.execute(_ROLLUP, {"date": day})

        def rows() -> list[tuple[Any, ...]]:
            found: list[tuple[Any, ...]] = admin.execute(_ROWS, {"date": day}).fetchall()
            return found

        one_by_one()
        expected = rows()
        at_once()
        agree("a day of all companies", {OURS: expected, _ALL_AT_ONCE: rows()})
        contenders = [Contender(OURS, once(one_by_one), 1), Contender(_ALL_AT_ONCE, once(at_once), 1)]
        for name, timed in compared(contenders, stage.effort).items():
            goal = _GOAL if name == _ALL_AT_ONCE else None
            yield Figure.of("days", f"a day of {len(companies)} companies", name, timed, goal=goal)


_ROWS = f"""
SELECT company_id, {_MEASURES}, avg_response_time, round(avg_satisfaction, 2) FROM chatapp_daily_analytics
 WHERE date = %(date)s ORDER BY company_id"""

# Each status has its own index, by company and last activity.
_ALIVE = """
  SELECT c.company_id, c.id FROM chatapp_companies AS company JOIN chatapp_conversations AS c
      ON c.company_id = company.id AND c.status = '{}' AND c.started_at < (%(date)s::date + 2)::timestamptz
     AND c.last_message_at >= (%(date)s::date - 2)::timestamptz"""

_ROLLUP = f"""
WITH day AS MATERIALIZED (
  SELECT id AS company_id, timezone(timezone, %(date)s::date::timestamp) AS starts,
         timezone(timezone, (%(date)s::date + 1)::timestamp) AS ends FROM chatapp_companies),
started AS (
  SELECT c.company_id, count(*) AS conversations_total, count(c.resolved_at) AS conversations_resolved,
         count(c.escalated_at) AS conversations_escalated,
         sum(round(extract(epoch FROM c.first_response_at - c.started_at)))::bigint AS response_time_sum,
         count(c.first_response_at) AS response_time_count,
         sum(a.satisfaction_score)::bigint AS satisfaction_sum,
         count(a.satisfaction_score) AS satisfaction_count
    FROM day JOIN chatapp_conversations AS c
      ON c.company_id = day.company_id AND c.started_at >= day.starts AND c.started_at < day.ends
    LEFT JOIN chatapp_conversation_analytics AS a ON a.company_id = c.company_id AND a.conversation_id = c.id
   GROUP BY c.company_id),
alive AS ({" UNION ALL ".join(map(_ALIVE.format, ConversationStatus))}),
spoken AS (
  SELECT m.company_id, count(*) AS messages_total, sum(m.tokens_used)::bigint AS tokens_used
    FROM day JOIN alive USING (company_id)
    JOIN chatapp_messages AS m
      ON m.company_id = alive.company_id AND m.conversation_id = alive.id
     AND m.created_at >= day.starts AND m.created_at < day.ends AND NOT m.is_private
   GROUP BY m.company_id)
INSERT INTO chatapp_daily_analytics
  (company_id, id, date, {_MEASURES}, avg_response_time, avg_satisfaction)
SELECT company_id, gen_random_uuid(), %(date)s,
       coalesce(conversations_total, 0), coalesce(conversations_resolved, 0),
       coalesce(conversations_escalated, 0),
       coalesce(response_time_sum, 0), coalesce(response_time_count, 0), coalesce(satisfaction_sum, 0),
       coalesce(satisfaction_count, 0), coalesce(messages_total, 0), coalesce(tokens_used, 0),
       round(response_time_sum::numeric / nullif(response_time_count, 0)),
       satisfaction_sum::numeric / nullif(satisfaction_count, 0)
  FROM day LEFT JOIN started USING (company_id) LEFT JOIN spoken USING (company_id)
ON CONFLICT (company_id, date) DO UPDATE
   SET ({_MEASURES}, avg_response_time, avg_satisfaction)
     = ROW ({", ".join(f"excluded.{name.strip()}" for name in _MEASURES.split(","))},
            excluded.avg_response_time, excluded.avg_satisfaction)"""
