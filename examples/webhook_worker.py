"""A webhook worker: it claims what is due in any company, signs it, sends it, and records what came of it.

    pip install chatapp-db httpx
    export CHATAPP_DATABASE_URL=postgresql://.. CHATAPP_ENCRYPTION_KEYS=2026-11:..
    python examples/webhook_worker.py

Run as many as you like: two never send the same attempt. SIGTERM lets it finish what it has claimed; killed,
it loses nothing either, since what it had claimed is due again when the lease ends. It reads across
companies, so that it began is a line in the audit trail; ``WEBHOOK_IDLE_SECONDS`` says how often it asks.

``receive`` at the end is the other side: what whoever gets such a call does before believing it.
"""

import asyncio
import datetime as dt
import ipaddress
import json
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import httpx

from chatapp_db import (
    AsyncDatabase,
    ChatAppDbError,
    ClaimedDelivery,
    KeyRing,
    NotFound,
    Unavailable,
)
from chatapp_db.encryption.signatures import verify
from chatapp_db.scopes import AsyncPlatformScope

AT_ONCE = 20
LEASE = dt.timedelta(minutes=1)
LONGEST_CALL = 20.0  # seconds, all in all; well within the lease
IDLE = 5.0  # seconds without work before it asks again

GONE = 410  # the receiver's way to say: never again

Judge = Callable[[str], bool]


class Refused(Exception):
    """The address is none that this worker calls."""


def is_public(address: str) -> bool:
    """Tell whether an IP address is anybody's on the Internet, and not one of our own network."""
    return ipaddress.ip_address(address).is_global


class PublicNetwork(httpx.AsyncBaseTransport):
    """Calls public addresses alone: who subscribes chooses the URL, and could choose your database's.

    It is the address that is judged, not the name, and the address that was judged is the one that is called:
    a name can have another one a moment later. Where your network has a proxy for what goes out, use that.
    """

    def __init__(self, allows: Judge = is_public) -> None:
        self._allows = allows
        self._calls = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [str(address[0]) for *_, address in found]
        if not all(map(self._allows, addresses)):
            raise Refused("an address that is not public")
        # The name stays where the certificate and the virtual host are looked up by it.
        request.extensions = {**request.extensions, "sni_hostname": host}
        request.url = request.url.copy_with(host=addresses[0])
        return await self._calls.handle_async_request(request)

    async def aclose(self) -> None:
        await self._calls.aclose()


class Worker:
    """Sends until it is told to stop."""

    def __init__(
        self, db: AsyncDatabase, *, allows: Judge = is_public, longest_call: float = LONGEST_CALL
    ) -> None:
        self._db = db
        self._platform: AsyncPlatformScope | None = None
        self._stopping = asyncio.Event()
        self._longest_call = longest_call
        # A redirect would lead where nobody looked.
        self._http = httpx.AsyncClient(
            transport=PublicNetwork(allows), follow_redirects=False, timeout=longest_call
        )

    def stop(self) -> None:
        self._stopping.set()

    async def run(self, idle: float = IDLE) -> None:
        """Work until ``stop``; what has been claimed by then is still sent."""
        async with self._http:
            while not self._stopping.is_set():
                try:
                    sent = await self.work()
                except Unavailable as error:
                    print(f"the database cannot be reached: {error}")
                    sent = 0
                if not sent:
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._stopping.wait(), idle)

    async def work(self) -> int:
        """Send what is due, as much as one claim holds; gives how much it was."""
        if self._platform is None:
            self._platform = await self._db.platform_calls("deliver webhooks")
        claimed = await self._platform.webhook_deliveries.claim_due(AT_ONCE, lease=LEASE)
        await asyncio.gather(*map(self._deliver, claimed))
        return len(claimed)

    async def _deliver(self, claimed: ClaimedDelivery) -> None:
        try:
            await self._attempt(claimed)
        except ChatAppDbError as error:
            # Nothing is lost: what was not recorded is due again when the lease ends.
            print(f"{claimed.delivery.id}: {type(error).__name__}: {error}")

    async def _attempt(self, claimed: ClaimedDelivery) -> None:
        company = self._db.company(claimed.delivery.company_id)
        deliveries, key = company.webhook_deliveries, (claimed.delivery.id, claimed.lease_token)
        try:
            answer = await self._send(claimed)
        except (httpx.HTTPError, Refused, OSError, TimeoutError, NotFound) as error:
            await deliveries.record_failure(*key, f"{type(error).__name__}: {error}"[:500])
            return
        if answer.is_success:
            await deliveries.record_success(*key, status_code=answer.status_code)
            return
        said, code = f"answered {answer.status_code}", answer.status_code
        await deliveries.record_failure(*key, said, status_code=code, retry_in=wait_of(answer))
        if code == GONE:
            await company.webhooks.disable(claimed.delivery.webhook_id, reason=said)

    async def _send(self, claimed: ClaimedDelivery) -> httpx.Response:
        """Sign and call; the body of the answer is never read, it could be without an end.

        Raises NotFound where there is no secret to sign with: nothing goes out unsigned.
        """
        delivery = claimed.delivery
        body = json.dumps(delivery.payload, separators=(",", ":")).encode()
        signed = await self._db.company(delivery.company_id).webhooks.sign(
            delivery.webhook_id, delivery.event_id, body, dt.datetime.now(dt.UTC)
        )
        headers = {"content-type": "application/json", **signed}
        async with (
            asyncio.timeout(self._longest_call),
            self._http.stream("POST", claimed.url, content=body, headers=headers) as answer,
        ):
            return answer


def wait_of(answer: httpx.Response) -> dt.timedelta | None:
    """Read for how long the receiver asks to be left alone: up to a day, in seconds."""
    seconds = answer.headers.get("retry-after", "")
    if not (seconds.isascii() and seconds.isdigit()) or not seconds.strip("0"):
        return None
    return dt.timedelta(seconds=min(int(seconds[:6]), 86_400))


def receive(secret: str, headers: Mapping[str, str], body: bytes, known: set[str]) -> dict[str, Any] | None:
    """Believe a call: signed by who knows the secret, fresh, and not known yet; None for one that is known.

    ``body`` is what came, byte by byte. The id is the same however often an event is sent; keep it where it
    outlives a restart, in the transaction that acts on the event. Raises InvalidSignature: answer 400.
    """
    verify(secret, body, headers, at=dt.datetime.now(dt.UTC))
    event_id = headers["webhook-id"]
    if event_id in known:
        return None
    event: dict[str, Any] = json.loads(body)
    known.add(event_id)
    return event


async def main() -> None:
    keys = KeyRing.parse(os.environ["CHATAPP_ENCRYPTION_KEYS"])
    async with AsyncDatabase(os.environ["CHATAPP_DATABASE_URL"], keys=keys) as db:
        worker = Worker(db)
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, worker.stop)
        print("delivering", flush=True)
        await worker.run(float(os.environ.get("WEBHOOK_IDLE_SECONDS", IDLE)))
        print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
