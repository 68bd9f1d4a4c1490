"""The keys a filter may name, what kind of value each holds, where each lives in a point's payload.

Qdrant compares values by their exact JSON type and quietly matches nothing otherwise, so every
value is brought to one form per kind before it is stored or compared.
"""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Literal, TypeAlias, cast, get_args

from chatapp_db.errors import InvalidValue

__all__ = ["MAX_VALUES", "KeyKind", "Keys", "Kind", "MetaValue", "Scalar", "StoredScalar", "check_text"]

KeyKind: TypeAlias = Literal["keyword", "integer", "float", "boolean", "datetime"]
"""What a declared key holds; a point may hold one value or a list of them."""

Kind: TypeAlias = Literal["keyword", "integer", "float", "boolean", "datetime", "uuid"]
Scalar: TypeAlias = str | int | float | bool | datetime | uuid.UUID
StoredScalar: TypeAlias = str | int | float | bool
MetaValue: TypeAlias = Scalar | Sequence[Scalar]

MAX_KEYS: Final = 32
MAX_TEXT: Final = 1024
MAX_VALUES: Final = 256
MAX_INTEGER: Final = 2**53 - 1  # a range condition travels as a double

BUILT_IN: Final[Mapping[str, Kind]] = MappingProxyType(
    {"source_id": "uuid", "agent_id": "uuid", "revision": "integer"}
)
_RESERVED: Final = {*BUILT_IN, "company_id", "chunk_id", "content_hash", "meta"}
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")


class Keys:
    """The built-in keys and those a service declares for its metadata.

    Raises InvalidValue for a name that is reserved or would be read as a path, or an unknown kind.
    """

    def __init__(self, declared: Mapping[str, KeyKind]) -> None:
        if len(declared) > MAX_KEYS:
            raise InvalidValue("keys", f"at most {MAX_KEYS} keys may be declared")
        for name, kind in declared.items():
            if not _NAME.fullmatch(name) or name in _RESERVED:
                raise InvalidValue("keys", f"{name!r} is not a plain lower-case name, or is reserved")
            if kind not in get_args(KeyKind):
                raise InvalidValue("keys", f"{name!r} must be one of {', '.join(get_args(KeyKind))}")
        self.declared: Mapping[str, KeyKind] = MappingProxyType(dict(declared))
        self._kinds: dict[str, Kind] = {**BUILT_IN, **declared}

    def kind(self, name: str) -> Kind:
        """Tell what a key holds.

        Raises InvalidValue for a key that is not declared, ``company_id`` among them.
        """
        try:
            return self._kinds[name]
        except (KeyError, TypeError):
            known = ", ".join(sorted(self._kinds))
            raise InvalidValue("filter", f"{name!r} is not a declared key; declared: {known}") from None

    def path(self, name: str) -> str:
        """Say where a key lives in the payload."""
        return name if name in BUILT_IN else f"meta.{name}"

    def paths(self) -> dict[str, Kind]:
        """List every place in the payload that a filter can reach, with its kind."""
        return {self.path(name): kind for name, kind in self._kinds.items()}

    def canonical(self, name: str, value: object) -> Scalar:
        """Bring one value to the form in which its key is compared.

        A datetime comes back in UTC, an identifier as text. Raises InvalidValue.
        """
        return _CANONICAL[self.kind(name)](name, value)

    def stored(self, name: str, value: object) -> StoredScalar | list[StoredScalar]:
        """Bring a value, or a list of values, to the form in which a payload holds it."""
        if isinstance(value, list | tuple):
            values = cast("Sequence[object]", value)
            if len(values) > MAX_VALUES:
                raise InvalidValue(name, f"holds more than {MAX_VALUES} values")
            return [_json(self.canonical(name, one)) for one in values]
        return _json(self.canonical(name, value))

    def read(self, meta: Mapping[str, object]) -> dict[str, object]:
        """Give a payload's metadata back as it was put in."""
        return {name: _read(self._kinds.get(name), value) for name, value in meta.items()} if meta else {}


def _json(value: Scalar) -> StoredScalar:
    if isinstance(value, datetime):
        return value.isoformat()
    return cast("StoredScalar", value)


def _read(kind: Kind | None, value: object) -> object:
    if isinstance(value, list):
        return [_read(kind, one) for one in cast("list[object]", value)]
    if kind == "datetime" and isinstance(value, str):
        return datetime.fromisoformat(value)
    if kind == "float" and isinstance(value, int):  # a large one, where JSON is kept without exponents
        return float(value)
    return value


def check_text(name: str, value: object) -> str:
    """Refuse what is no text, or none that every engine can hold."""
    if not isinstance(value, str):
        raise InvalidValue(name, "must be text")
    if len(value) > MAX_TEXT:
        raise InvalidValue(name, f"is longer than {MAX_TEXT} characters")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidValue(name, "holds a NUL or a lone surrogate")
    return str(value)


def _uuid(name: str, value: object) -> str:
    if not isinstance(value, uuid.UUID):
        raise InvalidValue(name, "must be a uuid.UUID")
    return str(value)


def _integer(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidValue(name, "must be an integer")
    if abs(value) > MAX_INTEGER:
        raise InvalidValue(name, "is beyond 2**53, where a double no longer tells integers apart")
    return int(value)


def _float(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(name, "must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise InvalidValue(name, "must be a finite number")
    return number


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidValue(name, "must be True or False")
    return value


def _datetime(name: str, value: object) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise InvalidValue(name, "must be a datetime with a time zone")
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise InvalidValue(name, "lies outside the years 1 to 9999 in UTC") from None


_CANONICAL: Final[Mapping[Kind, Callable[[str, object], Scalar]]] = {
    "keyword": check_text,
    "uuid": _uuid,
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "datetime": _datetime,
}
