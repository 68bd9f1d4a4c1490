"""What a company's subscription includes, and how much of it is used; and how the platform changes it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, cast
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.execution.statement import Statement, constant, scalar, written
from chatapp_db.repositories.base import is_one_of, owned, table_of
from chatapp_db.repositories.messages.spoken import spoken_since
from chatapp_db.rows import CompanyRow
from chatapp_db.schema import (
    Agent,
    AgentStatus,
    Company,
    Conversation,
    KnowledgeSource,
    Message,
    PlanType,
    SubscriptionPlan,
    SubscriptionStatus,
    User,
    UserStatus,
)
from chatapp_db.schema.payloads import PlanLimits

__all__ = [
    "CompanyUsage",
    "change_plan",
    "effective_limits",
    "expire_trials",
    "has_seat",
    "hold_company",
    "limit_of_plan",
    "start_trial",
    "usage",
]

_companies = table_of(Company)
_plans = table_of(SubscriptionPlan)
_is_company = _companies.c.id == sa.bindparam("id", type_=sa.Uuid())
_LIMITS = tuple(PlanLimits.__annotations__)


@dataclass(slots=True)
class CompanyUsage:
    """How much a company uses, under the names of its plan's limits.

    A month is the present one, in the company's time zone. An agent counts until it is archived, a person
    while they may sign in or are about to, a message unless it is a note.
    """

    agents: int
    team_members: int
    conversations_per_month: int
    messages_per_month: int
    knowledge_sources: int
    storage_megabytes: int


@cache
def effective_limits() -> Statement[PlanLimits]:
    """Read the plan's limits; a subscription that is over includes nothing."""
    query = sa.select(_plans.c.limits, _is_in_force().label("in_force"))
    return Statement(_of_plan(query), _in_force)


@cache
def hold_company() -> Statement[UUID]:
    """Make who counts the company's people wait for each other, until the end of the transaction."""
    query = sa.select(_companies.c.id).where(owned(_companies))
    return Statement(query.with_for_update(key_share=True), scalar)


def has_seat() -> Any:
    """Ask whether the plan has room for one more person; that it still has is sure after ``hold_company``."""
    limit = _plans.c.limits.op("->>")(constant("team_members", sa.Text())).cast(sa.BigInteger())
    has_room = sa.or_(limit.is_(None), _team_members().scalar_subquery() < limit)
    return _of_plan(sa.select(sa.and_(_is_in_force(), has_room).label("has_seat")))


def limit_of_plan(metric: sa.ColumnElement[str]) -> Any:
    """Ask for a limit by its name, null for none, 0 where all is over, and for the company's time zone."""
    limit = _plans.c.limits.op("->")(metric)
    number = sa.cast(sa.func.floor(sa.cast(limit, sa.Numeric())), sa.BigInteger())
    is_number = sa.func.jsonb_typeof(limit) == constant("number", sa.Text())
    most = sa.case(
        (sa.not_(_is_in_force()), constant(0, sa.BigInteger())), (is_number, number), else_=sa.null()
    )
    return _of_plan(sa.select(most.label("most"), _companies.c.timezone))


def _of_plan(query: Any) -> Any:
    """Ask the company and its plan."""
    return query.where(owned(_companies), _companies.c.subscription_plan_id == _plans.c.id)


def _is_in_force() -> sa.ColumnElement[bool]:
    c = _companies.c
    is_paid = is_one_of(c.subscription_status, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
    is_trial = is_one_of(c.subscription_status, SubscriptionStatus.TRIALING)
    goes_on = sa.or_(c.trial_ends_at.is_(None), c.trial_ends_at > sa.func.now())
    return sa.or_(is_paid, sa.and_(is_trial, goes_on))


def _in_force(limits: dict[str, Any], in_force: bool) -> PlanLimits:
    """Give every limit by its name: one that the plan does not say is none."""
    named = dict.fromkeys(_LIMITS) | limits
    return cast("PlanLimits", named if in_force else dict.fromkeys(named, 0))


@cache
def usage() -> Statement[CompanyUsage]:
    """Count everything in one statement; it reads what it counts, so it is not for every request."""
    start = sa.func.date_trunc(constant("month", sa.Text()), sa.func.now(), _companies.c.timezone)
    month = sa.select(start.label("at")).where(owned(_companies)).cte("month")
    counts = {
        "agents": _agents(),
        "team_members": _team_members(),
        "conversations_per_month": _conversations(month),
        "messages_per_month": _messages(month),
        "knowledge_sources": _sources(sa.func.count()),
        "storage_megabytes": _sources(_megabytes()),
    }
    columns = (query.scalar_subquery().label(name) for name, query in counts.items())
    return Statement(sa.select(*columns).select_from(month), CompanyUsage)


def _agents() -> Any:
    agents = table_of(Agent)
    alive = is_one_of(agents.c.status, AgentStatus.DRAFT, AgentStatus.ACTIVE, AgentStatus.PAUSED)
    return sa.select(sa.func.count()).select_from(agents).where(owned(agents), alive)


def _team_members() -> Any:
    users = table_of(User)
    may_sign_in = is_one_of(users.c.status, UserStatus.ACTIVE, UserStatus.PENDING)
    return sa.select(sa.func.count()).select_from(users).where(owned(users), may_sign_in)


def _conversations(month: Any) -> Any:
    table = table_of(Conversation)
    began = table.c.started_at >= sa.select(month.c.at).scalar_subquery()
    return sa.select(sa.func.count()).select_from(table).where(owned(table), began)


def _messages(month: Any) -> Any:
    messages = table_of(Message)
    began = sa.select(month.c.at).scalar_subquery()
    return sa.select(sa.func.count()).select_from(messages).where(owned(messages), spoken_since(began))


def _sources(measure: Any) -> Any:
    sources = table_of(KnowledgeSource)
    return sa.select(measure).select_from(sources).where(owned(sources))


def _megabytes() -> Any:
    size = sa.func.coalesce(sa.func.sum(table_of(KnowledgeSource).c.file_size), constant(0, sa.BigInteger()))
    return sa.cast(sa.func.ceil(size / constant(1024 * 1024, sa.Integer())), sa.BigInteger())


@cache
def change_plan() -> Statement[CompanyRow]:
    """Put a company on a plan that is offered; where none is found, nothing changes."""
    c = _companies.c
    is_free = _plans.c.type == constant(PlanType.FREE, _plans.c.type.type)
    update: Any = sa.update(_companies).where(
        _is_company,
        _plans.c.slug == sa.bindparam("plan", type_=_plans.c.slug.type),
        _plans.c.is_active,
    )
    changed = update.values(
        subscription_plan_id=_plans.c.id,
        billing_cycle=sa.case(
            (is_free, sa.null()), else_=sa.func.coalesce(written(c.billing_cycle), c.billing_cycle)
        ),
        subscription_status=sa.func.coalesce(written(c.subscription_status), c.subscription_status),
    )
    return Statement(changed.returning(*c), CompanyRow, across_companies=True)


@cache
def start_trial() -> Statement[CompanyRow]:
    """Start the one trial of a company that has not subscribed."""
    c = _companies.c
    subscribed = is_one_of(c.subscription_status, SubscriptionStatus.ACTIVE, SubscriptionStatus.PAST_DUE)
    update: Any = sa.update(_companies).where(_is_company, c.trial_ends_at.is_(None), ~subscribed)
    trialing = constant(SubscriptionStatus.TRIALING, c.subscription_status.type)
    started = update.values(subscription_status=trialing, trial_ends_at=written(c.trial_ends_at))
    return Statement(started.returning(*c), CompanyRow, across_companies=True)


@cache
def expire_trials() -> Statement[CompanyRow]:
    """End a batch of trials, past those that another call holds."""
    c = _companies.c
    is_over = c.trial_ends_at <= sa.bindparam("now", type_=c.trial_ends_at.type)
    over = sa.select(c.id).where(is_one_of(c.subscription_status, SubscriptionStatus.TRIALING), is_over)
    batch = over.order_by(c.id).limit(sa.bindparam("limit", type_=sa.Integer()))
    due = batch.with_for_update(skip_locked=True).cte("due")
    expired = constant(SubscriptionStatus.EXPIRED, c.subscription_status.type)
    update: Any = sa.update(_companies).where(c.id == due.c.id).values(subscription_status=expired)
    return Statement(update.returning(*c), CompanyRow, across_companies=True)
