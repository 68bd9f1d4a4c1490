"""The two kinds of vector store, and how a URL becomes one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chatapp_db.address import SecretLike
from chatapp_db.execution.operation import Asyncio, Blocking
from chatapp_db.execution.scope import DEFAULT_ACCESS, Access
from chatapp_db.vectors.admin import AsyncVectorAdmin, VectorAdmin
from chatapp_db.vectors.bound import AsyncCompanyVectors, CompanyVectors
from chatapp_db.vectors.breaker import DEFAULT_PATIENCE, Patience
from chatapp_db.vectors.choice import Place, asyncio_engine, blocking_engine
from chatapp_db.vectors.engine import Collection, Distance
from chatapp_db.vectors.guard import Observe
from chatapp_db.vectors.keys import KeyKind, Keys
from chatapp_db.vectors.operations import VectorOperations

if TYPE_CHECKING:
    from sqlalchemy import Engine as SqlEngine
    from sqlalchemy.ext.asyncio import AsyncEngine

__all__ = ["AsyncVectorStore", "VectorStore", "create_async_vector_store", "create_vector_store"]

COLLECTION = "chatapp_knowledge"
CHUNKS_TABLE = "chatapp_knowledge_chunks"
TIMEOUT = 5


class VectorStore(Blocking, VectorOperations):
    """Vectors of many companies; each call names one of them and sees no other.

    Safe to share between threads. A context manager that closes it.
    """

    def for_company(self, company_id: uuid.UUID) -> CompanyVectors:
        """See the store as one company does, without naming it in every call."""
        return CompanyVectors(self, company_id)

    def admin(self) -> VectorAdmin:
        """Reach across companies: purge one, count all."""
        return VectorAdmin(self._engine, self._collection)

    def __enter__(self) -> VectorStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncVectorStore(Asyncio, VectorOperations):
    """Vectors of many companies; each call is awaited, names one of them and sees no other.

    Belongs to the event loop that uses it first. An async context manager that closes it.
    """

    def for_company(self, company_id: uuid.UUID) -> AsyncCompanyVectors:
        """See the store as one company does, without naming it in every call."""
        return AsyncCompanyVectors(self, company_id)

    def admin(self) -> AsyncVectorAdmin:
        """Reach across companies: purge one, count all."""
        return AsyncVectorAdmin(self._engine, self._collection)

    async def __aenter__(self) -> AsyncVectorStore:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def create_vector_store(
    url: str | SecretLike | SqlEngine,
    *,
    dimension: int,
    distance: Distance = "cosine",
    collection: str = COLLECTION,
    keys: Mapping[str, KeyKind] | None = None,
    api_key: str | SecretLike | None = None,
    timeout: int = TIMEOUT,
    access: Access = DEFAULT_ACCESS,
    chunks_table: str | None = CHUNKS_TABLE,
    sparse: bool = False,
    patience: Patience = DEFAULT_PATIENCE,
    observe: Observe | None = None,
) -> VectorStore:
    """Make a store of the engine that the URL names; nothing is sent yet.

    ``memory://``, ``edge:///folder`` (in the process, kept in a folder), ``qdrant://host:6334`` (gRPC,
    ``?tls=true``), ``https://host:6333`` or ``http://host:6333`` (REST), ``pgvector://host/database``: a
    database that ``migrate`` made, which may also be given as the service's own Engine of psycopg 3.

    ``keys`` declares what metadata points carry and filters may name; ``timeout`` is in whole seconds
    and holds for each request, its retries included. In PostgreSQL ``access`` names roles and schema, and
    a point refers to its chunk in ``chunks_table`` and goes with it; None lets points of any chunk be stored.

    ``sparse`` keeps the words of a chunk beside its vector, for hybrid searches; not in PostgreSQL, and of
    a Qdrant server it takes 1.19 or newer.

    ``patience`` says how often a server is tried and when it is given a pause; ``observe`` is told of every
    call, for metrics.

    Raises InvalidValue, MissingExtra, NotSupported.
    """
    place = Place(url, _plain(api_key), timeout, access, chunks_table, patience, observe)
    layout = Collection(collection, dimension, distance, Keys(keys or {}), sparse)
    return VectorStore(blocking_engine(place, layout), layout)


def create_async_vector_store(
    url: str | SecretLike | AsyncEngine,
    *,
    dimension: int,
    distance: Distance = "cosine",
    collection: str = COLLECTION,
    keys: Mapping[str, KeyKind] | None = None,
    api_key: str | SecretLike | None = None,
    timeout: int = TIMEOUT,
    access: Access = DEFAULT_ACCESS,
    chunks_table: str | None = CHUNKS_TABLE,
    sparse: bool = False,
    patience: Patience = DEFAULT_PATIENCE,
    observe: Observe | None = None,
) -> AsyncVectorStore:
    """Make the asyncio twin of what ``create_vector_store`` makes, with the same arguments."""
    place = Place(url, _plain(api_key), timeout, access, chunks_table, patience, observe)
    layout = Collection(collection, dimension, distance, Keys(keys or {}), sparse)
    return AsyncVectorStore(asyncio_engine(place, layout), layout)


def _plain(api_key: str | SecretLike | None) -> str | None:
    return api_key.get_secret_value() if isinstance(api_key, SecretLike) else api_key
