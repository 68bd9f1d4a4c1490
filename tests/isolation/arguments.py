"""What each argument of a repository method is given: a row of ours, one of theirs, or one of nobody's."""

from __future__ import annotations

import datetime as dt
import enum
import secrets
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Union, get_args, get_origin
from uuid import UUID, uuid4

import typing_extensions

from chatapp_db.encryption.tokens import CompanyToken
from chatapp_db.repositories.knowledge.knowledge import Brought, SourceChunks
from chatapp_db.schema import UserRole
from tests.isolation.methods import Method, Parameter
from tests.isolation.population import DAY, NOON, RESOURCE, Population

TABLES_OF = {
    "agents": "chatapp_agents",
    "audit": "chatapp_audit_logs",
    "canned_responses": "chatapp_canned_responses",
    "company": "chatapp_companies",
    "conversation_analytics": "chatapp_conversation_analytics",
    "conversations": "chatapp_conversations",
    "customers": "chatapp_customers",
    "daily_analytics": "chatapp_daily_analytics",
    "embedding_sets": "chatapp_embedding_sets",
    "integrations": "chatapp_integrations",
    "invitations": "chatapp_team_invitations",
    "knowledge": "chatapp_knowledge_sources",
    "knowledge_chunks": "chatapp_knowledge_chunks",
    "messages": "chatapp_messages",
    "packages": "chatapp_agent_packages",
    "plans": "chatapp_subscription_plans",
    "usage": "chatapp_usage_reservations",
    "users": "chatapp_users",
    "webhook_deliveries": "chatapp_webhook_deliveries",
    "webhooks": "chatapp_webhooks",
    "widget": "chatapp_widget_settings",
}
"""The table whose row the argument ``id`` of a repository means."""

REFERENCES = {
    "after": "chatapp_messages",
    "around": "chatapp_messages",
    "before": "chatapp_messages",
    "agent_id": "chatapp_agents",
    "assigned_user_id": "chatapp_users",
    "conversation_id": "chatapp_conversations",
    "created_by": "chatapp_users",
    "company_id": "chatapp_companies",
    "customer_id": "chatapp_customers",
    "default_agent_id": "chatapp_agents",
    "invited_by": "chatapp_users",
    "keep": "chatapp_customers",
    "lose": "chatapp_customers",
    "package_id": "chatapp_agent_packages",
    "reassign_to": "chatapp_users",
    "sender_user_id": "chatapp_users",
    "source_id": "chatapp_knowledge_sources",
    "user_id": "chatapp_users",
    "webhook_id": "chatapp_webhooks",
}

KEYS = {
    "channel_conversation_id",
    "content_hash",
    "cursor",
    "email",
    "external_id",
    "key",
    "lease_token",
    "public_key",
    "shortcut",
    "slug",
    "tag",
    "token",
}
"""Arguments by which a row is found or refused, although they are no ids."""

BESIDE = {"content_hash": "agent_id", "lease_token": "id", "token": "email", "email": "token"}
"""Keys that find a row only together with another argument."""

ONE_OF = {"before", "after", "around", "cursor"}
"""Arguments of which a method takes one."""

OF_NO_ROW = {"event_id", "resource_id", "staff_id"}
"""Ids that are written down and never looked up."""

WITHIN_JSON = {"default_agent_id"}
"""Ids inside of a payload, where no foreign key looks at them."""

SEARCHED = {"term", "query"}
"""Words that are looked for in the texts of rows."""

_BY_NAME: dict[str, Any] = {
    "ai_messages_count": 0,
    "before": NOON + dt.timedelta(days=36_500),
    "brought": Brought("collection", [b"1234"]),
    "chunks": [{"content": "said by us"}],
    "events": ["said by us"],
    "human_messages_count": 0,
    "idle_before": NOON + dt.timedelta(days=36_500),
    "ip_address": "10.0.0.9",
    "limit": 25,
    "messages": [{"role": "user", "content": "said by us"}],
    "moment": NOON + dt.timedelta(days=36_500),
    "overlap": dt.timedelta(0),
    "query": "content",
    "resource_id": RESOURCE[1],
    "replaced": SourceChunks(uuid4(), None, NOON, 1, [], uuid4(), uuid4()),
    "script_url": "https://example.com/widget.js",
    "since": NOON,
    "status_code": 200,
    "term": "e",
    "timezone": "Europe/Paris",
    "until": NOON + dt.timedelta(days=1),
    "url": "https://example.com/hooks",
}
_BY_TYPE: dict[type, list[Any]] = {
    UserRole: [UserRole.SUPPORT_AGENT, UserRole.COMPANY_ADMIN],
    str: ["said by us"],
    bool: [True, False],
    int: [1],
    bytes: [b"{}"],
    dt.timedelta: [dt.timedelta(days=1)],
    dt.datetime: [NOON],
    dt.date: [DAY],
    list: [[]],
    Sequence: [[]],
    dict: [{}],
}


@dataclass(frozen=True)
class Slot:
    """An argument that can name a row of another company."""

    parameter: Parameter
    table: str

    @property
    def name(self) -> str:
        return self.parameter.name

    @property
    def is_id(self) -> bool:
        return self.name not in KEYS | SEARCHED

    @property
    def is_own_id(self) -> bool:
        """Tell whether it means the row that the method is about, or that it takes away."""
        return self.name in {"id", "ids", "lease_token", "lose"}

    def given(self, value: Any) -> Any:
        return [value] if self.name == "ids" else value


def slots(method: Method) -> list[Slot]:
    """Give the arguments of a method that can name a row.

    Raises LookupError for an id of which this module does not know whose it is.
    """
    return [slot for one in method.parameters if (slot := slot_of(method, one))]


def slot_of(method: Method, parameter: Parameter) -> Slot | None:
    """Give what an argument names a row of, if it names one."""
    return Slot(parameter, _table(method, parameter)) if _names_a_row(parameter) else None


def searched_by(method: Method, parameter: Parameter) -> Slot | None:
    """Give where an argument is looked for, if it is a word of some row."""
    return Slot(parameter, TABLES_OF[method.repository]) if parameter.name in SEARCHED else None


def value_of(slot: Slot, row: Mapping[str, Any]) -> Any:
    """Give what a slot takes of a row."""
    if slot.name in WITHIN_JSON:
        return str(row["id"])
    if slot.name == "tag":
        return next(iter(row["tags"]), None)
    if slot.name in SEARCHED:
        return next((value.split()[0] for value in row.values() if type(value) is str and value), None)
    # Who was invited knows the token, which is in no row that is given out.
    return row.get(slot.name) if slot.name == "token" else row["id" if slot.is_id else slot.name]


def value_in(population: Population, shared: Population, method: Method, slot: Slot) -> Any:
    """Give a population's value for a slot: what is shared belongs to both.

    ``id`` is of the last row, to which no other refers, ``before`` of the last, before which there is one,
    and every other value of the first.
    """
    rows = population.rows.get(slot.table) or shared.rows[slot.table]
    return slot.given(value_of(slot, rows[-1 if slot.is_own_id or slot.name == "before" else 0]))


def value_of_nobody(slot: Slot) -> Any:
    """Give a value that is in no row."""
    if slot.is_id:
        return str(uuid4()) if slot.name in WITHIN_JSON else uuid4()
    if slot.name == "lease_token":
        return uuid4()
    if slot.name == "token":
        return CompanyToken("token").issue(uuid4())
    word = f"nobody{secrets.token_hex(6)}"
    return f"{word}@example.com" if slot.name == "email" else word


def fillings(method: Method) -> Iterator[dict[str, Any]]:
    """Give the arguments that can name no row: only those that must be, then all of them."""
    rest = [one for one in method.parameters if not _names_a_row(one)]
    bare = {one.name: choices(method, one)[0] for one in rest if one.required}
    full = {one.name: choices(method, one)[0] for one in rest}
    yield bare
    if full != bare:
        yield full


def choices(method: Method, parameter: Parameter) -> list[Any]:
    """Give values for an argument that names no row, the plainest first.

    Raises LookupError for one of a kind that this module does not know.
    """
    if parameter.name in _BY_NAME:
        return [_BY_NAME[parameter.name]]
    for hint in alternatives(parameter.hint):
        kind = get_origin(hint) or hint
        if typing_extensions.is_typeddict(kind):
            return [{}]
        if kind in _BY_TYPE:
            return _BY_TYPE[kind]
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return list(kind)
        if kind is UUID:
            return [uuid4()]
    raise LookupError(
        f"{method}({parameter.name}: {parameter.hint}): no value known, add one to arguments.py"
    )


def alternatives(hint: Any) -> tuple[Any, ...]:
    """Give the types of a union, or the one that a hint is."""
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


def _names_a_row(parameter: Parameter) -> bool:
    is_id = UUID in (parameter.hint, *get_args(parameter.hint))
    return parameter.name in KEYS | WITHIN_JSON or (is_id and parameter.name not in OF_NO_ROW)


def _table(method: Method, parameter: Parameter) -> str:
    if parameter.name in {"id", "ids"} or parameter.name in KEYS:
        tables = TABLES_OF, method.repository
    else:
        tables = REFERENCES, parameter.name
    known, name = tables
    if name not in known:
        raise LookupError(f"{method}({parameter.name}): whose row is it? Add it to arguments.py")
    return known[name]
