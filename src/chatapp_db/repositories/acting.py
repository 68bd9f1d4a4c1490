"""Who acts: what a scope carries so that the audit trail can tell it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import Any
from uuid import UUID

from chatapp_db import rows
from chatapp_db.errors import InvalidValue
from chatapp_db.repositories.border import as_id, checked

__all__ = ["Actor", "as_actor", "as_staff"]

_COLUMNS = {"label": "actor_label"}
_A_LINE = {"action": "act", "resource_type": "actor"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts in a scope, and from where; the audit trail names it beside every change.

    ``user_id`` is a person of the company, ``staff_id`` somebody of the platform, whom no table has to know.
    The label says in words what is neither, or what stood between: a nightly job, an API key.

    Raises InvalidValue for what the trail could not hold. That the company has the person is checked where
    a change is written: InvalidReference, and nothing is changed.
    """

    user_id: UUID | None = None
    staff_id: UUID | None = None
    ip_address: str | None = None
    user_agent: str | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        """Refuse what the columns of the trail would."""
        for name in ("user_id", "staff_id"):
            if getattr(self, name) is not None:
                as_id(name, getattr(self, name))
        checked(rows.AuditLogValues, {**_A_LINE, **self.columns()})

    def columns(self) -> dict[str, Any]:
        """Give what is known, by the columns of the trail."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return {_COLUMNS.get(name, name): value for name, value in known.items()}

    def setting(self) -> str:
        """Write it as the triggers read it, in ASCII: no encoding of a connection stands between."""
        return json.dumps(self.columns(), default=str, separators=(",", ":"))


def as_actor(actor: Actor | None) -> Actor | None:
    """Take an actor, or nobody."""
    if actor is not None and not isinstance(actor, Actor):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers are not all typed
        raise InvalidValue("actor", "not an Actor")
    return actor


def as_staff(staff_id: UUID | None, actor: Actor | None) -> Actor | None:
    """Take who acts for the platform, by id or described; a person of a company does not."""
    described = as_actor(actor)
    if described is None:
        return None if staff_id is None else Actor(staff_id=staff_id)
    if described.user_id is not None:
        raise InvalidValue("actor", "a person of a company; the platform's staff has a staff_id")
    if staff_id is None:
        return described
    if described.staff_id not in {None, staff_id}:
        raise InvalidValue("staff_id", "not the actor's")
    return replace(described, staff_id=staff_id)
