"""The metadata and the declarative base, once every table is known to them."""

from chatapp_db.schema import (
    agents,
    analytics,
    companies,
    conversations,
    embeddings,
    integrations,
    knowledge,
    usage,
    users,
)
from chatapp_db.schema.base import Base

__all__ = [
    "Base",
    "agents",
    "analytics",
    "companies",
    "conversations",
    "embeddings",
    "integrations",
    "knowledge",
    "metadata",
    "usage",
    "users",
]

metadata = Base.metadata
