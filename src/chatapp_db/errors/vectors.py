"""What a vector store can be answered."""

from __future__ import annotations

from chatapp_db.errors.root import ChatAppDbError

__all__ = [
    "CollectionMismatch",
    "ExtensionUnavailable",
    "NotSupported",
    "StoreInUse",
    "TenantIsolationError",
    "VectorStoreError",
    "VectorStoreUnavailable",
]


class VectorStoreError(ChatAppDbError):
    """The vector store refused a call."""


class VectorStoreUnavailable(VectorStoreError):
    """The vector store did not answer in time; with ``retry_after``, in seconds, nothing was done."""

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class StoreInUse(VectorStoreUnavailable):
    """The folder of an edge:// store is opened by one process, by one store, at a time."""


class CollectionMismatch(VectorStoreError):
    """The collection exists with other settings; the message lists the differences."""


class TenantIsolationError(VectorStoreError):
    """The store returned a point of another company; it was not passed on."""


class NotSupported(VectorStoreError):
    """This engine cannot do what was asked; nothing was sent."""

    def __init__(self, capability: str, engine: str) -> None:
        self.capability = capability
        super().__init__(f"the engine {engine} cannot do this: {capability}")


class ExtensionUnavailable(VectorStoreError):
    """A PostgreSQL extension is missing; the message holds the SQL for a DBA."""
