"""A catalogue: what the platform offers to every company, found by its slug or listed while it is offered."""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, TypeVar

import sqlalchemy as sa

from chatapp_db.execution.operation import operation
from chatapp_db.execution.statement import Statement
from chatapp_db.repositories.base import Entity, Identified
from chatapp_db.repositories.border import as_slug
from chatapp_db.repositories.operations import Operations
from chatapp_db.repositories.paging import LIMITS, limit_of

__all__ = ["CatalogueOperations"]

Row = TypeVar("Row", bound=Identified)


class CatalogueOperations(Operations[Row]):
    """A catalogue, which every company may read."""

    _listed_by: ClassVar[tuple[str, ...]]

    @operation
    async def by_slug(self, slug: str) -> Row:
        """Give what a slug names, offered or not.

        Raises NotFound, InvalidValue.
        """
        return await self._one(_by_slug(self.entity), slug=as_slug("slug", slug))

    @operation
    async def active(self) -> list[Row]:
        """List what is offered: plans by their price, packages by their name."""
        return await self._fetch(_active(self.entity, self._listed_by))


@cache
def _by_slug(entity: Entity[Row]) -> Statement[Row]:
    slug = entity.table.c.slug
    return Statement(
        sa.select(*entity.columns).where(slug == sa.bindparam("slug", type_=slug.type)), entity.row
    )


@cache
def _active(entity: Entity[Row], listed_by: tuple[str, ...]) -> Statement[Row]:
    """Offers are made by hand: there are as many as a page holds, not thousands."""
    c: Any = entity.table.c
    query = sa.select(*entity.columns).where(c.is_active).order_by(*(c[name] for name in listed_by))
    return Statement(query.limit(limit_of(LIMITS[-1])), entity.row)
