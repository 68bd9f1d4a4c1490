"""Generated from the tables by tools/generate_rows.py: edit those, not this."""

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Required
from uuid import UUID

from typing_extensions import TypedDict

from chatapp_db.schema.enums import InvitationStatus, UserRole, UserStatus
from chatapp_db.schema.payloads import AuditValues, UserSettings
from chatapp_db.schema.types import EmailAddress, IpAddress, Json, Label, Moment, Text, closed


@dataclass(slots=True)
class UserRow:
    """A row of `chatapp_users`."""

    id: UUID
    email: str
    name: str
    avatar_url: str | None
    role: UserRole | str
    company_id: UUID | None
    status: UserStatus | str
    settings: UserSettings
    last_login_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class UserChanges(TypedDict, total=False):
    """What an update of `chatapp_users` may name."""

    email: Annotated[str, EmailAddress(320)]
    name: Annotated[str, Text(200, min_length=1)]
    avatar_url: Annotated[str, Text(2048, min_length=1)] | None
    role: Annotated[UserRole | str, Label(UserRole)]
    status: Annotated[UserStatus | str, Label(UserStatus)]
    settings: Annotated[UserSettings, Json()]


@closed
class UserValues(TypedDict, total=False):
    """What a new row of `chatapp_users` is made of."""

    id: UUID
    email: Required[Annotated[str, EmailAddress(320)]]
    name: Required[Annotated[str, Text(200, min_length=1)]]
    avatar_url: Annotated[str, Text(2048, min_length=1)] | None
    role: Annotated[UserRole | str, Label(UserRole)]
    status: Annotated[UserStatus | str, Label(UserStatus)]
    settings: Annotated[UserSettings, Json()]


@dataclass(slots=True)
class TeamInvitationRow:
    """A row of `chatapp_team_invitations`."""

    id: UUID
    company_id: UUID
    email: str
    role: UserRole | str
    invited_by: UUID | None
    token_hash: str
    status: InvitationStatus | str
    expires_at: dt.datetime
    accepted_at: dt.datetime | None
    created_at: dt.datetime
    updated_at: dt.datetime


@closed
class TeamInvitationChanges(TypedDict, total=False):
    """What an update of `chatapp_team_invitations` may name."""

    role: Annotated[UserRole | str, Label(UserRole)]
    expires_at: Moment


@closed
class TeamInvitationValues(TypedDict, total=False):
    """What a new row of `chatapp_team_invitations` is made of."""

    id: UUID
    email: Required[Annotated[str, EmailAddress(320)]]
    role: Annotated[UserRole | str, Label(UserRole)]
    invited_by: UUID | None
    expires_at: Moment


@dataclass(slots=True)
class AuditLogRow:
    """A row of `chatapp_audit_logs`."""

    id: UUID
    company_id: UUID | None
    user_id: UUID | None
    staff_id: UUID | None
    action: str
    resource_type: str
    resource_id: UUID | None
    old_values: AuditValues | None
    new_values: AuditValues | None
    ip_address: str | None
    user_agent: str | None
    created_at: dt.datetime
    actor_label: str | None


@closed
class AuditLogValues(TypedDict, total=False):
    """What a new row of `chatapp_audit_logs` is made of."""

    id: UUID
    user_id: UUID | None
    staff_id: UUID | None
    action: Required[Annotated[str, Text(100, min_length=1)]]
    resource_type: Required[Annotated[str, Text(100, min_length=1)]]
    resource_id: UUID | None
    old_values: Annotated[AuditValues, Json()] | None
    new_values: Annotated[AuditValues, Json()] | None
    ip_address: Annotated[str, IpAddress(45)] | None
    user_agent: Annotated[str, Text(2000)] | None
    actor_label: Annotated[str, Text(200)] | None
