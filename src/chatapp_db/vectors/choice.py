"""The engine that a URL names, imported when it is named."""

from __future__ import annotations

from asyncio import sleep
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from chatapp_db.address import SecretLike
from chatapp_db.errors import MissingExtra
from chatapp_db.execution.scope import Access
from chatapp_db.vectors.address import Address
from chatapp_db.vectors.breaker import Breaker, Patience
from chatapp_db.vectors.engine import Collection, Engine
from chatapp_db.vectors.guard import GuardedEngine, Observe
from chatapp_db.vectors.retries import Retries, nap
from chatapp_db.vectors.strictness import check_timeout

if TYPE_CHECKING:
    from sqlalchemy import Engine as SqlEngine
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["Place", "asyncio_engine", "blocking_engine"]

_PGVECTOR = "pgvector:"

Source: TypeAlias = "str | SecretLike | SqlEngine | AsyncEngine"


@dataclass(frozen=True, slots=True)
class Place:
    """Where the points of a store are, and what it takes to reach them.

    ``access`` and ``chunks_table`` matter to a store in PostgreSQL, ``api_key`` to one on a server.
    """

    source: Source = field(repr=False)
    api_key: str | None = field(repr=False)
    timeout: int
    access: Access
    chunks_table: str | None
    patience: Patience
    observe: Observe | None

    def __post_init__(self) -> None:
        check_timeout(self.timeout)

    @property
    def in_postgresql(self) -> bool:
        """Say whether it is the table of a database: by its URL, or by a service's own engine."""
        return not isinstance(self.source, str | SecretLike) or self._text().startswith(_PGVECTOR)

    def address(self) -> Address:
        """Read the URL."""
        return Address.parse(self._text(), api_key=self.api_key, timeout=self.timeout)

    def database(self) -> object:
        """Give the service's own engine, or a database's URL in PostgreSQL's own form."""
        if isinstance(self.source, str | SecretLike):
            return self._text().replace(_PGVECTOR, "postgresql:", 1)
        return self.source

    def _text(self) -> str:
        source: Any = self.source
        return source.get_secret_value() if isinstance(source, SecretLike) else source


def blocking_engine(place: Place, collection: Collection) -> GuardedEngine:
    """Make the engine of a VectorStore.

    Raises InvalidValue, MissingExtra.
    """
    return _engine(place, collection, asyncio=False)


def asyncio_engine(place: Place, collection: Collection) -> GuardedEngine:
    """Make the engine of an AsyncVectorStore.

    Raises InvalidValue, MissingExtra.
    """
    return _engine(place, collection, asyncio=True)


def _engine(place: Place, collection: Collection, *, asyncio: bool) -> GuardedEngine:
    if place.in_postgresql:
        engine = _pgvector_engine(place, collection, asyncio=asyncio)
        return GuardedEngine(engine, observe=place.observe, breaker=Breaker(place.patience))
    address = place.address()
    if address.scheme == "memory":
        from chatapp_db.vectors.engines.memory import MemoryEngine

        return GuardedEngine(MemoryEngine(collection), observe=place.observe)
    if address.scheme == "edge":
        return GuardedEngine(_edge_engine(address, collection, asyncio=asyncio), observe=place.observe)
    from chatapp_db.vectors.engines import qdrant

    return GuardedEngine(
        (qdrant.connect_async if asyncio else qdrant.connect)(address, collection),
        observe=place.observe,
        breaker=Breaker(place.patience),
        retries=Retries(place.patience, place.timeout, sleep if asyncio else nap),
    )


def _edge_engine(address: Address, collection: Collection, *, asyncio: bool) -> Engine:
    try:
        from chatapp_db.vectors.engines import edge
    except ModuleNotFoundError as error:
        if error.name != "qdrant_edge":
            raise
        raise MissingExtra("edge", "An edge:// vector store") from error
    return (edge.connect_async if asyncio else edge.connect)(address.path, collection)


def _pgvector_engine(place: Place, collection: Collection, *, asyncio: bool) -> Engine:
    from chatapp_db.vectors.engines import pgvector

    return (pgvector.connect_async if asyncio else pgvector.connect)(
        place.database(),
        collection,
        replace(place.access, statement_timeout=place.access.statement_timeout or place.timeout),
        chunks_table=place.chunks_table,
        timeout=place.timeout,
    )
