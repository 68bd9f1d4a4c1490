"""Django: its models over the tables that are there, one persistent connection."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import django
import sqlalchemy as sa
from django.conf import settings
from uuid_utils.compat import uuid7

from benchmarks.asked import Operation
from benchmarks.peers.orm import named
from benchmarks.peers.peer import Peer

if not settings.configured:
    settings.configure(DATABASES={"default": {"ENGINE": "django.db.backends.postgresql"}}, USE_TZ=True)
    django.setup()

# Models want the settings first.
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.db.models.functions import Coalesce, Greatest, Now

__all__ = ["PEER", "Django"]


class _Clock(models.Func):
    template = "clock_timestamp()"
    output_field = models.DateTimeField()


def _reference(to: type[models.Model], name: str) -> Any:
    """Refer to a row of the same company, without a column of its own."""
    return models.ForeignObject(
        to, models.DO_NOTHING, ["company_id", f"{name}_id"], ["company_id", "id"], related_name="+", null=True
    )


class _Row(models.Model):
    pk = models.CompositePrimaryKey("company_id", "id")
    company_id = models.UUIDField()
    id = models.UUIDField(default=uuid7)

    class Meta:
        abstract = True
        managed = False
        app_label = "benchmarks"


class _Customer(_Row):
    name = models.TextField(null=True)

    class Meta(_Row.Meta):
        db_table = "chatapp_customers"


class _User(_Row):
    name = models.TextField()

    class Meta(_Row.Meta):
        db_table = "chatapp_users"


class _Agent(_Row):
    name = models.TextField()
    description = models.TextField(null=True)
    avatar_url = models.TextField(null=True)
    type = models.CharField()
    status = models.CharField()
    system_prompt = models.TextField()
    welcome_message = models.TextField(null=True)
    model_config = models.JSONField()
    tools_config = models.JSONField()
    escalation_config = models.JSONField()
    widget_config = models.JSONField()
    package_id = models.UUIDField(null=True)
    created_by = models.UUIDField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(_Row.Meta):
        db_table = "chatapp_agents"


class _Conversation(_Row):
    agent_id = models.UUIDField()
    customer_id = models.UUIDField()
    customer = _reference(_Customer, "customer")
    assigned_user_id = models.UUIDField(null=True)
    assigned_user = _reference(_User, "assigned_user")
    channel = models.CharField()
    channel_conversation_id = models.TextField(null=True)
    status = models.CharField()
    priority = models.IntegerField()
    tags = ArrayField(models.TextField())
    metadata = models.JSONField()
    started_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True)
    last_message_at = models.DateTimeField()
    last_message_preview = models.TextField(null=True)
    waiting_since = models.DateTimeField(null=True)
    first_response_at = models.DateTimeField(null=True)
    escalated_at = models.DateTimeField(null=True)
    customer_last_read_at = models.DateTimeField(null=True)
    agent_last_read_at = models.DateTimeField(null=True)
    version = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(_Row.Meta):
        db_table = "chatapp_conversations"


class _Message(_Row):
    conversation_id = models.UUIDField()
    role = models.CharField()
    type = models.CharField(default="text")
    content = models.TextField()
    sender_user_id = models.UUIDField(null=True)
    is_private = models.BooleanField(default=False)
    external_id = models.TextField(null=True)
    attachments = models.JSONField(default=list)
    metadata = models.JSONField(default=dict)
    tokens_used = models.IntegerField(default=0)
    created_at = models.DateTimeField(db_default=_Clock())
    updated_at = models.DateTimeField(db_default=Now())

    class Meta(_Row.Meta):
        db_table = "chatapp_messages"


class Django(Peer):
    """Blocking; rows are model instances."""

    name = "Django"
    _filled_in: ClassVar[dict[str, str]] = {"NAME": "database", "USER": "username", "PASSWORD": "password"}

    def open(self) -> None:
        url = sa.make_url(self.url)
        place = {key: getattr(url, name) or "" for key, name in self._filled_in.items()}
        host, port = url.query.get("host", url.host), url.query.get("port", url.port)
        connection.settings_dict.update(place, HOST=host or "", PORT=str(port or ""), CONN_MAX_AGE=None)

    def close(self) -> None:
        connection.close()

    def append(self, conversation_id: UUID, content: str) -> Any:
        """Write a message, move its conversation: two statements in a transaction."""
        with transaction.atomic():
            _Conversation.objects.filter(company_id=self.company_id, id=conversation_id).update(
                last_message_at=Greatest("last_message_at", Now()),
                last_message_preview=content[:200],
                waiting_since=Coalesce("waiting_since", Now()),
                resolved_at=None,
                version=models.F("version") + 1,
                status=models.Case(
                    models.When(status__in=["resolved", "archived"], then=models.Value("active")),
                    default=models.F("status"),
                ),
            )
            return _Message.objects.create(
                company_id=self.company_id, conversation_id=conversation_id, role="user", content=content
            )

    def history(self, conversation_id: UUID) -> Any:
        """Read the last 50 messages."""
        messages = _Message.objects.filter(company_id=self.company_id, conversation_id=conversation_id)
        return list(messages.order_by("-created_at", "-id")[:50])

    def inbox(self) -> Any:
        """Read the 25 conversations with the latest activity."""
        active = _Conversation.objects.filter(company_id=self.company_id, status="active")
        together = active.select_related("customer", "assigned_user")
        return list(together.order_by("-last_message_at", "-id")[:25])

    def agent(self, id: UUID) -> Any:
        """Read an agent."""
        return _Agent.objects.get(company_id=self.company_id, id=id)

    def fields(self, operation: Operation, row: Any, names: tuple[str, ...]) -> tuple[Any, ...]:
        if operation is Operation.INBOX:
            return named(row, names)
        return super().fields(operation, row, names)


PEER = Django
