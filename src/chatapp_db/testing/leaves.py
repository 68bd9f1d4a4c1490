"""What a call gave, taken apart: every value in it, under the path that leads there."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, cast

from sqlalchemy.orm import DeclarativeBase

__all__ = ["leaves", "outcome"]

Leaves = dict[str, str]

_DEEPEST = 20


def outcome(value: object) -> Leaves:
    """Take a result or an error apart."""
    if isinstance(value, BaseException):
        told = {"raised": type(value).__name__, "message": str(value), "facts": vars(value)}
        return dict(leaves(told, "error"))
    return dict(leaves(value, "result"))


def leaves(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Give each value with its path; of an object that is no container, its attributes."""
    parts = None if depth > _DEEPEST else _parts(value)
    if parts is None:
        yield path, value.decode(errors="replace") if isinstance(value, bytes) else str(value)
        return
    for name, part in parts.items():
        yield from leaves(part, f"{path}{name}", depth + 1)
    yield f"{path}.size", str(len(parts))


def _parts(value: object) -> dict[str, object] | None:
    """Give what a value is made of, None where it is one value."""
    match value:
        case Mapping():
            return {f"[{key!r}]": part for key, part in cast("Mapping[object, object]", value).items()}
        case list() | tuple():
            return {f"[{place}]": part for place, part in enumerate(cast("list[object]", value))}
        case set() | frozenset():
            return _parts(sorted(cast("set[object]", value), key=str))
        case _:
            return _attributes(value)


def _attributes(value: Any) -> dict[str, object] | None:
    if isinstance(value, type) or value is None:
        return None
    if hasattr(value, "status_code") and hasattr(value, "headers"):
        return {".status_code": value.status_code, ".body": _body(value)}
    if dataclasses.is_dataclass(value):
        return {f".{field.name}": getattr(value, field.name) for field in dataclasses.fields(value)}
    if hasattr(value, "model_dump"):
        return {f".{name}": part for name, part in value.model_dump().items()}
    if isinstance(value, DeclarativeBase):
        return {f".{name}": part for name, part in vars(value).items() if not name.startswith("_")}
    return None


def _body(response: Any) -> object:
    """Give what an HTTP response says, as the JSON it may be."""
    try:
        return cast("object", response.json())
    except (AttributeError, ValueError):
        return getattr(response, "text", getattr(response, "body", ""))
