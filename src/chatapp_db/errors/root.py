"""The root of the errors, and what is nobody's own."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "ChatAppDbError",
    "InternalError",
    "MissingExtra",
]


class ChatAppDbError(Exception):
    """The root: catch it to catch everything of this package."""

    retryable: ClassVar[bool] = False


class InternalError(ChatAppDbError):
    """A fault of this package or of the server: please report it."""


class MissingExtra(ChatAppDbError):
    """An optional part is not installed; the message is the pip command."""

    def __init__(self, extra: str, feature: str) -> None:
        self.extra = extra
        super().__init__(f'{feature} needs an optional part: pip install "chatapp-db[{extra}]"')
