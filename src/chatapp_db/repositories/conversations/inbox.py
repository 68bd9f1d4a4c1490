"""The inbox: which conversations a person looks at, in which order, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from chatapp_db.errors import InvalidValue
from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import ALONE, is_one_of, owned, table_of
from chatapp_db.repositories.border import as_id, as_member
from chatapp_db.repositories.conversations.lifecycle import CONVERSATIONS, OPEN, as_priority
from chatapp_db.repositories.conversations.tagging import as_tags
from chatapp_db.repositories.keyset import Cursors, Order, Step
from chatapp_db.repositories.operations import TenantOperations
from chatapp_db.repositories.paging import Page, as_limit, rung
from chatapp_db.rows import ConversationRow
from chatapp_db.schema import ChannelType, ConversationStatus, Customer, User

__all__ = ["InboxCounts", "InboxItem", "InboxOperations", "InboxSort", "InboxView"]

_conversations = CONVERSATIONS.table
_c = _conversations.c


class InboxView(StrEnum):
    """Which conversations a person looks at; unattended is what the company has yet to answer."""

    ALL = "all"
    MINE = "mine"
    UNASSIGNED = "unassigned"
    UNATTENDED = "unattended"


class InboxSort(StrEnum):
    """What comes first: what happened last, who has waited longest, or what is most urgent."""

    LAST_ACTIVITY = "last_activity"
    WAITING_LONGEST = "waiting_longest"
    PRIORITY = "priority"


@dataclass(slots=True)
class InboxItem:
    """One line of the inbox: a conversation with the names a person reads."""

    id: UUID
    status: ConversationStatus | str
    channel: ChannelType | str
    priority: int
    tags: list[str]
    agent_id: UUID
    customer_id: UUID
    customer_name: str | None
    assigned_user_id: UUID | None
    assignee_name: str | None
    last_message_at: datetime
    last_message_preview: str | None
    waiting_since: datetime | None
    version: int


@dataclass(slots=True)
class InboxCounts:
    """How many open conversations each view of the inbox has."""

    all: int
    mine: int
    unassigned: int
    unattended: int


@dataclass(frozen=True)
class _Filters:
    """What narrows the inbox without being a form of it."""

    channel: ChannelType | None
    agent_id: UUID | None
    tags: tuple[str, ...]
    priority: int | None


_UNFILTERED = _Filters(None, None, (), None)


@dataclass(frozen=True)
class _Form:
    """The form of an inbox; each has a statement of its own."""

    view: InboxView
    status: ConversationStatus | None
    sort: InboxSort
    of_a_person: bool
    filtered: bool

    @property
    def settings(self) -> dict[str, str] | None:
        """Say how often the server is to plan what an index serves, since it would choose badly."""
        if self.sort is not InboxSort.LAST_ACTIVITY or self.filtered:
            return None
        return _EACH_TIME if self.of_a_person else _ONCE if self.view is InboxView.ALL else None


class InboxOperations(TenantOperations[ConversationRow]):
    """The inbox of a company."""

    @operation
    async def inbox(
        self,
        *,
        view: InboxView = InboxView.ALL,
        user_id: UUID | None = None,
        status: ConversationStatus | None = None,
        channel: ChannelType | None = None,
        agent_id: UUID | None = None,
        tags: Sequence[str] = (),
        priority: int | None = None,
        sort: InboxSort = InboxSort.LAST_ACTIVITY,
        limit: int = 25,
        cursor: str | None = None,
    ) -> Page[InboxItem]:
        """List conversations, the latest activity first; without a status, all that are open.

        ``user_id`` leaves what is assigned to that person, in whichever view; the view "mine" asks for it.
        Of several ``tags`` a conversation bears all. By waiting longest, those nobody waits in come last.
        The page's cursors lead on and back, through the same view, filters and order.

        Raises InvalidValue, InvalidCursor for a cursor of another company or list.
        """
        filters = _filters(channel, agent_id, tags, priority)
        form = _form(view, status, sort, of_a_person=user_id is not None, filtered=filters != _UNFILTERED)
        parameters: dict[str, Any] = asdict(filters) if form.filtered else {}
        if user_id is not None:
            parameters["user_id"] = as_id("user_id", user_id)
        shape = f"conversation.inbox.{form.view}.{form.status}.{form.sort}.{parameters or ''}"
        cursors = Cursors[InboxItem](self._company_id, shape, _ORDERS[form.sort])
        step: Step | None = None
        if cursor is not None:
            step, start = cursors.start(cursor)
            parameters.update(start)
        items = await self._fetch(_inbox(form, step, rung(as_limit(limit))), **parameters)
        return cursors.cut(items, limit, step)

    @operation
    async def inbox_counts(self, user_id: UUID) -> InboxCounts:
        """Count the open conversations of each view, "mine" being the person's, in one statement.

        Reads what is open, not what was ever written. Raises InvalidValue.
        """
        return await self._one(_inbox_counts(), user_id=as_id("user_id", user_id))


def _form(
    view: InboxView, status: ConversationStatus | None, sort: InboxSort, *, of_a_person: bool, filtered: bool
) -> _Form:
    form = _Form(
        as_member("view", InboxView, view),
        None if status is None else as_member("status", ConversationStatus, status),
        as_member("sort", InboxSort, sort),
        of_a_person,
        filtered,
    )
    if form.view is InboxView.MINE and not of_a_person:
        raise InvalidValue("user_id", "say whose inbox it is")
    return form


def _filters(
    channel: ChannelType | None, agent_id: UUID | None, tags: Sequence[str], priority: int | None
) -> _Filters:
    return _Filters(
        None if channel is None else as_member("channel", ChannelType, channel),
        None if agent_id is None else as_id("agent_id", agent_id),
        () if tags == () else tuple(sorted(as_tags(tags))),
        None if priority is None else as_priority(priority),
    )


# The page.

_ORDERS = {
    InboxSort.LAST_ACTIVITY: Order({"last_message_at": datetime, "id": UUID}, descending=True),
    InboxSort.WAITING_LONGEST: Order({"waiting_since": datetime, "id": UUID}, descending=False),
    InboxSort.PRIORITY: Order({"priority": int, "last_message_at": datetime, "id": UUID}, descending=True),
}

# Planning the whole inbox takes as long as reading it; a person's is read whole by a plan for anybody.
_ONCE, _EACH_TIME = ({"plan_cache_mode": f"force_{kind}_plan"} for kind in ("generic", "custom"))

_NEVER = sa.literal_column("'infinity'::timestamptz", _c.waiting_since.type)
_USER_ID = sa.bindparam("user_id", type_=_c.assigned_user_id.type)
_OF_VIEW: dict[InboxView, tuple[sa.ColumnElement[bool], ...]] = {
    InboxView.ALL: (),
    InboxView.MINE: (),
    InboxView.UNASSIGNED: (_c.assigned_user_id.is_(None),),
    InboxView.UNATTENDED: (sa.or_(_c.first_response_at.is_(None), _c.waiting_since.is_not(None)),),
}
_LISTED = (
    "id",
    "status",
    "channel",
    "priority",
    "tags",
    "agent_id",
    "customer_id",
    "assigned_user_id",
    "last_message_at",
    "last_message_preview",
    "waiting_since",
    "version",
)


@lru_cache(maxsize=256)
def _inbox(form: _Form, step: Step | None, rows: int) -> Statement[InboxItem]:
    """Take the page first, join names afterwards.

    Below row-level security an enum comparison is no index condition, so each status is read from its
    partial index, and what is open is two limited branches.
    """
    order = _ORDERS[form.sort]
    branches = [_branch(form, one, step, rows) for one in ([form.status] if form.status else OPEN)]
    taken: Any = branches[0]
    if len(branches) > 1:
        union = sa.union_all(*branches).subquery("branches")
        taken = order.taken(sa.select(*union.c), _key(form.sort, union.c), step, rows)
    page = taken.subquery("page")
    customers, users = table_of(Customer).alias("customer"), table_of(User).alias("assignee")
    named = {
        "customer_id": customers.c.name.label("customer_name"),
        "assigned_user_id": users.c.name.label("assignee_name"),
    }
    wanted = [part for name in _LISTED for part in (page.c[name], named.get(name)) if part is not None]
    query = (
        sa.select(*wanted)
        .outerjoin_from(page, customers, sa.and_(owned(customers), customers.c.id == page.c.customer_id))
        .outerjoin(users, sa.and_(owned(users), users.c.id == page.c.assigned_user_id))
    )
    query = order.sorted(query, _key(form.sort, page.c), step)
    return Statement(query, InboxItem, settings=form.settings)


def _branch(form: _Form, status: ConversationStatus, step: Step | None, rows: int) -> Any:
    order = _ORDERS[form.sort]
    conditions = [owned(_conversations), is_one_of(_c.status, status), *_OF_VIEW[form.view]]
    if form.of_a_person:
        conditions.append(_c.assigned_user_id == _USER_ID)
    if form.filtered:
        conditions.extend(_filtered())
    if step is not None:
        start = {bind.key.removeprefix("from_"): bind for bind in order.binds(_c)}
        conditions.append(order.beyond(_key(form.sort, _c), _key(form.sort, start), step))
    query = sa.select(*(_c[name] for name in _LISTED)).where(*conditions)
    return order.taken(query, _key(form.sort, _c), step, rows)


def _key(sort: InboxSort, columns: Any) -> list[Any]:
    """Give what the inbox is ordered by; nobody who waits is the last."""
    return [
        sa.func.coalesce(columns[name], _NEVER) if name == "waiting_since" else columns[name]
        for name in _ORDERS[sort].columns
    ]


def _filtered() -> list[sa.ColumnElement[bool]]:
    """Compare with what is given only: one statement for all combinations of filters."""
    given = {name: sa.bindparam(name, type_=_c[name].type) for name in ("channel", "agent_id", "priority")}
    borne = _c.tags.op("@>", is_comparison=True)(sa.bindparam("tags", type_=_c.tags.type))
    # The comparison comes first: by it the server knows the type of a value that is not given.
    return [borne, *(sa.or_(_c[name] == bind, bind.is_(None)) for name, bind in given.items())]


@cache
def _inbox_counts() -> Statement[InboxCounts]:
    """Count in each partial index of what is open, and add up."""
    views = {
        "all": None,
        "mine": _c.assigned_user_id == _USER_ID,
        "unassigned": _OF_VIEW[InboxView.UNASSIGNED][0],
        "unattended": _OF_VIEW[InboxView.UNATTENDED][0],
    }
    total = sa.func.count()
    counts = [
        (total if condition is None else total.filter(condition)).label(name)
        for name, condition in views.items()
    ]
    open_ones = [sa.select(*counts).where(owned(_conversations), is_one_of(_c.status, one)) for one in OPEN]
    branches = sa.union_all(*open_ones).subquery("branches")
    sums = [sa.cast(sa.func.sum(column), sa.BigInteger()).label(column.key) for column in branches.c]
    return Statement(sa.select(*sums), InboxCounts, settings=ALONE)
