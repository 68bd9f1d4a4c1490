"""Whether the key ring opens every secret that is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import sqlalchemy as sa

from chatapp_db.doctor.deployment import Deployment
from chatapp_db.doctor.finding import Finding, Severity, Unseen
from chatapp_db.encryption import KeyRing
from chatapp_db.errors import EncryptionError
from chatapp_db.repositories.rotation import key_of
from chatapp_db.repositories.sealing import SEALED

__all__ = ["keys"]


def keys(deployment: Deployment) -> Iterator[Finding]:
    """Compare the keys that rows are under with the ring's."""
    ring = deployment.keys
    if ring is None:
        deployment.unseen.append(Unseen("keys", "no key ring was given"))
        return
    with deployment.across_companies("keys") as may:
        if not may:
            return
        used = _used(deployment)
    for kid, count in sorted(used.items()):
        reason = _reason(ring, kid)
        if reason is not None:
            what = f"{count:,} secrets are under it, and do not open: {reason}"
            yield Finding("key-missing", Severity.ERROR, f"key {kid}", what)
        elif kid != ring.primary:
            what = f"{count:,} secrets are still under it, not under {ring.primary}"
            yield Finding("key-old", Severity.WARNING, f"key {kid}", what, "chatapp-db keys rotate")
    for kid in sorted(ring.ids - used.keys() - {ring.primary}):
        what = "no secret is under it any more: it can be removed from the ring"
        yield Finding("key-unused", Severity.NOTE, f"key {kid}", what)


def _used(deployment: Deployment) -> Counter[str]:
    used: Counter[str] = Counter()
    for sealed in SEALED:
        kid = key_of(sealed)
        counted = sa.select(kid, sa.func.count()).where(kid.is_not(None)).group_by(sa.literal_column("1"))
        for name, count in deployment.connection.execute(counted):
            used[name] += count
    return used


def _reason(ring: KeyRing, kid: str) -> str | None:
    """Say why a key is not to be had; None where it is."""
    try:
        ring.load(kid)
    except EncryptionError as error:
        return str(error)
    return None
