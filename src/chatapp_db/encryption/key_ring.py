"""The keys that secrets are sealed with, and sealing itself: AES-256-GCM, bound to a place."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any, NoReturn, Self, final

from chatapp_db.encryption import keys as configured
from chatapp_db.encryption.envelope import NONCE_BYTES, Envelope, Stored
from chatapp_db.encryption.keys import Key, Resolve, as_key_id, key_bytes
from chatapp_db.encryption.place import Place
from chatapp_db.encryption.plain_text import decoded, encoded
from chatapp_db.encryption.secret import Secret
from chatapp_db.errors import BrokenSeal, InvalidValue, KeyUnavailable, NoEncryptionKey, UnknownKey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyRing"]


@final
class KeyRing:
    """One key that seals, and any number of older ones that still open; safe to share between threads.

    ``KeyRing({"2026-11": new, "2025-01": old})``: the first one seals unless ``primary`` names another.
    Each key is 32 bytes or their base64. A ring without keys seals nothing and opens nothing.

    Raises InvalidValue for what is no key or no id; neither is repeated.
    """

    __slots__ = ("_ciphers", "_lock", "_primary", "_resolve")

    def __init__(self, keys: Mapping[str, Key], *, primary: str | None = None) -> None:
        self._ciphers = _ciphers(keys.items())
        self._primary = primary if primary is not None else next(iter(self._ciphers), None)
        if primary is not None and primary not in self._ciphers:
            raise InvalidValue("primary", "not the id of one of the keys")
        self._resolve: Resolve | None = None
        self._lock = Lock()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a ring from one setting: ``2026-11:<base64>,2025-01:<base64>``, the first one seals.

        Raises InvalidValue.
        """
        pairs = configured.listed(text)
        if len(pairs) != len({kid for kid, _ in pairs}):
            raise InvalidValue("keys", "an id is there twice")
        return cls(dict(pairs))

    @classmethod
    def resolving(cls, primary: str, resolve: Resolve) -> Self:
        """Ask a callback (a KMS) for each key when it is first needed, and keep it.

        It is asked in the thread that seals or opens, one at a time; an asyncio service spares its loop
        the wait by ``await asyncio.to_thread(ring.load)`` at start.
        """
        ring = cls({})
        ring._primary = as_key_id(primary)
        ring._resolve = resolve
        return ring

    @staticmethod
    def generate_key() -> str:
        """Make a key, in base64."""
        return configured.generated()

    @property
    def primary(self) -> str:
        """The id of the key that seals.

        Raises NoEncryptionKey.
        """
        if self._primary is None:
            raise NoEncryptionKey
        return self._primary

    @property
    def ids(self) -> frozenset[str]:
        """The ids of the keys it has; of a callback's, those that it was asked for."""
        return frozenset(self._ciphers)

    def load(self, *kids: str) -> None:
        """Resolve keys before they are needed: the primary one, or those named.

        Raises NoEncryptionKey, UnknownKey, KeyUnavailable.
        """
        for kid in kids or (self.primary,):
            self._cipher(kid)

    def seal(self, value: object, place: Place) -> Envelope:
        """Seal a JSON value (a text is one) so that it opens in this place alone.

        The nonce is random: one key is good for 2**32 of them (NIST SP 800-38D, 8.3).

        Raises NoEncryptionKey, KeyUnavailable, InvalidValue for what JSON would not give back.
        """
        return self._encrypted(encoded(place.column, value), place)

    def open(self, stored: Stored, place: Place) -> Secret[Any]:
        """Open a sealed value in its place.

        Raises BrokenSeal for one that was altered or moved, UnknownKey, KeyUnavailable, InvalidEnvelope.
        """
        return Secret(decoded(self._decrypted(Envelope.read(stored), place)))

    def needs_rotation(self, stored: Stored) -> bool:
        """Tell whether a sealed value waits for the primary key.

        Raises NoEncryptionKey, InvalidEnvelope.
        """
        return Envelope.read(stored).kid != self.primary

    def reseal(self, stored: Stored, place: Place) -> Envelope:
        """Seal with the primary key what was sealed with any.

        Raises what ``open`` and ``seal`` raise.
        """
        return self._encrypted(self._decrypted(Envelope.read(stored), place), place)

    def _encrypted(self, plain: bytes, place: Place) -> Envelope:
        kid = self.primary
        nonce = secrets.token_bytes(NONCE_BYTES)
        return Envelope(kid, nonce, self._cipher(kid).encrypt(nonce, plain, place.authenticated()))

    def _decrypted(self, envelope: Envelope, place: Place) -> bytes:
        from cryptography.exceptions import InvalidTag

        cipher = self._cipher(envelope.kid)
        try:
            return cipher.decrypt(envelope.nonce, envelope.ct, place.authenticated())
        except InvalidTag:
            raise BrokenSeal from None

    def _cipher(self, kid: str) -> AESGCM:
        cipher = self._ciphers.get(kid)
        if cipher is not None:
            return cipher
        if self._resolve is None:
            raise UnknownKey(kid)
        with self._lock:
            # Whoever held the lock before may have asked for the same key.
            if kid not in self._ciphers:
                self._ciphers[kid] = _asked(self._resolve, kid)
            return self._ciphers[kid]

    def __repr__(self) -> str:
        return f"KeyRing(primary={self._primary!r})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a key ring is neither pickled nor copied")


def _ciphers(keys: Iterable[tuple[str, Key]]) -> dict[str, AESGCM]:
    """Read the keys into ciphers, which do not give them back."""
    ciphers: dict[str, AESGCM] = {}
    for number, (kid, key) in enumerate(keys, start=1):
        raw = key_bytes(key)
        if raw is None:
            # By its number: where id and key were mixed up, the id is the key.
            raise InvalidValue("keys", f"key {number} is not 32 bytes or their base64")
        ciphers[as_key_id(kid)] = _cipher_of(raw)
    return ciphers


def _asked(resolve: Resolve, kid: str) -> AESGCM:
    """Ask for a key; what the callback failed with may quote one, so only its kind is told."""
    failure = None
    try:
        key = resolve(kid)
    except Exception as error:  # noqa: BLE001  # whatever a service's own code raises
        key, failure = None, type(error).__name__
    if failure is not None:
        raise KeyUnavailable(kid, failure)
    if key is None:
        raise UnknownKey(kid)
    raw = key_bytes(key)
    if raw is None:
        raise KeyUnavailable(kid, "not 32 bytes or their base64")
    return _cipher_of(raw)


def _cipher_of(raw: bytes) -> AESGCM:
    """Make the cipher of a key; its library is loaded by who has one, not by who imports us."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(raw)
