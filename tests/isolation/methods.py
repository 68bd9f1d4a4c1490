"""Every method of a company's repositories, found by looking at the scopes."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Required, get_args, get_origin, get_type_hints

import typing_extensions

from chatapp_db.execution.operation import operation
from chatapp_db.scopes import _repository


@dataclass(frozen=True)
class Parameter:
    """One argument of a method; the keys of its ``**values`` are arguments too."""

    name: str
    hint: Any
    required: bool


@dataclass(frozen=True, repr=False)
class Method:
    """A public operation of a repository."""

    repository: str
    name: str
    parameters: tuple[Parameter, ...]

    def __str__(self) -> str:
        return f"{self.repository}.{self.name}"

    def __repr__(self) -> str:
        return str(self)

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """Keep hypothesis from writing all parameters."""
        printer.text(str(self))


def repositories(scope: type) -> dict[str, type]:
    """Give the repositories that a scope offers, by name."""
    return {
        name: made._load()
        for kind in reversed(scope.__mro__)
        for name, made in vars(kind).items()
        if isinstance(made, _repository)
    }


def methods(repository: str, kind: type) -> list[Method]:
    """Give the operations of a repository; one that overrides another counts once."""
    found = {name: member for name, member in public(kind) if isinstance(member, operation)}
    return [Method(repository, name, tuple(_parameters(found[name].awaited))) for name in sorted(found)]


def public(kind: type) -> Iterator[tuple[str, Any]]:
    """Give what a class offers by a public name, the most derived last."""
    for part in reversed(kind.__mro__):
        yield from ((name, member) for name, member in vars(part).items() if not name.startswith("_"))


def _parameters(body: Any) -> Iterator[Parameter]:
    hints = get_type_hints(body)
    for parameter in list(inspect.signature(body).parameters.values())[1:]:
        hint = hints[parameter.name]
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            yield from keys(*get_args(hint))
        else:
            yield Parameter(parameter.name, hint, parameter.default is inspect.Parameter.empty)


def keys(kind: Any) -> Iterator[Parameter]:
    """Give the keys of a TypedDict."""
    marked = typing_extensions.get_type_hints(kind, include_extras=True)
    for name, hint in typing_extensions.get_type_hints(kind).items():
        # Where annotations are strings, the class has not seen what they say.
        required = name in kind.__required_keys__ or get_origin(marked[name]) is Required
        yield Parameter(name, hint, required)
