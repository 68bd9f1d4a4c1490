"""What becomes of a secret that cannot be sealed or opened, or of a call whose signature is wrong."""

from __future__ import annotations

from chatapp_db.errors.root import ChatAppDbError

__all__ = [
    "BrokenSeal",
    "EncryptionError",
    "InvalidEnvelope",
    "InvalidSignature",
    "KeyUnavailable",
    "NoEncryptionKey",
    "UnknownKey",
]


class EncryptionError(ChatAppDbError):
    """A secret cannot be sealed or opened; no error of these shows any of it, nor of a key."""


class NoEncryptionKey(EncryptionError):
    """No key is configured, and a secret is never stored as plain text: give the Database its ``keys``."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class UnknownKey(EncryptionError):
    """The secret was sealed with a key that the ring does not have: an old key left it too early."""

    def __init__(self, kid: str) -> None:
        self.kid = kid
        super().__init__(f"the key ring has no key {kid!r}")


class KeyUnavailable(EncryptionError):
    """The callback that gives the keys failed, or gave what is no key."""

    retryable = True

    def __init__(self, kid: str, reason: str) -> None:
        self.kid = kid
        super().__init__(f"the key {kid!r} could not be had: {reason}")


class InvalidEnvelope(EncryptionError):
    """What is stored is no sealed value, or one of a later release."""


class BrokenSeal(EncryptionError):
    """The secret was altered since it was sealed, or belongs to another row, column or company."""

    def __init__(self) -> None:
        super().__init__(self.__doc__ or "")


class InvalidSignature(ChatAppDbError):
    """A webhook call is not signed by whom it says, was altered, or is an old one."""
