"""A database the size of a real product's, filled by the server itself in under a minute.

Fifty companies of skewed size, and a year of what their customers wrote. Every value follows from its
place: the same volume is the same rows but for the time it ends at. Tests of plans and benchmarks share it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from uuid import UUID

import psycopg

__all__ = ["Volume", "company_id", "fill"]

_DAYS = 365
# The kinds of rows; each has a number of its own in the ids made here.
_KINDS = {
    name: number
    for number, name in enumerate(
        ("user", "agent", "customer", "conversation", "message", "source", "chunk", "other")
    )
}


@dataclass(frozen=True)
class Volume:
    """How many rows there are in all; a company of rank r has a share of them that goes with r ** -1.2."""

    companies: int = 50
    users: int = 1_000
    agents: int = 300
    customers: int = 60_000
    conversations: int = 200_000
    sources: int = 12_000
    others: int = 12_000
    """Canned responses, invitations, integrations and webhooks, of each kind; ten deliveries to a webhook."""

    def scaled(self, factor: float) -> Volume:
        """Give a part of it, of as many companies."""
        names = ("users", "agents", "customers", "conversations", "sources", "others")
        return replace(self, **{name: round(getattr(self, name) * factor) for name in names})


def company_id(rank: int) -> UUID:
    """Give the id of a company; the first is the largest."""
    return UUID(f"00000000-0000-7000-8000-{rank:012x}")


def fill(url: str, volume: Volume = Volume()) -> None:  # frozen
    """Fill a migrated, empty database as superuser; the statistics are those of a database at rest."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_SETTINGS)
        indexes = connection.execute(_INDEXES).fetchall()
        for name, _ in indexes:
            connection.execute(f"DROP INDEX {name}")
        for statement in _statements(volume):
            connection.execute(statement)
        for _, definition in indexes:
            connection.execute(definition)
        connection.execute("VACUUM (ANALYZE)")


def _statements(volume: Volume) -> list[str]:
    until = dt.datetime.now(dt.UTC)
    constants = {
        "start": f"{(until - dt.timedelta(days=_DAYS + 2)).timestamp():.3f}",
        "seconds": _DAYS * 86_400,
        "companies": volume.companies,
        **{f"of_{name}": number for name, number in _KINDS.items()},
    }
    counts = {name: getattr(volume, name) for name in _MINIMA}
    sizes = ", ".join(
        f"greatest({_MINIMA[name]}, round(share * {count}))::int AS {name}" for name, count in counts.items()
    )
    texts = [_FUNCTIONS, _COMPANIES.replace("<sizes>", sizes), *_ROWS]
    for name, value in constants.items():
        texts = [text.replace(f"<{name}>", str(value)) for text in texts]
    return texts


_MINIMA = {"users": 3, "agents": 2, "customers": 20, "conversations": 40, "sources": 4, "others": 5}
"""What even the smallest company has."""

_SETTINGS = """
SET synchronous_commit = off;
SET session_replication_role = replica;
SET maintenance_work_mem = '512MB';
SET work_mem = '256MB';
SET jit = off
"""

# Built at once from rows that are there, an index costs a third of what it costs row by row.
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid)
  FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
 WHERE relnamespace = current_schema()::regnamespace AND relname ~ '^(ix|uq)_chatapp'
   AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
 ORDER BY 1
"""

# Numbers that look random and are not; ids ordered by time, as this package makes them.
_FUNCTIONS = """
CREATE FUNCTION pg_temp.pick(place bigint, question int, among int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT ((hashint8extended(place, question) & 9223372036854775807) % among)::int $$;
CREATE FUNCTION pg_temp.busy(place bigint, question int, among int) RETURNS int LANGUAGE sql IMMUTABLE AS
$$ SELECT floor(among * (pg_temp.pick(place, question, 10000) / 10000.0) ^ 3)::int $$;
CREATE FUNCTION pg_temp.at(part float8) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
$$ SELECT to_timestamp(<start> + <seconds> * part) $$;
CREATE FUNCTION pg_temp.id(kind int, at timestamptz, place bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || lpad(to_hex(kind), 3, '0')
     || '8' || lpad(to_hex(place), 15, '0'))::uuid $$;
CREATE FUNCTION pg_temp.id_of(kind int, rank int, nth int, of int) RETURNS uuid LANGUAGE sql IMMUTABLE AS
$$ SELECT pg_temp.id(kind, pg_temp.at(nth::float8 / of), rank::bigint << 32 | nth) $$;
CREATE FUNCTION pg_temp.said(place bigint, question int) RETURNS text LANGUAGE sql IMMUTABLE AS
$$ SELECT (ARRAY['Hello, I have a question about my last invoice.', 'Where is my parcel?',
  'The app closes as soon as I open the settings.', 'Thank you, that helped a lot.',
  'Could you please send me the tracking number?', 'I would like to cancel my subscription.',
  'We have looked into it and found the cause.', 'A refund takes three to five working days.',
  'My colleague will get back to you this afternoon.', 'Which browser do you use?',
  'It still does not work, even after a restart.', 'You can change the address until the order is packed.',
  'The discount was not applied at the checkout.', 'Please try to reset your password first.',
  'I was charged twice this month.', 'Is there a way to export all our contacts?',
  'Our whole team is waiting for this.', 'The delivery was damaged when it arrived.',
  'How do I add another person to the account?', 'Great, everything is fine now.'])
  [1 + pg_temp.pick(place, question, 20)] $$
"""

_COMPANIES = """
CREATE TEMP TABLE sizes AS
  WITH weights AS (SELECT rank, rank ^ -1.2 AS weight FROM generate_series(1, <companies>) AS rank),
       shares AS (SELECT rank, weight / sum(weight) OVER () AS share FROM weights)
SELECT rank, ('00000000-0000-7000-8000-' || lpad(to_hex(rank), 12, '0'))::uuid AS id, <sizes> FROM shares;
INSERT INTO chatapp_subscription_plans (id, name, slug, type)
SELECT pg_temp.id(0, pg_temp.at(0), n), 'Plan ' || n, 'plan-' || n, 'professional'
  FROM generate_series(1, 4) AS n;
INSERT INTO chatapp_agent_packages (id, name, slug)
SELECT pg_temp.id(0, pg_temp.at(0), n), 'Package ' || n, 'package-' || n FROM generate_series(1, 6) AS n;
INSERT INTO chatapp_companies (id, name, slug, subscription_plan_id, subscription_status)
SELECT id, 'Company ' || rank, 'company-' || rank, pg_temp.id(0, pg_temp.at(0), 1 + rank % 4), 'active'
  FROM sizes;
ANALYZE sizes
"""

_PEOPLE = """
INSERT INTO chatapp_users (id, company_id, email, name, role, status, created_at)
SELECT pg_temp.id_of(<of_user>, rank, n, users), id, format('user.%s@company-%s.example', n, rank),
       'User ' || n, CASE n % 10 WHEN 0 THEN 'company_admin' ELSE 'support_agent' END::chatapp_user_role,
       CASE n % 7 WHEN 0 THEN 'inactive' ELSE 'active' END::chatapp_user_status,
       pg_temp.at(n::float8 / users)
  FROM sizes, generate_series(0, users - 1) AS n;
INSERT INTO chatapp_agents (id, company_id, name, status, system_prompt, created_at)
SELECT pg_temp.id_of(<of_agent>, rank, n, agents), id, 'Agent ' || n,
       CASE n % 5 WHEN 0 THEN 'paused' ELSE 'active' END::chatapp_agent_status,
       (SELECT string_agg(md5(n::text || line), ' ') FROM generate_series(1, 40) AS line),
       pg_temp.at(n::float8 / agents)
  FROM sizes, generate_series(0, agents - 1) AS n;
INSERT INTO chatapp_customers (id, company_id, external_id, email, name, tags, first_seen_at, last_seen_at,
                               created_at)
SELECT pg_temp.id_of(<of_customer>, rank, n, customers), id,
       CASE WHEN n % 5 > 1 THEN 'crm-' || n END, format('customer.%s@mail-%s.example', n, rank),
       (ARRAY['Ada', 'Grace', 'Alan', 'Edsger', 'Barbara', 'Niklaus', 'Radia', 'Donald'])
         [1 + pg_temp.pick(n, 1, 8)] || ' ' || initcap(substr(md5(rank || '/' || n), 1, 7)),
       CASE WHEN n % 9 = 0 THEN ARRAY['vip'] ELSE '{}' END, pg_temp.at(n::float8 / customers),
       pg_temp.at(n::float8 / customers + (1 - n::float8 / customers) * pg_temp.pick(n, 2, 1000) / 1000),
       pg_temp.at(n::float8 / customers)
  FROM sizes, generate_series(0, customers - 1) AS n ORDER BY n::float8 / customers;
"""

# One in a thousand is long. What began in the last two weeks is mostly open, the rest mostly settled.
_CONVERSATIONS = """
CREATE TEMP TABLE threads AS
  WITH placed AS (
SELECT rank, id AS company_id, users, agents, customers, n, rank::bigint << 32 | n AS place,
       pg_temp.id_of(<of_conversation>, rank, n, conversations) AS id,
       pg_temp.at(n::float8 / conversations) AS started_at, n::float8 / conversations > 0.96 AS recent,
       n % 1000 = 7 AS long
  FROM sizes, generate_series(0, conversations - 1) AS n)
SELECT *, CASE WHEN long THEN 500 ELSE 1 + pg_temp.pick(place, 3, 8) END AS messages,
       make_interval(secs => 20 + pg_temp.pick(place, 4, CASE WHEN long THEN 60 ELSE 900 END)) AS pause,
       CASE WHEN recent THEN CASE pg_temp.pick(place, 5, 10) WHEN 0 THEN 'waiting' WHEN 1 THEN 'waiting'
                             WHEN 2 THEN 'resolved' WHEN 3 THEN 'resolved' ELSE 'active' END
            ELSE CASE pg_temp.pick(place, 5, 200) WHEN 0 THEN 'waiting' WHEN 1 THEN 'active'
                 WHEN 2 THEN 'active' ELSE CASE pg_temp.pick(place, 6, 5) WHEN 0 THEN 'archived'
                 ELSE 'resolved' END END END::chatapp_conversation_status AS status
  FROM placed ORDER BY started_at;
ANALYZE threads;
INSERT INTO chatapp_conversations (id, company_id, agent_id, customer_id, assigned_user_id, channel,
       channel_conversation_id, status, priority, tags, started_at, resolved_at, last_message_at,
       last_message_preview, waiting_since, first_response_at, agent_last_read_at, created_at)
SELECT id, company_id, pg_temp.id_of(<of_agent>, rank, pg_temp.pick(place, 7, agents), agents),
       pg_temp.id_of(<of_customer>, rank, pg_temp.pick(place, 8, customers), customers),
       CASE WHEN pg_temp.pick(place, 9, 3) > 0
            THEN pg_temp.id_of(<of_user>, rank, pg_temp.busy(place, 10, users), users) END,
       (ARRAY['widget', 'widget', 'widget', 'whatsapp', 'email', 'slack'])
         [1 + pg_temp.pick(place, 11, 6)]::chatapp_channel_type,
       CASE WHEN n % 2 = 0 THEN 'channel-' || n END, status,
       (ARRAY[1, 1, 1, 1, 1, 1, 0, 2, 2, 3])[1 + pg_temp.pick(place, 12, 10)],
       CASE WHEN n % 4 = 0 THEN ARRAY['topic-' || pg_temp.pick(place, 13, 40)] ELSE '{}' END, started_at,
       CASE WHEN status IN ('resolved', 'archived') THEN started_at + messages * pause END,
       started_at + (messages - 1) * pause, pg_temp.said(place, 14),
       CASE WHEN status = 'waiting' OR status = 'active' AND n % 2 = 0
            THEN started_at + (messages - 1) * pause END,
       CASE WHEN messages > 1 THEN started_at + pause END,
       CASE WHEN n % 3 > 0 THEN started_at + (messages - n % 3) * pause END, started_at
  FROM threads ORDER BY started_at;
"""

_MESSAGES = """
INSERT INTO chatapp_messages (id, company_id, conversation_id, role, content, sender_user_id, is_private,
                              external_id, tokens_used, created_at)
SELECT pg_temp.id(<of_message>, started_at + nth * pause, (rank::bigint << 48) | (n::bigint << 12) | nth),
       company_id, id, CASE nth % 2 WHEN 0 THEN 'user' ELSE 'assistant' END::chatapp_message_role,
       pg_temp.said(place + nth, 20) || ' ' || pg_temp.said(place + nth, 21)
         || ' Reference ' || substr(md5(place::text || nth), 1, 8) || '.',
       CASE WHEN nth % 2 = 1 AND pg_temp.pick(place + nth, 22, 3) = 0
            THEN pg_temp.id_of(<of_user>, rank, pg_temp.busy(place, 10, users), users) END,
       nth % 17 = 15, CASE WHEN n % 4 = 0 THEN 'delivery-' || nth END, (nth % 2) * 120,
       started_at + nth * pause
  FROM threads, generate_series(0, messages - 1) AS nth ORDER BY started_at;
"""

_KNOWLEDGE = """
INSERT INTO chatapp_knowledge_sources (id, company_id, agent_id, name, type, status, content_hash, created_at)
SELECT pg_temp.id_of(<of_source>, rank, n, sources), id,
       CASE WHEN n % 3 > 0 THEN pg_temp.id_of(<of_agent>, rank, n % agents, agents) END,
       'Source ' || n, 'file',
       CASE WHEN n % 50 = 49 THEN 'processing' ELSE 'ready' END::chatapp_knowledge_source_status,
       md5('source' || n), pg_temp.at(n::float8 / sources)
  FROM sizes, generate_series(0, sources - 1) AS n ORDER BY n::float8 / sources;
INSERT INTO chatapp_knowledge_chunks (id, company_id, source_id, content, content_hash, qdrant_id,
                                      chunk_index, created_at)
SELECT pg_temp.id(<of_chunk>, pg_temp.at(n::float8 / sources),
                  (rank::bigint << 48) | (n::bigint << 12) | nth), id,
       pg_temp.id_of(<of_source>, rank, n, sources),
       (SELECT string_agg(pg_temp.said(n::bigint * 4096 + nth, line), ' ') FROM generate_series(1, 6) AS line)
         || ' Paragraph ' || substr(md5(rank || '/' || n || '/' || nth), 1, 8) || '.',
       md5('chunk' || n || nth), md5(rank || '/' || n || '/' || nth)::uuid, nth,
       pg_temp.at(n::float8 / sources)
  FROM sizes, generate_series(0, sources - 1) AS n, generate_series(0, 7) AS nth ORDER BY n::float8 / sources;
"""

_OTHERS = """
INSERT INTO chatapp_canned_responses (id, company_id, user_id, shortcut, title, content, is_team, usage_count)
SELECT pg_temp.id_of(<of_other>, rank, n, others), id, pg_temp.id_of(<of_user>, rank, n % users, users),
       'answer-' || n, pg_temp.said(n, 30), pg_temp.said(n, 31) || ' ' || md5(n::text), n % 3 > 0,
       pg_temp.pick(n, 32, 500)
  FROM sizes, generate_series(0, others - 1) AS n ORDER BY n::float8 / others;
INSERT INTO chatapp_team_invitations (id, company_id, email, token, status, created_at)
SELECT pg_temp.id_of(<of_other>, rank, n, others), id, format('invited.%s@company-%s.example', n, rank),
       md5(rank || '/' || n) || md5(n || '/' || rank), 'accepted', pg_temp.at(n::float8 / others)
  FROM sizes, generate_series(0, others - 1) AS n;
INSERT INTO chatapp_integrations (id, company_id, type, name)
SELECT pg_temp.id_of(<of_other>, rank, n, others), id, 'custom', 'Integration ' || n
  FROM sizes, generate_series(0, others - 1) AS n;
INSERT INTO chatapp_webhooks (id, company_id, url)
SELECT pg_temp.id_of(<of_other>, rank, n, others), id, 'https://example.com/hooks/' || n
  FROM sizes, generate_series(0, others - 1) AS n;
INSERT INTO chatapp_webhook_deliveries (id, company_id, webhook_id, event_id, event, attempts,
       next_attempt_at, delivered_at, dead_at, created_at)
SELECT pg_temp.id_of(<of_other>, rank, n, others * 10), id, pg_temp.id_of(<of_other>, rank, n / 10, others),
       pg_temp.id_of(<of_other>, rank, n, others * 10), 'conversation.created', 1,
       CASE WHEN n % 20 = 0 THEN pg_temp.at(n / (others * 10.0)) END,
       CASE WHEN n % 20 > 1 THEN pg_temp.at(n / (others * 10.0)) END,
       CASE WHEN n % 20 = 1 THEN pg_temp.at(n / (others * 10.0)) END, pg_temp.at(n / (others * 10.0))
  FROM sizes, generate_series(0, others * 10 - 1) AS n ORDER BY n / (others * 10.0);
INSERT INTO chatapp_usage_counters (id, company_id, metric, period, used)
SELECT pg_temp.id_of(<of_other>, rank, n, 240), id, 'metric-' || n % 10,
       (date_trunc('month', pg_temp.at(0)) - make_interval(months => n / 10))::date, n
  FROM sizes, generate_series(0, 239) AS n;
INSERT INTO chatapp_usage_reservations (id, company_id, metric, period, amount, key, expires_at)
SELECT pg_temp.id_of(<of_other>, rank, n, others * 10), id, 'metric-' || n % 10,
       date_trunc('month', pg_temp.at(n / (others * 10.0)))::date, 1, 'key-' || n,
       pg_temp.at(n / (others * 10.0))
  FROM sizes, generate_series(0, others * 10 - 1) AS n;
INSERT INTO chatapp_widget_settings (id, company_id, agent_id, public_key)
SELECT id, id, pg_temp.id_of(<of_agent>, rank, 1, agents), md5('key' || rank) FROM sizes;
INSERT INTO chatapp_audit_logs (id, company_id, user_id, action, resource_type, resource_id, created_at)
SELECT pg_temp.id(<of_other>, started_at, place), company_id,
       pg_temp.id_of(<of_user>, rank, n % users, users),
       CASE n % 100 WHEN 0 THEN 'agent.updated' ELSE 'conversation.assigned' END,
       CASE n % 100 WHEN 0 THEN 'agent' ELSE 'conversation' END, id, started_at
  FROM threads WHERE n % 2 = 0;
INSERT INTO chatapp_conversation_analytics (id, company_id, conversation_id, agent_id, resolution_type,
       messages_count, satisfaction_score, created_at)
SELECT pg_temp.id(<of_other>, started_at, place), company_id, id,
       pg_temp.id_of(<of_agent>, rank, pg_temp.pick(place, 7, agents), agents), 'ai', messages,
       1 + n % 5, started_at
  FROM threads WHERE status = 'resolved' AND n % 2 = 0;
INSERT INTO chatapp_daily_analytics (id, company_id, date, conversations_total)
SELECT pg_temp.id(<of_other>, pg_temp.at(day / 365.0), rank::bigint << 32 | day), id,
       (pg_temp.at(0) AT TIME ZONE 'UTC')::date + day, day % 40
  FROM sizes, generate_series(0, 364) AS day;
"""

_ROWS = (_PEOPLE, _CONVERSATIONS, _MESSAGES, _KNOWLEDGE, _OTHERS)
