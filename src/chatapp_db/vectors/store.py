"""The two kinds of vector store, and how a URL becomes one."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from pydantic import SecretStr

from chatapp_db.execution.operation import Asyncio, Blocking
from chatapp_db.vectors.address import Address
from chatapp_db.vectors.admin import AsyncVectorAdmin, VectorAdmin
from chatapp_db.vectors.bound import AsyncCompanyVectors, CompanyVectors
from chatapp_db.vectors.engine import Collection, Distance, Engine
from chatapp_db.vectors.keys import KeyKind, Keys
from chatapp_db.vectors.operations import VectorOperations

__all__ = ["AsyncVectorStore", "VectorStore", "create_async_vector_store", "create_vector_store"]

COLLECTION = "chatapp_knowledge"
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
        return VectorAdmin(self._engine)

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
        return AsyncVectorAdmin(self._engine)

    async def __aenter__(self) -> AsyncVectorStore:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def create_vector_store(
    url: str,
    *,
    dimension: int,
    distance: Distance = "cosine",
    collection: str = COLLECTION,
    keys: Mapping[str, KeyKind] | None = None,
    api_key: str | SecretStr | None = None,
    timeout: int = TIMEOUT,
) -> VectorStore:
    """Make a store of the engine that the URL names; nothing is sent yet.

    ``memory://``, ``qdrant://host:6334`` (gRPC, ``?tls=true``), ``https://host:6333`` or
    ``http://host:6333`` (REST). ``keys`` declares what metadata points carry and filters may name;
    ``timeout`` is in whole seconds and holds for each request. Raises InvalidValue, and NotSupported
    for an engine of a later release.
    """
    address = Address.parse(url, api_key=_plain(api_key), timeout=timeout)
    layout = Collection(collection, dimension, distance, Keys(keys or {}))
    return VectorStore(_blocking_engine(address, layout), layout)


def create_async_vector_store(
    url: str,
    *,
    dimension: int,
    distance: Distance = "cosine",
    collection: str = COLLECTION,
    keys: Mapping[str, KeyKind] | None = None,
    api_key: str | SecretStr | None = None,
    timeout: int = TIMEOUT,
) -> AsyncVectorStore:
    """Make the asyncio twin of what ``create_vector_store`` makes, with the same arguments."""
    address = Address.parse(url, api_key=_plain(api_key), timeout=timeout)
    layout = Collection(collection, dimension, distance, Keys(keys or {}))
    return AsyncVectorStore(_asyncio_engine(address, layout), layout)


def _plain(api_key: str | SecretStr | None) -> str | None:
    return api_key.get_secret_value() if isinstance(api_key, SecretStr) else api_key


def _blocking_engine(address: Address, collection: Collection) -> Engine:
    if address.scheme == "memory":
        return _memory_engine(collection)
    from chatapp_db.vectors.engines.qdrant import connect

    return connect(address, collection)


def _asyncio_engine(address: Address, collection: Collection) -> Engine:
    if address.scheme == "memory":
        return _memory_engine(collection)
    from chatapp_db.vectors.engines.qdrant import connect_async

    return connect_async(address, collection)


def _memory_engine(collection: Collection) -> Engine:
    from chatapp_db.vectors.engines.memory import MemoryEngine

    return MemoryEngine(collection)
