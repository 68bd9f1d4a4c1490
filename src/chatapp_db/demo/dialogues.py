"""Dialogues from a file: all that is wanted is checked before the first is given out.

What was checked is kept in a copy of its own, on disk where it is large. So the file may be a pipe or
change meanwhile, and the memory needed does not grow with it.
"""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Annotated, Any, cast
from uuid import UUID

import msgspec

from chatapp_db.errors import InvalidValue
from chatapp_db.repositories.border import checked
from chatapp_db.rows import ConversationValues, MessageValues
from chatapp_db.schema import MessageRole
from chatapp_db.schema.payloads import ConversationMetadata

__all__ = ["Dialogue", "Selection", "from_file", "from_sample"]

MAX_LINE_BYTES = 4 * 1024 * 1024
_IN_MEMORY_BYTES = 4 * 1024 * 1024
_FIELD = "dialogues"
_GZIP = b"\x1f\x8b"
_NOBODY = UUID(int=0)


class Dialogue(msgspec.Struct, frozen=True):
    """What a customer and an assistant said, and about which services."""

    dialogue_id: Annotated[str, msgspec.Meta(min_length=1)]
    turns: Annotated[tuple[tuple[MessageRole, str], ...], msgspec.Meta(min_length=1)]
    services: tuple[str, ...] = ()

    @property
    def tags(self) -> list[str]:
        """What the conversation is tagged with."""
        return list(self.services)

    @property
    def metadata(self) -> ConversationMetadata:
        """What the conversation keeps of where it came from."""
        metadata: dict[str, Any] = {"dialogue_id": self.dialogue_id}
        return cast("ConversationMetadata", metadata)


_decoder = msgspec.json.Decoder(Dialogue)


@dataclass(frozen=True, eq=False)
class Selection:
    """Dialogues that can be written, how many they are, and how many turns they have."""

    dialogues: int
    turns: int
    _copy: IO[bytes]

    def __iter__(self) -> Iterator[Dialogue]:
        self._copy.seek(0)
        for text in self._copy:
            yield _decoder.decode(text)


@contextmanager
def from_file(path: Path, limit: int | None = None) -> Generator[Selection]:
    """Take the dialogues of a gzip file of JSON Lines, or the first ``limit`` of them.

    Raises InvalidValue that names the line, for the first thing that is not as it should be.
    """
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as copy:
        yield _selected(_lines(path), limit, str(path), copy)


@contextmanager
def from_sample(sample: Iterable[Dialogue], limit: int | None = None) -> Generator[Selection]:
    """Take dialogues that are at hand, or the first ``limit`` of them."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as copy:
        yield _selected(map(msgspec.json.encode, sample), limit, "the sample", copy)


def _selected(lines: Iterable[bytes], limit: int | None, name: str, copy: Any) -> Selection:
    dialogues = turns = 0
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        dialogue = _checked(text, f"{name}, line {number}")
        dialogues += 1
        turns += len(dialogue.turns)
        copy.write(text.strip() + b"\n")
        if dialogues == limit:
            break
    if not dialogues:
        raise InvalidValue(_FIELD, f"{name}: holds no dialogue")
    return Selection(dialogues, turns, copy)


def _checked(text: bytes, place: str) -> Dialogue:
    try:
        dialogue = _decoder.decode(text)
    except msgspec.ValidationError as error:
        raise InvalidValue(_FIELD, f"{place}: not a dialogue: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidValue(_FIELD, f"{place}: not JSON") from None
    try:
        whose = {"agent_id": _NOBODY, "customer_id": _NOBODY}
        checked(ConversationValues, {**whose, "tags": dialogue.tags, "metadata": dialogue.metadata})
        for role, content in dialogue.turns:
            checked(MessageValues, {"conversation_id": _NOBODY, "role": role, "content": content})
    except InvalidValue as error:
        raise InvalidValue(_FIELD, f"{place}: {error}") from None
    return dialogue


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as raw:
            if raw.peek(len(_GZIP))[: len(_GZIP)] != _GZIP:
                raise InvalidValue(_FIELD, f"{path}: not gzip")
            with gzip.open(raw) as file:
                yield from _bounded(file, str(path))
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InvalidValue(_FIELD, f"{path}: the gzip data is damaged or ends too early") from None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InvalidValue(_FIELD, f"{path}: cannot be read: {reason}") from None


def _bounded(file: gzip.GzipFile, name: str) -> Iterator[bytes]:
    """Read lines, none of which may be so long that it takes the memory."""
    number = 0
    while text := file.readline(MAX_LINE_BYTES):
        number += 1
        if len(text) == MAX_LINE_BYTES:
            raise InvalidValue(_FIELD, f"{name}, line {number}: longer than {MAX_LINE_BYTES} bytes")
        yield text
