"""What came of a call, written so that two of them can be compared."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chatapp_db.errors import ChatAppDbError, InvalidCursor, InvalidValue

_TIME = re.compile(r"datetime\.datetime\((?:[^()]|\([^()]*\))*\)")
_KEY = re.compile(r"(?:public_key|token_hash|secret)='[^']*'|config=\{[^}]*\}|'webhook-[a-z]+': '[^']*'")
_CURSOR = re.compile(r"(?<=_cursor=)'([^']*)'")
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Outcome:
    """A value, or the error in its place."""

    value: Any
    error: ChatAppDbError | None = None

    @property
    def text(self) -> str:
        """Everything the caller could read."""
        if self.error is None:
            return repr(self.value)
        return f"{type(self.error).__name__}: {_spoken(self.error)}"

    @property
    def text_within(self) -> str:
        """Everything, and what is to be found inside of it: the keys in cursors, the causes of an error."""
        cursors = (base64.urlsafe_b64decode(f"{one}==")[8:] for one in _CURSOR.findall(self.text))
        return " ".join([self.text, *map(repr, cursors), *map(_spoken, _causes(self.error))])

    @property
    def kind(self) -> str:
        return type(self.error or self.value).__name__

    def reached_the_database(self) -> bool:
        """Tell whether it proves anything: what the border refuses was never asked of a table."""
        return not isinstance(self.error, InvalidValue) or isinstance(self.error, InvalidCursor)

    def plain(self, known: Iterable[UUID], given: Iterable[Any]) -> str:
        """Write it without what differs from call to call: arguments, new ids, keys, cursors, times."""
        ids = {str(one) for one in known}
        text = _KEY.sub("<key>", _TIME.sub("<time>", _CURSOR.sub("<cursor>", self.text)))
        for value in sorted(map(str, given), key=len, reverse=True):
            text = text.replace(value, "<given>")
        return _ID.sub(lambda found: found[0] if found[0] in ids else "<new>", text)


async def outcome_of(call: Any) -> Outcome:
    """Await a call; an error that is not of this package is a failure of the test."""
    try:
        return Outcome(await call)
    except ChatAppDbError as error:
        return Outcome(None, error)


def _spoken(error: BaseException) -> str:
    return f"{error} {error!r} {error.args} {vars(error)} {getattr(error, '__notes__', [])}"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None and (error := error.__cause__ or error.__context__) is not None:
        yield error
