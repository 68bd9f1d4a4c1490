"""What the reference writes about: the names of the package, and the page that each is described on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, is_dataclass
from enum import StrEnum
from functools import cache
from importlib import import_module
from typing import Any, cast
from uuid import UUID

from generate_rows import MODULES, models
from typing_extensions import is_typeddict

import chatapp_db
from chatapp_db import Database, errors, repositories
from chatapp_db.database import DatabaseSettings
from chatapp_db.execution.operation import operation
from chatapp_db.repositories.base import Entity
from chatapp_db.schema import enums, payloads
from chatapp_db.scopes import Platform, _repository

__all__ = [
    "Offer",
    "homes",
    "offers",
    "operations",
    "payload_types",
    "shapes",
    "vocabularies",
]


@dataclass(frozen=True)
class Offer:
    """A repository, and the scope that offers it under a name."""

    scope: str
    name: str
    repository: Any

    @property
    def page(self) -> str:
        return f"{self.scope}/{self.name}.md"

    @property
    def operations(self) -> type:
        """The class that the blocking and the awaited repository share."""
        shared: type = self.repository.__mro__[1]
        return shared

    @property
    def row(self) -> str:
        """The name of its rows, where it is a list of such."""
        entity: Entity[Any] | None = getattr(self.repository, "entity", None)
        return entity.row.__name__ if entity else ""


@cache
def offers() -> tuple[Offer, ...]:
    """Find the repositories in the scopes of a database, which connects to nothing before the first call."""
    company = Database("postgresql://").company(UUID(int=0))
    platform = Platform(company.carrier, None)
    return tuple(
        Offer(scope, name, type(getattr(opened, name)))
        for scope, opened in (("company", company), ("platform", platform))
        for kind in type(opened).__mro__
        for name, member in vars(kind).items()
        if isinstance(member, _repository)
    )


def operations(kind: type) -> Iterator[tuple[type, dict[str, Any]]]:
    """Give the operations of each class that a class is made of, the nearest first, none twice."""
    seen: set[str] = set()
    for part in kind.__mro__:
        public: dict[str, Any] = {
            name: cast("operation[..., Any]", member).blocking
            for name, member in vars(part).items()
            if isinstance(member, operation) and not name.startswith("_") and name not in seen
        }
        seen |= public.keys()
        if public:
            yield part, public


@cache
def vocabularies() -> dict[str, type[StrEnum]]:
    """Give the closed sets of labels that the tables have."""
    kinds = {
        name: kind for name, kind in vars(enums).items() if isinstance(kind, type) and kind is not StrEnum
    }
    return {name: kind for name, kind in kinds.items() if issubclass(kind, StrEnum)}


@cache
def shapes() -> dict[str, Any]:
    """Give what methods take and give that is no row: dataclasses, typed dictionaries and choices."""
    named = {name: getattr(repositories, name) for name in repositories.__all__}
    named |= {name: getattr(chatapp_db, name) for name in chatapp_db.__all__ if name not in vocabularies()}
    named |= {DatabaseSettings.__name__: DatabaseSettings}
    return {name: kind for name, kind in sorted(named.items()) if _is_shape(kind)}


def _is_shape(kind: Any) -> bool:
    return is_dataclass(kind) or is_typeddict(kind) or (isinstance(kind, type) and issubclass(kind, StrEnum))


@cache
def payload_types() -> dict[str, type]:
    """Give what the jsonb columns hold, as the code defines them, one after the other."""
    return {name: kind for name, kind in vars(payloads).items() if is_typeddict(kind)}


@cache
def homes() -> Mapping[str, str]:
    """Say for each name which page describes it, and where on it."""
    pages = {
        "types.md": shapes(),
        "vocabularies.md": vocabularies(),
        "payloads.md": payload_types(),
        "errors.md": errors.__all__,
    }
    found = {name: f"{page}#{name.lower()}" for page, names in pages.items() for name in names}
    for module in MODULES:
        rows = import_module(f"chatapp_db.rows.{module}")
        for model in models(module):
            names = (f"{model.__name__}{kind}" for kind in ("Row", "Values", "Changes"))
            home = f"rows/{module}.md#{model.__name__.lower()}"
            found |= {name: home for name in names if hasattr(rows, name)}
    return found
