"""What people look at and search, next to the same question asked by hand without row-level security."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple
from functools import partial
from typing import Any

from benchmarks.figures import BASE, Figure, Goal, agree
from benchmarks.measuring import Contender, compared, once
from benchmarks.peers.chatapp import OURS
from benchmarks.stage import Stage
from chatapp_db import Database
from chatapp_db.scopes import CompanyScope

__all__ = ["measure"]

_OPEN = "inbox of everything open"
_GOALS = {_OPEN: Goal(1.35)}
_COMMON = "discount"

Question = tuple[Callable[[], Any], Callable[[], Any]]
"""Asked by hand, and of this package; both give comparable results."""


def measure(stage: Stage) -> Iterator[Figure]:
    """Compare one question after the other."""
    asked = stage.database.asked
    with stage.admin() as admin, Database(stage.database.service_url) as database:
        for subject, (by_hand, ours) in _questions(
            admin, database.company(asked.company_id), asked.user_id
        ).items():
            agree(subject, {BASE: by_hand(), OURS: ours()})
            contenders = [Contender(BASE, once(by_hand)), Contender(OURS, once(ours))]
            for name, timed in compared(contenders, stage.effort).items():
                goal = _GOALS.get(subject) if name == OURS else None
                yield Figure.of("lists", subject, name, timed, goal=goal)


def _questions(admin: Any, company: CompanyScope, user_id: Any) -> dict[str, Question]:
    def by_hand(text: str, *, prepare: bool = True, **parameters: Any) -> list[tuple[Any, ...]]:
        given = {"company_id": company.company_id, **parameters}
        rows: list[tuple[Any, ...]] = admin.execute(text, given, prepare=prepare).fetchall()
        return rows

    def counts() -> list[tuple[Any, ...]]:
        counted = company.conversations.inbox_counts(user_id)
        return [astuple(counted)]

    def found_by_hand(words: str) -> list[tuple[Any, ...]]:
        # A plan for any words takes a hundred times as long as the one for a rare word.
        return [row[:1] for row in by_hand(_SEARCH, prepare=False, words=words)]

    def found(words: str) -> list[tuple[Any, ...]]:
        return [(row.id,) for row in company.messages.search(words, limit=25).items]

    ((rare,),) = by_hand(_RARE)
    questions: dict[str, Question] = {
        _OPEN: (
            lambda: [row[:1] for row in by_hand(_INBOX)],
            lambda: [(item.id,) for item in company.conversations.inbox(limit=25).items],
        ),
        "counts of the inbox": (lambda: by_hand(_COUNTS, user_id=user_id), counts),
    }
    return questions | {
        f"search for a {kind} word": (partial(found_by_hand, words), partial(found, words))
        for kind, words in {"rare": rare, "common": _COMMON}.items()
    }


_RARE = """
SELECT substring(content FROM 'Reference (\\w+)') FROM chatapp_messages
 WHERE company_id = %(company_id)s AND content LIKE '%%Reference%%' ORDER BY id DESC LIMIT 1"""

_BRANCH = """
SELECT * FROM chatapp_conversations WHERE company_id = %(company_id)s AND status = '{}'
 ORDER BY last_message_at DESC, id DESC LIMIT 25"""

_INBOX = f"""
SELECT page.id, page.status, page.channel, page.priority, page.tags, page.agent_id, page.customer_id,
       customer.name, page.assigned_user_id, assignee.name, page.last_message_at, page.last_message_preview,
       page.waiting_since, page.version
  FROM (SELECT * FROM (({_BRANCH.format("active")}) UNION ALL ({_BRANCH.format("waiting")})) AS open
         ORDER BY last_message_at DESC, id DESC LIMIT 25) AS page
  LEFT JOIN chatapp_customers AS customer
    ON customer.company_id = page.company_id AND customer.id = page.customer_id
  LEFT JOIN chatapp_users AS assignee
    ON assignee.company_id = page.company_id AND assignee.id = page.assigned_user_id
 ORDER BY page.last_message_at DESC, page.id DESC"""

_COUNTS = """
SELECT count(*), count(*) FILTER (WHERE assigned_user_id = %(user_id)s),
       count(*) FILTER (WHERE assigned_user_id IS NULL),
       count(*) FILTER (WHERE first_response_at IS NULL OR waiting_since IS NOT NULL)
  FROM chatapp_conversations WHERE company_id = %(company_id)s AND status IN ('active', 'waiting')"""

_SEARCH = """
SELECT id, conversation_id, role, type, content, sender_user_id, is_private, external_id, attachments,
       metadata, tokens_used, created_at, updated_at
  FROM chatapp_messages WHERE company_id::text = %(company_id)s::text
   AND to_tsvector('simple'::regconfig, left(content, 65536))
       || array_to_tsvector(ARRAY['company ' || company_id::text])
    @@ (websearch_to_tsquery('simple', %(words)s)
        && quote_literal('company ' || %(company_id)s::text)::tsquery)
 ORDER BY created_at DESC, id DESC LIMIT 25"""
