"""Webhooks: the addresses that are told what happens in a company, and how a call to one is signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from chatapp_db.encryption import KeyRing, Secret, signatures
from chatapp_db.encryption.signing_secrets import SigningSecrets
from chatapp_db.errors import NotFound, SerializationFailure
from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity, table_of
from chatapp_db.repositories.border import (
    as_bytes,
    as_duration,
    as_id,
    as_list,
    as_moment,
    as_text,
    as_web_url,
    checked,
)
from chatapp_db.repositories.integrations.delivering import (
    FAILURES,
    as_failures,
    disable,
    enable,
    record_failure,
    record_success,
    replace_secret,
    subscribers,
    write_secret,
)
from chatapp_db.repositories.operations import AsyncioRepository, BlockingRepository, TenantOperations
from chatapp_db.repositories.sealing import SECRET, key_ring
from chatapp_db.rows import WebhookChanges, WebhookRow, WebhookValues
from chatapp_db.schema import Webhook

__all__ = ["AsyncWebhookRepository", "WebhookOperations", "WebhookRepository"]

OVERLAP = timedelta(days=1)
"""How long the secret that was replaced still signs."""

_LONGEST_OVERLAP = timedelta(days=30)
_ATTEMPTS = 3

_c = table_of(Webhook).c
_URL_LENGTH = _c.url.info["max_length"]
_EVENT_LENGTH = _c.events.info["max_length"]
_REASON_LENGTH = _c.disabled_reason.info["max_length"]


class WebhookOperations(TenantOperations[WebhookRow]):
    """The addresses that are told what happens in a company; what a row holds of a secret is sealed."""

    entity = Entity(Webhook, WebhookRow, "webhook")

    @operation
    async def subscribe(self, url: str, events: Sequence[str]) -> tuple[WebhookRow, Secret[str]]:
        """Have an address told of events; gives the row and, this once, the secret its calls are signed with.

        Whether the address may be called (it could be one of your own network) is for the caller to judge.

        Raises NoEncryptionKey, InvalidValue for what is no http(s) URL, or has credentials or a fragment.
        """
        id, secrets = uuid7(), SigningSecrets.issue()
        sealed = self._sealed(key_ring(self._carrier), id, secrets)
        values = {"url": as_web_url("url", url, _URL_LENGTH), "events": _as_events(events)}
        row = await self._add(WebhookValues, values, id=id, secret=sealed)
        return row, Secret(secrets.current)

    @operation
    async def subscribers(self, event: str) -> list[WebhookRow]:
        """List the addresses that are to be told of an event, the oldest first; all of them.

        Raises InvalidValue.
        """
        return await self._fetch(subscribers(), event=as_text("event", event, _EVENT_LENGTH))

    @operation
    async def update(
        self, id: UUID, *, url: str | None = None, events: Sequence[str] | None = None
    ) -> WebhookRow:
        """Change where an address is, or what it is told of; its secret stays.

        Raises NotFound, InvalidValue.
        """
        changes: dict[str, Any] = {}
        if url is not None:
            changes["url"] = as_web_url("url", url, _URL_LENGTH)
        if events is not None:
            changes["events"] = _as_events(events)
        return await self._update(id, WebhookChanges, changes)

    @operation
    async def sign(self, id: UUID, event_id: UUID, body: bytes, at: datetime) -> dict[str, str]:
        """Give the headers of a call, by Standard Webhooks; the receiver checks them with its secret.

        ``body`` is what is sent, byte by byte. ``event_id`` stays the same however often it is tried, ``at``
        is the time of this attempt. For a while after ``rotate_secret`` the old secret signs beside the new.

        Raises NotFound, also where the address has no secret, NoEncryptionKey, InvalidValue, and BrokenSeal,
        UnknownKey, KeyUnavailable or InvalidEnvelope for what does not open.
        """
        ring, moment = key_ring(self._carrier), as_moment("at", at)
        event, sent = as_id("event_id", event_id), as_bytes("body", body)
        row = await self._one(self.entity.get(), id=as_id("id", id))
        secrets = self._opened(ring, id, row.secret).signing(moment)
        return signatures.sign(secrets, sent, moment, id=event)

    @operation
    async def rotate_secret(
        self, id: UUID, at: datetime, *, overlap: timedelta = OVERLAP
    ) -> tuple[WebhookRow, Secret[str]]:
        """Give an address a new secret; gives the row and, this once, the secret.

        Until the overlap is over calls carry the signatures of both, so that the receiver can change when
        it likes; without one (``timedelta(0)``, for a secret that leaked, or where there is none yet) the
        old one is dead at once. Of several rotations within an overlap the last two secrets sign.

        Raises NotFound, NoEncryptionKey, InvalidValue, and what ``sign`` raises for a secret that does not
        open; SerializationFailure where others kept changing the secret meanwhile.
        """
        ring, now = key_ring(self._carrier), as_moment("at", at)
        kept = as_duration("overlap", overlap, least=timedelta(0), most=_LONGEST_OVERLAP)
        if not kept:
            secrets = SigningSecrets.issue()
            sealed = self._sealed(ring, as_id("id", id), secrets)
            return await self._one(write_secret(), id=id, new_secret=sealed), Secret(secrets.current)
        for _ in range(_ATTEMPTS):
            found = await self._one(self.entity.get(), id=as_id("id", id))
            secrets = self._opened(ring, id, found.secret).replaced(now, kept)
            sealed = self._sealed(ring, id, secrets)
            row = await self._find(replace_secret(), id=id, old_secret=found.secret, new_secret=sealed)
            if row is not None:
                return row, Secret(secrets.current)
        raise SerializationFailure("the secret was changed again and again meanwhile")

    @operation
    async def record_success(self, id: UUID) -> WebhookRow:
        """Note that a call arrived: the failures before it no longer count.

        Raises NotFound.
        """
        return await self._one(record_success(), id=as_id("id", id))

    @operation
    async def record_failure(self, id: UUID, reason: str, *, disable_after: int = FAILURES) -> WebhookRow:
        """Note that a call did not arrive; after so many in a row the address is disabled for this reason.

        ``back_off(row.failure_count)`` is how long to wait before the next attempt. The reason is stored as
        it is, so no secret belongs in it.

        Raises NotFound, InvalidValue.
        """
        return await self._one(
            record_failure(),
            id=as_id("id", id),
            new_disabled_reason=as_text("reason", reason, _REASON_LENGTH),
            disable_after=as_failures(disable_after),
        )

    @operation
    async def enable(self, id: UUID) -> WebhookRow:
        """Call an address again; its failures are forgotten.

        Raises NotFound.
        """
        return await self._one(enable(), id=as_id("id", id))

    @operation
    async def disable(self, id: UUID, *, reason: str | None = None) -> WebhookRow:
        """Call an address no more; since when it is disabled stays, if it is already.

        Raises NotFound, InvalidValue.
        """
        said = None if reason is None else as_text("reason", reason, _REASON_LENGTH)
        return await self._one(disable(), id=as_id("id", id), new_disabled_reason=said)

    @operation
    async def delete(self, id: UUID) -> None:
        """Forget an address and its secret.

        Raises NotFound.
        """
        await self._delete(id)

    def _sealed(self, ring: KeyRing, id: UUID, secrets: SigningSecrets) -> str:
        return ring.seal(secrets.document(), SECRET.place(self._company_id, id)).text()

    def _opened(self, ring: KeyRing, id: UUID, stored: str | None) -> SigningSecrets:
        if stored is None:
            raise NotFound(f"secret of the {self.entity.name}")
        opened = ring.open(stored, SECRET.place(self._company_id, id))
        return SigningSecrets.read(opened.get_secret_value())


class WebhookRepository(WebhookOperations, BlockingRepository):
    """The addresses that are told what happens in a company, blocking."""


class AsyncWebhookRepository(WebhookOperations, AsyncioRepository):
    """The addresses that are told what happens in a company, awaited."""


def _as_events(events: Sequence[str]) -> list[str]:
    """Take the names of events, each once, in the order given."""
    given = checked(WebhookChanges, {"events": as_list("events", events)})
    return list(dict.fromkeys(given.get("events", [])))
