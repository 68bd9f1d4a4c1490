"""What a search falls back to while the vector store is unavailable: the words of the question."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any, Final

from chatapp_db.errors import InvalidValue
from chatapp_db.repositories.border import TERM_LENGTH
from chatapp_db.rows import KnowledgeChunkRow
from chatapp_db.vectors.filters import And, Eq, Exists, Filter, In, Not, Or, Range, resolve
from chatapp_db.vectors.keys import Keys, Scalar

__all__ = ["matching", "refuse_unanswerable", "words_of"]

# Shorter ones are mostly those that every text has: rare words are long in any language.
_TELLING: Final = 4
_WORD: Final = re.compile(r"\w+")
_IN_NO_CHUNK: Final = {"agent_id": "pass agent_id= beside it", "revision": "only a vector has one"}


def words_of(question: str) -> str:
    """Ask for any of the telling words of a question, the longest if they are too many."""
    words = sorted(dict.fromkeys(_WORD.findall(question.lower())), key=len, reverse=True)
    telling = [word for word in words if len(word) >= _TELLING] or words
    asked = ""
    for word in telling:
        longer = f'{asked} or "{word}"' if asked else f'"{word}"'
        if len(longer) <= TERM_LENGTH:
            asked = longer
    return asked


def refuse_unanswerable(query: object, filter: Filter | None, keys: Keys) -> None:
    """Refuse, while the store still answers, what could not be asked of PostgreSQL without it.

    Raises InvalidValue for a vector, which has no words, and for a filter by what no chunk holds.
    """
    if not isinstance(query, str):
        raise InvalidValue("fallback", "needs a text to search for, a vector has no words")
    for key in _named(resolve(filter, keys)) if filter is not None else ():
        if key in _IN_NO_CHUNK:
            raise InvalidValue("fallback", f"cannot filter by {key!r}: {_IN_NO_CHUNK[key]}")


def matching(rows: Sequence[KnowledgeChunkRow], filter: Filter | None, keys: Keys) -> list[KnowledgeChunkRow]:
    """Keep the chunks that a filter lets through, as the store would."""
    if filter is None:
        return list(rows)
    wanted = resolve(filter, keys)
    return [row for row in rows if _lets_through(wanted, partial(_held, row, keys))]


def _named(filter: Filter) -> Iterator[str]:
    match filter:
        case And(conditions=conditions) | Or(conditions=conditions):
            for condition in conditions:
                yield from _named(condition)
        case Not(condition=condition):
            yield from _named(condition)
        case _:
            yield filter.key


def _held(row: KnowledgeChunkRow, keys: Keys, key: str) -> list[Scalar]:
    """Give what a chunk holds for a key, in the form in which it is compared."""
    metadata: Mapping[str, Any] = row.metadata
    given: Any = row.source_id if key == "source_id" else metadata.get(key)
    values: list[Any] = given if isinstance(given, list) else [given]  # pyright: ignore[reportUnknownVariableType]  # JSON
    held: list[Scalar] = []
    for value in values:
        # Null, or of another kind, since it was written before the key was declared.
        with suppress(InvalidValue, ValueError):
            is_moment = isinstance(value, str) and keys.kind(key) == "datetime"
            held.append(keys.canonical(key, datetime.fromisoformat(value) if is_moment else value))
    return held


def _lets_through(filter: Filter, held: Callable[[str], list[Scalar]]) -> bool:
    match filter:
        case And(conditions=conditions):
            return all(_lets_through(one, held) for one in conditions)
        case Or(conditions=conditions):
            return any(_lets_through(one, held) for one in conditions)
        case Not(condition=condition):
            return not _lets_through(condition, held)
        case _:
            return _holds(filter, held(filter.key))


def _holds(condition: Eq | In | Range | Exists, held: Sequence[Scalar]) -> bool:
    match condition:
        case Exists():
            return bool(held)
        case Eq(value=value):
            return value in held
        case In(values=values):
            return any(value in held for value in values)
        case Range():
            return any(_within(value, condition) for value in held)


def _within(value: Any, bounds: Range) -> bool:
    return (
        (bounds.gt is None or value > bounds.gt)
        and (bounds.gte is None or value >= bounds.gte)
        and (bounds.lt is None or value < bounds.lt)
        and (bounds.lte is None or value <= bounds.lte)
    )
