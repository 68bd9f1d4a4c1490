"""What each method of the repositories really sends: the messages that the driver was given."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest

from chatapp_db.execution.exchange import Exchange, Message


@contextmanager
def heard() -> Generator[list[Message]]:
    """Listen to every connection."""
    messages: list[Message] = []
    original = Exchange.round_trip

    def listen(self: Exchange, sent: list[Message]):
        messages.extend(sent)
        return original(self, sent)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Exchange, "round_trip", listen)
        yield messages
