"""The vector store: one contract over several engines, every call inside one company.

Importing this loads no engine; the one that a URL names is loaded when a store is made.
"""

from chatapp_db.vectors.admin import AsyncVectorAdmin, VectorAdmin
from chatapp_db.vectors.bound import AsyncCompanyVectors, CompanyVectors
from chatapp_db.vectors.breaker import Patience
from chatapp_db.vectors.engine import Capability, Collection, Distance, Engine, Selection
from chatapp_db.vectors.filters import And, Eq, Exists, Filter, In, Not, Or, Range
from chatapp_db.vectors.guard import Health, Observe, StoreCall
from chatapp_db.vectors.keys import KeyKind
from chatapp_db.vectors.points import Point, PointPage, SearchHit, StoredPoint, point_id
from chatapp_db.vectors.query import Query
from chatapp_db.vectors.sparse import SparseVector
from chatapp_db.vectors.store import (
    AsyncVectorStore,
    VectorStore,
    create_async_vector_store,
    create_vector_store,
)

__all__ = [
    "And",
    "AsyncCompanyVectors",
    "AsyncVectorAdmin",
    "AsyncVectorStore",
    "Capability",
    "Collection",
    "CompanyVectors",
    "Distance",
    "Engine",
    "Eq",
    "Exists",
    "Filter",
    "Health",
    "In",
    "KeyKind",
    "Not",
    "Observe",
    "Or",
    "Patience",
    "Point",
    "PointPage",
    "Query",
    "Range",
    "SearchHit",
    "Selection",
    "SparseVector",
    "StoreCall",
    "StoredPoint",
    "VectorAdmin",
    "VectorStore",
    "create_async_vector_store",
    "create_vector_store",
    "point_id",
]
